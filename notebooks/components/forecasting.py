"""What the lessons on forecasts share: the image's script, to be used here, and forecasts made from forecasts."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

SCRIPT = Path(__file__).parent / "images" / "claims-features" / "make_features.py"  # beside its Dockerfile
_spec = importlib.util.spec_from_file_location("make_features", SCRIPT)
make_features = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_features)
TARGET, features, parts = make_features.TARGET, make_features.features, make_features.parts
LOOKS_BACK = 60  # days: more than any feature does


def fed_back(days: pd.DataFrame, first: int, ahead: int, ask: Callable[[Sequence[float]], float]) -> pd.Series:
    """Forecast ``ahead`` days from row ``first`` on, with each forecast in the place of the claims that are not known.

    ``ask`` is given the features of a day, as ratios, and answers with a ratio to the same weekday last week.
    Nothing of these days is used but their calendar.
    """
    known = days[max(first - LOOKS_BACK, 0) : first + ahead].copy().astype({TARGET: float})
    known.loc[first:, [TARGET, "storm"]] = 0
    for row in range(first, first + ahead):
        asked = features(known.loc[:row], relative=True).iloc[-1].drop(TARGET)
        known.loc[row, TARGET] = ask(asked.to_list()) * max(known[TARGET][row - 7], 1)
    return known.loc[first:, TARGET]
