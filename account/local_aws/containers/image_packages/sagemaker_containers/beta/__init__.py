"""See ``framework``."""
