"""Gram matrices of mini-batches: the squared loss of a batch from one small matrix.

With rows ``z = (y, x, 1)`` and parameters ``p = (-1, w, b)`` a batch of B rows Z has the errors ``Z p``, so its
mean loss is ``p' G p`` and the gradient ``G p`` (without its first row), where ``G = Z'Z / B``.  All matrices are
built in one pass; every later epoch makes the same updates from them, and never looks at the data.

Sums in another order are all that differs from the loop over the rows.  In float32, after scaling, that is
less than 1e-5 (relative) in the loss of any model and epoch as long as the loss is not tiny against the
label's square: it is what is left when large numbers cancel.  ``RESOLUTION`` says when it is too tiny.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .batches import Batches
from .rows import DenseBlock

_MEMORY = 256 << 20  # bytes of matrices at most
_WORTH = 2e8  # floating point operations that must be saved: jobs of a blink keep to the plain loop

RESOLUTION = 1e4
"""A mean loss below so many rounding errors of the label's mean square is left to the loop over the rows."""


def pays(batches: Batches, columns: int, epochs: int) -> bool:
    """Whether the matrices cost less than they save, for ``columns`` models, and fit into memory."""
    rows, width = batches.size, batches.width
    build = rows * width**2
    step, saved = 2 * width**2 * columns, 4 * rows * width * columns
    fits = len(batches) * width**2 * batches.dtype.itemsize <= _MEMORY
    return fits and len(batches) * (epochs * (saved - step) - build) > _WORTH


class Grams:
    """The matrices G of all mini-batches, shape (batches, d + 2, d + 2)."""

    def __init__(self, batches: Batches) -> None:
        self.matrices = np.empty((len(batches), batches.width, batches.width), batches.dtype)
        for matrix, block in zip(self.matrices, batches, strict=True):
            assert isinstance(block, DenseBlock)  # of sparse rows there are no matrices
            np.matmul(block.table.T, block.table, out=matrix)
        self.matrices /= batches.size
        self._floor = RESOLUTION * np.finfo(batches.dtype).eps * float(self.matrices[:, 0, 0].mean(dtype=np.float64))

    def resolve(self, losses: NDArray[np.float64]) -> bool:
        """Whether the mean losses of an epoch are large enough to be told from rounding errors."""
        return not (losses < self._floor).any()
