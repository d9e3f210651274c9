"""Encoders and decoders of arrays."""

import csv
import io
from collections.abc import Callable
from typing import Any

import numpy
from local_aws_formats import CSV, JSON, NPY, array_to_json, array_to_npy, json_to_numpy, npy_to_numpy
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import _errors


def csv_to_numpy(string_like: str, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Numbers (float64, unless ``dtype`` says otherwise), or else texts; what has one row or column has one dimension.

    Raises ClientError for what is no CSV, and for what ``dtype`` cannot hold.
    """
    try:
        array = numpy.array(list(csv.reader(io.StringIO(string_like), strict=True))).squeeze()
        converted: NDArray[Any] = array.astype(dtype)
        return converted
    except ValueError as error:
        if dtype is not None:
            raise _errors.ClientError(f"Error while writing numpy array: {error}. dtype is: {dtype}") from None
        return array
    except Exception as error:  # as AWS's does: an encoding, a type, a quote that is not closed
        raise _errors.ClientError(f"Error while decoding csv: {error}") from None


def array_to_csv(array_like: ArrayLike) -> str:
    """One record a line; ClientError."""
    array = numpy.array(array_like)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    text = io.StringIO()
    try:
        csv.writer(text, lineterminator="\n", strict=True).writerows(array)
    except csv.Error as error:
        raise _errors.ClientError(f"Error while encoding csv: {error}") from None
    return text.getvalue()


_encoders_map: dict[str, Callable[[ArrayLike], str | bytes]] = {
    NPY: array_to_npy,
    CSV: array_to_csv,
    JSON: array_to_json,
}
_decoders_map: dict[str, Callable[..., NDArray[Any]]] = {NPY: npy_to_numpy, CSV: csv_to_numpy, JSON: json_to_numpy}


def decode(obj: str | bytes, content_type: str) -> NDArray[Any]:
    """An array; ``UnsupportedFormatError``."""
    try:
        return _decoders_map[content_type](obj)
    except KeyError:
        raise _errors.UnsupportedFormatError(content_type) from None


def encode(array_like: ArrayLike, content_type: str) -> str | bytes:
    """The body of an answer; ``UnsupportedFormatError``."""
    try:
        return _encoders_map[content_type](array_like)
    except KeyError:
        raise _errors.UnsupportedFormatError(content_type) from None
