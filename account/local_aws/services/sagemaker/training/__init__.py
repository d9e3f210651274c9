"""CreateTrainingJob and its siblings, and a training job at work."""
