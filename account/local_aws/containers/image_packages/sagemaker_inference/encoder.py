"""Predictions as bodies of answers."""

import io
from collections.abc import Callable

import numpy
from local_aws_formats import CSV, JSON, NPY, array_to_json, array_to_npy
from numpy.typing import ArrayLike

from . import errors


def _array_to_csv(array_like: ArrayLike) -> str:
    text = io.StringIO()
    numpy.savetxt(text, array_like, delimiter=",", fmt="%s")
    return text.getvalue()


_encoder_map: dict[str, Callable[[ArrayLike], str | bytes]] = {
    NPY: array_to_npy,
    CSV: _array_to_csv,
    JSON: array_to_json,
}
SUPPORTED_CONTENT_TYPES = set(_encoder_map)


def encode(array_like: ArrayLike, content_type: str) -> str | bytes:
    """The body of an answer; ``UnsupportedFormatError``."""
    try:
        return _encoder_map[content_type](array_like)
    except KeyError:
        raise errors.UnsupportedFormatError(content_type) from None
