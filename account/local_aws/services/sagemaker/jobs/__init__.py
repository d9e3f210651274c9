"""What jobs of all kinds have in common: states, inputs, artifacts."""
