"""Bodies of requests and answers as arrays, as AWS's framework images read and write them.

Sources: ``encoders.py`` of AWS's open package ``sagemaker_containers``, ``encoder.py`` and ``decoder.py`` of
``sagemaker_inference``, which agree.
"""

import csv
import io
import json

JSON, CSV, NPY, NPZ = "application/json", "text/csv", "application/x-npy", "application/x-npz"


class UnsupportedFormatError(Exception):
    """A content type that an image cannot read or write."""

    __module__ = "sagemaker_containers._errors"  # as a traceback is to name it

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"Content type {content_type} is not supported by this framework.\n\n"
            "            Please implement input_fn to to deserialize the request data or an output_fn to\n"
            "            serialize the response. For more information, see the SageMaker Python SDK README."
        )


def read(data, content_type: str):
    """An array of a request's body."""
    import numpy

    if content_type == JSON:
        return numpy.array(json.loads(data))
    if content_type == CSV:
        # As in the image: a single row has one dimension.
        return numpy.array(list(csv.reader(io.StringIO(data), strict=True))).squeeze()
    if content_type == NPY:
        return numpy.load(io.BytesIO(data), allow_pickle=True)
    if content_type == NPZ:
        import scipy.sparse

        return scipy.sparse.load_npz(io.BytesIO(data))
    raise UnsupportedFormatError(content_type)


def write(prediction, content_type: str) -> bytes | str:
    """A prediction as the body of an answer."""
    import numpy

    if content_type == JSON:
        return json.dumps(prediction, default=_as_list)
    if content_type == CSV:
        array = numpy.array(prediction)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n", strict=True).writerows(array.reshape(-1, 1) if array.ndim == 1 else array)
        return text.getvalue()
    if content_type == NPY:
        file = io.BytesIO()
        numpy.save(file, prediction)
        return file.getvalue()
    raise UnsupportedFormatError(content_type)


def _as_list(value):
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
