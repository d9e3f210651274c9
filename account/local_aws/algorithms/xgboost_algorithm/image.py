"""The images ``sagemaker-xgboost`` and ``xgboost``: AWS's built-in algorithm, by the library itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from local_aws.containers.image import Image

from . import METRIC_DEFINITIONS, TUNABLE
from .releases import FIRST, RELEASES


def _image(name: str, tags: Mapping[str, str]) -> Image:
    program = (sys.executable, "-P", "-m", __package__)
    return Image(
        name,
        (*program, "train"),
        None,
        tuple(METRIC_DEFINITIONS),
        TUNABLE,
        (*program, "serve"),
        releases=tags,
        extra="xgboost",
    )


IMAGES = {
    "sagemaker-xgboost": _image(
        "sagemaker-xgboost",
        {f"{release}{kind}": release for release in RELEASES for kind in ("", "-cpu-py3")},
    ),
    "xgboost": _image("xgboost", {"1": FIRST, "latest": FIRST}),
}
