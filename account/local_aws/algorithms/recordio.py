"""RecordIO-protobuf: the bytes that SageMaker's built-in algorithms read and write.

A file is a sequence of frames: ``uint32 0xCED7230A``, ``uint32 length`` (both little
endian), the payload, and zeros up to a multiple of four.  The payload is the protobuf
message ``aialgs.data.Record``
(https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html): two maps from a
name to a tensor, ``features`` (field 1) and ``label`` (field 2).

Records that a program wrote in one go differ in their numbers only.  So the first
record is parsed, every other one is compared with it byte by byte outside the numbers,
and all numbers are then taken in one strided copy.  Sparse records that have the same
fields, though of differing lengths, are parsed side by side.  Whatever else there is
(int32, dense and sparse records mixed) is parsed record by record.

A table of which one record is sparse is a ``SparseTable``: nothing here makes it dense.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix: TypeAlias = NDArray[np.float32]  # (n, d)
Vector: TypeAlias = NDArray[np.float32]  # (n,)
_MAGIC = 0xCED7230A
_WIDEST = 10_000_000
_WRITTEN = 1 << 18  # bytes that are put together at a time
_MOST_VALUES = 1 << 21  # of dense rows that are made one by one
_FRAME = struct.Struct("<II")
_FEATURES, _LABEL = 1, 2
_FLOAT32, _FLOAT64, _INT32, _BYTES = 2, 3, 7, 9
_DTYPES: dict[int, np.dtype[Any]] = {_FLOAT32: np.dtype("<f4"), _FLOAT64: np.dtype("<f8")}
_VARINT, _FIXED64, _BYTES_WIRE, _FIXED32 = 0, 1, 2, 5


class _Tensor(NamedTuple):
    """One tensor of a record; ``offset`` is where its packed floats begin, or -1."""

    kind: int
    values: NDArray[np.float64]
    offset: int
    keys: NDArray[np.int64] | None
    shape: list[int]


class SparseTable(NamedTuple):
    """Features (n, ``width``): row i has the entries ``values`` and ``keys`` from ``ends[i - 1]`` to ``ends[i]``.

    The keys of a row, counted from 0, are in order, and none is there twice.
    """

    values: NDArray[np.float32]
    keys: NDArray[np.int32]
    ends: NDArray[np.int64]
    width: int

    def __len__(self) -> int:
        return len(self.ends)

    @classmethod
    def of(cls, rows: NDArray[np.float32], all_of_it: bool = False) -> SparseTable:
        """Dense rows (n, d) without their zeros, or with them."""
        where, keys = np.nonzero(np.ones_like(rows) if all_of_it else rows)
        ends = np.cumsum(np.bincount(where, minlength=len(rows)))
        return cls(rows[where, keys].astype(np.float32), keys.astype(np.int32), ends, rows.shape[1])

    def csr(self) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]:
        """Values, keys and begins as SciPy's ``csr_array`` takes them."""
        return self.values, self.keys, np.concatenate([[0], self.ends])

    def dense(self, absent: float = 0.0) -> Matrix:
        """The same in dense rows, with ``absent`` for what has no key."""
        rows = np.full((len(self), self.width), absent, np.float32)
        rows[np.repeat(np.arange(len(self)), np.diff(self.ends, prepend=0)), self.keys] = self.values
        return rows


Table = tuple[Matrix | SparseTable, Vector | None]


def read_records(data: bytes | memoryview) -> Table:
    """Decode a RecordIO-protobuf file into features (n, d) and labels (n,), or None without labels.

    Float64 and Int32 tensors are converted to float32; if any record is sparse (``keys``
    and ``shape``), the features are a SparseTable.  Raises ValueError, with a sentence that names the record
    (counted from 1), on anything that is not such a file.  No data gives (0, 0).
    """
    view = memoryview(data).cast("B") if not isinstance(data, bytes) else memoryview(data)
    if not len(view):
        return np.empty((0, 0), np.float32), None
    seen = _Seen()
    if (table := _read_uniform(view, seen)) is not None:
        return table
    features, labels = zip(*(_read_sparse(view, seen) or _read_one_by_one(view, seen)), strict=True)
    return _join(features), None if labels[0] is None else np.concatenate(labels)


def read_dense_records(data: bytes | memoryview, absent: float) -> tuple[Matrix, Vector | None]:
    """As :func:`read_records`, with sparse records made dense: ``absent`` stands for what has no key."""
    features, labels = read_records(data)
    return features.dense(absent) if isinstance(features, SparseTable) else features, labels


def read_blocks(stream: BinaryIO, size: int = 1 << 20) -> Iterator[Table]:
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
                yield from _read_sparse(view[:whole], seen) or _read_one_by_one(view[:whole], seen)
            else:
                seen.take(table)
                yield table
        pending = bytes(view[whole:])
        seen.bytes += whole
        if not data:
            return


def _join(tables: Sequence[Matrix | SparseTable]) -> Matrix | SparseTable:
    """One table of several; a sparse one if any of them is."""
    dense = [table for table in tables if not isinstance(table, SparseTable)]
    if len(dense) == len(tables):
        return np.concatenate(dense)
    sparse = [table if isinstance(table, SparseTable) else SparseTable.of(table, all_of_it=True) for table in tables]
    starts = np.cumsum([0, *(len(table.values) for table in sparse)])
    ends = [table.ends + start for table, start in zip(sparse, starts, strict=False)]
    values = np.concatenate([table.values for table in sparse])
    keys = np.concatenate([table.keys for table in sparse])
    return SparseTable(values, keys, np.concatenate(ends), sparse[0].width)


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
        out.write(some.data)
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
    stride: int = _FRAME.size + length + -length % 4
    return len(view) // stride * stride


def _whole_frames(view: memoryview) -> int:
    """The same for records of any length; what is no record is left to the parser."""
    position = 0
    while len(view) - position >= _FRAME.size:
        magic, length = _FRAME.unpack_from(view, position)
        if magic != _MAGIC:
            return len(view)
        end: int = position + _FRAME.size + length + -length % 4
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


def _read_sparse(view: memoryview, seen: _Seen) -> list[Table] | None:
    """All records at once, in one table, or None when they are not sparse Float32 records of the same fields.

    What is wrong with a record is left to those who read one by one.
    """
    data, frames = np.frombuffer(view, np.uint8), _frames(view)
    if frames is None:
        return None
    try:
        record = _fields_of_all(data, *frames)
        if sorted(record) not in ([_FEATURES], [_FEATURES, _LABEL]):
            return None
        tensors = {}
        for field, span in record.items():
            entry = _fields_of_all(data, *span)
            names = _gather(data, *entry[1])
            if bytes(names) != b"values" * len(frames[0]):
                return None
            kinds = _fields_of_all(data, *entry[2])
            if list(kinds) != [_FLOAT32]:
                return None
            tensors[field] = _fields_of_all(data, *kinds[_FLOAT32])
        features, label = tensors[_FEATURES], tensors.get(_LABEL)
        widths = _varints(data, *features[3])
        sizes, rest = np.divmod(features[1][1] - features[1][0], 4)
        if rest.any():
            return None
        keys, counts = _varints(data, *features[2]), _count_varints(data, *features[2])
        values = _gather(data, *features[1]).view("<f4")
    except (KeyError, ValueError, IndexError):
        return None
    width = int(widths[0])
    if len(widths) != len(sizes) or (widths != width).any() or (counts != sizes).any() or width > _WIDEST:
        return None
    if (seen.records and (width != seen.width or seen.labelled is (label is None))) or keys.max() >= width:
        return None
    labels = None
    if label is not None:
        labels = _gather(data, *label[1]).view("<f4")
        if list(label) != [1] or (label[1][1] - label[1][0] != 4).any():
            return None
    table = _sparse_table(values, keys.astype(np.int32), sizes, width, seen.records + 1)
    seen.check(width, None if label is None else 1)
    seen.records += len(sizes)
    return [(table, labels)]


Spans = tuple[NDArray[np.int64], NDArray[np.int64]]


def _frames(view: memoryview) -> Spans | None:
    """Begins and ends of all payloads; None if there is anything but whole records."""
    position, spans = 0, []
    while len(view) - position >= _FRAME.size:
        magic, length = _FRAME.unpack_from(view, position)
        begin, position = position + _FRAME.size, position + _FRAME.size + length + -length % 4
        if magic != _MAGIC:
            return None
        spans.append((begin, begin + length))
    if position != len(view) or not spans:
        return None
    begins, ends = np.array(spans, np.int64).T
    return begins, ends


def _fields_of_all(data: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]) -> dict[int, Spans]:
    """Where the bodies of the fields lie in messages that have the same ones, in the same order, all with lengths.

    ValueError if they do not, or have one twice.
    """
    bodies: dict[int, Spans] = {}
    position = begins
    while (position < ends).any():
        tags = data.take(position, mode="clip")
        tag = int(tags[0])
        if (position >= ends).any() or (tags != tag).any() or tag & 0x87 != _BYTES_WIRE or tag >> 3 in bodies:
            raise ValueError
        position, length, shift = position + 1, np.zeros(len(position), np.int64), 0
        more = np.ones(len(position), bool)
        while more.any():
            byte = data.take(position, mode="clip").astype(np.int64)
            length += np.where(more, (byte & 0x7F) << shift, 0)
            position, more, shift = position + more, more & (byte >= 0x80), shift + 7
            if shift > 28:
                raise ValueError
        bodies[tag >> 3] = position, position + length
        position = position + length
    if (position != ends).any():
        raise ValueError
    return bodies


def _gather(data: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The bytes of all spans, one after the other."""
    sizes = ends - begins
    places = np.arange(sizes.sum()) + np.repeat(begins - (np.cumsum(sizes) - sizes), sizes)
    gathered: NDArray[np.uint8] = data[places]
    return gathered


def _count_varints(data: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many numbers each packed field has; IndexError if one is cut short."""
    if (ends <= begins).any() or (data[ends - 1] >= 0x80).any():
        raise IndexError
    upto = np.concatenate([[0], np.cumsum(data < 0x80)])
    counts: NDArray[np.int64] = upto[ends] - upto[begins]
    return counts


def _read_one_by_one(view: memoryview, seen: _Seen) -> Iterator[Table]:
    """Records of any kind, in tables of a bounded size."""
    tensors: list[_Tensor] = []
    labels: list[np.float64] = []
    numbers = 0

    def table() -> Table:
        first = seen.records - len(tensors) + 1
        return _tabulate(tensors, seen.width, first), np.array(labels, np.float32) if seen.labelled else None

    for number, payload in enumerate(_payloads(view, seen), start=seen.records + 1):
        features, label = _parse_record(payload, number)
        seen.check(_width(features, number), None if label is None else label.values.size)
        seen.records += 1
        tensors.append(features)
        if label is not None:
            labels.append(label.values[0])
        numbers += features.values.size
        if numbers >= _MOST_VALUES:
            yield table()
            tensors, labels, numbers = [], [], 0
    if tensors:
        yield table()


def _width(tensor: _Tensor, number: int) -> int:
    """How many features a record has, zeros included."""
    if tensor.keys is None:
        return tensor.values.size
    if len(tensor.shape) != 1 or tensor.keys.size != tensor.values.size:
        raise ValueError(f"record {number} is sparse but its keys, values and shape do not fit together")
    if tensor.shape[0] > _WIDEST:
        raise ValueError(f"record {number} has {tensor.shape[0]} columns; more than {_WIDEST} do not fit in memory")
    if tensor.keys.size and not 0 <= tensor.keys.min() <= tensor.keys.max() < tensor.shape[0]:
        raise ValueError(f"record {number} has a key outside its shape [{tensor.shape[0]}]")
    return tensor.shape[0]


def _tabulate(tensors: list[_Tensor], width: int, first: int) -> Matrix | SparseTable:
    """A table of records of one width, of which the first has the number ``first``."""
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite
        if all(tensor.keys is None for tensor in tensors):
            return np.array([tensor.values for tensor in tensors], np.float32)
        values = np.concatenate([tensor.values for tensor in tensors]).astype(np.float32)
    every = np.arange(width)
    keys = np.concatenate([every if tensor.keys is None else tensor.keys for tensor in tensors]).astype(np.int32)
    return _sparse_table(values, keys, np.array([tensor.values.size for tensor in tensors]), width, first)


def _sparse_table(
    values: NDArray[np.float32], keys: NDArray[np.int32], sizes: NDArray[np.int64], width: int, first: int
) -> SparseTable:
    """A table of rows of ``sizes`` entries; keys may come in any order."""
    rows = np.repeat(np.arange(len(sizes)), sizes)
    # In the order of rows and keys, two that are equal stand side by side.
    places = rows * width + keys
    if (places[1:] <= places[:-1]).any():
        order = np.argsort(places, kind="stable")
        values, keys, places = values[order], keys[order], places[order]
        twice = np.flatnonzero(places[1:] == places[:-1])
        if twice.size:
            raise ValueError(f"record {first + rows[twice[0]]} has the key {keys[twice[0]]} twice")
    return SparseTable(values, keys, np.cumsum(sizes), width)


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
    keys: list[NDArray[np.uint64]] = []
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
            numbers = np.array([scalar], np.uint64)
            if wire != _VARINT:
                numbers = _varints(np.frombuffer(payload, np.uint8), np.array([begin]), np.array([end]))
            if field == 1:
                values.append(numbers.astype(np.int64).astype(np.float64))
            elif field == 2:
                keys.append(numbers)
            elif field == 3:
                shape += numbers.tolist()
    places = np.concatenate(keys) if keys else np.empty(0, np.uint64)
    return _Tensor(
        kind,
        np.concatenate(values) if values else np.empty(0),
        offset if packed_runs == 1 else -1,
        # What is no int64 is negative afterwards, and outside any shape.
        places.astype(np.int64) if len(places) or shape else None,
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


def _varints(data: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The numbers of packed fields, all in one array."""
    data = _gather(data, begins, ends)
    last = np.flatnonzero(data < 0x80)
    if len(last) == len(data):  # numbers below 128
        return data.astype(np.uint64)
    if not len(last) or last[-1] != len(data) - 1:
        raise IndexError
    starts = np.concatenate([[0], last[:-1] + 1])
    place = np.arange(len(data)) - np.repeat(starts, last - starts + 1)
    if place.max() > 9:
        raise IndexError
    return np.add.reduceat((data & 0x7F).astype(np.uint64) << (7 * place).astype(np.uint64), starts)


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
