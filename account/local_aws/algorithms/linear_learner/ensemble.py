"""The models of a training job, trained in parallel on normalised rows."""

from __future__ import annotations

from itertools import zip_longest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .batches import Batches
from .first_weights import first_weights
from .gram import Grams, pays
from .grid import Grid
from .hyperparameters import Hyperparameters
from .losses import Loss, SquaredLoss
from .optimizers import Optimizer
from .peers import Peers
from .rows import Block
from .scaler import Scaler

Array = NDArray[np.float64]
_SUMMED = 16  # batches


class LinearModel(NamedTuple):
    """One model in raw units: ``features @ weights + bias`` with weights (d, outputs) and bias (outputs,)."""

    weights: Array
    bias: Array

    def outputs(self, features: NDArray[np.float32]) -> Array:
        """Outputs (n, outputs) for raw features (n, d), dense or sparse."""
        return features.astype(np.float64) @ self.weights + self.bias


class Ensemble:
    """The models of a grid; their linear functions stand side by side in one matrix."""

    def __init__(
        self, grid: Grid, hp: Hyperparameters, batches: Batches, loss: Loss, peers: Peers | None = None
    ) -> None:
        self._models, self._outputs = len(grid), hp.outputs
        self._batches, self._loss = batches, loss
        self._peers = peers or Peers()
        self._counts = self._peers.all_gather(len(batches))
        self._steps = max(self._counts)
        features, columns = batches.width - 2, self._models * self._outputs
        # Dense rows are (label, features, 1): with a row of -1 before the parameters they give the errors.
        self._all = np.full((1 + features + hp.use_bias, columns), hp.init_bias, batches.dtype)
        self._all[0] = -1
        self._parameters = self._all[1:]
        self._parameters[:features] = first_weights(features, self._models, hp).reshape(features, columns)
        self._weights, self._has_bias = self._parameters[:features], hp.use_bias
        self._optimizer = Optimizer(grid, hp, features, batches.dtype)
        self._grams: Grams | None = None
        alone = len(self._counts) == 1
        if alone and isinstance(loss, SquaredLoss) and not batches.sparse and pays(batches, columns, hp.epochs):
            self._grams = Grams(batches)

    def train(self) -> Array:
        """One pass over the whole mini-batches; the training objective of each model, shape (models,).

        It is the mean of the batches' losses, each before the batch's own step.  With several
        hosts, loss and gradient of a step are the means over the hosts that have a batch left.
        """
        if self._grams is None:
            objective: Array = self._pass_over_rows() / self._steps
            return objective
        objective = self._pass_over_grams(self._grams) / self._steps
        if not self._grams.resolve(objective):
            self._grams = None
        return objective

    def _pass_over_rows(self) -> Array:
        parameters, size, loss = self._parameters, self._batches.size, self._loss
        flat = np.empty((size, parameters.shape[1]), parameters.dtype)
        scaled = parameters if loss.scale == 1 else np.empty_like(parameters)
        gradient, total = np.empty_like(parameters), np.zeros(self._models)
        tilt = np.empty((len(parameters), 1), parameters.dtype)
        outputs, scratch = self._by_model(flat), self._by_model(np.empty_like(flat))
        means = np.empty(self._models)
        for step, block in zip_longest(range(self._steps), self._batches):
            if block is not None:
                if scaled is not parameters:
                    np.multiply(parameters, loss.scale, out=scaled)
                block.outputs(scaled, out=flat)
                labels = block.labels.copy()
                means[:] = loss.step(outputs, labels, scratch)
                block.gradient(flat, out=gradient)
                linear = loss.linear_part(labels)
                if linear is not None:
                    block.gradient(linear[:, None], out=tilt)
                    gradient += tilt
                    means += (tilt.T @ scaled)[0] / size
                gradient /= size / loss.scale
            if len(self._counts) > 1:
                taking_part = [step < count for count in self._counts]
                self._peers.average(means, taking_part)
                self._peers.average(gradient, taking_part)
            total += means
            self._optimizer.update(parameters, gradient)
        return total

    def _pass_over_grams(self, grams: Grams) -> Array:
        parameters, errors = self._all, np.empty_like(self._all)
        gradient, total = errors[1:], np.zeros(self._models)
        ones = np.ones(len(parameters), parameters.dtype)
        # Sums are left for later: they cost as much for some batches as for one.
        squares = np.empty((_SUMMED, *parameters.shape), parameters.dtype)
        matrices = grams.matrices[:, : len(parameters), : len(parameters)]
        for first in range(0, len(matrices), _SUMMED):
            some = matrices[first : first + _SUMMED]
            for matrix, square in zip(some, squares, strict=False):
                np.matmul(matrix, parameters, out=errors)
                np.multiply(errors, parameters, out=square)
                self._optimizer.update(self._parameters, gradient)
            total += (ones @ squares[: len(some)]).sum(axis=0, dtype=np.float64)
        return total

    def outputs(self, block: Block) -> Array:
        """Outputs (n, models) or (n, models, classes) in float64 for scaled rows."""
        return self._by_model(block.outputs(self._parameters)).astype(np.float64, copy=False)

    def model(self, number: int, scaler: Scaler) -> LinearModel:
        """One of the models as it is now, in raw units."""
        own = slice(number * self._outputs, (number + 1) * self._outputs)
        bias = self._parameters[-1, own] if self._has_bias else np.zeros(self._outputs)
        return LinearModel(*scaler.raw_units(self._weights[:, own].astype(np.float64), bias.astype(np.float64)))

    def _by_model(self, flat: Array) -> Array:
        return flat.reshape(len(flat), self._models, self._outputs) if self._outputs > 1 else flat
