"""CreateProcessingJob and its siblings, and a processing job at work."""
