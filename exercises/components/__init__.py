"""The exercises of the salary series."""
