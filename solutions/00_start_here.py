"""Solution to the exercise of 00_start_here; it runs in the place of its cell there."""

# %% weekend
answer = (6 + 48 + 9) * 0.056
check.weekend(answer)
