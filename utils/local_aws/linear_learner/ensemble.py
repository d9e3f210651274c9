"""All models of a job, trained together on the scale of the scaler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .first_weights import first_weights
from .grid import Grid
from .hyperparameters import Hyperparameters
from .losses import Loss
from .optimizers import Optimizer
from .scaler import Scaler

Array = NDArray[np.float64]
_CHUNK = 4_000_000  # outputs at a time


class LinearModel(NamedTuple):
    """One model in raw units: ``features @ weights + bias`` with weights (d, outputs) and bias (outputs,)."""

    weights: Array
    bias: Array

    def outputs(self, features: NDArray[np.float32]) -> Array:
        """Outputs (n, outputs) for raw features (n, d)."""
        return features.astype(np.float64) @ self.weights + self.bias


class Ensemble:
    """The models of a grid; their linear functions stand side by side in one matrix."""

    def __init__(self, grid: Grid, hp: Hyperparameters, features: int, loss: Loss) -> None:
        self._models, self._outputs = len(grid), hp.outputs
        self._batch, self._loss = hp.mini_batch_size, loss
        columns = self._models * self._outputs
        self._parameters = np.full((features + hp.use_bias, columns), hp.init_bias)
        self._parameters[:features] = first_weights(features, self._models, hp).reshape(features, columns)
        self._weights, self._has_bias = self._parameters[:features], hp.use_bias
        self._optimizer = Optimizer(grid, hp, features)

    def train(self, inputs: Array, labels: Array) -> Array:
        """One pass over the whole mini-batches; the training objective of each model.

        ``inputs`` (n, d), with a column of ones if there is a bias; ``labels`` (n,).  The
        objective is the mean of the batches' losses, each before the batch's own step.
        """
        batch, loss, parameters = self._batch, self._loss, self._parameters
        flat = np.empty((batch, parameters.shape[1]))
        gradient, total = np.empty_like(parameters), np.zeros(self._models)
        batches = len(inputs) // batch
        for first in range(0, batches * batch, batch):
            rows, own = inputs[first : first + batch], labels[first : first + batch]
            outputs = self._by_model(np.matmul(rows, parameters, out=flat))
            total += loss.mean(outputs, own)
            loss.slope(outputs, own)
            np.matmul(rows.T, flat, out=gradient)
            gradient /= batch
            self._optimizer.update(parameters, gradient)
        return total / batches

    def outputs(self, inputs: Array) -> Iterator[tuple[slice, Array]]:
        """Outputs (rows, models) or (rows, models, classes) for ``inputs`` (n, d), some rows at a time."""
        size = max(1, _CHUNK // self._parameters.shape[1])
        for first in range(0, len(inputs), size):
            rows = slice(first, min(first + size, len(inputs)))
            flat = inputs[rows] @ self._weights
            if self._has_bias:
                flat += self._parameters[-1]
            yield rows, self._by_model(flat)

    def model(self, number: int, scaler: Scaler) -> LinearModel:
        """One of the models as it is now, in raw units."""
        own = slice(number * self._outputs, (number + 1) * self._outputs)
        bias = self._parameters[-1, own] if self._has_bias else np.zeros(self._outputs)
        return LinearModel(*scaler.raw_units(self._weights[:, own], bias))

    def _by_model(self, flat: Array) -> Array:
        return flat.reshape(len(flat), self._models, self._outputs) if self._outputs > 1 else flat
