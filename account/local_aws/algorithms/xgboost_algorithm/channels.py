"""Input channels of a training job: which there may be, and their files as XGBoost's matrices.

Source: ``data_utils.py`` and ``algorithm_mode/channel_validation.py`` of AWS's container.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from local_aws.algorithms.recordio import read_dense_records

from . import content_types
from .content_types import CSV, LIBSVM, PARQUET
from .errors import UserError, sentence
from .library import xgboost
from .log import logger

_FOLDER = "/opt/ml/input/data"
# AWS's container links a channel's files into this folder, from which XGBoost reads them.  Here it lies in
# the job's folder, and the files have numbers for names: no letter in them can mean anything to XGBoost.
_LINKS = Path("sagemaker_xgboost_input_data")
_DEEPEST = 3
_SHOWN = 50


def read_channels(
    base: Path, config: Mapping[str, Mapping[str, str]], csv_weights: bool
) -> tuple[xgboost.DMatrix, xgboost.DMatrix | None]:
    """The matrices of the channels ``train`` and ``validation`` (if there is one) below ``base``.

    The first column is the label; with ``csv_weights`` the second one of a CSV is the row's weight.
    Raises UserError if a channel is unknown, missing, empty or unreadable.
    """
    if "train" not in config:
        raise UserError("Missing required channel: train")
    for name in config:
        if name not in ("train", "validation", "code"):
            raise UserError(f"Extraneous channel found: {name}")
    kinds = {name: content_types.read(config[name].get("ContentType")) for name in config if name != "code"}
    kind = kinds["train"]  # in which the validation channel is read too
    files = {name: _files(base / "input" / "data" / name) for name in kinds}
    if "validation" in files:
        _warn_of_copies(files["train"], files["validation"])
    logger.info("Determined 0 GPU(s) available on the instance.")
    for name in files:
        if not sum(path.stat().st_size for path in files[name]):
            channel = "training" if name == "train" else name
            raise UserError(f"No data in {channel} channel path {_FOLDER}/{name}")
        for path in files[name]:
            if not path.name.startswith("_"):
                _check_first_line(path, kind)
    matrices = {name: _matrix(name, files[name], kind, csv_weights) for name in files}
    return matrices["train"], matrices.get("validation")


def _files(folder: Path) -> list[Path]:
    """A channel's files, in the order of their names, which are S3's order."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if any(path.name.startswith(".") for path in files):
        raise UserError("Hidden file found in the data path! Remove that before training.")
    kept = [path for path in files if len(path.relative_to(folder).parts) <= _DEEPEST]
    if len(kept) < len(files):
        logger.warning(
            f"The depth of folder {_FOLDER}/{folder.name} exceed the limit {_DEEPEST}. Files in deeper sub dirs won't "
            "be loaded. Please adjust the folder structure accordingly."
        )
    return kept


def _warn_of_copies(train: list[Path], validation: list[Path]) -> None:
    sizes = {path.name: path.stat().st_size for path in train}
    for path in validation:
        size = path.stat().st_size
        if sizes.get(path.name) == size:
            logger.warning(
                f"Suspected identical files found. ({_FOLDER}/train/{path.name} and {_FOLDER}/validation/{path.name}"
                f"with same size {size} bytes). Note: Duplicate data in the training set and validation set is usually "
                "not intentional and can impair the validity of the model evaluation by the validation score."
            )


def _check_first_line(path: Path, kind: str) -> None:
    with path.open(errors="ignore") as lines:
        if kind == CSV:
            _delimiter(lines.readline())
        elif kind == LIBSVM:
            for line in lines:
                features = _libsvm_features(line)
                if features is None:
                    raise UserError(
                        f"First line '{line[:_SHOWN]}...' of file '{path.name}' is not 'LIBSVM' format. "
                        "Please ensure the file is in 'LIBSVM' format."
                    )
                if features > 1:
                    return


def _delimiter(line: str) -> str:
    try:
        delimiter = csv.Sniffer().sniff(line).delimiter
    except csv.Error as error:
        raise UserError(f"Could not determine delimiter on line {line[:_SHOWN]}:\n{error}") from None
    logger.info(f"Determined delimiter of CSV input is '{delimiter}'")
    return delimiter


def _libsvm_features(line: str) -> int | None:
    """How many features a line ``label[:weight] index:value …`` has; None for any other line."""
    label, *features = line.rstrip("\n").split(" ")
    parts = label.split(":")
    if len(parts) > 2 or not all(map(_is_number, parts)):
        logger.error(f"{label} does not follow LIBSVM label format <label>(:<weight>).")
        return None
    return len(features) if all(feature.count(":") == 1 for feature in features) else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _matrix(name: str, files: list[Path], kind: str, csv_weights: bool) -> xgboost.DMatrix:
    files = [path for path in files if path.stat().st_size]
    logger.info(f"File path {_FOLDER}/{name} of input files")
    logger.info(f"Making smlinks from folder {_FOLDER}/{name} to folder /tmp/{_LINKS}")
    for path in files:
        place = f"{_FOLDER}/{name}/{path.name}"
        logger.info(f"creating symlink between Path {place} and destination /tmp/{_LINKS}/{path.name}{hash(place)}")
    logger.info(f"files path: /tmp/{_LINKS}")
    try:
        if kind == CSV:
            matrix = _read_text(files, _csv_format(files[0], csv_weights))
        elif kind == LIBSVM:
            matrix = _read_text(files, "format=libsvm")
        elif kind == PARQUET:
            matrix = _read_parquet(files)
        else:
            matrix = _read_recordio(files)
    except UserError:
        raise
    except Exception as error:  # whatever a reader says of the data
        raise UserError(f"Failed to load {kind} data with exception:\n{sentence(error)}") from None
    if not matrix.get_label().size:
        raise UserError(
            "Got input data without labels. Please check the input data set. If training job is running on multiple "
            "instances, please switch to using single instance if number of records in the data set is less than "
            "number of workers (16 * number of instance) in the cluster."
        )
    return matrix


def _csv_format(first: Path, csv_weights: bool) -> str:
    with first.open(errors="ignore") as lines:
        delimiter = _delimiter(lines.readline())
    return f"format=csv&label_column=0&delimiter={delimiter}" + ("&weight_column=1" if csv_weights else "")


def _read_text(files: list[Path], text_format: str) -> xgboost.DMatrix:
    with _linked(files) as links:
        return xgboost.DMatrix(f"{';'.join(links)}?{text_format}")


@contextmanager
def _linked(files: list[Path]) -> Iterator[list[str]]:
    """The files under plain names, for as long as they are read."""
    shutil.rmtree(_LINKS, ignore_errors=True)
    _LINKS.mkdir()
    links = [_LINKS / str(number) for number in range(len(files))]
    for link, path in zip(links, files, strict=True):
        link.symlink_to(path.absolute())
    try:
        yield list(map(str, links))
    finally:
        shutil.rmtree(_LINKS)


def _read_parquet(files: list[Path]) -> xgboost.DMatrix:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise UserError(
            "parquet needs the package pyarrow, which is not installed in the embedded account's Python. "
            "Install it, or send CSV."
        ) from None
    data = np.vstack([parquet.read_table(path).to_pandas().to_numpy() for path in files])
    return xgboost.DMatrix(data[:, 1:], label=data[:, 0])


def _read_recordio(files: list[Path]) -> xgboost.DMatrix:
    tables = []
    for path in files:
        try:
            tables.append(read_dense_records(path.read_bytes(), absent=np.nan))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
    features, labels = zip(*tables, strict=True)
    unlabelled = any(label is None for label in labels)
    return xgboost.DMatrix(np.concatenate(features), label=None if unlabelled else np.concatenate(labels))
