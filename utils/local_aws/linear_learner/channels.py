"""Reading the channels of a job: CSV and RecordIO-protobuf files below ``input/data``."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..recordio import read_records
from .errors import CustomerError, not_implemented

CSV, RECORDIO = "text/csv", "application/x-recordio-protobuf"
NAMES = ("train", "validation", "test")
EMPTY = (
    "No training data processed. Either the training channel is empty or the mini-batch size is too high. "
    "Verify that training data contains non-empty files and the mini-batch size is less than the number of "
    "records per training host."
)


@dataclass(frozen=True)
class Channel:
    """The rows of a channel: features (n, d), labels (n,), and how they were read."""

    name: str
    features: NDArray[np.float32]
    labels: NDArray[np.float32]
    content_type: str
    size: int
    seconds: float

    def __len__(self) -> int:
        return len(self.labels)


def read_channels(base: Path, config: Mapping[str, Mapping[str, str]], batch: int) -> dict[str, Channel]:
    """Read all channels of ``inputdataconfig.json`` below ``base`` (a container's ``/opt/ml``).

    ``batch`` is the mini-batch size, by which error messages count rows.  Raises
    CustomerError if a channel is unknown, missing, empty or unreadable.
    """
    unknown = sorted(set(config) - set(NAMES))
    if unknown:
        names, verb = ", ".join(map(repr, unknown)), "was" if len(unknown) == 1 else "were"
        raise CustomerError(
            f"Additional properties are not allowed ({names} {verb} unexpected)",
            "ValidationError",
            f"the algorithm has the channels {', '.join(NAMES)}",
        )
    if "train" not in config:
        raise CustomerError("'train' is a required property", "ValidationError", "Must provide train channel.")
    channels = {name: _read_channel(base, name, config[name], batch) for name in NAMES if name in config}
    width = channels["train"].features.shape[1]
    for channel in channels.values():
        if channel.features.shape[1] != width:
            raise _unreadable(
                channel.name,
                channel.content_type,
                f"it has {channel.features.shape[1]} features, the channel 'train' has {width}",
            )
    return channels


def _read_channel(base: Path, name: str, config: Mapping[str, str], batch: int) -> Channel:
    mode, wrapper = config.get("TrainingInputMode", "File"), config.get("RecordWrapperType", "None")
    if mode not in ("File", "FastFile"):
        raise not_implemented(f"Input mode {mode} of the channel '{name}'", "Use the input mode File.")
    if wrapper not in ("None", ""):
        raise not_implemented(f"RecordWrapperType {wrapper} of the channel '{name}'", "Use None.")
    content_type, label_size = _content_type(config.get("ContentType") or RECORDIO)
    if label_size != "1":
        raise _unreadable(name, content_type, f"label_size is {label_size}, but every record needs one label")
    start = time.perf_counter()
    folder = base / "input" / "data" / name
    # Files whose name begins with a dot are nobody's data: editors and desktops leave them behind.
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    tables: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    size = 0
    for path in files:
        shown = Path("/opt/ml") / path.relative_to(base)
        table = _read_csv(path, shown, batch) if content_type == CSV else _read_recordio(path, shown, name)
        if table is None:
            continue
        if tables and table[0].shape[1] != tables[0][0].shape[1]:
            raise _unreadable(
                name,
                content_type,
                f"{shown} has {table[0].shape[1]} features, the files before it {tables[0][0].shape[1]}",
            )
        if table[0].shape[1] == 0:
            raise _unreadable(name, content_type, f"{shown} has one column, the label, and no features")
        _check_finite(name, shown, *table)
        tables.append(table)
        size += path.stat().st_size
    if not tables:
        detail = f"no records below /opt/ml/input/data/{name}"
        if name == "train":
            raise CustomerError(EMPTY, "ValueError", detail)
        raise _unreadable(name, content_type, detail)
    features = tables[0][0] if len(tables) == 1 else np.concatenate([t[0] for t in tables])
    labels = np.ascontiguousarray(tables[0][1]) if len(tables) == 1 else np.concatenate([t[1] for t in tables])
    return Channel(name, features, labels, content_type, size, time.perf_counter() - start)


def _content_type(given: str) -> tuple[str, str]:
    """Media type and label size: ``text/csv;label_size=1``."""
    kind, *parameters = (part.strip() for part in given.split(";"))
    settings = dict(p.partition("=")[::2] for p in parameters)
    if kind.lower() not in (CSV, RECORDIO):
        version = settings.get("version", "1.0")
        raise CustomerError(f"No iterator has been registered for ContentType ({kind!r}, {version!r})")
    return kind.lower(), settings.get("label_size", "1")


def _read_csv(path: Path, shown: Path, batch: int) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    if not path.stat().st_size:
        return None
    try:
        with path.open(encoding="latin-1") as lines:
            if not any(line.strip() for line in lines):
                return None
            lines.seek(0)
            table = np.loadtxt(lines, np.float32, comments=None, delimiter=",", quotechar='"', ndmin=2)
    except ValueError as error:
        found = re.search(r"at row (\d+)", str(error))
        # NumPy counts from 0 when a value is wrong, from 1 when the number of columns is.
        row = int(found[1]) - ("columns" in str(error)) if found else 0
        first = row // batch * batch + 1
        raise CustomerError(
            f"Unable to parse csv: rows {first}-{first + batch - 1}, file {shown}", detail=str(error)
        ) from None
    return table[:, 1:], table[:, 0]


def _read_recordio(path: Path, shown: Path, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    if not path.stat().st_size:
        return None
    try:
        features, labels = read_records(path.read_bytes())
    except ValueError as error:
        raise _unreadable(name, RECORDIO, f"{shown}: {error}") from None
    if labels is None:
        raise _unreadable(name, RECORDIO, f"{shown}: the records have no labels")
    return features, labels


def _check_finite(name: str, shown: Path, features: NDArray[np.float32], labels: NDArray[np.float32]) -> None:
    good = np.isfinite(features).all(axis=1) & np.isfinite(labels)
    if good.all():
        return
    row = int(np.argmin(good))
    where = f"{shown}, row {row + 1}"
    if np.isnan(features[row]).any() or np.isnan(labels[row]):
        raise CustomerError(
            f"Unable to read data channel '{name}'. Found missing (NaN) values. "
            "Please remove any missing (NaN) values in the input data.",
            "ValueError",
            where,
        )
    raise CustomerError(
        f"Unable to read data channel '{name}'. Found infinite floating point values. "
        "Please remove any infinite floating point values in the input data.",
        "ValueError",
        where,
    )


def _unreadable(name: str, content_type: str, detail: str) -> CustomerError:
    return CustomerError(
        f"Unable to read data channel '{name}'. Requested content-type is '{content_type}'. "
        "Please verify the data matches the requested content-type.",
        "ValueError",
        detail,
    )
