"""The image ``linear-learner``: AWS's built-in algorithm, trained here by this package's own program."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from local_aws.containers.image import Image, LoadedModel

from . import METRIC_DEFINITIONS, OBJECTIVES, TUNABLE


def _load(folder: Path, environment: Mapping[str, str]) -> LoadedModel:
    from .serving import Model  # NumPy loads with it: only an account that serves needs it

    return Model.load(folder, batch=environment.get("SAGEMAKER_BATCH") == "true")


IMAGES = {
    "linear-learner": Image(
        "linear-learner",
        (sys.executable, "-P", "-m", __package__, "train"),
        _load,
        tuple(METRIC_DEFINITIONS),
        TUNABLE,
        objectives=OBJECTIVES,
        pipes=True,
        distributed=True,
    )
}
