"""Make the features of each day from the days before it, and cut the days into three parts by time.

By hand:              python make_features.py --input-dir ../../../../data --output-dir features
As a processing job:  SageMaker runs it with its folders under /opt/ml/processing, which are the defaults.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

TARGET = "claims"
LAGS = (1, 2, 7, 14)  # days back
MEANS = (7, 28)  # days that a mean is of
PAST = [f"lag_{days}" for days in LAGS] + [f"mean_{days}" for days in MEANS]
UNIT = "lag_7"  # what a ratio is a ratio to: the same weekday last week
HELD_BACK = 182  # days of the validation set, and of the test set: 26 weeks each


def features(days: pd.DataFrame, relative: bool = False) -> pd.DataFrame:
    """Each day's claims and what was known the evening before; days without a month behind them are left out.

    ``relative`` divides the claims, and those of the days before, by the claims of the same weekday last week.
    """
    dates, claims = checked(days), days[TARGET]
    rows = pd.DataFrame({TARGET: claims, "weekday": dates.dt.weekday, "day_of_year": dates.dt.day_of_year})
    rows["holiday"] = days["holiday"]  # the calendar is known years ahead
    rows["holiday_7"] = days["holiday"].shift(7)
    rows["storm_1"] = days["storm"].shift(1)
    for lag in LAGS:
        rows[f"lag_{lag}"] = claims.shift(lag)
    for size in MEANS:
        rows[f"mean_{size}"] = claims.shift(1).rolling(size).mean()
    if relative:
        unit = rows[UNIT].clip(lower=1)
        rows[[TARGET, *PAST]] = rows[[TARGET, *PAST]].div(unit, axis=0)
    return rows.iloc[max(*LAGS, *MEANS) :]


def checked(days: pd.DataFrame) -> pd.Series:
    """The dates of the days, each the day after the one before.  Raises ValueError with the first that is not."""
    dates = pd.to_datetime(days["date"])
    wrong = dates.diff().iloc[1:] != pd.Timedelta(days=1)
    if wrong.any():
        row = wrong.to_numpy().argmax()
        before, after = dates.iloc[row], dates.iloc[row + 1]
        what = "twice" if after == before else "out of order" if after < before else "after a gap"
        raise ValueError(f"the day {after:%Y-%m-%d} comes {what}: before it stands {before:%Y-%m-%d}.")
    return dates


def parts(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows by time: the oldest are to learn from, later ones to choose by, the last ones to test on."""
    train, validation = rows[: -2 * HELD_BACK], rows[-2 * HELD_BACK : -HELD_BACK]
    return {"train": train, "validation": validation, "test": rows[-HELD_BACK:]}


def main() -> None:
    """Read claims.csv from one folder; write a folder for each part into another."""
    parser = argparse.ArgumentParser(description="Make features of the table claims.csv.")
    parser.add_argument("--input-dir", type=Path, default=Path("/opt/ml/processing/input"))
    parser.add_argument("--output-dir", type=Path, default=Path("/opt/ml/processing/output"))
    parser.add_argument("--relative", action="store_true", help="as ratios to the same weekday last week")
    options = parser.parse_args()
    path = options.input_dir / "claims.csv"
    try:
        days = pd.read_csv(path)
        made = parts(features(days, options.relative))
    except (OSError, ValueError) as error:
        sys.exit(f"{path}: {error}")
    except KeyError as error:
        sys.exit(f"{path}: there is no column {error.args[0]} among {', '.join(days)}.")
    for name, rows in made.items():
        (options.output_dir / name).mkdir(parents=True, exist_ok=True)
        rows.to_csv(options.output_dir / name / f"{name}.csv", header=False, index=False)
        print(f"{name}: {len(rows)} days, {rows.shape[1] - 1} features")


if __name__ == "__main__":
    main()
