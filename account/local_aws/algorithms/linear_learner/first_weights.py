"""Initial weights: what MXNet draws when nobody has given it a seed."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .hyperparameters import Hyperparameters


def first_weights(features: int, models: int, hp: Hyperparameters) -> NDArray[np.float64]:
    """Weights (features, models, outputs) as MXNet draws them.

    Array by array in the string order of their names, ``fc0_weight, fc10_weight, …,
    fc19_weight, fc1_weight, fc20_weight, …`` (the underscore sorts after the digits), and
    each array (features, outputs) row by row.
    """
    streams = _Streams()
    weights = np.empty((features, models, hp.outputs))
    size = features * hp.outputs
    for model in sorted(range(models), key=lambda m: f"fc{m}_weight"):
        if hp.init_method == "uniform":
            low, high = np.float32(-hp.init_scale), np.float32(hp.init_scale)
            numbers = low + (high - low) * streams.draw(size, _Stream.uniform)
        else:
            numbers = np.float32(hp.init_sigma) * streams.draw(size, _Stream.normal)
        weights[:, model] = numbers.reshape(features, hp.outputs)
    return weights


class _Stream:
    """One of MXNet's generators: a 32-bit Mersenne twister and the C++ distributions on top of it."""

    def __init__(self, seed: int) -> None:
        self._twister = np.random.RandomState(seed)
        self._normals = np.empty(0, np.float32)  # drawn, and not given yet

    def uniform(self, count: int) -> NDArray[np.float32]:
        """``std::uniform_real_distribution<float>``: in [0, 1)."""
        words = np.frombuffer(self._twister.bytes(4 * count), "<u4")
        numbers: NDArray[np.float32] = np.minimum(words.astype(np.float32) / np.float32(2**32), np.float32(1 - 2**-24))
        return numbers

    def normal(self, count: int) -> NDArray[np.float32]:
        """``std::normal_distribution<float>`` of libstdc++: the polar method, a new one for every number."""
        while len(self._normals) < count:
            x, y = (2 * self.uniform(2 * count).reshape(-1, 2) - 1).T
            square = x * x + y * y
            inside = (square > 0) & (square <= 1)
            square = square[inside]
            logs = np.log(square.astype(np.float64)).astype(np.float32)
            normals = y[inside] * np.sqrt(-2 * logs / square)
            self._normals = np.concatenate([self._normals, normals])
        numbers, self._normals = np.split(self._normals, [count])
        return numbers


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
