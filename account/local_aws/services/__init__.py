"""The services of AWS that the account has."""
