"""Bodies of requests as XGBoost's matrices.

Source: ``encoder.py`` of AWS's open ``sagemaker-xgboost-container`` 3.0-5.
"""

import csv
import importlib.util
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import xgboost
from numpy.typing import DTypeLike
from sagemaker_containers import _content_types, _errors

from .constants import xgb_content_types


def csv_to_dmatrix(input: str | bytes, dtype: DTypeLike | None = None) -> xgboost.DMatrix:
    """Rows of features, separated by whatever the first one is; an empty field is a missing value."""
    text = input.decode() if isinstance(input, bytes) else input
    delimiter = csv.Sniffer().sniff(text.split("\n")[0][:512]).delimiter
    delimiter = "," if delimiter.isalnum() else delimiter
    rows = [[field or "nan" for field in line.split(delimiter)] for line in text.split("\n")]
    return xgboost.DMatrix(numpy.array(rows).astype(dtype))


def libsvm_to_dmatrix(string_like: bytes) -> xgboost.DMatrix:
    """Rows of LIBSVM, with their labels."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(string_like)
        file.flush()
        return xgboost.DMatrix(f"{file.name}?format=libsvm")


def recordio_protobuf_to_dmatrix(string_like: bytes) -> xgboost.DMatrix:
    """Records' features, without their labels."""
    return xgboost.DMatrix(read_recordio(bytes(string_like))[0])


def read_recordio(data: bytes) -> tuple[Any, Any]:
    """Features (n, d), sparse if a record is, and labels (n,) or None; ValueError.

    The account's own reader is taken by its file: what is called ``utils`` here is the user's.
    """
    from scipy.sparse import csr_array

    spec = importlib.util.spec_from_file_location(
        "local_aws_recordio", Path(__file__).parents[3] / "algorithms" / "recordio.py"
    )
    assert spec and spec.loader  # a file that ends with .py has both
    recordio = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recordio)
    table, labels = recordio.read_records(data)
    if isinstance(table, recordio.SparseTable):
        table = csr_array(table.csr(), shape=(len(table), table.width))
    return table, labels


_dmatrix_decoders_map: dict[str, Callable[..., xgboost.DMatrix]] = {
    _content_types.CSV: csv_to_dmatrix,
    xgb_content_types.LIBSVM: libsvm_to_dmatrix,
    xgb_content_types.X_LIBSVM: libsvm_to_dmatrix,
    xgb_content_types.X_RECORDIO_PROTOBUF: recordio_protobuf_to_dmatrix,
}


def json_to_jsonlines(json_data: dict[str, Any] | str | bytes) -> bytes:
    """The only list of an object, an entry a line; ValueError if there are others."""
    lists = json_data if isinstance(json_data, dict) else json.loads(json_data)
    if len(lists) != 1:
        raise ValueError("JSON response is not compatible for conversion to jsonlines.")
    (entries,) = lists.values()
    return "".join(f"{json.dumps(entry)}\n" for entry in entries).encode()


def decode(obj: str | bytes, content_type: str) -> xgboost.DMatrix:
    """A request's body by its content type; ``UnsupportedFormatError``."""
    media = content_type.partition(";")[0].strip()
    try:
        return _dmatrix_decoders_map[media](obj)
    except KeyError:
        raise _errors.UnsupportedFormatError(media) from None
