"""What inference code uses of AWS's package ``sagemaker_inference``: names of formats, arrays in and out."""

from types import SimpleNamespace

import local_aws_formats as formats
from local_aws_absent import Absent

content_types = SimpleNamespace(
    JSON=formats.JSON, CSV=formats.CSV, NPY=formats.NPY, NPZ=formats.NPZ, UTF8_TYPES=[formats.JSON, formats.CSV],
    OCTET_STREAM="application/octet-stream", ANY="*/*",
)  # fmt: skip
decoder = SimpleNamespace(decode=formats.read)
encoder = SimpleNamespace(encode=formats.write)
errors = SimpleNamespace(UnsupportedFormatError=formats.UnsupportedFormatError)


def __getattr__(name: str) -> object:
    if name in ("default_inference_handler", "environment", "transformer", "utils"):
        return Absent(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
