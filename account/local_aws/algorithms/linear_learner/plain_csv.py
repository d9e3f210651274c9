"""Fast readers of CSV that holds nothing but numbers; whatever is odd is left to NumPy."""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

_LONGEST_LINE = 1 << 24  # bytes of the first line that are looked at


def finite(block: NDArray[np.float32]) -> bool:
    """A sum is finite only if all its parts are; float64 cannot overflow from float32 numbers."""
    return bool(np.isfinite(block.sum(dtype=np.float64)))


def parse_plain(body: bytes) -> NDArray[np.float32]:
    """The rows (n, d) of a table in memory without blanks at its ends, the same as ``np.loadtxt`` reads.

    Without its digits it must be the same commas on every line.  Then it is a list in JSON but for the ends of lines,
    and there are fast parsers for that; what JSON has no number for is left to others.

    What overflows is infinite, of which NumPy warns unless it is told not to (``np.errstate``).
    Raises ValueError if a line has one field too many or few, or a field is not what JSON calls a number.
    """
    separators = body.translate(None, b"0123456789.-+eE") + b"\n"
    line = separators[: separators.index(b"\n") + 1]
    rows, rest = divmod(len(separators), len(line))
    if rest or line.strip(b",") != b"\n" or separators != line * rows:
        raise ValueError("not the same commas on every line")
    values = orjson.loads(b"[" + body.replace(b"\n", b",") + b"]")
    return np.fromiter(values, np.float64, len(values)).astype(np.float32).reshape(rows, len(line))


def read_plain(stream: BinaryIO, values: int) -> Iterator[NDArray[np.float32]]:
    """The rows of a file at its start, in tables of about ``values`` numbers, the same as ``np.loadtxt`` reads.

    What pandas reads differently (short lines, empty fields, blank lines, quotes, words for missing values) is an
    error or NaN with these settings, so that nothing passes here that would not pass there.

    Raises ValueError if there is anything odd in the file (a field that is no finite number, or one too many or few),
    or if pandas is not installed.
    """
    try:
        import pandas  # a third of a second, for those who need it
    except ImportError:
        raise ValueError("pandas is not installed") from None

    head = stream.readline(_LONGEST_LINE)
    if head.startswith(BOM_UTF8):
        raise ValueError("a byte order mark")
    stream.seek(0)
    with (
        np.errstate(over="ignore"),
        pandas.read_csv(
            stream,
            header=None,
            index_col=False,
            dtype=np.float32,
            na_filter=False,
            quoting=csv.QUOTE_NONE,
            skip_blank_lines=False,
            chunksize=max(1, values // (head.count(b",") + 1)),
        ) as chunks,
    ):
        for chunk in chunks:
            table = chunk.to_numpy()
            if not finite(table):
                raise ValueError("a value that is no finite number")
            yield table
