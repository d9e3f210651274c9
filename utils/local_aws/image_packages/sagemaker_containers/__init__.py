"""What scripts use of AWS's package ``sagemaker_containers``, which is in its older images: see ``beta.framework``."""

from local_aws_absent import Absent


def __getattr__(name: str) -> object:
    if name == "entry_point":
        return Absent(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
