"""Inference: a loaded model that answers request bodies.

Formats: https://docs.aws.amazon.com/sagemaker/latest/dg/LL-in-formats.html
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import get_ident
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from local_aws.algorithms.recordio import SparseTable, read_records, write_scores
from local_aws.containers.image import ModelAnswer

from .artifact import FILE_NAME, Artifact, read
from .hyperparameters import BINARY, REGRESSOR
from .losses import sigmoid, softmax
from .plain_csv import parse_plain

JSON, JSON_LINES = "application/json", "application/jsonlines"
RECORDIO, CSV = "application/x-recordio-protobuf", "text/csv"
FEW = 16  # scores, which Python writes sooner than it has seen whether a faster writer may
_BAD_PAYLOAD = "unable to evaluate payload provided"


class _Bad(Exception):
    """A payload that cannot be evaluated; the message is for the log."""


class _Predictions(NamedTuple):
    """Scores (n, k), float32 as the algorithm's, and a classifier's labels (n,)."""

    scores: NDArray[np.float32]
    labels: NDArray[np.int64] | None


class Model:
    """A model ready to score.  ``batch``: it serves a transform job, and answers in the form kept for these."""

    def __init__(self, model: Artifact, batch: bool = False) -> None:
        self._weights, self._bias = model.weights.astype(np.float64), model.bias.astype(np.float64)
        self._type, self._threshold = model.predictor_type, model.threshold
        self._link = {"logistic": sigmoid, "softmax_loss": softmax}.get(model.loss)
        self.feature_dim = len(model.weights)
        self._encoders = _ENCODERS | {JSON_LINES: _encode_batch} if batch else _ENCODERS
        self._default = JSON_LINES if batch else JSON

    @classmethod
    def load(cls, folder: Path, batch: bool = False) -> Model:
        """Load ``model_algo-1`` from an extracted ``model.tar.gz``; ValueError says what is wrong with it."""
        return cls(read(Path(folder) / FILE_NAME), batch)

    def execution_parameters(self) -> dict[str, Any]:
        """What the container tells batch transform of itself: one worker per processor, as on AWS."""
        workers = os.cpu_count() or 1
        return {"MaxConcurrentTransforms": workers, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}

    def invoke(self, body: bytes, content_type: str | None, accept: str | None) -> ModelAnswer:
        """Answer one request: 200 with scores, 400 for a bad payload, 415 for an unknown format of it."""
        kind = _media_type(content_type)
        decode = _DECODERS.get(kind)
        if decode is None:
            return _refusal(415, f"No iterator has been registered for ContentType ({kind!r}, '1.0')")
        encoding = _accepted(accept, self._default)
        try:
            # What overflows becomes infinite, and is refused for that.
            with np.errstate(over="ignore", invalid="ignore"):
                predictions = self._predict(decode(body))
        except _Bad as error:
            return ModelAnswer(400, "text/plain", _BAD_PAYLOAD.encode(), _log_line(str(error)))
        return ModelAnswer(200, encoding, self._encoders[encoding](predictions), "")

    def _predict(self, rows: NDArray[np.float32]) -> _Predictions:
        """Scores and labels for rows (n, d), dense or sparse."""
        if rows.shape[1] != self.feature_dim:
            raise _Bad(
                f"The feature dimension of the input: {rows.shape[1]} does not match the feature dimension "
                f"of the model: {self.feature_dim}. Please fix the input and try again."
            )
        outputs = rows @ self._weights + self._bias
        scores = outputs.astype(np.float32)
        # A sum is finite only if all its parts are: one look at it instead of one per feature.
        if not math.isfinite(scores.sum(dtype=np.float64)):
            raise _Bad("The input or the score of a record is not a finite number.")
        if self._link:
            scores = self._link(outputs).astype(np.float32)
        if self._type == REGRESSOR:
            return _Predictions(scores, None)
        if self._type == BINARY:
            return _Predictions(scores, (scores[:, 0] >= self._threshold).astype(np.int64))
        return _Predictions(scores, scores.argmax(axis=1))


def _media_type(header: str | None) -> str:
    return (header or "").partition(";")[0].strip().lower()


def _accepted(header: str | None, default: str) -> str:
    """The format of an answer: what is preferred in an Accept header of those that there are, else JSON.

    ``default`` is for a request that asks for nothing, and for one that takes anything at all.
    """
    preferred, most = None, 0.0
    for part in (header or "").split(","):
        quality = _quality(part)
        if quality > most and (kind := _media_type(part)) in (*_ENCODERS, "*/*", "application/*"):
            preferred, most = kind, quality
    if preferred in _ENCODERS:
        return preferred
    return default if preferred or not (header or "").strip() else JSON


def _quality(part: str) -> float:
    """The quality value of one of Accept's media types, which is 1 where it says none."""
    for parameter in part.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 1.0
    return 1.0


def _refusal(status: int, sentence: str) -> ModelAnswer:
    return ModelAnswer(status, "text/plain", sentence.encode(), _log_line(sentence))


def _log_line(sentence: str) -> str:
    now = datetime.now(UTC).strftime("%m/%d/%Y %H:%M:%S")
    return f"[{now} ERROR {get_ident()}] Customer Error: {sentence}"


def _decode_csv(body: bytes) -> NDArray[np.float32]:
    body = body.strip()
    if not body:
        raise _Bad("The input is not CSV of numbers.")
    with contextlib.suppress(ValueError):  # something odd, which NumPy takes or names
        return parse_plain(body)
    try:
        return np.loadtxt(io.BytesIO(body), np.float32, comments=None, delimiter=",", ndmin=2)
    except (ValueError, OverflowError) as error:
        raise _Bad(f"Unable to parse csv: {error}") from None


def _decode_json(body: bytes) -> NDArray[np.float32]:
    document = _parse_json(body)
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list) or not instances:
        raise _Bad('The input has no list of "instances".')
    return _table([_features(instance) for instance in instances])


def _decode_json_lines(body: bytes) -> NDArray[np.float32]:
    lines = [line for line in body.splitlines() if line.strip()]
    if not lines:
        raise _Bad("The input is empty.")
    return _table([_features(_parse_json(line)) for line in lines])


def _parse_json(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Bad(f"The input is not JSON: {error}") from None


def _features(instance: object) -> list[float]:
    """The numbers of one instance in any of its documented forms: short, long, or sparse."""
    if isinstance(instance, dict):
        features = instance.get("features")
        if isinstance(features, list):
            return features
        data = instance.get("data")
        features = data.get("features") if isinstance(data, dict) else features
        if isinstance(features, dict) and isinstance(features.get("values"), list):
            return _dense(features) if "keys" in features else features["values"]
    raise _Bad('An instance has no "features" with numbers.')


def _dense(features: dict[str, Any]) -> list[float]:
    keys, shape, values = features["keys"], features.get("shape"), features["values"]
    if (
        not (isinstance(keys, list) and isinstance(shape, list))
        or not all(type(n) is int and n >= 0 for n in [*keys, *shape])
        or len(shape) != 1
        or len(keys) != len(values)
    ):
        raise _Bad("The keys, shape and values of a sparse instance do not fit together.")
    if shape[0] > 10_000_000 or any(key >= shape[0] for key in keys):
        raise _Bad(f"A sparse instance does not fit its shape {shape}.")
    row = [0.0] * shape[0]
    for key, value in zip(keys, values, strict=True):
        row[key] = value
    return row


def _table(rows: list[list[float]]) -> NDArray[np.float32]:
    if any(len(row) != len(rows[0]) for row in rows):
        raise _Bad("The instances differ in their number of features.")
    if not all(type(value) in (int, float) for row in rows for value in row):
        raise _Bad("A feature is not a number.")
    try:
        return np.array(rows, np.float32)
    except OverflowError:
        raise _Bad("A feature is too large for float32.") from None


def _decode_recordio(body: bytes) -> Any:
    """The features (n, d) of records, a ``csr_array`` if one of them is sparse."""
    if not body:
        raise _Bad("The input is empty.")
    try:
        features, _ = read_records(body)
    except ValueError as error:
        raise _Bad(f"The input is not recordio-protobuf: {error}.") from None
    if isinstance(features, SparseTable):
        from scipy.sparse import csr_array  # half a second, for those who need it

        return csr_array(features.csr(), shape=(len(features), features.width))
    return features


def _values(predictions: _Predictions) -> tuple[str, list[Any]]:
    """A ``%`` pattern for the JSON of one record, and what goes into it for all records.

    The scores of several classes are written as a list, as Python and JSON both do.
    """
    single = predictions.scores.shape[1] == 1
    scores = (predictions.scores[:, 0] if single else predictions.scores).tolist()
    if predictions.labels is None:
        return '{"score": %r}', scores
    pairs = zip(scores, predictions.labels.tolist(), strict=True)
    return '{"score": %r, "predicted_label": %r}', [value for pair in pairs for value in pair]


def _encode_json(predictions: _Predictions) -> bytes:
    if predictions.labels is None and predictions.scores.shape[1] == 1 and len(predictions.scores) > FEW:
        scores = predictions.scores[:, 0].astype(np.float64)
        if _written_alike(scores):
            numbers = orjson.dumps(scores, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
            return b'{"predictions": [{"score": ' + numbers.replace(b",", b'}, {"score": ') + b"}]}"
    pattern, values = _values(predictions)
    patterns = ", ".join([pattern] * len(predictions.scores))
    return (f'{{"predictions": [{patterns}]}}' % tuple(values)).encode()


def _written_alike(scores: NDArray[np.float64]) -> bool:
    """Whether a fast writer of JSON writes these numbers as Python does, which alone begins 0.00001 with ``1e-05``."""
    sizes = np.abs(scores)
    return bool(sizes.min() >= 1e-4 and sizes.max() < 1e15)


def _encode_json_lines(predictions: _Predictions) -> bytes:
    pattern, values = _values(predictions)
    return (f"{pattern}\n" * len(predictions.scores) % tuple(values)).encode()


def _encode_batch(predictions: _Predictions) -> bytes:
    """JSON lines as transform jobs have written them: the label first, no spaces, 15 significant digits."""
    rows = [[float(f"{score:.15g}") for score in row] for row in predictions.scores.tolist()]
    records = [{"score": row if len(row) > 1 else row[0]} for row in rows]
    if predictions.labels is not None:
        labels = predictions.labels.tolist()
        records = [{"predicted_label": label, **record} for label, record in zip(labels, records, strict=True)]
    return b"".join(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records)


def _encode_recordio(predictions: _Predictions) -> bytes:
    return write_scores(predictions.scores, predictions.labels)


_DECODERS: dict[str, Callable[[bytes], Any]] = {  # to features (n, d), float32
    CSV: _decode_csv,
    JSON: _decode_json,
    JSON_LINES: _decode_json_lines,
    RECORDIO: _decode_recordio,
}
_ENCODERS: dict[str, Callable[[_Predictions], bytes]] = {
    JSON: _encode_json,
    JSON_LINES: _encode_json_lines,
    RECORDIO: _encode_recordio,
}
