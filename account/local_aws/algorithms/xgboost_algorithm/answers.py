"""Response bodies: predictions alone, or the content that ``SAGEMAKER_INFERENCE_OUTPUT`` selects.

Source: ``algorithm_mode/serve.py`` and ``serve_utils.py`` of AWS's container.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local_aws.algorithms.recordio import write_labels, write_scores

from .custom_metrics import classes
from .log import logger

CSV, JSON, JSON_LINES, RECORDIO = (
    "text/csv", "application/json", "application/jsonlines", "application/x-recordio-protobuf",
)  # fmt: skip
ACCEPTED = [JSON, JSON_LINES, RECORDIO, CSV]

Predictions = NDArray[np.float32]  # (n,), or (n, k) of multi:softprob

_SCORES = ["predicted_score"]
_CLASSES = ["predicted_label", "labels", "raw_score", "raw_scores"]
_PROBABILITIES = ["predicted_label", "labels", "probability", "probabilities", "raw_score", "raw_scores"]
_SELECTABLE = {
    "reg:squarederror": _SCORES,
    "reg:logistic": _SCORES,
    "reg:gamma": _SCORES,
    "reg:tweedie": _SCORES,
    "binary:logistic": _PROBABILITIES,
    "binary:logitraw": _CLASSES,
    "binary:hinge": _CLASSES,
    "multi:softmax": _CLASSES,
    "multi:softprob": _PROBABILITIES,
}


def encode(predictions: Predictions, accept: str, batch: bool, joined: bool = False) -> bytes:
    """Predictions alone, one a line or (``joined``) all in one.

    ``batch``: one a line, whatever is accepted, as batch transform wants them.
    """
    values = predictions.tolist()
    if batch:
        return "".join(f"{value}\n" for value in values).encode()
    if joined:
        return ",".join(map(str, values)).encode()
    if accept == JSON:
        return json.dumps({"predictions": [{"score": value} for value in values]}).encode()
    if accept == JSON_LINES:
        return "".join(f"{json.dumps({'score': value})}\n" for value in values).encode()
    if accept == RECORDIO:
        return write_scores(predictions)
    rows = values if predictions.ndim > 1 else [[value] for value in values]
    return "".join(f"{','.join(map(str, row))}\n" for row in rows).encode()


def encode_selected(
    predictions: Predictions, keys: Sequence[str], objective: str, classes_count: int, accept: str, batch: bool
) -> bytes:
    """For each record the content that ``keys`` name; what the objective does not have is NaN.

    Raises ValueError if the objective has no such content at all.
    """
    if objective not in _SELECTABLE:
        raise ValueError(f"Objective `{objective}` unsupported for selectable inference predictions.")
    possible = _SELECTABLE[objective]
    unknown = {key for key in keys if key not in possible}
    if unknown:
        logger.warning(
            f"Selected key(s) {unknown} incompatible for objective '{objective}'. "
            f"Please use list of compatible selectable inference predictions: {possible}"
        )
    columns = _columns(predictions, objective, classes_count)
    count = len(predictions)
    chosen = {key: [float("nan")] * count if key in unknown else columns[key] for key in keys}
    if accept == RECORDIO:
        return write_labels(chosen)
    records = [dict(zip(chosen, row, strict=True)) for row in zip(*chosen.values(), strict=True)]
    if accept == JSON:
        return json.dumps({"predictions": records}).encode()
    if accept == JSON_LINES:
        return "".join(f"{json.dumps(record)}\n" for record in records).encode()
    lines = [",".join(_field(record[key]) for key in keys) for record in records]
    return ("\n".join(lines) + ("\n" if batch else "")).encode()


def _field(value: object) -> str:
    return f'"{value}"' if isinstance(value, list) else str(value)


def _columns(predictions: Predictions, objective: str, classes_count: int) -> dict[str, list[Any]]:
    """Each content that the objective has, one value for each record."""
    values = predictions.tolist()
    if objective.startswith("reg:"):
        return {"predicted_score": values}
    labels = list(range(classes_count)) if objective.startswith("multi:") else [0, 1]
    if objective == "multi:softprob":
        best, of_classes = [max(row) for row in values], values
    else:
        best, of_classes = values, [[1.0 - value, value] for value in values]
    says_its_class = objective in ("binary:hinge", "multi:softmax")
    return {
        "predicted_label": values if says_its_class else classes(predictions, objective).tolist(),
        "labels": [labels] * len(values),
        "probability": best,
        "probabilities": of_classes,
        "raw_score": best,
        "raw_scores": of_classes,
    }
