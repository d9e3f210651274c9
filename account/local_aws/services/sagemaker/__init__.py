"""SageMaker: its resources, its jobs, its endpoints."""
