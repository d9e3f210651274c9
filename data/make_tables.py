"""Write the course's two tables: python data/make_tables.py [folder]

Both are synthetic: drawn from a fixed seed, in the columns and the documented shape of the public files of
the same names. The same bytes come out on every run, platform and numpy from 1.26 on, because only `random()`
and `standard_normal()` of numpy's Generator are used, and every value is rounded before it is written.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20260704
SALARY_ROWS = 35
INSURANCE_ROWS = 1338


def salary(rng: np.random.Generator) -> pd.DataFrame:
    """35 people: years of experience (one decimal) and the salary (US dollars a year), sorted by years."""
    years = np.sort(np.round(1.1 + 9.8 * rng.random(SALARY_ROWS), 1))
    pay = 25_500 + 9_300 * years + 5_600 * rng.standard_normal(SALARY_ROWS)
    return pd.DataFrame({"YearsExperience": years, "Salary": np.round(pay).astype(int)})


def choose(rng: np.random.Generator, values: list, shares: list[float]) -> np.ndarray:
    """One value per insured person, each with its share of the people; the shares add up to 1."""
    return np.array(values)[np.searchsorted(np.cumsum(shares)[:-1], rng.random(INSURANCE_ROWS), side="right")]


def insurance(rng: np.random.Generator) -> pd.DataFrame:
    """1,338 insured people and what their insurer was billed in a year (US dollars).

    A bill rises with age; one non-smoker in eight has a far larger one. A smoker's bill is about $12,000
    larger, and with a BMI of 30 or above about $20,000 larger again, growing with the BMI.
    """
    age = np.floor(18 + 47 * rng.random(INSURANCE_ROWS)).astype(int)
    sex = choose(rng, ["female", "male"], [0.495, 0.505])
    bmi = np.round(np.clip(30.6 + 6.1 * rng.standard_normal(INSURANCE_ROWS), 16.0, 53.0), 2)
    children = choose(rng, [0, 1, 2, 3, 4, 5], [0.43, 0.24, 0.18, 0.12, 0.02, 0.01])
    smoker = choose(rng, ["no", "yes"], [0.795, 0.205])
    region = choose(rng, ["northeast", "northwest", "southeast", "southwest"], [0.242, 0.243, 0.272, 0.243])

    smokes, obese = smoker == "yes", bmi >= 30
    charges = 200 + 2.9 * age**2 + 550 * children + 300 * (sex == "female") + 500 * (region == "northeast")
    charges = charges + 800 * np.abs(rng.standard_normal(INSURANCE_ROWS))
    large_bill = 5_000 + 17_000 * rng.random(INSURANCE_ROWS)
    charges = charges + large_bill * (rng.random(INSURANCE_ROWS) < 0.125) * ~smokes
    charges = charges + smokes * (13_500 + 300 * (bmi - 25) + obese * (15_000 + 500 * (bmi - 30)))
    charges = charges + 3_000 * rng.standard_normal(INSURANCE_ROWS) * smokes
    charges = np.round(np.maximum(charges, 1_100), 2)
    columns = ["age", "sex", "bmi", "children", "smoker", "region", "charges"]
    return pd.DataFrame(dict(zip(columns, (age, sex, bmi, children, smoker, region, charges), strict=True)))


def main(folder: Path) -> None:
    """Write salary.csv and insurance.csv into `folder`."""
    for name, draw, seed in [("salary", salary, SEED), ("insurance", insurance, SEED + 1)]:
        draw(np.random.default_rng(seed)).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
