"""Normalisation: mean and standard deviation from the first whole mini-batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .hyperparameters import REGRESSOR, Hyperparameters


def whole_batches(rows: int, batch: int, points: int) -> int:
    """How many mini-batches the statistics come from.

    Batches are read until *more* than ``points`` rows are in hand, and a last, partial
    batch does not count: 11 of 1,000 rows for the default of 10,000 points.
    """
    return min(points // batch + 1, rows // batch)


@dataclass(frozen=True)
class Scaler:
    """``(value - mean) / deviation`` for features (d,) and label; a mean of 0 or deviation of 1 is off.

    ``classes`` says that the labels are classes, which have no scale.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    label_mean: float
    label_deviation: float
    classes: bool

    @classmethod
    def fit(cls, features: NDArray[np.float32], labels: NDArray[np.float32], hp: Hyperparameters) -> Scaler:
        """Population statistics (ddof 0) of the given rows; a constant feature has deviation 1."""
        x, y = features.astype(np.float64), labels.astype(np.float64)
        off, on = np.zeros(x.shape[1]), np.ones(x.shape[1])
        return cls(
            mean=x.mean(axis=0) if hp.unbias_data else off,
            deviation=_deviation(x) if hp.normalize_data else on,
            label_mean=float(y.mean()) if hp.unbias_label else 0.0,
            label_deviation=float(_deviation(y[:, None])[0]) if hp.normalize_label else 1.0,
            classes=hp.predictor_type != REGRESSOR,
        )

    def features(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Rows (n, d) on the scale that the model is trained on."""
        return (rows - self.mean) / self.deviation

    def labels(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Labels (n,) on the scale that the model is trained on."""
        return (values.astype(np.float64) - self.label_mean) / self.label_deviation

    def raw_outputs(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """What models say of labels on their own scale, in the label's unit."""
        return outputs * self.label_deviation + self.label_mean

    def raw_units(
        self, weights: NDArray[np.float64], bias: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The same linear functions for raw features and labels: weights (d, outputs), bias (outputs,)."""
        raw = weights * self.label_deviation / self.deviation[:, None]
        return raw, self.label_mean + self.label_deviation * bias - self.mean @ raw

    def describe(self) -> str:
        """The statistics as the log shows them: MXNet's print of float32 arrays, None for classes."""
        parts = {
            "stdev_label": None if self.classes else [self.label_deviation],
            "stdev_weight": self.deviation,
            "mean_label": None if self.classes else [self.label_mean],
            "mean_weight": self.mean,
        }
        return "{" + ", ".join(f"'{name}': {_mxnet_print(value)}" for name, value in parts.items()) + "}"


def _mxnet_print(values: ArrayLike | None) -> str:
    if values is None:
        return "None"
    array = np.asarray(values, np.float32)
    return f"\n{array}\n<NDArray {array.size} @cpu(0)>"


def _deviation(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = columns.std(axis=0)
    constant = (columns == columns[0]).all(axis=0)
    return np.where(constant | (deviation == 0), 1.0, deviation)
