"""Optimizers and learning-rate schedule as MXNet 1.x computes them, for all models at once.

Parameters are a matrix (rows, models · outputs): one row per feature, and a last one for the
biases if the models have any; the outputs of a model stand side by side.  Weight decay and l1
enter the gradient before anything else is made of it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .grid import Grid
from .hyperparameters import Hyperparameters

Matrix = NDArray[np.float64]
_EPSILON = 1e-8


def _float32(decay: float) -> tuple[float, float]:
    """``decay`` and ``1 - decay`` as a kernel with float32 settings has them."""
    return float(np.float32(decay)), float(np.float32(1) - np.float32(decay))


class Schedule:
    """MXNet's FactorScheduler, one per model: every ``step`` updates the rate is multiplied by ``factor``."""

    def __init__(self, grid: Grid, enabled: bool) -> None:
        self._rate = np.array(grid.learning_rate)
        self._step = np.array(grid.step)
        self._factor = np.array(grid.factor)
        self._floor = np.array(grid.minimum_lr)
        self._next = self._step + 1 if enabled else np.full(len(grid), np.inf)
        self._soonest = self._next.min()

    def rates(self, update: int) -> NDArray[np.float64]:
        """Learning rates (models,) of an update; the first update is 1, and they must be asked in order."""
        if update >= self._soonest:
            due = update >= self._next
            self._next = np.where(due, self._next + self._step, self._next)
            self._rate = np.where(due, np.maximum(self._rate * self._factor, self._floor), self._rate)
            self._soonest = self._next.min()
        return self._rate


class _Rule(ABC):
    """What one kind of optimizer makes of a gradient.

    Within a rule all arrays have the shape of the parameters that it moves; ``scratch``
    belongs to whoever is at work.
    """

    def __init__(self, hp: Hyperparameters, shape: tuple[int, int], dtype: DTypeLike) -> None:
        self.scratch = np.empty(shape, dtype)

    @abstractmethod
    def step(self, gradient: Matrix, rates: Matrix, update: int) -> Matrix:
        """What to subtract from the parameters; uses up ``gradient``.

        ``rates`` are the learning rates as they act on weights and biases, ``update``
        counts from 1.
        """


class _Adam(_Rule):
    """Kingma and Ba 2015.

    The decay constants are float32 numbers, as in MXNet's kernel, while the bias
    corrections are computed in double precision, as in its Python code.  The moments are kept
    without their factors ``1 - beta``, which come in with the corrections: two passes less.
    """

    def __init__(self, hp: Hyperparameters, shape: tuple[int, int], dtype: DTypeLike) -> None:
        super().__init__(hp, shape, dtype)
        self._betas = hp.beta_1, hp.beta_2
        (keep_mean, take_mean), (keep_square, take_square) = (_float32(beta) for beta in self._betas)
        root = math.sqrt(take_square or 1e-30)  # a beta_2 that float32 rounds to 1 leaves the epsilon alone
        self._take = take_mean / root
        # Arrays without dimensions: a step is so short that turning numbers into them would be felt.
        self._keep_mean, self._keep_square = np.array(keep_mean, dtype), np.array(keep_square, dtype)
        self._epsilon = np.array(_EPSILON / root, dtype)
        self._mean, self._square, self._root = (np.zeros(shape, dtype) for _ in range(3))

    def step(self, gradient: Matrix, rates: Matrix, update: int) -> Matrix:
        step, root = self.scratch, self._root
        self._mean *= self._keep_mean
        self._mean += gradient
        np.multiply(gradient, gradient, out=gradient)
        self._square *= self._keep_square
        self._square += gradient
        np.sqrt(self._square, out=root)
        root += self._epsilon
        np.divide(self._mean, root, out=step)
        step *= rates
        step *= self._take * math.sqrt(1 - self._betas[1] ** update) / (1 - self._betas[0] ** update)
        return step


class _RmsProp(_Rule):
    """Tieleman and Hinton 2012, not centred, with epsilon inside the root."""

    _keep, _take = _float32(0.9)

    def __init__(self, hp: Hyperparameters, shape: tuple[int, int], dtype: DTypeLike) -> None:
        super().__init__(hp, shape, dtype)
        self._square = np.zeros(shape, dtype)

    def step(self, gradient: Matrix, rates: Matrix, update: int) -> Matrix:
        step = self.scratch
        self._square *= self._keep
        np.multiply(gradient, gradient, out=step)
        step *= self._take
        self._square += step
        np.sqrt(np.add(self._square, _EPSILON, out=step), out=step)
        np.divide(gradient, step, out=step)
        step *= rates
        return step


class _Sgd(_Rule):
    """Stochastic gradient descent, with momentum if it is not 0."""

    def __init__(self, hp: Hyperparameters, shape: tuple[int, int], dtype: DTypeLike) -> None:
        super().__init__(hp, shape, dtype)
        self._momentum = float(np.float32(hp.momentum))
        self._moving = np.zeros(shape, dtype)

    def step(self, gradient: Matrix, rates: Matrix, update: int) -> Matrix:
        self._moving *= self._momentum
        self._moving += np.multiply(gradient, rates, out=gradient)
        return self._moving


_RULES: dict[str, type[_Rule]] = {"adam": _Adam, "rmsprop": _RmsProp, "sgd": _Sgd}


class Optimizer:
    """Moves the parameters of all models, each by the optimizer that the grid names for it."""

    def __init__(self, grid: Grid, hp: Hyperparameters, features: int, dtype: DTypeLike = np.float64) -> None:
        rows, columns = features + hp.use_bias, len(grid) * hp.outputs
        self._outputs, self._weights = hp.outputs, slice(0, features)
        self._bias_factor = self._by_column(grid.bias_lr_mult) if hp.use_bias else None
        self._decay = np.tile(self._by_column(grid.wd), (rows, 1)).astype(dtype)
        if hp.use_bias:
            self._decay[-1] *= hp.bias_wd_mult
        l1 = (self._by_column(grid.l1) / hp.mini_batch_size).astype(dtype)
        self._l1 = l1 if l1.any() else None
        self._schedule = Schedule(grid, hp.use_lr_scheduler)
        self._updates = 0
        self._rated: NDArray[np.float64] | None = None
        self._rates, self._scratch = np.empty((rows, columns), dtype), np.empty((rows, columns), dtype)
        kinds = self._by_column(grid.optimizer)
        self._rules: list[tuple[NDArray[np.intp], _Rule]] = []
        for kind in dict.fromkeys(grid.optimizer):
            own = np.flatnonzero(kinds == kind)
            self._rules.append((own, _RULES[kind](hp, (rows, len(own)), dtype)))

    def update(self, parameters: Matrix, gradient: Matrix) -> None:
        """One step: changes ``parameters`` in place; ``gradient`` (mean over the batch) is used up."""
        self._updates += 1
        weights = self._weights
        gradient += np.multiply(self._decay, parameters, out=self._scratch)
        if self._l1 is not None:
            gradient[weights] += self._l1 * np.sign(parameters[weights])
        rates = self._schedule.rates(self._updates)
        if rates is not self._rated:  # a schedule takes many steps between its own
            self._rated = rates
            self._rates[:] = self._by_column(rates)
            if self._bias_factor is not None:
                self._rates[-1] *= self._bias_factor
        if len(self._rules) == 1:
            # With one optimizer for all there is nothing to pick out, and nothing to copy.
            parameters -= self._rules[0][1].step(gradient, self._rates, self._updates)
            return
        for own, rule in self._rules:
            parameters[:, own] -= rule.step(gradient[:, own], self._rates[:, own], self._updates)

    def _by_column(self, values: tuple[float, ...] | tuple[str, ...] | NDArray[Any]) -> NDArray[Any]:
        """One value per model becomes one per column."""
        return np.repeat(np.asarray(values), self._outputs)
