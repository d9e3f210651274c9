"""Input channels of a training job: CSV and RecordIO-protobuf files below ``input/data``."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from local_aws.algorithms.recordio import SparseTable, read_blocks

from .errors import CustomerError, not_implemented
from .plain_csv import finite, read_plain
from .rows import DenseRows, Rows

CSV, RECORDIO = "text/csv", "application/x-recordio-protobuf"
NAMES = ("train", "validation", "test")
PIPE = "Pipe"
EMPTY = (
    "No training data processed. Either the training channel is empty or the mini-batch size is too high. "
    "Verify that training data contains non-empty files and the mini-batch size is less than the number of "
    "records per training host."
)
_LARGE = 16 << 20  # bytes of a CSV file from which on another reader is worth its import
_PARSED = 1 << 18  # numbers that are parsed at a time
_ROW = re.compile(r"at row (\d+)")


@dataclass(frozen=True)
class Channel:
    """The rows of a channel, and how they were read."""

    name: str
    rows: Rows
    content_type: str
    size: int
    seconds: float

    def __len__(self) -> int:
        return len(self.rows)


def read_channels(
    base: Path, config: Mapping[str, Mapping[str, str]], batch: int, wanted: Container[str] = NAMES
) -> dict[str, Channel]:
    """Read the ``wanted`` channels of ``inputdataconfig.json`` below ``base`` (a container's ``/opt/ml``).

    ``batch`` is the mini-batch size, by which error messages count rows.  Raises
    CustomerError if a channel is unknown, missing, empty or unreadable.
    """
    unknown = sorted(set(config) - set(NAMES))
    if unknown:
        quoted, verb = ", ".join(map(repr, unknown)), "was" if len(unknown) == 1 else "were"
        raise CustomerError(
            f"Additional properties are not allowed ({quoted} {verb} unexpected)",
            "ValidationError",
            f"the algorithm has the channels {', '.join(NAMES)}",
        )
    if "train" not in config:
        raise CustomerError("'train' is a required property", "ValidationError", "Must provide train channel.")
    names = [name for name in NAMES if name in config and name in wanted]
    channels = {name: _read_channel(base, name, config[name], batch) for name in names}
    width = channels["train"].rows.features
    for channel in channels.values():
        if channel.rows.features != width:
            raise _unreadable(
                channel.name,
                channel.content_type,
                f"it has {channel.rows.features} features, the channel 'train' has {width}",
            )
    return channels


def _read_channel(base: Path, name: str, config: Mapping[str, str], batch: int) -> Channel:
    piped = config.get("TrainingInputMode") == PIPE
    content_type, label_size = _content_type(config.get("ContentType") or RECORDIO)
    if label_size != "1":
        raise _unreadable(name, content_type, f"label_size is {label_size}, but every record needs one label")
    if config.get("RecordWrapperType") == "RecordIO" and content_type != RECORDIO:
        raise not_implemented(f"RecordWrapperType RecordIO of the channel '{name}' of {content_type}", "Use None.")
    start = time.perf_counter()
    rows: Rows = DenseRows(base)
    size = 0
    for path, shown in (_streamed if piped else _files)(base, name):
        if not path.stat().st_size:
            continue
        file = _File(path, shown, name, content_type, rows, len(rows))
        if content_type == RECORDIO:
            _read_recordio(file)
        elif path.stat().st_size < _LARGE or not _read_large_csv(file):
            _read_csv(file, batch)
        rows = file.rows
        if len(rows) > file.first:
            size += path.stat().st_size
    if not len(rows):
        detail = f"no records below /opt/ml/input/data/{name}"
        if name == "train":
            raise CustomerError(EMPTY, "ValueError", detail)
        raise _unreadable(name, content_type, detail)
    return Channel(name, rows, content_type, size, time.perf_counter() - start)


_DATA = Path("input") / "data"
_SHOWN = Path("/opt/ml")


def _files(base: Path, name: str) -> Iterator[tuple[Path, Path]]:
    """The files of a channel, and how messages call them."""
    for path in sorted((base / _DATA / name).rglob("*")):
        # Files whose name begins with a dot are nobody's data: editors and desktops leave them behind.
        if path.is_file() and not path.name.startswith("."):
            yield path, _SHOWN / path.relative_to(base)


def _streamed(base: Path, name: str) -> Iterator[tuple[Path, Path]]:
    """The same of a channel in Pipe mode: what comes through the FIFO of the first pass, in a scratch file.

    Later passes are over the rows that are kept, and open no other FIFO.
    """
    fifo = _DATA / f"{name}_0"
    with tempfile.NamedTemporaryFile(dir=base) as scratch:
        with (base / fifo).open("rb") as stream:
            shutil.copyfileobj(stream, scratch, 1 << 20)
        scratch.flush()
        yield Path(scratch.name), _SHOWN / fifo


@dataclass
class _File:
    """A file of a channel: where it is, how messages call it, and where its rows go."""

    path: Path
    shown: Path
    channel: str
    content_type: str
    rows: Rows
    first: int

    def append(self, features: NDArray[np.float32] | SparseTable, labels: NDArray[np.float32]) -> None:
        """Add rows to the channel if they are fit for it; the first sparse ones make all of it sparse."""
        if isinstance(self.rows, DenseRows) and not isinstance(features, SparseTable):
            self._check_width(features.shape[1])
            self._check_finite(features, labels)
            self.rows.append(features, labels)
            return
        from .sparse import SparseRows

        table = features if isinstance(features, SparseTable) else SparseTable.of(features)
        if isinstance(self.rows, DenseRows):
            self.rows = SparseRows.of(self.rows)
        assert isinstance(self.rows, SparseRows)  # what is not dense is sparse
        self._check_width(table.width)
        self._check_finite(table, labels)
        self.rows.append(table, labels)

    def _check_width(self, width: int) -> None:
        if len(self.rows) and width != self.rows.features:
            detail = f"{self.shown} has {width} features, the files before it {self.rows.features}"
            raise _unreadable(self.channel, self.content_type, detail)
        if not width:
            detail = f"{self.shown} has one column, the label, and no features"
            raise _unreadable(self.channel, self.content_type, detail)

    def _check_finite(self, features: NDArray[np.float32] | SparseTable, labels: NDArray[np.float32]) -> None:
        values = features.values if isinstance(features, SparseTable) else features
        if finite(values) and finite(labels):
            return
        # One number says of each row what is wrong with it: NaN if one of its numbers is, infinity, or else 0.
        numbers = np.where(np.isfinite(values), 0, values)
        if isinstance(features, SparseTable):
            owners = np.repeat(np.arange(len(features)), np.diff(features.ends, prepend=0))
            wrong = np.bincount(owners, np.abs(numbers), len(features))
        else:
            wrong = np.abs(numbers).sum(axis=1)
        wrong = wrong + np.where(np.isfinite(labels), 0, np.abs(labels))
        row = int(np.argmax(wrong != 0))
        what = "missing (NaN)" if np.isnan(wrong[row]) else "infinite floating point"
        raise CustomerError(
            f"Unable to read data channel '{self.channel}'. Found {what} values. "
            f"Please remove any {what} values in the input data.",
            "ValueError",
            f"{self.shown}, row {len(self.rows) - self.first + row + 1}",
        )


def _content_type(content_type: str) -> tuple[str, str]:
    """Media type and label size: ``text/csv;label_size=1``."""
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    settings = {name: value for name, _, value in (parameter.partition("=") for parameter in parameters)}
    if kind.lower() not in (CSV, RECORDIO):
        version = settings.get("version", "1.0")
        raise CustomerError(f"No iterator has been registered for ContentType ({kind!r}, {version!r})")
    return kind.lower(), settings.get("label_size", "1")


def _read_csv(file: _File, batch: int) -> None:
    """Read with NumPy, whose sentences about bad lines are the ones that a job fails with."""
    read = 0
    model: list[str] = []
    try:
        with file.path.open(encoding="latin-1") as lines:
            head = next((line for line in lines if line.strip()), None)
            if head is None:
                return
            lines.seek(0)
            size = rows = max(1, _PARSED // (head.count(",") + 1))
            while rows == size:
                # A line of zeros goes before the second block, and all that follow, to say how wide they must be.
                table = _parse(chain(model, lines), size + len(model))[len(model) :]
                rows = len(table)
                if rows:
                    file.append(table[:, 1:], table[:, 0])
                read += rows
                model = [",".join("0" * table.shape[1])]
    except ValueError as error:
        text = _ROW.sub(lambda row: f"at row {int(row[1]) + read - len(model)}", str(error))
        named = _ROW.search(text)
        # NumPy counts from 0 when a value is wrong, from 1 when the number of columns is.
        row = int(named[1]) - ("columns" in text) if named else read
        first = row // batch * batch + 1
        raise CustomerError(
            f"Unable to parse csv: rows {first}-{first + batch - 1}, file {file.shown}", detail=text
        ) from None


def _parse(lines: Iterator[str], rows: int) -> NDArray[np.float32]:
    with warnings.catch_warnings():
        # Blank lines are passed over, and need no warning.
        warnings.simplefilter("ignore", UserWarning)
        return np.loadtxt(lines, np.float32, comments=None, delimiter=",", quotechar='"', ndmin=2, max_rows=rows)


def _read_large_csv(file: _File) -> bool:
    """Read with pandas; False, and nothing read, if it is not there, or if there is anything odd in the file."""
    assert isinstance(file.rows, DenseRows)  # as in every channel of CSV
    with file.path.open("rb") as stream:
        try:
            for table in read_plain(stream, _PARSED):
                file.append(table[:, 1:], table[:, 0])
        except (ValueError, CustomerError):
            file.rows.truncate(file.first)
            return False
    return True


def _read_recordio(file: _File) -> None:
    try:
        with file.path.open("rb") as stream:
            for features, labels in read_blocks(stream):
                if labels is None:
                    detail = f"{file.shown}: the records have no labels"
                    raise _unreadable(file.channel, RECORDIO, detail)
                file.append(features, labels)
    except ValueError as error:
        raise _unreadable(file.channel, RECORDIO, f"{file.shown}: {error}") from None


def _unreadable(name: str, content_type: str, detail: str) -> CustomerError:
    return CustomerError(
        f"Unable to read data channel '{name}'. Requested content-type is '{content_type}'. "
        "Please verify the data matches the requested content-type.",
        "ValueError",
        detail,
    )
