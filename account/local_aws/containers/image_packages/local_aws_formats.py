"""Bodies of requests and answers as arrays: what AWS's packages ``sagemaker_containers`` and ``sagemaker_inference``
do alike.  In CSV they differ, and in their errors' classes.

Sources: ``_encoders.py`` of ``sagemaker_containers`` 2.8.6, ``decoder.py`` and ``encoder.py`` of
``sagemaker_inference`` 1.10.1.
"""

import io
import json
from typing import Any

import numpy
from numpy.typing import ArrayLike, DTypeLike, NDArray

JSON, CSV, NPY, NPZ = "application/json", "text/csv", "application/x-npy", "application/x-npz"
OCTET_STREAM, ANY = "application/octet-stream", "*/*"
UTF8_TYPES = [JSON, CSV]  # what a server hands on as a text, not as bytes


def not_supported(content_type: str) -> str:
    """What both packages say of a content type that they do not know."""
    return (
        f"Content type {content_type} is not supported by this framework.\n\n"
        "            Please implement input_fn to to deserialize the request data or an output_fn to\n"
        "            serialize the response. For more information, see the SageMaker Python SDK README."
    )


def json_to_numpy(string_like: str | bytes, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """JSON as an array, of the type that its values have unless ``dtype`` says otherwise; ValueError."""
    return numpy.array(json.loads(string_like), dtype=dtype)


def npy_to_numpy(npy_array: bytes) -> NDArray[Any]:
    """The array of a file of NumPy's, with pickled objects if it has some; ValueError."""
    array: NDArray[Any] = numpy.load(io.BytesIO(npy_array), allow_pickle=True)
    return array


def array_to_json(array_like: ArrayLike) -> str:
    """An array, or what JSON knows and arrays in it, as JSON; TypeError."""
    return json.dumps(array_like, default=_as_list)


def array_to_npy(array_like: ArrayLike) -> bytes:
    """An array as a file of NumPy's."""
    file = io.BytesIO()
    numpy.save(file, array_like)
    return file.getvalue()


def _as_list(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return json.JSONEncoder().default(value)
