"""CreateTransformJob and its siblings, and a batch transform at work."""
