"""What scripts use of the package of AWS's XGBoost image: ``encoder`` in inference, ``data_utils`` in training."""

from local_aws_absent import Absent


def __getattr__(name: str) -> object:
    if name in ("checkpointing", "distributed"):
        return Absent(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
