"""Model artifact of Linear Learner: ``model_algo-1``, an uncompressed zip around an MXNet module.

Its four members are those of the archives that Amazon's algorithm uploads, so that what
https://docs.aws.amazon.com/sagemaker/latest/dg/ll_how-it-works.html says about loading
them with MXNet holds: graph, parameters, and two small JSON files.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .hyperparameters import LOSS_OF, MULTICLASS, REGRESSOR, Hyperparameters
from .losses import Loss

FILE_NAME = "model_algo-1"
_FILE_MAGIC, _ARRAY_MAGIC = 0x112, 0xF993FAC9
_MANIFEST = {"mx-mod": "mxnet_module", "additional-params.json": "json", "version": 1}
_NAMES = ("arg:fc0_weight", "arg:fc0_bias")
_FLOAT32 = 0
_BIAS_LR_MULT = 10.0


class Artifact(NamedTuple):
    """What a model file says: weights (d, outputs), bias (outputs,), and how outputs become answers."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    predictor_type: str
    loss: str
    threshold: float


def write(
    path: Path,
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    loss: Loss,
    threshold: float,
    hp: Hyperparameters,
) -> None:
    """Write weights (d, outputs) and bias (outputs,), both for raw features and labels, to ``path``."""
    members = {
        "additional-params.json": _json(_additional(loss, threshold, hp)),
        "manifest.json": _json(_MANIFEST),
        "mx-mod-symbol.json": json.dumps(_graph(weights.shape, loss, hp), indent=2).encode(),
        "mx-mod-0000.params": _write_arrays((weights, bias.reshape(1, -1))),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(name), body)


def read(path: Path) -> Artifact:
    """The model in a file.  Raises ValueError, with a sentence for the endpoint's log, if it is anything else."""
    try:
        with zipfile.ZipFile(path) as archive:
            body = archive.read("mx-mod-0000.params")
            additional = json.loads(archive.read("additional-params.json"))
    except FileNotFoundError:
        raise ValueError(f"the model archive has no file {path.name}") from None
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise ValueError(f"{path.name} is not a Linear Learner model: {error}") from None
    arrays = _read_arrays(body, path.name)
    weights, bias = (arrays.get(name) for name in _NAMES)
    if weights is None or bias is None or weights.ndim != 2 or bias.shape != (1, weights.shape[1]):
        raise ValueError(f"{path.name} does not hold the weights (d, k) and the bias (1, k) of a linear model")
    if not isinstance(additional, dict):
        additional = {}
    kind, loss, threshold = (additional.get(name) for name in ("predictor_type", "loss_type", "threshold"))
    if (
        not (isinstance(kind, str) and isinstance(loss, str) and isinstance(threshold, int | float))
        or isinstance(threshold, bool)
        or loss not in LOSS_OF.get(kind, ())
    ):
        raise ValueError(f"{path.name}: its additional-params.json describes no model of Linear Learner")
    if (weights.shape[1] > 1) != (kind == MULTICLASS):
        raise ValueError(f"{path.name} holds {weights.shape[1]} linear functions, which no {kind} has")
    return Artifact(weights, bias[0], kind, loss, float(threshold))


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _additional(loss: Loss, threshold: float, hp: Hyperparameters) -> dict[str, object]:
    settings = ("quantile", "huber_delta", "margin", "loss_insensitivity", "eps_insensitive_loss_type")
    return {
        "threshold": threshold,
        "loss_type": loss.name,
        "predictor_type": hp.predictor_type,
        "metrics_params": dict.fromkeys(settings)
        | {
            "accuracy_top_k": hp.accuracy_top_k,
            "f_beta": None if hp.predictor_type == REGRESSOR else hp.f_beta,
            "positive_example_weight_mult": 1.0,
            "class_weights": None,
            "threshold": threshold,
        }
        | loss.parameters(),
    }


def _graph(shape: tuple[int, ...], loss: Loss, hp: Hyperparameters) -> dict[str, object]:
    """MXNet 1.3.1's description of ``output(dot(data, fc0_weight) + fc0_bias, out_label)``."""
    features, outputs = shape
    bias_rate = _BIAS_LR_MULT if hp.bias_lr_mult is None else hp.bias_lr_mult

    def variable(name: str, **attrs: str) -> dict[str, object]:
        return {"op": "null", "name": name, **({"attrs": attrs} if attrs else {}), "inputs": []}

    def operator(op: str, name: str, *inputs: int) -> dict[str, object]:
        return {"op": op, "name": name, "inputs": [[i, 0, 0] for i in inputs]}

    return {
        "nodes": [
            variable("data"),
            variable("fc0_weight", __shape__=f"({features}, {outputs})"),
            operator("dot", "dot47", 0, 1),
            variable("fc0_bias", __lr_mult__=str(bias_rate), __shape__=f"(1, {outputs})"),
            operator("broadcast_add", "broadcast_plus47", 2, 3),
            variable("out_label"),
            operator(loss.mxnet_output, f"{loss.mxnet_output.lower()}47", 4, 5),
        ],
        "arg_nodes": [0, 1, 3, 5],
        "node_row_ptr": list(range(8)),
        "heads": [[6, 0, 0]],
        "attrs": {"mxnet_version": ["int", 10301]},
    }


def _write_arrays(arrays: tuple[NDArray[np.float32], ...]) -> bytes:
    """MXNet's NDArray file: a header, each array with its shape and type, then the names."""
    out = io.BytesIO()
    out.write(struct.pack("<QQQ", _FILE_MAGIC, 0, len(arrays)))
    for array in arrays:
        out.write(struct.pack("<IiI", _ARRAY_MAGIC, 0, array.ndim))
        out.write(struct.pack(f"<{array.ndim}q", *array.shape))
        out.write(struct.pack("<iii", 1, 0, _FLOAT32))  # on the CPU, device 0
        out.write(array.astype("<f4").tobytes())
    out.write(struct.pack("<Q", len(_NAMES)))
    for name in _NAMES:
        out.write(struct.pack("<Q", len(name)) + name.encode())
    return out.getvalue()


def _read_arrays(body: bytes, source: str) -> dict[str, NDArray[np.float32]]:
    position = 0

    def take(pattern: str) -> tuple[Any, ...]:
        nonlocal position
        values = struct.unpack_from(pattern, body, position)
        position += struct.calcsize(pattern)
        return values

    try:
        magic, _, count = take("<QQQ")
        if magic != _FILE_MAGIC:
            raise ValueError("wrong magic number")
        arrays = []
        for _ in range(count):
            magic, storage, ndim = take("<IiI")
            if magic != _ARRAY_MAGIC or storage not in (0, -1) or ndim > 8:
                raise ValueError("not a dense array")
            shape = take(f"<{ndim}q")
            *_, kind = take("<iii")
            if kind != _FLOAT32:
                raise ValueError("not float32")
            size = int(np.prod(shape))
            arrays.append(np.frombuffer(body, "<f4", size, position).reshape(shape).astype(np.float32))
            position += 4 * size
        (names,) = take("<Q")
        if names != count:
            raise ValueError("names and arrays differ in number")
        labels = [take(f"<{take('<Q')[0]}s")[0].decode() for _ in range(count)]
    except (struct.error, ValueError, OverflowError, MemoryError) as error:
        raise ValueError(f"the parameters in {source} cannot be read: {error}") from None
    return dict(zip(labels, arrays, strict=True))
