"""Write the course's tables: python data/make_tables.py [folder]

They are synthetic: drawn from a fixed seed. salary.csv and insurance.csv have the columns and the documented shape
of the public files of the same names; claims.csv is of the course's own. The same bytes come out on every run,
platform and numpy from 1.26 on, because only `random()` and `standard_normal()` of numpy's Generator are used, and
every value is rounded before it is written.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20260704
SALARY_ROWS = 35
INSURANCE_ROWS = 1338
FIRST_DAY, DAYS = "2021-01-01", 1826  # five years
WEEK = [1.25, 1.1, 1.05, 1.0, 1.0, 0.7, 0.5]  # from Monday on, as shares of an ordinary day's claims
HOLIDAYS = ["01-01", "07-04", "11-11", "12-24", "12-25", "12-26", "12-31"]


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


def claims(rng: np.random.Generator) -> pd.DataFrame:
    """Five years of an insurer's days: how many claims came in, and what else was noted that day.

    Claims follow the weekday, the season and holidays, double in a storm and stay high on the day after, drift with
    weather that lasts for days, and grow by the same number every year.
    """
    dates = pd.date_range(FIRST_DAY, periods=DAYS)
    winter = np.cos(2 * np.pi * (dates.day_of_year.to_numpy() - 15) / 365.25)
    holiday = dates.strftime("%m-%d").isin(HOLIDAYS).astype(int)
    weather, change = np.zeros(DAYS), rng.standard_normal(DAYS)
    for day in range(1, DAYS):
        weather[day] = 0.85 * weather[day - 1] + 0.5 * change[day]
    storm = (rng.random(DAYS) < 0.016 * (1 + 0.8 * winter)).astype(int)
    usual = 40 * (1 + 0.4 * np.arange(DAYS) / 365.25) * (1 + 0.15 * winter) * np.array(WEEK)[dates.day_of_week]
    usual = usual * (1 - 0.4 * holiday) * (1 + 0.1 * weather) * (1 + 1.2 * storm + 0.5 * np.append(0, storm[:-1]))
    came = np.round(np.maximum(usual + np.sqrt(usual) * rng.standard_normal(DAYS), 1)).astype(int)
    calls = np.round(np.maximum(1.4 * came + 4 * rng.standard_normal(DAYS), 1)).astype(int)
    columns = ["date", "holiday", "storm", "calls", "claims"]
    return pd.DataFrame(dict(zip(columns, (dates.strftime("%Y-%m-%d"), holiday, storm, calls, came), strict=True)))


def main(folder: Path) -> None:
    """Write salary.csv, insurance.csv and claims.csv into `folder`."""
    for name, draw, seed in [
        ("salary", salary, SEED),
        ("insurance", insurance, SEED + 1),
        ("claims", claims, SEED + 2),
    ]:
        draw(np.random.default_rng(seed)).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
