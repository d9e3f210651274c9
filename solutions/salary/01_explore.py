"""Solutions to the exercises of salary/01_explore; each runs in the place of its cell there."""

# %% median_error
for_all = table["Salary"].median()
answer = (table["Salary"] - for_all).abs().mean()
check.median_error(answer)

# %% line_by_hand
my_start, my_slope = 27_000, 9_200
print(f"wrong by ${average_error(my_start, my_slope):,.0f} on average")
check.line_by_hand((my_start, my_slope))

# %% far_from_the_line
far = table[gap.abs() > 7_000]
check.far_from_the_line(far)

# %% outlier_rule
answer = 3  # 1.5 * (high - low)
check.outlier_rule(answer)
