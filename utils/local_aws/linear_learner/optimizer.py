"""Adam and the learning-rate schedule as MXNet 1.x computes them, for all models at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .grid import Grid
from .hyperparameters import Hyperparameters

_EPSILON = 1e-8


class Schedule:
    """MXNet's FactorScheduler, one per model: every ``step`` updates the rate is multiplied by ``factor``."""

    def __init__(self, grid: Grid, enabled: bool) -> None:
        self._rate = np.array(grid.learning_rate)
        self._step = np.array(grid.step)
        self._factor = np.array(grid.factor)
        self._floor = np.array(grid.minimum_lr)
        self._next = self._step + 1 if enabled else np.full(len(grid), np.inf)

    def rates(self, update: int) -> NDArray[np.float64]:
        """Learning rates (models,) of an update; the first update is 1, and they must be asked in order."""
        due = update >= self._next
        if due.any():
            self._next = np.where(due, self._next + self._step, self._next)
            self._rate = np.where(due, np.maximum(self._rate * self._factor, self._floor), self._rate)
        return self._rate


class Adam:
    """Adam on parameters (d + 1, models), the last row being the biases (Kingma and Ba 2015).

    The decay constants are float32 numbers, as in MXNet's kernel, while the bias
    corrections are computed in double precision, as in its Python code.  Weight decay and
    l1 enter the gradient before the moments do.
    """

    def __init__(self, grid: Grid, hp: Hyperparameters, features: int) -> None:
        one = np.float32(1)
        self._beta = (hp.beta_1, hp.beta_2)
        self._keep = tuple(float(np.float32(beta)) for beta in self._beta)
        self._take = tuple(float(one - np.float32(beta)) for beta in self._beta)
        shape = (features + hp.use_bias, len(grid))
        self._mean, self._square = np.zeros(shape), np.zeros(shape)
        self._step, self._root = np.empty(shape), np.empty(shape)
        self._schedule = Schedule(grid, hp.use_lr_scheduler)
        self._updates = 0
        rows = np.ones((shape[0], 1))
        self._rate_factor, decay_factor = rows.copy(), rows
        if hp.use_bias:
            self._rate_factor[-1], decay_factor[-1] = hp.bias_lr_mult, hp.bias_wd_mult
        self._decay = decay_factor * np.array(grid.wd)
        self._l1 = np.array(grid.l1) / hp.mini_batch_size
        self._weights = slice(0, features)

    def update(self, parameters: NDArray[np.float64], gradient: NDArray[np.float64]) -> None:
        """One step: changes ``parameters`` in place; ``gradient`` (mean over the batch) is used up."""
        self._updates += 1
        step, root = self._step, self._root
        gradient += np.multiply(self._decay, parameters, out=step)
        if self._l1.any():
            gradient[self._weights] += self._l1 * np.sign(parameters[self._weights])
        self._mean *= self._keep[0]
        self._mean += np.multiply(gradient, self._take[0], out=step)
        np.multiply(gradient, gradient, out=gradient)
        gradient *= self._take[1]
        self._square *= self._keep[1]
        self._square += gradient
        correction = math.sqrt(1 - self._beta[1] ** self._updates) / (1 - self._beta[0] ** self._updates)
        np.sqrt(self._square, out=root)
        root += _EPSILON
        np.divide(self._mean, root, out=step)
        step *= self._rate_factor
        step *= self._schedule.rates(self._updates) * correction
        parameters -= step
