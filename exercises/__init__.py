"""What the lessons ask of a learner: for each lesson a module with its CHECKS, by name, and its QUIZ, by number."""
