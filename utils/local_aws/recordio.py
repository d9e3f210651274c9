"""RecordIO-protobuf: the bytes that SageMaker's built-in algorithms read and write.

A file is a sequence of frames: ``uint32 0xCED7230A``, ``uint32 length`` (both little
endian), the payload, and zeros up to a multiple of four.  The payload is the protobuf
message ``aialgs.data.Record``
(https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html): two maps from a
name to a tensor, ``features`` (field 1) and ``label`` (field 2).

Records that a program wrote in one go differ in their numbers only.  So the first
record is parsed, every other one is compared with it byte by byte outside the numbers,
and all numbers are then taken in one strided copy.  Whatever does not fit that pattern
(sparse, int32, changing widths) is parsed record by record.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = Vector = NDArray[np.float32]
_MAGIC = 0xCED7230A
_WIDEST = 10_000_000
_WRITTEN = 1 << 18  # bytes that are put together at a time
_MOST_VALUES = 1 << 21  # of dense rows that are made one by one
_FRAME = struct.Struct("<II")
_FEATURES, _LABEL = 1, 2
_FLOAT32, _FLOAT64, _INT32, _BYTES = 2, 3, 7, 9
_DTYPES = {_FLOAT32: np.dtype("<f4"), _FLOAT64: np.dtype("<f8")}
_VARINT, _FIXED64, _BYTES_WIRE, _FIXED32 = 0, 1, 2, 5


class _Tensor(NamedTuple):
    """One tensor of a record; ``offset`` is where its packed floats begin, or -1."""

    kind: int
    values: NDArray[np.float64]
    offset: int
    keys: NDArray[np.int64] | None
    shape: list[int]


def read_records(
    data: bytes | memoryview, absent: float = 0.0
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Decode a RecordIO-protobuf file into features (n, d) and labels (n,), or None without labels.

    Float64 and Int32 tensors are converted to float32; sparse records (``keys`` and
    ``shape``) are made dense, with ``absent`` for what has no key.  Raises ValueError, with a
    sentence that names the record (counted from 1), on anything that is not such a file.
    No data gives (0, 0).
    """
    view = memoryview(data).cast("B") if not isinstance(data, bytes) else memoryview(data)
    if not len(view):
        return np.empty((0, 0), np.float32), None
    seen = _Seen()
    if (table := _read_uniform(view, seen)) is not None:
        return table
    features, labels = zip(*_read_one_by_one(view, seen, absent), strict=True)
    return np.concatenate(features), None if labels[0] is None else np.concatenate(labels)


def read_blocks(stream: BinaryIO, size: int = 1 << 20) -> Iterator[tuple[Matrix, Vector | None]]:
    """Decode a RecordIO-protobuf stream as :func:`read_records` does, about ``size`` bytes at a time.

    Memory: a few times ``size``, or one record if that is larger.  The numbers of records
    in messages go through the whole stream.
    """
    seen, pending = _Seen(), b""
    while True:
        data = stream.read(max(size, len(pending)))
        view = memoryview(pending + data)
        if not len(view):
            return
        whole = _whole_records(view) if data else len(view)
        if whole:
            table = _read_uniform(view[:whole], seen)
            if table is None:
                whole = _whole_frames(view) if data else len(view)
                yield from _read_one_by_one(view[:whole], seen)
            else:
                seen.take(table)
                yield table
        pending = bytes(view[whole:])
        seen.bytes += whole
        if not data:
            return


def write_features(features: ArrayLike, labels: ArrayLike | None = None) -> bytes:
    """Encode rows (n, d) and labels (n,) as dense Float32 records, byte for byte as the SageMaker SDK."""
    rows = np.ascontiguousarray(features, dtype="<f4")
    if rows.ndim != 2:
        raise ValueError("features must be a matrix of one row per record")
    parts = [(_FEATURES, "values", rows)]
    if labels is not None:
        column = np.ascontiguousarray(labels, dtype="<f4").reshape(-1, 1)
        if len(column) != len(rows):
            raise ValueError(f"{len(column)} labels do not fit {len(rows)} rows")
        parts.append((_LABEL, "values", column))
    return _write(parts)


def write_scores(scores: ArrayLike, predicted_labels: ArrayLike | None = None) -> bytes:
    """Encode scores (n,) or (n, k) as an endpoint answers them: one record each, no features.

    ``label["score"]`` holds the k scores of a record; ``label["predicted_label"]``, before
    it, its label (n,) if there are any.
    """
    labels = {} if predicted_labels is None else {"predicted_label": predicted_labels}
    return write_labels({**labels, "score": scores})


def write_labels(labels: Mapping[str, ArrayLike]) -> bytes:
    """Encode any labels (n,) or (n, k) of n records, by their names in ``label``."""
    parts = []
    for name, values in labels.items():
        block = np.ascontiguousarray(values, dtype="<f4")
        parts.append((_LABEL, name, block.reshape(len(block), -1)))
    return _write(parts)


def _write(parts: list[tuple[int, str, NDArray[np.float32]]]) -> bytes:
    payload, spans = b"", []
    for field, name, block in parts:
        width = 4 * block.shape[1]
        floats = _field(1, b"\0" * width) if width else b""
        entry = _field(1, name.encode()) + _field(2, _field(_FLOAT32, floats))
        payload += _field(field, entry)
        spans.append((_FRAME.size + len(payload) - width, width, block))
    frame = _FRAME.pack(_MAGIC, len(payload)) + payload + b"\0" * (-len(payload) % 4)
    # Everything but the numbers is the same in all records: it is laid out once, for as many as a cache holds.
    count, out = len(parts[0][2]), io.BytesIO()
    size = max(1, min(count, _WRITTEN // len(frame)))
    records = np.tile(np.frombuffer(frame, np.uint8), (size, 1))
    for first in range(0, count, size):
        some = records[: min(size, count - first)]
        for start, width, block in spans:
            if width:  # the numbers of a record are one item: a copy for each, not a loop over its bytes
                item = f"V{width}"
                some[:, start : start + width].view(item)[:] = block[first : first + len(some)].view(item)
        out.write(some)
    return out.getvalue()


def _field(number: int, body: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return bytes([number << 3 | _BYTES_WIRE]) + _encode_varint(len(body)) + body


def _encode_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


class _Seen:
    """What all records of a stream have in common, and how many (records, bytes) have been read."""

    def __init__(self) -> None:
        self.records, self.bytes, self.width, self.labelled = 0, 0, 0, False

    def check(self, width: int, labels: int | None) -> None:
        """ValueError if the next record, of ``width`` features, is not like those before it."""
        number = self.records + 1
        if self.records and width != self.width:
            raise ValueError(f"record {number} has {width} features, the records before it {self.width}")
        if labels not in (None, 1):
            raise ValueError(f"record {number} has {labels} labels instead of one")
        if self.records and self.labelled is (labels is None):
            has = "no" if labels is None else "a"
            raise ValueError(f"record {number} has {has} label, unlike those before it")
        self.width, self.labelled = width, labels is not None

    def take(self, table: tuple[Matrix, Vector | None]) -> None:
        """Count the records of a table, of which each is like the first."""
        features, labels = table
        self.check(features.shape[1], None if labels is None else 1)
        self.records += len(features)


def _whole_records(view: memoryview) -> int:
    """How many bytes are whole records, if all are as long as the first; 0 if not even that is whole."""
    if len(view) < _FRAME.size:
        return 0
    magic, length = _FRAME.unpack_from(view)
    if magic != _MAGIC:
        return len(view)
    stride = _FRAME.size + length + -length % 4
    return len(view) // stride * stride


def _whole_frames(view: memoryview) -> int:
    """The same for records of any length; what is no record is left to the parser."""
    position = 0
    while len(view) - position >= _FRAME.size:
        magic, length = _FRAME.unpack_from(view, position)
        if magic != _MAGIC:
            return len(view)
        end = position + _FRAME.size + length + -length % 4
        if end > len(view):
            break
        position = end
    return position


def _read_uniform(view: memoryview, seen: _Seen) -> tuple[Matrix, Vector | None] | None:
    """All records at once, or None when they are not copies of one pattern."""
    payload = next(_payloads(view, seen))
    features, label = _parse_record(payload, seen.records + 1)
    stride = _FRAME.size + len(payload) + -len(payload) % 4
    if len(view) % stride or features.offset < 0 or features.keys is not None:
        return None
    if label is not None and (label.offset < 0 or label.values.size != 1):
        return None
    table = np.frombuffer(view, np.uint8).reshape(-1, stride)
    spans = []
    for tensor in (features, label):
        if tensor is not None:
            dtype = _DTYPES[tensor.kind]
            start = _FRAME.size + tensor.offset
            spans.append((start, start + tensor.values.size * dtype.itemsize, dtype))
    fixed_from = 0
    for start, stop, _ in [*sorted(spans, key=lambda span: span[0]), (stride, stride, None)]:
        if not (table[:, fixed_from:start] == table[0, fixed_from:start]).all():
            return None
        fixed_from = stop
    columns = [
        np.ascontiguousarray(table[:, start:stop]).view(dtype).astype(np.float32, copy=False)
        for start, stop, dtype in spans
    ]
    return columns[0], columns[1][:, 0] if len(columns) > 1 else None


def _read_one_by_one(
    view: memoryview, seen: _Seen, absent: float = 0.0
) -> Iterator[tuple[Matrix, Vector | None]]:
    """Records of any kind, in tables of a bounded size."""
    rows: list[NDArray[np.float64]] = []
    labels: list[np.float64] = []

    def table() -> tuple[Matrix, Vector | None]:
        return np.array(rows, np.float32), np.array(labels, np.float32) if seen.labelled else None

    for number, payload in enumerate(_payloads(view, seen), start=seen.records + 1):
        features, label = _parse_record(payload, number)
        row = _dense(features, number, absent)
        seen.check(row.size, None if label is None else label.values.size)
        seen.records += 1
        rows.append(row)
        if label is not None:
            labels.append(label.values[0])
        if len(rows) * row.size >= _MOST_VALUES:
            yield table()
            rows, labels = [], []
    if rows:
        yield table()


def _dense(tensor: _Tensor, number: int, absent: float) -> NDArray[np.float64]:
    if tensor.keys is None:
        return tensor.values
    if len(tensor.shape) != 1 or tensor.keys.size != tensor.values.size:
        raise ValueError(f"record {number} is sparse but its keys, values and shape do not fit together")
    if tensor.shape[0] > _WIDEST:
        raise ValueError(f"record {number} has {tensor.shape[0]} columns; more than {_WIDEST} do not fit in memory")
    if tensor.keys.size and not 0 <= tensor.keys.min() <= tensor.keys.max() < tensor.shape[0]:
        raise ValueError(f"record {number} has a key outside its shape [{tensor.shape[0]}]")
    row = np.full(tensor.shape[0], absent)
    row[tensor.keys] = tensor.values
    return row


def _payloads(view: memoryview, seen: _Seen) -> Iterator[memoryview]:
    """The payload of every frame after those that were seen before."""
    position, number, before = 0, seen.records, seen.bytes
    while position < len(view):
        number += 1
        if len(view) - position < _FRAME.size:
            raise ValueError(f"record {number} is cut short: {len(view) - position} bytes are left")
        magic, length = _FRAME.unpack_from(view, position)
        if magic != _MAGIC:
            raise ValueError(f"record {number} (byte {before + position}) does not begin with RecordIO's magic number")
        position += _FRAME.size
        if position + length > len(view):
            left = len(view) - position
            raise ValueError(f"record {number} is cut short: {length} bytes announced, {left} left")
        yield view[position : position + length]
        position += length + -length % 4


def _parse_record(payload: memoryview, number: int) -> tuple[_Tensor, _Tensor | None]:
    """Features and label of one record."""
    features = label = None
    try:
        for field, wire, start, stop, _ in _fields(payload, 0, len(payload)):
            if field not in (_FEATURES, _LABEL) or wire != _BYTES_WIRE:
                continue
            name, tensor = _parse_entry(payload, start, stop, number)
            if name != "values":
                continue
            if field == _FEATURES:
                features = tensor
            else:
                label = tensor
    except (IndexError, struct.error):
        raise ValueError(f"record {number} is not an aialgs.data.Record protobuf message") from None
    if features is None:
        raise ValueError(f'record {number} has no features["values"]')
    return features, label


def _parse_entry(payload: memoryview, start: int, stop: int, number: int) -> tuple[str, _Tensor | None]:
    name, tensor = "", None
    for field, wire, begin, end, _ in _fields(payload, start, stop):
        if wire != _BYTES_WIRE:
            raise IndexError
        if field == 1:
            name = bytes(payload[begin:end]).decode("utf-8", "replace")
        elif field == 2:
            for kind, _wire, inner, inner_end, _ in _fields(payload, begin, end):
                if kind == _BYTES:
                    raise ValueError(f"record {number} holds bytes; only tensors of numbers can be read")
                if kind in (_FLOAT32, _FLOAT64, _INT32):
                    tensor = _parse_tensor(payload, inner, inner_end, kind)
    return name, tensor


def _parse_tensor(payload: memoryview, start: int, stop: int, kind: int) -> _Tensor:
    values: list[NDArray[np.float64]] = []
    keys: list[int] = []
    shape: list[int] = []
    offset, packed_runs = -1, 0
    for field, wire, begin, end, scalar in _fields(payload, start, stop):
        if field == 1 and kind in _DTYPES:
            if wire == _BYTES_WIRE:
                offset, packed_runs = begin, packed_runs + 1
            else:
                packed_runs += 2
            if (end - begin) % _DTYPES[kind].itemsize:
                raise IndexError
            values.append(np.frombuffer(payload[begin:end], _DTYPES[kind]).astype(np.float64))
        else:
            numbers = [scalar] if wire == _VARINT else _varints(payload, begin, end)
            if field == 1:
                signed = [n - (1 << 64) if n >> 63 else n for n in numbers]
                values.append(np.array(signed, np.float64))
            elif field == 2:
                keys += numbers
            elif field == 3:
                shape += numbers
    if keys and max(keys) >= 1 << 63:
        raise IndexError
    sparse = bool(keys or shape)
    return _Tensor(
        kind,
        np.concatenate(values) if values else np.empty(0),
        offset if packed_runs == 1 else -1,
        np.array(keys, np.int64) if sparse else None,
        shape,
    )


def _fields(payload: memoryview, start: int, stop: int) -> Iterator[tuple[int, int, int, int, int]]:
    """(field number, wire type, begin, end, varint value) of every field in a message."""
    while start < stop:
        tag, start = _varint(payload, start)
        wire, scalar, begin = tag & 7, 0, start
        if wire == _VARINT:
            scalar, start = _varint(payload, start)
        elif wire == _BYTES_WIRE:
            length, begin = _varint(payload, start)
            start = begin + length
        elif wire in (_FIXED32, _FIXED64):
            start += 4 if wire == _FIXED32 else 8
        else:
            raise IndexError
        if start > stop:
            raise IndexError
        yield tag >> 3, wire, begin, start, scalar


def _varints(payload: memoryview, start: int, stop: int) -> list[int]:
    out = []
    while start < stop:
        value, start = _varint(payload, start)
        out.append(value)
    return out


def _varint(payload: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = payload[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise IndexError
