"""Normalisation: mean and standard deviation of features and label, from the first whole mini-batches."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .hyperparameters import REGRESSOR, Hyperparameters
from .peers import Peers
from .rows import Block, DenseBlock, Rows, SparseBlock

_EXAMINED = 1 << 22  # numbers at a time


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
    def fit(cls, rows: Rows, used: int, hp: Hyperparameters, peers: Peers) -> Scaler:
        """Population statistics (ddof 0) of the first ``used`` rows of each host.

        A constant column has deviation 1.
        """
        mean, deviation = _statistics(rows, used, peers)
        return cls(
            mean=mean[1:] if hp.unbias_data else np.zeros(rows.features),
            deviation=deviation[1:] if hp.normalize_data else np.ones(rows.features),
            label_mean=float(mean[0]) if hp.unbias_label else 0.0,
            label_deviation=float(deviation[0]) if hp.normalize_label else 1.0,
            classes=hp.predictor_type != REGRESSOR,
        )

    def in_single_precision(self) -> Scaler:
        """The same with numbers that float32 arithmetic can use as they are, so that it can be undone exactly."""
        label = np.array([self.label_mean, self.label_deviation]).astype(np.float32).astype(np.float64)
        return replace(
            self,
            mean=self.mean.astype(np.float32).astype(np.float64),
            deviation=self.deviation.astype(np.float32).astype(np.float64),
            label_mean=float(label[0]),
            label_deviation=float(label[1]),
        )

    def columns(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What to subtract from, and then divide by, each column of rows ``label, features…, 1``."""
        mean = np.concatenate([[self.label_mean], self.mean, [0.0]])
        return mean, np.concatenate([[self.label_deviation], self.deviation, [1.0]])

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


@dataclass(frozen=True, eq=False)
class _Moments:
    """Of some rows' columns: how many rows, the mean and variance, the first values, and which hold only these."""

    rows: int
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    first: NDArray[np.float64]
    constant: NDArray[np.bool_]

    def __add__(self, other: _Moments) -> _Moments:
        """Those of both together, as Chan et al. 1979 do it."""
        gap, total = other.mean - self.mean, self.rows + other.rows
        square = self.variance * self.rows + other.variance * other.rows
        square = (square + gap**2 * (self.rows * other.rows / total)) / total
        mean = self.mean + gap * (other.rows / total)
        if not self.rows:
            return _Moments(total, mean, square, other.first, other.constant)
        constant = self.constant & other.constant & (self.first == other.first)
        return _Moments(total, mean, square, self.first, constant)


def _statistics(rows: Rows, used: int, peers: Peers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of label and features, of the first ``used`` rows of every host."""
    moments = _Moments(0, *np.zeros((4, rows.features + 1)))
    for block in rows.pieces(_EXAMINED, used):
        moments += _moments(block)
    columns = moments.mean, moments.variance, moments.first, moments.constant
    of_hosts = peers.all_gather([moments.rows, *(column.tolist() for column in columns)])
    moments = reduce(operator.add, (_Moments(count, *map(np.array, rest)) for count, *rest in of_hosts))
    deviation = np.sqrt(moments.variance)
    return moments.mean, np.where(moments.constant | (deviation == 0), 1.0, deviation)


def _moments(block: Block) -> _Moments:
    columns: _Columns = _DenseColumns(block) if isinstance(block, DenseBlock) else _SparseColumns(block)
    first, mean = columns.first(), columns.mean()
    return _Moments(len(block), mean, columns.variance(mean), first, columns.are(first))


class _Columns(Protocol):
    """The columns of a block: its label, then its features."""

    def first(self) -> NDArray[np.float64]:
        """Their first values (1 + d,)."""

    def are(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which columns hold nothing but their value in ``values``."""

    def mean(self) -> NDArray[np.float64]:
        """Their means (1 + d,)."""

    def variance(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Their variances (1 + d,), of the population, about their own ``mean``."""


class _DenseColumns:
    """The columns of a dense block."""

    def __init__(self, block: DenseBlock) -> None:
        self._values: NDArray[np.float64] = block.table[:, :-1].astype(np.float64)

    def first(self) -> NDArray[np.float64]:
        first: NDArray[np.float64] = self._values[0]
        return first

    def are(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        constant: NDArray[np.bool_] = (self._values == values).all(axis=0)
        return constant

    def mean(self) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = self._values.mean(axis=0)
        return mean

    def variance(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        variance: NDArray[np.float64] = self._values.var(axis=0)
        return variance


class _SparseColumns:
    """The same of a sparse block, whose features are zero where it has no entry."""

    def __init__(self, block: SparseBlock) -> None:
        self._labels: NDArray[np.float64] = block.labels.astype(np.float64)
        self._keys: NDArray[np.int32] = block.features.indices
        self._values: NDArray[np.float64] = block.features.data.astype(np.float64)
        self._rows, self._width = block.features.shape
        self._zeros = self._rows - self._sum(np.ones(len(self._keys)))
        start, stop = block.features.indptr[:2]
        self._first = np.zeros(self._width)
        self._first[self._keys[start:stop]] = self._values[start:stop]

    def _sum(self, of_entries: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(self._keys, of_entries, self._width).astype(np.float64, copy=False)

    def first(self) -> NDArray[np.float64]:
        return np.concatenate([self._labels[:1], self._first])

    def are(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        features = values[1:]
        same = self._sum(self._values == features[self._keys]) + np.where(features == 0, self._zeros, 0)
        return np.concatenate([[(self._labels == values[0]).all()], same == self._rows])

    def mean(self) -> NDArray[np.float64]:
        return np.concatenate([[self._labels.mean()], self._sum(self._values) / self._rows])

    def variance(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        features = mean[1:]
        squares = self._sum((self._values - features[self._keys]) ** 2) + self._zeros * features**2
        return np.concatenate([[self._labels.var()], squares / self._rows])
