"""The rows of a channel in a file: read once from whatever format, passed over in every epoch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_COPIED = 1 << 19  # numbers that are put in order at a time


class Rows:
    """Float32 rows ``label, features…, 1`` in a scratch file without a name, which ends with this object.

    The 1 is what a bias multiplies: with it, and with the label beside the features, a block
    of rows is scaled in one go and multiplied with all of a model's parameters in another.
    Only the block that is being looked at is in memory.
    """

    def __init__(self, folder: Path) -> None:
        self.features = 0
        self._count = 0
        self._file = tempfile.TemporaryFile(dir=folder)

    def __len__(self) -> int:
        return self._count

    def append(self, features: NDArray[np.float32], labels: NDArray[np.float32]) -> None:
        """Add rows (n, d) with labels (n,); d must be the same every time."""
        if self._count and features.shape[1] != self.features:
            raise ValueError(f"rows have {self.features} features, not {features.shape[1]}")
        self.features = features.shape[1]
        self._file.seek(self._offset(self._count))
        step = max(1, _COPIED // (self.features + 2))
        for first in range(0, len(features), step):
            part = slice(first, first + step)
            block = np.ones((len(labels[part]), self.features + 2), np.float32)
            block[:, 0], block[:, 1:-1] = labels[part], features[part]
            self._file.write(block)
        self._count += len(labels)

    def truncate(self, count: int) -> None:
        """Keep the first ``count`` rows only."""
        self._file.truncate(self._offset(count))
        self._count = count

    def blocks(self, size: int, stop: int | None = None) -> Iterator[NDArray[np.float32]]:
        """Blocks (≤ size, features + 2) of the first ``stop`` rows; each one overwrites the one before."""
        stop = self._count if stop is None else min(stop, self._count)
        space = np.empty((min(size, stop), self.features + 2), np.float32)
        for first in range(0, stop, size):
            block = space[: min(size, stop - first)]
            self._file.seek(self._offset(first))
            if self._file.readinto(block) != block.nbytes:
                raise OSError("a scratch file of the job has been cut short")
            yield block

    def _offset(self, count: int) -> int:
        return count * (self.features + 2) * 4
