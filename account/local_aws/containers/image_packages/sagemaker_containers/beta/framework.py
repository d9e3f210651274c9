"""What inference code uses of ``sagemaker_containers.beta.framework``: names, arrays in and out, an answer."""

from local_aws_absent import Absent

from .. import _content_types as content_types
from .. import _encoders as encoders
from .. import _errors as errors
from .. import _worker as worker
from .. import training_env

__all__ = ["content_types", "encoders", "errors", "training_env", "worker"]
ABSENT = (
    "entry_point", "env", "files", "functions", "logging", "mapping", "modules", "mpi", "params", "process", "runner",
    "server", "trainer", "transformer",
)  # fmt: skip


def __getattr__(name: str) -> object:
    if name in ABSENT:
        return Absent(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
