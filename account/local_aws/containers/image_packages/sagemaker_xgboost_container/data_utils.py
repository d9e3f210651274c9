"""A channel's files as one of XGBoost's matrices.

Source: ``data_utils.py`` of AWS's open ``sagemaker-xgboost-container`` 3.0-5.
"""

import csv
import logging
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import xgboost
from local_aws_absent import Absent
from sagemaker_algorithm_toolkit import exceptions as exc
from sagemaker_containers import _content_types

from .constants import xgb_content_types
from .encoder import read_recordio

CSV, LIBSVM, PARQUET, RECORDIO_PROTOBUF = "csv", "libsvm", "parquet", "recordio-protobuf"
MAX_FOLDER_DEPTH = 3
_KINDS = {
    CSV: CSV,
    LIBSVM: LIBSVM,
    PARQUET: PARQUET,
    RECORDIO_PROTOBUF: RECORDIO_PROTOBUF,
    _content_types.CSV: CSV,
    xgb_content_types.LIBSVM: LIBSVM,
    xgb_content_types.X_LIBSVM: LIBSVM,
    xgb_content_types.X_PARQUET: PARQUET,
    xgb_content_types.X_RECORDIO_PROTOBUF: RECORDIO_PROTOBUF,
}
VALID_CONTENT_TYPES = list(_KINDS)
_NO_PIPE = (
    "Pipe mode for {} is no longer supported. Please use Fast File mode (default) instead. "
    "Set input_mode='File' in your SageMaker Estimator or TrainingInput."
)


def get_content_type(content_type_cfg_val: str | None) -> str:
    """What a channel's content type is called here, such as ``csv``; UserError if it is none of XGBoost's."""
    if content_type_cfg_val is None:
        return LIBSVM
    media, *parameters = (part.strip() for part in content_type_cfg_val.lower().split(";"))
    if media not in _KINDS:
        raise exc.UserError(f"{content_type_cfg_val} is not an accepted ContentType: {', '.join(VALID_CONTENT_TYPES)}.")
    sizes = [
        size.strip() for name, _, size in (part.partition("=") for part in parameters) if name.strip() == "label_size"
    ]
    if _KINDS[media] == CSV and sizes and sizes[-1] != "1":
        raise exc.UserError(
            f"{content_type_cfg_val} is not an accepted csv ContentType. "
            "Optional parameter label_size must be equal to 1"
        )
    return _KINDS[media]


def get_csv_dmatrix(path: str, csv_weights: int, is_pipe: bool = False) -> xgboost.DMatrix:
    """CSV, separated as its first line is, with the label first and, if asked, the weight second."""
    if is_pipe:
        raise exc.UserError(_NO_PIPE.format("CSV"))
    with open(_below(path)[0]) as file:
        line = file.readline()
    try:
        delimiter = csv.Sniffer().sniff(line).delimiter
    except csv.Error as error:
        raise exc.UserError(f"Could not determine delimiter on line {line[:50]}:\n{error}") from None
    weight = "&weight_column=1" if csv_weights == 1 else ""
    return _matrix(CSV, path, f"format=csv&label_column=0&delimiter={delimiter}{weight}")


def get_libsvm_dmatrix(files_path: str, is_pipe: bool = False) -> xgboost.DMatrix:
    """LIBSVM."""
    if is_pipe:
        raise exc.UserError("Pipe mode not supported for LibSVM.")
    return _matrix(LIBSVM, files_path, "format=libsvm")


def get_parquet_dmatrix(path: str, is_pipe: bool = False) -> xgboost.DMatrix:
    """Parquet with the label first."""
    if is_pipe:
        raise exc.UserError(_NO_PIPE.format("Parquet"))
    import pandas

    try:
        data = pandas.read_parquet(path).to_numpy()
        return xgboost.DMatrix(data[:, 1:], label=data[:, 0])
    except Exception as error:  # as AWS's does
        raise exc.UserError(f"Failed to load parquet data with exception:\n{error}") from None


def get_recordio_protobuf_dmatrix(path: str, is_pipe: bool = False) -> xgboost.DMatrix | None:
    """Records of the built-in algorithms' own format, with their labels; None if there is no file."""
    if is_pipe:
        raise exc.UserError(_NO_PIPE.format("RecordIO-Protobuf"))
    names, parts = _below(path), []
    if not names:
        return None
    for name in names:
        with open(name, "rb") as file:
            parts.append(file.read())
    try:
        features, labels = read_recordio(b"".join(parts))
        return xgboost.DMatrix(features, label=labels)
    except ValueError as error:
        raise exc.UserError(f"Failed to load recordio-protobuf data with exception:\n{error}") from None


def _below(path: str) -> list[str]:
    """A file, or the files of a folder, in the order of their names."""
    if os.path.isfile(path):
        return [path]
    return [file for file in (os.path.join(path, name) for name in sorted(os.listdir(path))) if os.path.isfile(file)]


def _matrix(kind: str, path: str, text_format: str) -> xgboost.DMatrix:
    try:
        # Of a folder XGBoost would take the files in the order in which the disk has them.
        return xgboost.DMatrix(f"{';'.join(_below(path))}?{text_format}")
    except Exception as error:  # as AWS's does
        raise exc.UserError(f"Failed to load {kind} data with exception:\n{error}") from None


def get_dmatrix(
    data_path: str | list[str], content_type: str, csv_weights: int = 0, is_pipe: bool = False
) -> xgboost.DMatrix | None:
    """The records of files and below folders, three folders deep; ``content_type`` is one of ``get_content_type``'s.

    Raises UserError, UnboundLocalError (as AWS's does) for another content type.
    """
    paths = data_path if isinstance(data_path, list) else [data_path]
    with tempfile.TemporaryDirectory() as folder:
        place: Any = folder
        if is_pipe or (not isinstance(data_path, list) and not os.path.exists(data_path)):
            logging.info("File path %s does not exist!", data_path)
            place = None  # what reads it fails, as in AWS's
        else:
            for number, path in enumerate(file for top in paths for file in _files(top, 1)):
                os.symlink(path, f"{folder}/{number:06}")
        kind = content_type.lower()
        matrix: xgboost.DMatrix | None
        if kind == CSV:
            matrix = get_csv_dmatrix(place, csv_weights, is_pipe)
        elif kind == LIBSVM:
            matrix = get_libsvm_dmatrix(place, is_pipe)
        elif kind == PARQUET:
            matrix = get_parquet_dmatrix(place, is_pipe)
        elif kind == RECORDIO_PROTOBUF:
            matrix = get_recordio_protobuf_dmatrix(place, is_pipe)
        if matrix is not None and matrix.get_label().size == 0:
            raise exc.UserError(
                "Got input data without labels. Please check the input data set. "
                "If training job is running on multiple instances, please switch "
                "to using single instance if number of records in the data set "
                "is less than number of workers (16 * number of instance) in the cluster."
            )
    return matrix


def _files(path: str, depth: int) -> Iterator[str]:
    if os.path.isfile(path):
        yield path
    elif depth > MAX_FOLDER_DEPTH:
        logging.warning("Files in deeper sub dirs of %s won't be loaded.", path)
    else:
        for name in sorted(os.listdir(path)):
            yield from _files(os.path.join(path, name), depth + 1 if os.path.isdir(os.path.join(path, name)) else depth)


def __getattr__(name: str) -> object:
    if name in ("check_data_redundancy", "get_size", "validate_data_file_path"):
        return Absent(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
