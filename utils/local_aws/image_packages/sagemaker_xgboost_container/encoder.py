"""Bodies of requests as XGBoost's matrices.

Source: ``encoder.py`` of AWS's open ``sagemaker-xgboost-container``.
"""

import csv
import tempfile

import numpy
import xgboost
from local_aws_formats import UnsupportedFormatError


def csv_to_dmatrix(input: str | bytes, dtype: object = float) -> xgboost.DMatrix:
    """Rows of features, separated by whatever the first one is; an empty field is a missing value."""
    text = input if isinstance(input, str) else input.decode()
    delimiter = csv.Sniffer().sniff(text.split("\n")[0][:512]).delimiter
    delimiter = "," if delimiter.isalnum() else delimiter
    rows = [[each or "nan" for each in line.split(delimiter)] for line in text.split("\n")]
    return xgboost.DMatrix(numpy.array(rows).astype(dtype or float))


def libsvm_to_dmatrix(string_like: bytes) -> xgboost.DMatrix:
    """Rows of LIBSVM, with their labels."""
    with tempfile.NamedTemporaryFile(suffix=".libsvm") as file:
        file.write(string_like)
        file.flush()
        return xgboost.DMatrix(f"{file.name}?format=libsvm")


def decode(obj: str | bytes, content_type: str) -> xgboost.DMatrix:
    """A request's body by its content type; UnsupportedFormatError."""
    media = content_type.partition(";")[0].strip()
    if media == "text/csv":
        return csv_to_dmatrix(obj)
    if media in ("text/libsvm", "text/x-libsvm"):
        return libsvm_to_dmatrix(obj.encode() if isinstance(obj, str) else obj)
    raise UnsupportedFormatError(media)
