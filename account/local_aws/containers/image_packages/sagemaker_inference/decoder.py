"""Bodies of requests as arrays."""

import io
from collections.abc import Callable
from typing import Any

import numpy
from local_aws_formats import CSV, JSON, NPY, NPZ, json_to_numpy, npy_to_numpy
from numpy.typing import DTypeLike, NDArray

from . import errors


def _csv_to_numpy(string_like: str, dtype: DTypeLike | None = None) -> NDArray[Any]:
    array: NDArray[Any] = numpy.genfromtxt(io.StringIO(string_like), dtype=dtype, delimiter=",")
    return array


def _npz_to_sparse(npz_bytes: bytes) -> Any:
    import scipy.sparse

    return scipy.sparse.load_npz(io.BytesIO(npz_bytes))


_decoder_map: dict[str, Callable[..., Any]] = {
    NPY: npy_to_numpy,
    CSV: _csv_to_numpy,
    JSON: json_to_numpy,
    NPZ: _npz_to_sparse,
}


def decode(obj: str | bytes, content_type: str) -> Any:
    """An array, of NPZ a sparse matrix; ``UnsupportedFormatError``."""
    try:
        return _decoder_map[content_type](obj)
    except KeyError:
        raise errors.UnsupportedFormatError(content_type) from None
