"""Forecasts of several days, each made from the forecasts before it; and the script of the image, to be imported."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

IMAGE = Path(__file__).parent / "images" / "claims-features"
sys.path.insert(0, str(IMAGE))  # for make_features, which lies where its Dockerfile does


def fed_back(days: pd.DataFrame, first: int, ahead: int, ask: Callable[[Sequence[float]], float]) -> pd.Series:
    """Forecast ``ahead`` days from row ``first`` on, with each forecast in the place of the claims that are not known.

    ``ask`` is given the features of a day, as ratios, and answers with a ratio to the same weekday last week.
    Nothing of these days is used but their calendar.
    """
    from make_features import TARGET, features

    known = days[max(first - 60, 0) : first + ahead].copy().astype({TARGET: float})
    known.loc[first:, [TARGET, "storm"]] = 0
    for row in range(first, first + ahead):
        asked = features(known.loc[:row], relative=True).iloc[-1].drop(TARGET)
        known.loc[row, TARGET] = ask(asked.to_list()) * max(known[TARGET][row - 7], 1)
    return known.loc[first:, TARGET]
