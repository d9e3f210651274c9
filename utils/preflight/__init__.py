"""Before money is spent: has a lesson what it needs, and what does an error of AWS's ask for?"""
