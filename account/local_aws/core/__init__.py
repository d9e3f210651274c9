"""The ground: the account's identity, its folder, its databases, its errors and its clock.  It knows no protocol
and no service.
"""
