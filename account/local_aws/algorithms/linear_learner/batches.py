"""Mini-batches of a training job, normalised by the scaler."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .rows import Block, DenseBlock, Rows
from .scaler import Scaler

Work = NDArray[np.float64] | NDArray[np.float32]

SINGLE = 1 << 24
"""So many numbers of training data, and more, are computed with in float32.

AWS's own numbers were met in float64, so jobs of an ordinary size use that.  Large ones take 0.5 (logistic) to
0.7 (squared loss) of the time in float32.  On 1,000,000 x 30 (32 models) a prototype of the squared loss then had
all losses of 15 epochs within 4e-6 (relative), the weights within 4e-6 of the label's deviation; logistic losses
of one epoch differed by 1e-7.
"""

_KEPT = 1 << 25  # bytes of scaled rows that are kept from one epoch to the next
_OBJECTS = 4096  # bytes for the objects around a sparse mini-batch
_BLOCK = 1 << 19  # bytes otherwise: what a processor's own memory holds
_TILE = 64  # rows that are scaled in one inner loop, and
_TILED = 1 << 15  # numbers in it
_FAR = 64  # deviations: the mean of a feature that is mostly zero is never so far from it


def precision(rows: Rows, scaler: Scaler) -> type[np.float64] | type[np.float32]:
    """The type to compute with.

    Sparse rows are not centred before they are multiplied, so a feature with a large mean
    and a small deviation would lose its digits in float32.
    """
    if rows.sparse and (np.abs(scaler.mean) > _FAR * scaler.deviation).any():
        return np.float64
    return np.float64 if rows.numbers < SINGLE else np.float32


class Scale:
    """Puts blocks of raw rows on the scale of a scaler."""

    def __init__(self, scaler: Scaler, dtype: DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        mean, deviation = scaler.columns()
        self._columns: tuple[Work, Work] = mean.astype(dtype), deviation.astype(dtype)
        # Some rows side by side: NumPy's loop over a row of a few features is mostly overhead.
        self._tile = max(1, min(_TILE, _TILED // self._columns[0].size))
        self._mean, self._deviation = (np.tile(column, self._tile) for column in self._columns)

    def apply(self, block: Block) -> Block:
        """Scaled rows, in the place of the block if they are dense and of the same type."""
        if not isinstance(block, DenseBlock):
            mean, deviation = self._columns
            return block.scaled(mean[:-1], deviation[:-1])
        raw = block.table
        out = raw if raw.dtype == self._dtype else np.empty(raw.shape, self._dtype)
        width = raw.shape[1]
        whole = len(raw) // self._tile * self._tile
        tiled = -1, self._tile * width
        self._scale(raw[:whole].reshape(tiled), out[:whole].reshape(tiled), self._mean.size)
        self._scale(raw[whole:], out[whole:], width)
        return DenseBlock(out)

    def _scale(self, block: NDArray[np.float32], out: Work, width: int) -> None:
        np.subtract(block, self._mean[:width], out=out)
        np.divide(out, self._deviation[:width], out=out)


class Batches:
    """The whole mini-batches of a channel in file order; a last, partial one does not count.

    Iteration gives scaled blocks, which are good until the next ones are asked for.
    """

    def __init__(self, rows: Rows, scaler: Scaler, batch: int, dtype: DTypeLike) -> None:
        self.dtype, self.width, self.size = np.dtype(dtype), rows.features + 2, batch
        self.sparse = rows.sparse
        self._rows, self._count = rows, len(rows) // batch
        self._scale = Scale(scaler, dtype)
        nbytes = batch * self.width * self.dtype.itemsize
        # An entry of a sparse row is a value and a key; a block of them is some objects beside its numbers.
        entry = self.dtype.itemsize + np.dtype(np.int32).itemsize
        total = rows.numbers * entry + self._count * _OBJECTS if self.sparse else self._count * nbytes
        self._keep = total <= _KEPT
        self._together = self._count if self._keep else max(1, _BLOCK // nbytes)
        self._kept: list[Block] | None = None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Block]:
        if self._kept is None and self._keep:
            self._kept = list(self._blocks())
        blocks = self._blocks() if self._kept is None else self._kept
        return iter(blocks) if self.sparse else self._cut(blocks)

    def _blocks(self) -> Iterator[Block]:
        """One mini-batch of sparse rows, several of dense ones, at a time."""
        size = self.size if self.sparse else self._together * self.size
        return map(self._scale.apply, self._rows.blocks(size, self._count * self.size))

    def _cut(self, blocks: Iterable[Block]) -> Iterator[DenseBlock]:
        for block in blocks:
            assert isinstance(block, DenseBlock)  # as all that dense rows have
            for first in range(0, len(block), self.size):
                yield DenseBlock(block.table[first : first + self.size])
