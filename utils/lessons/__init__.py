"""Run the lessons without opening them: `python -m utils.lessons run | regenerate | tables`."""
