"""The mini-batches of a job, on the scale that its models are trained on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .rows import Rows
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
_BLOCK = 1 << 19  # bytes otherwise: what a processor's own memory holds
_TILE = 64  # rows that are scaled in one inner loop


def precision(rows: Rows) -> type[np.float64] | type[np.float32]:
    """The type to compute with."""
    return np.float64 if len(rows) * (rows.features + 1) < SINGLE else np.float32


class Scale:
    """Puts blocks of raw rows ``label, features…, 1`` on the scale of a scaler; the 1 stays."""

    def __init__(self, scaler: Scaler, dtype: DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        # Some rows side by side: NumPy's loop over a row of a few features is mostly overhead.
        self._mean, self._deviation = (np.tile(c, _TILE).astype(dtype) for c in scaler.columns())

    def apply(self, block: NDArray[np.float32]) -> Work:
        """Scaled rows (n, d + 2), in the place of the block if they are of the same type."""
        out = block if block.dtype == self._dtype else np.empty(block.shape, self._dtype)
        width = block.shape[1]
        whole = len(block) // _TILE * _TILE
        tiled = -1, _TILE * width
        self._scale(block[:whole].reshape(tiled), out[:whole].reshape(tiled), self._mean.size)
        self._scale(block[whole:], out[whole:], width)
        return out

    def _scale(self, block: NDArray[np.float32], out: Work, width: int) -> None:
        np.subtract(block, self._mean[:width], out=out)
        np.divide(out, self._deviation[:width], out=out)


class Batches:
    """The whole mini-batches of a channel in file order; a last, partial one does not count.

    Iteration gives scaled rows ``label, features…, 1`` (batch, d + 2), which are good until
    the next ones are asked for.
    """

    def __init__(self, rows: Rows, scaler: Scaler, batch: int, dtype: DTypeLike) -> None:
        self.dtype, self.width, self.size = np.dtype(dtype), rows.features + 2, batch
        self._rows, self._count = rows, len(rows) // batch
        self._scale = Scale(scaler, dtype)
        nbytes = batch * self.width * self.dtype.itemsize
        self._keep = self._count * nbytes <= _KEPT
        self._together = self._count if self._keep else max(1, _BLOCK // nbytes)
        self._kept: Work | None = None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Work]:
        for block in self._blocks():
            for first in range(0, len(block), self.size):
                yield block[first : first + self.size]

    def _blocks(self) -> Iterator[Work]:
        """Several mini-batches at a time."""
        if self._kept is not None:
            yield self._kept
            return
        size = self._together * self.size
        for block in self._rows.blocks(size, self._count * self.size):
            scaled = self._scale.apply(block)
            if self._keep:
                self._kept = scaled
            yield scaled
