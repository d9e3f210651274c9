"""SplitType, BatchStrategy and DataProcessing of a TransformJob: records, payloads, joined predictions.

Source: the developer guide, "Use batch transform to get inferences from large datasets" and "Associate
Prediction Results with Input Records".
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any

from .jsonpath import JsonPath

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
_HEADER = 8  # bytes of a RecordIO frame before its payload
_MAGIC = b"\x0a\x23\xd7\xce"
_FIELD = r'(?:"(?:[^"]|"")*"|[^",]*)'
_ROW = re.compile(rf"{_FIELD}(?:,{_FIELD})*")


class DataError(Exception):
    """Something in the data that fails its object; the message is for the job's log."""


def split(stream: BufferedIOBase, split_type: str, limit: int) -> Iterator[bytes]:
    """The records of an object by its SplitType: its lines, its RecordIO frames, or itself as the only one.

    Raises DataError for a record of more than ``limit`` bytes.
    """
    if split_type == "None":
        yield _within(stream.read(limit + 1), limit)
    elif split_type == "Line":
        while line := stream.readline(limit + 2):
            yield _within(line.removesuffix(b"\n"), limit)
    else:
        while head := stream.read(_HEADER):
            length = int.from_bytes(head[4:], "little")
            if head[:4] != _MAGIC or len(head) < _HEADER:
                raise DataError("The object is not RecordIO: a record does not begin with its magic number.")
            if _HEADER + length > limit:
                raise _too_large()
            rest = stream.read(length + -length % 4)
            if len(rest) < length:
                raise DataError("The object is not RecordIO: its last record is cut short.")
            yield head + rest


def _within(record: bytes, limit: int) -> bytes:
    if len(record) > limit:
        raise _too_large()
    return record


def _too_large() -> DataError:
    return DataError("Too much data for max payload size")


@dataclass(frozen=True)
class DataProcessing:
    """A job's DataProcessing: what of a record the model gets, and what of record and prediction is kept.

    ``join`` adds the prediction to the record; records are rows of CSV or JSON documents, by their ``media`` type.
    """

    media: str
    input_filter: JsonPath
    output_filter: JsonPath
    join: bool

    @property
    def is_csv(self) -> bool:
        """Whether records are rows of CSV; else they are JSON documents."""
        return self.media == CSV

    @property
    def of_output(self) -> bool:
        """Whether the output is another one than the model's own."""
        return self.join or not self.output_filter.whole

    def payload(self, record: bytes) -> bytes:
        """What of a record is sent to the model; DataError if it cannot be parsed or filtered."""
        if self.input_filter.whole:
            return record
        return b"\n".join(
            self._write(self._select(self.input_filter, value)) for value in self._records(record, "input")
        )

    def output(self, records: list[bytes], answer: bytes) -> bytes:
        """The lines to keep of a payload's answer; DataError if it has not one prediction for each record."""
        inputs = [value for record in records for value in self._records(record, "input")]
        predictions = self._records(answer, "output", len(inputs))
        lines = []
        for value, prediction in zip(inputs, predictions, strict=True):
            if self.join:
                if self.is_csv:
                    output: object = [*value, *prediction]
                else:
                    joined = value if isinstance(value, dict) else {"SageMakerInput": value}
                    output = {**joined, "SageMakerOutput": prediction}
            else:
                output = prediction
            lines.append(self._write(self._select(self.output_filter, output)) + b"\n")
        return b"".join(lines)

    def _records(self, text: bytes, side: str, expected: int | None = None) -> list[Any]:
        if self.media == JSON and expected in (None, 1):
            lines = [text]  # one document, which may have several lines
        else:
            lines = [line for line in text.splitlines() if line.strip()]
        source, form = ("input" if side == "input" else "output from the algorithm"), "CSV" if self.is_csv else "JSON"
        try:
            records = [self._read(line) for line in lines]
        except (ValueError, RecursionError, csv.Error) as error:
            raise DataError(f"Failed to parse {source} as {form}: {error}") from None
        if expected is not None and len(records) != expected:
            raise DataError(
                f"Failed to parse {source} as {form}: {expected} records were sent and {len(records)} came back"
            )
        return records

    def _read(self, line: bytes) -> object:
        text = line.decode()
        if not self.is_csv:
            return json.loads(text)
        if '"' not in text:
            return text.split(",")
        if not _ROW.fullmatch(text):
            raise ValueError(f'bare " in non quoted field found near: {text[:60]}')
        return next(csv.reader([text]))

    def _write(self, record: object) -> bytes:
        if not self.is_csv:
            text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
            return text.encode(errors="backslashreplace")  # half a surrogate pair: its escape is JSON again
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(record if isinstance(record, list) else [record])
        return line.getvalue().encode()

    @staticmethod
    def _select(path: JsonPath, record: object) -> object:
        try:
            return path.apply(record)
        except ValueError as error:
            raise DataError(str(error)) from None


def batches(
    records: Iterator[bytes], processing: DataProcessing, single: bool, limit: int, glue: bytes
) -> Iterator[tuple[list[bytes], bytes]]:
    """Records and the payload made of them: one record if ``single``, else as many as ``limit`` bytes hold.

    ``glue`` stands between the records of a payload.
    """
    batch: list[bytes] = []
    parts: list[bytes] = []
    size = 0
    for record in records:
        part = processing.payload(record)
        if batch and (single or size + len(glue) + len(part) > limit):
            yield batch, glue.join(parts)
            batch, parts, size = [], [], 0
        batch.append(record)
        parts.append(part)
        size += len(part) + (len(glue) if len(parts) > 1 else 0)
    if batch:
        yield batch, glue.join(parts)
