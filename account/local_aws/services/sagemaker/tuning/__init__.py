"""CreateHyperParameterTuningJob and its siblings, and a tuning job at work."""
