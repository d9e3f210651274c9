"""The exercises of the components series."""
