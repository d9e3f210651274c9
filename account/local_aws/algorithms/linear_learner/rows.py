"""Rows of a channel in a scratch file, dense: read once from whatever format, passed over in every epoch."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[Any]  # float32, or float64: whichever the job computes with
_COPIED = 1 << 19  # numbers that are put in order at a time


class SparseBlock(Protocol):
    """Rows that are zero almost everywhere, see ``sparse.py``, which only a job that meets some imports."""

    @property
    def labels(self) -> Numbers:
        """The labels (n,)."""
        ...

    @property
    def features(self) -> Any:
        """The features (n, d), a ``csr_array``."""
        ...

    def __len__(self) -> int: ...

    def outputs(self, parameters: Numbers, out: Numbers | None = None) -> Numbers:
        """As of a dense block."""
        ...

    def gradient(self, slopes: Numbers, out: Numbers) -> None:
        """As of a dense block."""
        ...

    def scaled(self, mean: Numbers, deviation: Numbers) -> SparseBlock:
        """``(value - mean) / deviation`` of labels, the first of both (1 + d,), and features."""
        ...


@dataclass(frozen=True)
class DenseBlock:
    """Rows ``label, features…, 1`` side by side (n, d + 2).

    The 1 is what a bias multiplies: with it, and with the label beside the features, a block
    of rows is scaled in one go and multiplied with all of a model's parameters in another.
    """

    table: Numbers

    @property
    def labels(self) -> Numbers:
        """The labels (n,), a view."""
        return self.table[:, 0]

    @property
    def features(self) -> Numbers:
        """The features (n, d), a view."""
        return self.table[:, 1:-1]

    def __len__(self) -> int:
        return len(self.table)

    def outputs(self, parameters: Numbers, out: Numbers | None = None) -> Numbers:
        """The linear functions (n, k) of parameters (d, k), or (d + 1, k) with a bias in the last row."""
        return np.matmul(self.table[:, 1 : 1 + len(parameters)], parameters, out=out)

    def gradient(self, slopes: Numbers, out: Numbers) -> None:
        """Put into ``out``, of the parameters' shape, the sum over the rows of their ``slopes`` (n, k)."""
        np.matmul(self.table[:, 1 : 1 + len(out)].T, slopes, out=out)


Block: TypeAlias = DenseBlock | SparseBlock


class Rows(ABC):
    """Float32 rows of one width, ``features``, in scratch files without a name, which end with this object.

    Only the block that is being looked at is in memory.
    """

    sparse: ClassVar[bool] = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.features = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    @abstractmethod
    def numbers(self) -> int:
        """How many numbers there are to compute with."""

    @abstractmethod
    def blocks(self, size: int, stop: int | None = None) -> Iterator[Block]:
        """The first ``stop`` rows, ``size`` at a time; each block is good until the next one is asked for."""

    @abstractmethod
    def pieces(self, numbers: int, stop: int | None = None, columns: int = 0) -> Iterator[Block]:
        """The same in blocks that hold about ``numbers`` numbers at most, and so many outputs, ``columns`` a row."""

    def _accept(self, width: int) -> None:
        if self._count and width != self.features:
            raise ValueError(f"rows have {self.features} features, not {width}")
        self.features = width


class DenseRows(Rows):
    """Rows as a dense block has them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it ends with this object

    @property
    def numbers(self) -> int:
        return self._count * (self.features + 1)

    def append(self, features: NDArray[np.float32], labels: NDArray[np.float32]) -> None:
        """Add rows (n, d) with labels (n,); d must be the same every time."""
        self._accept(features.shape[1])
        self._file.seek(self._offset(self._count))
        step = max(1, _COPIED // (self.features + 2))
        for first in range(0, len(features), step):
            part = slice(first, first + step)
            block = np.ones((len(labels[part]), self.features + 2), np.float32)
            block[:, 0], block[:, 1:-1] = labels[part], features[part]
            self._file.write(block.data)
        self._count += len(labels)

    def truncate(self, count: int) -> None:
        """Keep the first ``count`` rows only."""
        self._file.truncate(self._offset(count))
        self._count = count

    def blocks(self, size: int, stop: int | None = None) -> Iterator[DenseBlock]:
        stop = self._count if stop is None else min(stop, self._count)
        space = np.empty((min(size, stop), self.features + 2), np.float32)
        for first in range(0, stop, size):
            block = space[: min(size, stop - first)]
            self._file.seek(self._offset(first))
            fill(self._file, block)
            yield DenseBlock(block)

    def pieces(self, numbers: int, stop: int | None = None, columns: int = 0) -> Iterator[DenseBlock]:
        return self.blocks(max(1, numbers // max(columns, self.features + 2)), stop)

    def _offset(self, count: int) -> int:
        return count * (self.features + 2) * 4


def fill(file: BufferedIOBase, space: Numbers) -> None:
    """Read into all of ``space`` from where a scratch file stands; OSError if it ends before."""
    if file.readinto(space.data) != space.nbytes:
        raise OSError("a scratch file of the job has been cut short")
