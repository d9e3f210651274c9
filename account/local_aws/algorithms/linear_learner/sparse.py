"""Sparse rows of a channel: they take the disk, the memory and the multiplications of what is not zero.

Only a job that meets such rows imports this module: SciPy costs a good part of a second.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from local_aws.algorithms.recordio import SparseTable

from .rows import DenseRows, Numbers, Rows, fill

_COPIED = 1 << 19  # numbers that are put in order at a time
_HEAD = np.dtype([("label", "<f4"), ("end", "<i8")])
_ENTRY = np.dtype([("key", "<i4"), ("value", "<f4")])


@dataclass(frozen=True, eq=False)
class CsrBlock:
    """Rows in which ``features - shift`` counts.

    So a mean can be subtracted while the zeros stay zeros: ``(x - s) w = x w - s w``, and
    for the gradient ``(x - s)' e = x' e - s sum(e)``.
    """

    labels: Numbers
    features: csr_array
    shift: Numbers | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def outputs(self, parameters: Numbers, out: Numbers | None = None) -> Numbers:
        """The linear functions (n, k) of parameters (d, k), or (d + 1, k) with a bias in the last row."""
        weights = parameters[: self.features.shape[1]]
        outputs: Numbers = self.features @ weights
        if self.shift is not None:
            outputs -= self.shift @ weights
        if len(parameters) > len(weights):
            outputs += parameters[-1]
        if out is None:
            return outputs
        out[...] = outputs
        return out

    def gradient(self, slopes: Numbers, out: Numbers) -> None:
        """Put into ``out``, of the parameters' shape, the sum over the rows of their ``slopes`` (n, k)."""
        weights, total = out[: self.features.shape[1]], slopes.sum(axis=0)
        products = self.features.T @ slopes
        if self.shift is None:
            weights[...] = products
        else:
            np.multiply(self.shift[:, None], total, out=weights)
            np.subtract(products, weights, out=weights)
        if len(out) > len(weights):
            out[-1] = total

    def scaled(self, mean: Numbers, deviation: Numbers) -> CsrBlock:
        """``(value - mean) / deviation`` of labels, the first of both (1 + d,), and features."""
        raw = self.features
        labels = (self.labels.astype(mean.dtype) - mean[0]) / deviation[0]
        values = raw.data.astype(mean.dtype) / deviation[1:][raw.indices]
        shift = mean[1:] / deviation[1:] if mean[1:].any() else None
        return CsrBlock(labels, csr_array((values, raw.indices, raw.indptr), shape=raw.shape), shift)


class SparseRows(Rows):
    """Rows of which zeros are left out.

    One file has the label of each row and where it ends in the other one, which has the
    entries: the key of each, counted from 0, and its value.
    """

    sparse = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._entries = 0
        self._heads, self._file = (tempfile.TemporaryFile(dir=folder) for _ in range(2))  # noqa: SIM115 - as there

    @classmethod
    def of(cls, rows: DenseRows) -> SparseRows:
        """Dense rows without their zeros."""
        sparse = cls(rows.folder)
        for block in rows.pieces(_COPIED):
            sparse.append(SparseTable.of(block.features), block.labels)
        return sparse

    @property
    def numbers(self) -> int:
        return self._count + self._entries

    def append(self, features: SparseTable, labels: NDArray[np.float32]) -> None:
        """Add rows (n, d) with labels (n,); d must be the same every time."""
        self._accept(features.width)
        heads, entries = np.empty(len(labels), _HEAD), np.empty(len(features.values), _ENTRY)
        heads["label"], heads["end"] = labels, self._entries + features.ends
        entries["key"], entries["value"] = features.keys, features.values
        for file, part, start in ((self._heads, heads, self._count), (self._file, entries, self._entries)):
            file.seek(start * part.itemsize)
            file.write(part.data)
        self._count += len(labels)
        self._entries += len(entries)

    def blocks(self, size: int, stop: int | None = None) -> Iterator[CsrBlock]:
        stop = self._count if stop is None else min(stop, self._count)
        start = 0
        for first in range(0, stop, size):
            heads = self._read(self._heads, _HEAD, first, min(size, stop - first))
            yield self._block(heads, start)
            start = int(heads["end"][-1])

    def pieces(self, numbers: int, stop: int | None = None, columns: int = 0) -> Iterator[CsrBlock]:
        """A row of more numbers comes alone."""
        stop = self._count if stop is None else min(stop, self._count)
        most, first, start = max(1, numbers // max(columns, 2)), 0, 0
        while first < stop:
            heads = self._read(self._heads, _HEAD, first, min(most, stop - first))
            heads = heads[: max(1, int(np.searchsorted(heads["end"], start + numbers, "right")))]
            yield self._block(heads, start)
            start = int(heads["end"][-1])
            first += len(heads)

    def _block(self, heads: NDArray[Any], start: int) -> CsrBlock:
        """The rows of ``heads``, of which the first begins at the entry ``start``."""
        ends = heads["end"] - start
        entries = self._read(self._file, _ENTRY, start, int(ends[-1]))
        parts = entries["value"].copy(), entries["key"].copy(), np.concatenate([[0], ends]).astype(np.int32)
        return CsrBlock(heads["label"].copy(), csr_array(parts, shape=(len(heads), self.features)))

    @staticmethod
    def _read(file: BufferedIOBase, dtype: np.dtype[Any], first: int, count: int) -> NDArray[Any]:
        space = np.empty(count, dtype)
        file.seek(first * dtype.itemsize)
        fill(file, space)
        return space
