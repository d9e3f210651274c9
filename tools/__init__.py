"""What the course is made, run and checked with; no lesson imports it."""
