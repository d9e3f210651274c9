"""AWS's package ``sagemaker_containers``, on which the images of scikit-learn and XGBoost are built, in part.

Source: its version 2.8.6.  What is not here is refused by its name, see ``local_aws_absent``.
"""

from typing import Any

from local_aws_absent import Absent


def training_env() -> Any:
    """What the toolkit knows of the training job."""
    from sagemaker_training.environment import Environment

    return Environment()


def __getattr__(name: str) -> object:
    if name == "entry_point":
        return Absent(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
