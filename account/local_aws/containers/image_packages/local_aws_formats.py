"""Bodies of requests and answers as arrays: what AWS's packages ``sagemaker_containers`` and ``sagemaker_inference``
do alike.  In CSV they differ, and in their errors' classes.

Sources: ``_encoders.py`` of ``sagemaker_containers`` 2.8.6, ``decoder.py`` and ``encoder.py`` of
``sagemaker_inference`` 1.10.1.
"""

import io
import json

import numpy

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


def json_to_numpy(string_like: str | bytes, dtype: object = None) -> numpy.ndarray:
    return numpy.array(json.loads(string_like), dtype=dtype)


def npy_to_numpy(npy_array: bytes) -> numpy.ndarray:
    return numpy.load(io.BytesIO(npy_array), allow_pickle=True)


def array_to_json(array_like: object) -> str:
    return json.dumps(array_like, default=_as_list)


def array_to_npy(array_like: object) -> bytes:
    file = io.BytesIO()
    numpy.save(file, array_like)
    return file.getvalue()


def _as_list(value: object) -> object:
    if hasattr(value, "tolist"):
        return value.tolist()
    return json.JSONEncoder().default(value)
