"""The exercises of the insurance series."""
