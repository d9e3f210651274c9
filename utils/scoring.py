"""How far predictions are from the truth: in dollars first, then as a share."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from IPython.display import display


def scores(
    y_true,
    y_pred,
    model: str,
    series: str | None = None,
    show: bool = True,
    mape: bool = False,
    settings: Mapping[str, object] | None = None,
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
