"""A container without Docker: an image's program in a process group of its own, and what it finds there."""
