"""Solutions to the exercises of salary/02_split_and_baseline; each runs in the place of its cell there."""

# %% five_years
answer = intercept + 5 * slope
check.five_years(answer)

# %% own_split
mine = train_test_split(X, y, test_size=10, random_state=7)
check.own_split(mine)

# %% rmse_fault
answer = 3  # rmse = squares.mean() ** 0.5
check.rmse_fault(answer)
