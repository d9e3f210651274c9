"""Request bodies as XGBoost's matrices.

Source: ``algorithm_mode/serve_utils.py`` and ``encoder.py`` of AWS's container.
"""

from __future__ import annotations

import csv

import numpy as np
from scipy.sparse import csr_matrix

from local_aws.algorithms.recordio import read_dense_records

from . import content_types
from .content_types import CSV, LIBSVM, PARQUET
from .errors import UserError
from .library import xgboost
from .log import logger


class NotReadable(Exception):
    """A body that is not what its content type says; the message is the answer."""


def read(body: bytes, content_type: str | None) -> tuple[xgboost.DMatrix, str]:
    """The records of a request, and the format that it has.  Raises NotReadable."""
    try:
        kind = content_types.read(content_type)
    except UserError as error:
        raise NotReadable(str(error)) from None
    if kind == PARQUET:
        raise NotReadable(f"Content-type {content_type} is not supported.")
    decode = _read_csv if kind == CSV else _read_libsvm if kind == LIBSVM else _read_recordio
    try:
        return decode(body), kind
    except Exception as error:  # whatever a reader says of the data
        gap = " " if decode is _read_recordio else "\n "
        raise NotReadable(
            f"Loading {kind} data failed with Exception, please ensure data is in {kind} format:"
            f"{gap}{type(error)}{gap}{error}"
        ) from None


def _read_csv(body: bytes) -> xgboost.DMatrix:
    lines = body.strip().decode("utf-8").split("\n")
    sniffed = csv.Sniffer().sniff(lines[0][:512]).delimiter
    delimiter = "," if sniffed.isalnum() else sniffed
    logger.info(f"Determined delimiter of CSV input is '{delimiter}'")
    rows = [[field or "nan" for field in line.split(delimiter)] for line in lines]
    return xgboost.DMatrix(np.array(rows).astype(float))


def _read_libsvm(body: bytes) -> xgboost.DMatrix:
    lines = body.strip().decode("utf-8").split("\n")
    rows, columns, values = [], [], []
    for row, line in enumerate(lines):
        for item in line.split(" "):
            if ":" in item:
                column, value = item.split(":")[:2]
                rows.append(row)
                columns.append(int(column))
                values.append(float(value))
    return xgboost.DMatrix(csr_matrix((values, (rows, columns)), shape=(len(lines), max(columns) + 1)))


def _read_recordio(body: bytes) -> xgboost.DMatrix:
    return xgboost.DMatrix(read_dense_records(body, absent=np.nan)[0])
