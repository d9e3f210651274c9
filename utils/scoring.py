"""How far predictions are from the truth: in dollars first, then as a share, and how sure that is."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import pandas as pd
from IPython.display import display


def scores(
    y_true, y_pred, model: str, series: str | None = None, show=True, mape=False, settings: Mapping | None = None
) -> dict[str, float]:
    """Return `rmse` and `mae` (in dollars, the unit of y) and `r2` (no unit) of predictions, and show them.

    With `mape` also `mape`, the mean absolute error as a share of the true value, which must never be 0.
    `y_true` and `y_pred` hold one number per row, at least two rows. With a `series`, what is shown also
    carries the numbers as metadata under "course": the table at the end of `make course` is made of them.
    The hyperparameters that the model was trained with, `settings`, go there as texts, as SageMaker keeps them.
    Raises ValueError when the two do not match, or hold anything but finite numbers.
    """
    from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error, r2_score, root_mean_squared_error

    truth, guess = (np.asarray(values, dtype=float).reshape(-1) for values in (y_true, y_pred))
    if len(truth) != len(guess):
        raise ValueError(f"{len(truth)} true values and {len(guess)} predictions cannot be compared.")
    if len(truth) < 2:
        raise ValueError(f"There are {len(truth)} rows to score; R² needs at least 2.")
    if not (np.isfinite(truth).all() and np.isfinite(guess).all()):
        raise ValueError("Only finite numbers can be scored; there is a missing or infinite one.")
    measures = {"rmse": root_mean_squared_error, "mae": mean_absolute_error, "r2": r2_score}
    result = {name: float(measure(truth, guess)) for name, measure in measures.items()}
    if mape:
        if not truth.all():
            raise ValueError("MAPE divides by the true value, and one of them is 0.")
        result["mape"] = float(mean_absolute_percentage_error(truth, guess))
    if show:
        row = {"RMSE": f"${result['rmse']:,.0f}", "MAE": f"${result['mae']:,.0f}"}
        row |= {"MAPE": f"{result['mape']:.1%}"} if mape else {}
        row |= {"R²": f"{result['r2']:.3f}"}
        exact = {name: round(value, 1 if name in ("rmse", "mae") else 4) for name, value in result.items()}
        stated = {"settings": {name: str(value) for name, value in settings.items()}} if settings else {}
        metadata = {"course": {"series": series, "model": model, **exact, **stated}} if series else None
        with pd.option_context("display.html.use_mathjax", False):  # a dollar sign begins no formula here
            display(pd.DataFrame(row, index=[model]), metadata=metadata)
    return result


def interval(
    values, statistic: Callable[[np.ndarray], float], seed: int = 0, draws: int = 2000, level: float = 0.95
) -> tuple[float, float]:
    """Return the two ends between which `statistic` lies in the share `level` of `draws` bootstrap samples.

    `values` holds one row per person: a number, or several numbers that stay together. Each sample draws as many
    rows as there are, with replacement, and `statistic` makes one number of it. The same `seed` draws the same rows.
    Raises ValueError when there are fewer than two rows, or `level` is no share between 0 and 1.
    """
    rows = np.asarray(values, dtype=float)
    if len(rows) < 2:
        raise ValueError(f"There are {len(rows)} rows to draw from; an interval needs at least 2.")
    if not np.isfinite(rows).all():
        raise ValueError("Only finite numbers can be drawn; there is a missing or infinite one.")
    if not 0 < level < 1:
        raise ValueError(f"The level is a share between 0 and 1, such as 0.95, and not {level}.")
    generator = np.random.default_rng(seed)
    drawn = [statistic(rows[generator.integers(0, len(rows), len(rows))]) for _ in range(draws)]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_interval(
    truth, first, second, metric: Literal["rmse", "mae"] = "rmse", seed: int = 0, draws: int = 2000, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of how much larger the error of the predictions `first` is than that of `second`.

    Each bootstrap sample draws people and scores both models on the same ones, so that what is hard for both
    cancels. An interval without 0 says that the order of the two does not hang on who was drawn.
    Raises ValueError when the three do not match, and for an unknown `metric`.
    """
    true, one, other = (np.asarray(column, dtype=float).reshape(-1) for column in (truth, first, second))
    if not len(true) == len(one) == len(other):
        raise ValueError(f"{len(true)} true values, {len(one)} and {len(other)} predictions cannot be compared.")
    errors = np.column_stack([one - true, other - true])
    measures: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "rmse": lambda rows: np.sqrt((rows**2).mean(axis=0)),
        "mae": lambda rows: np.abs(rows).mean(axis=0),
    }
    if metric not in measures:
        raise ValueError(f"The metric is one of {', '.join(measures)}, and not {metric}.")
    return interval(errors, lambda rows: np.subtract(*measures[metric](rows)), seed, draws, level)
