"""Run the lessons without opening them: `python -m tools.lessons run | regenerate | tables`."""
