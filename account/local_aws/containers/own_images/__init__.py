"""Images of one's own: folders with a Dockerfile, of which the common part is understood, and nothing is built."""
