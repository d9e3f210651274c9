"""Solutions to the exercises of insurance/01_explore; each runs in the place of its cell there."""

# %% outliers
bills = charges[~smokers]
low, high = bills.quantile([0.25, 0.75])
reach = 1.5 * (high - low)
unusual = table[~smokers & ~charges.between(low - reach, high + reach)]
check.outliers(unusual)

# %% pile
ratios = {}
for column in ["age", "bmi", "children"]:
    counts = table[column].value_counts().sort_index()
    ratios[column, counts.index[0]] = counts.iloc[0] / counts.iloc[1]
    ratios[column, counts.index[-1]] = counts.iloc[-1] / counts.iloc[-2]
column, value = max(ratios, key=ratios.get)
piled = table[table[column] == value]
check.pile(piled)

# %% interaction
neither, older_alone, smoking_alone, both = charges.groupby([smokers, table["age"] >= 45]).mean()
answer = both - (neither + (older_alone - neither) + (smoking_alone - neither))
check.interaction(answer)

# %% interaction_fault
answer = 3
check.interaction_fault(answer)
