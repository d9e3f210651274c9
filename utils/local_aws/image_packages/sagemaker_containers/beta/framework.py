"""What inference code uses of ``sagemaker_containers.beta.framework``: names, arrays in and out, an answer."""

from types import SimpleNamespace

import local_aws_formats as formats
from local_aws_absent import Absent
from werkzeug.wrappers import Response as _Response

content_types = SimpleNamespace(
    JSON=formats.JSON, CSV=formats.CSV, NPY=formats.NPY, NPZ=formats.NPZ,
    OCTET_STREAM="application/octet-stream", ANY="*/*",
)  # fmt: skip
encoders = SimpleNamespace(decode=formats.read, encode=formats.write)


class Response(_Response):
    """An answer of a status and a content type (``accept``, or ``mimetype``) of its own."""

    default_mimetype = formats.JSON

    def __init__(self, response=None, accept=None, status=200, headers=None, mimetype=None, **others) -> None:
        super().__init__(response, status, headers, accept or mimetype, **others)


worker = SimpleNamespace(Response=Response)


def __getattr__(name: str) -> object:
    if name in ("env", "errors", "functions", "logging_config", "mapping", "modules", "transformer"):
        return Absent(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
