"""The metrics that AWS's container adds to XGBoost's own, or computes in their place, with scikit-learn.

Source: ``metrics/custom_metrics.py`` of AWS's container.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .library import xgboost

# The name of each in scikit-learn, and how it is to average over classes.
_OF_CLASSES = {
    "accuracy": ("accuracy_score", None),
    "balanced_accuracy": ("balanced_accuracy_score", None),
    "f1": ("f1_score", "macro"),
    "f1_binary": ("f1_score", "binary"),
    "f1_macro": ("f1_score", "macro"),
    "precision": ("precision_score", "binary"),
    "precision_macro": ("precision_score", "macro"),
    "precision_micro": ("precision_score", "micro"),
    "recall": ("recall_score", "binary"),
    "recall_macro": ("recall_score", "macro"),
    "recall_micro": ("recall_score", "micro"),
}
_OF_NUMBERS = {
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
    "r2": "r2_score",
}
_OF_ERRORS = {"mae": np.abs, "mse": np.square, "rmse": np.square}
NAMES = frozenset(_OF_CLASSES) | frozenset(_OF_NUMBERS)

Evaluation = Callable[[NDArray[np.float32], xgboost.DMatrix], list[tuple[str, float]]]


def evaluation(names: Sequence[str], objective: str | None, rounded: bool = False) -> Evaluation:
    """What ``xgboost.train`` takes as ``custom_metric``: predictions and labels to (name, value) pairs.

    ``rounded``: a prediction's class is the nearest whole number, whatever the objective.
    """

    def value(name: str, true: NDArray[np.float32], predictions: NDArray[np.float32]) -> float:
        errors = true - predictions if name in _OF_ERRORS and true.shape == predictions.shape else np.empty(0)
        if errors.size and np.isfinite(true).all() and np.isfinite(predictions).all():
            return mean_error(name, errors)
        from sklearn import metrics  # a second or two, for those who ask for one of its own, or for its refusal

        if name in _OF_NUMBERS:
            return float(getattr(metrics, _OF_NUMBERS[name])(true, predictions))
        function, average = _OF_CLASSES[name]
        options = {"average": average} if average else {}
        predicted = np.rint(predictions) if rounded and predictions.ndim == 1 else classes(predictions, objective)
        return float(getattr(metrics, function)(true, predicted, **options))

    def evaluate(predictions: NDArray[np.float32], data: xgboost.DMatrix) -> list[tuple[str, float]]:
        return [(name, value(name, data.get_label(), predictions)) for name in names]

    return evaluate


def mean_error(name: str, errors: NDArray[np.floating]) -> float:
    """``mae``, ``mse`` or ``rmse`` of the errors (n,) of finite predictions: to the bit what scikit-learn says."""
    mean = _OF_ERRORS[name](errors.reshape(-1, 1)).mean(axis=0)  # of a column, as there: sums depend on it
    return float(np.sqrt(mean[0]) if name == "rmse" else mean[0])


def classes(predictions: NDArray[np.float32], objective: str | None) -> NDArray[np.int64]:
    """The class (n,) that predictions, as the objective makes them, speak for."""
    if predictions.ndim > 1:
        best: NDArray[np.int64] = predictions.argmax(axis=1)
        return best
    if objective == "multi:softmax":
        return predictions.astype(int)
    return (predictions > (0.5 if objective in ("binary:logistic", "reg:logistic") else 0.0)).astype(int)
