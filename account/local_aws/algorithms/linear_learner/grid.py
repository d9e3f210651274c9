"""Hyperparameter grid: the settings of the models that train in parallel.

With everything on ``auto`` a regressor or a binary classifier trains 32 models, every
combination of four weight decays, two learning rates, two floors of the learning rate and
two schedules.  A multiclass classifier trains 28, drawn at random around the first one by a
generator that is seeded with 0.  So the same job has the same models every time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .hyperparameters import MULTICLASS, Hyperparameters

T = TypeVar("T")

_WD = (1e-4, 0.01, 1, 100)
_LEARNING_RATE = (0.005, 0.1)
_MINIMUM_LR = (1e-5, 1e-4)
_STEP = (10, 100)
_FACTOR = 0.99
_L1 = 0.0
_BIAS_LR_MULT = 10.0
_DRAWN = 27
_DRAWN_OPTIMIZERS = ("adam", "rmsprop")
_DRAWN_BIAS_LR_MULTS = (1.0, 10.0)


def largest(hp: Hyperparameters) -> int:
    """How many models there are with ``num_models=auto``, and at most."""
    return 1 + _DRAWN if hp.predictor_type == MULTICLASS else 32


@dataclass(frozen=True)
class Grid:
    """One entry per model in every column."""

    optimizer: tuple[str, ...]
    learning_rate: tuple[float, ...]
    l1: tuple[float, ...]
    wd: tuple[float, ...]
    step: tuple[int, ...]
    factor: tuple[float, ...]
    minimum_lr: tuple[float, ...]
    bias_lr_mult: tuple[float, ...]
    # The image prints l1 before wd for models of one origin, wd before l1 for those of the other.
    wd_first: tuple[bool, ...]

    @classmethod
    def build(cls, hp: Hyperparameters) -> Grid:
        """The first ``num_models`` models; a job of automatic model tuning trains one.

        AWS says no more of given values than that one model follows them and the others
        are close to them.
        """
        grid = _drawn(hp) if hp.predictor_type == MULTICLASS else _combinations(hp)
        count = 1 if hp.tuned else min(hp.num_models or len(grid), len(grid))
        return cls(**{column.name: getattr(grid, column.name)[:count] for column in fields(cls)})

    def __len__(self) -> int:
        return len(self.wd)

    def describe(self, model: int) -> str:
        """The winner's settings as JSON, with the keys in the image's order."""
        rate = {"optimizer": self.optimizer[model], "learning_rate": self.learning_rate[model]}
        penalty = {"l1": self.l1[model], "wd": self.wd[model]}
        if self.wd_first[model]:
            penalty = dict(reversed(penalty.items()))
        schedule = {
            "lr_scheduler_step": self.step[model],
            "lr_scheduler_factor": self.factor[model],
            "lr_scheduler_minimum_lr": self.minimum_lr[model],
        }
        return json.dumps(rate | penalty | schedule)


def _combinations(hp: Hyperparameters) -> Grid:
    """Every combination of the values for a regressor or a binary classifier.

    A value that the job gives takes that column in all models: how it is on AWS is not known.
    """
    count = largest(hp)

    def column(value: T | None, values: tuple[T, ...], divisor: int = 1) -> tuple[T, ...]:
        if value is not None:
            return (value,) * count
        return tuple(values[m // divisor % len(values)] for m in range(count))

    return Grid(
        optimizer=(hp.optimizer or "adam",) * count,
        learning_rate=column(hp.learning_rate, _LEARNING_RATE, 4),
        l1=column(hp.l1, (_L1,)),
        wd=column(hp.wd, _WD, 8),
        step=column(hp.lr_scheduler_step, _STEP),
        factor=column(hp.lr_scheduler_factor, (_FACTOR,)),
        minimum_lr=column(hp.lr_scheduler_minimum_lr, _MINIMUM_LR, 2),
        bias_lr_mult=column(hp.bias_lr_mult, (_BIAS_LR_MULT,)),
        wd_first=tuple(model > 0 for model in range(count)),
    )


def _or_auto(value: float | None, auto: float) -> float:
    return auto if value is None else value


def _drawn(hp: Hyperparameters) -> Grid:
    """A multiclass classifier's models: the first as given, the others drawn log-uniformly around it.

    The order of the draws is the generator's, two of them being for nothing that can be
    seen from outside.  What the job gives moves the ranges; a given optimizer or
    ``bias_lr_mult`` is everybody's.
    """
    rate, l1, wd = _or_auto(hp.learning_rate, 0.02), _or_auto(hp.l1, 0.02), _or_auto(hp.wd, 0.02)
    step, factor = int(_or_auto(hp.lr_scheduler_step, 10)), _or_auto(hp.lr_scheduler_factor, 0.98)
    floor = _or_auto(hp.lr_scheduler_minimum_lr, 1e-5)
    random = np.random.RandomState(0)

    def around(center: float, below: float, above: float) -> NDArray[np.float64]:
        """Numbers from ``center / below`` to ``center * above``; around 0 there is only 0."""
        share = random.uniform(size=_DRAWN)
        if not center:
            return np.zeros(_DRAWN)
        low, high = np.log(center / below), np.log(center * above)
        numbers: NDArray[np.float64] = np.exp(low + (high - low) * share)
        return numbers

    def column(first: float, others: NDArray[np.float64]) -> tuple[float, ...]:
        return (first, *(float(value) for value in others))

    rates = column(rate, around(rate, 8, 8))
    l1s = column(l1, around(l1, 20, 20))
    wds = column(wd, around(wd, 20, 20))
    steps = (step, *(int(value) for value in np.rint(around(step, 1, 100))))
    factors = column(factor, np.maximum(1 - around(1 - factor, 5, 5), 0))
    random.random_sample()
    floors = column(floor, around(floor, 10, 100))
    random.random_sample()
    optimizers = [_DRAWN_OPTIMIZERS[bit] for bit in random.randint(0, 2, _DRAWN)]
    bias_lr_mults = [_DRAWN_BIAS_LR_MULTS[bit] for bit in random.randint(0, 2, _DRAWN)]
    if hp.optimizer:
        optimizers = [hp.optimizer] * _DRAWN
    if hp.bias_lr_mult is not None:
        bias_lr_mults = [hp.bias_lr_mult] * _DRAWN
    return Grid(
        optimizer=(hp.optimizer or "adam", *optimizers),
        learning_rate=rates,
        l1=l1s,
        wd=wds,
        step=steps,
        factor=factors,
        minimum_lr=floors,
        bias_lr_mult=(_or_auto(hp.bias_lr_mult, _BIAS_LR_MULT), *bias_lr_mults),
        wd_first=(False,) * (1 + _DRAWN),
    )
