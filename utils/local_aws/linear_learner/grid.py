"""The models that train side by side: their settings and their first weights.

With everything on ``auto`` a regressor trains 32 models, every combination of four weight
decays, two learning rates, two floors of the learning rate and two schedules.  Nothing
in it is random from job to job: the first weights are what MXNet draws when nobody has
given it a seed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .hyperparameters import Hyperparameters

LARGEST = 32
_WD = (1e-4, 0.01, 1, 100)
_LEARNING_RATE = (0.005, 0.1)
_MINIMUM_LR = (1e-5, 1e-4)
_STEP = (10, 100)
_FACTOR = 0.99
_L1 = 0.0


@dataclass(frozen=True)
class Grid:
    """One entry per model in every column."""

    learning_rate: tuple[float, ...]
    wd: tuple[float, ...]
    l1: tuple[float, ...]
    step: tuple[int, ...]
    factor: tuple[float, ...]
    minimum_lr: tuple[float, ...]

    @classmethod
    def build(cls, hp: Hyperparameters) -> Grid:
        """The grid's first ``num_models`` models; a value that the job gives replaces that column.

        AWS says no more of given values than that one model follows them and the others
        are close to them, so their place in the other 31 models is a guess.  A job of
        automatic model tuning trains one model.
        """
        count = 1 if hp.tuned else min(hp.num_models or LARGEST, LARGEST)
        models = range(count)

        def column(given: float | None, values: tuple[float, ...], divisor: int = 1) -> tuple[float, ...]:
            if given is not None:
                return (given,) * count
            return tuple(values[m // divisor % len(values)] for m in models)

        return cls(
            wd=column(hp.wd, _WD, 8),
            learning_rate=column(hp.learning_rate, _LEARNING_RATE, 4),
            minimum_lr=column(hp.lr_scheduler_minimum_lr, _MINIMUM_LR, 2),
            step=column(hp.lr_scheduler_step, _STEP),
            factor=column(hp.lr_scheduler_factor, (_FACTOR,)),
            l1=column(hp.l1, (_L1,)),
        )

    def __len__(self) -> int:
        return len(self.wd)

    def describe(self, model: int) -> str:
        """The winner's settings as JSON; the order of keys is the image's, another one for model 0."""
        rate = {"optimizer": "adam", "learning_rate": self.learning_rate[model]}
        penalty = {"l1": self.l1[model], "wd": self.wd[model]}
        if model:
            penalty = dict(reversed(penalty.items()))
        schedule = {
            "lr_scheduler_step": self.step[model],
            "lr_scheduler_factor": self.factor[model],
            "lr_scheduler_minimum_lr": self.minimum_lr[model],
        }
        return json.dumps(rate | penalty | schedule)


def first_weights(features: int, models: int, hp: Hyperparameters) -> NDArray[np.float64]:
    """Weights (features, models) as MXNet draws them, array by array in the string order of their names.

    ``fc0_weight, fc10_weight, …, fc19_weight, fc1_weight, fc20_weight, …``: the underscore
    sorts after the digits.
    """
    streams = _Streams()
    weights = np.empty((features, models))
    for model in sorted(range(models), key=lambda m: f"fc{m}_weight"):
        if hp.init_method == "uniform":
            low, high = np.float32(-hp.init_scale), np.float32(hp.init_scale)
            weights[:, model] = low + (high - low) * streams.draw(features, _Stream.uniform)
        else:
            weights[:, model] = np.float32(hp.init_sigma) * streams.draw(features, _Stream.normal)
    return weights


class _Stream:
    """One of MXNet's generators: a 32-bit Mersenne twister and the C++ distributions on top of it."""

    def __init__(self, seed: int) -> None:
        self._twister = np.random.RandomState(seed)

    def uniform(self, count: int) -> NDArray[np.float32]:
        """``std::uniform_real_distribution<float>``: in [0, 1)."""
        words = np.frombuffer(self._twister.bytes(4 * count), "<u4")
        return np.minimum(words.astype(np.float32) / np.float32(2**32), np.float32(1 - 2**-24))

    def normal(self, count: int) -> NDArray[np.float32]:
        """``std::normal_distribution<float>`` of libstdc++: the polar method, a new one for every number."""
        out = np.empty(count, np.float32)
        for i in range(count):
            square = 0.0
            while not 0 < square <= 1:
                x, y = 2 * self.uniform(2) - 1
                square = x * x + y * y
            out[i] = y * np.float32(math.sqrt(-2 * math.log(square) / square))
        return out


class _Streams:
    """MXNet's parallel generator: an array is cut into pieces of at least 64 numbers, one stream for each."""

    _PIECE, _MOST = 64, 1024

    def __init__(self) -> None:
        self._streams: list[_Stream] = []

    def draw(self, count: int, kind: Callable[[_Stream, int], NDArray[np.float32]]) -> NDArray[np.float32]:
        """``count`` numbers of one ``kind``; the streams go on where the array before left them."""
        pieces = min(math.ceil(count / self._PIECE), self._MOST)
        size = math.ceil(count / pieces)
        while len(self._streams) < pieces:
            self._streams.append(_Stream(len(self._streams)))
        spans = [(start, min(start + size, count)) for start in range(0, count, size)]
        return np.concatenate([kind(self._streams[i], stop - start) for i, (start, stop) in enumerate(spans)])
