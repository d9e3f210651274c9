"""CreatePipeline, StartPipelineExecution and their siblings, and an execution at work."""
