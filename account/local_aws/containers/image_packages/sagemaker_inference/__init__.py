"""AWS's package ``sagemaker_inference``, but for the model server: names of formats, arrays in and out, errors.

Source: its version 1.10.1.  What is not here is refused by its name, see ``local_aws_absent``.
"""

from local_aws_absent import Absent


def __getattr__(name: str) -> object:
    if name in ("default_handler_service", "environment", "logging", "model_server", "parameters", "transformer"):
        return Absent(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
