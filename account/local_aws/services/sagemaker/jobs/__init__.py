"""What TrainingJob, ProcessingJob, TransformJob and the other jobs have in common: states, inputs, artifacts."""
