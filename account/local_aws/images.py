"""The images that the account can run: which program stands for which container.

An image is known by the repository in its address, whatever registry and region it names.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from .algorithms import linear_learner, xgboost_algorithm
from .algorithms.xgboost_algorithm import releases
from .wire.refusals import not_implemented


class Answer(Protocol):
    """What a model's container answers to one request."""

    status: int
    content_type: str
    body: bytes
    log_line: str | None


class LoadedModel(Protocol):
    """A model that the account's own process holds, as its container would serve it behind ``/invocations``."""

    def invoke(self, body: bytes, content_type: str | None, accept: str | None) -> Answer: ...

    def execution_parameters(self) -> dict:
        """What it says of itself to batch transform: any of MaxConcurrentTransforms, BatchStrategy, MaxPayloadInMB."""


@dataclass(frozen=True)
class Image:
    """A container image: the command that trains, and what serves a model that it trained.

    A model either is loaded into the account's own process, by ``load``, or serves in a container of its own, by
    the command ``serve``.  ``load`` takes the folder of an unpacked ``model.tar.gz`` and its container's
    environment, raises ValueError if the folder holds no model, and must execute nothing from it.  ``serve`` is
    an HTTP server by AWS's container contract, see ``model_container.py``: it finds the artifact in
    ``$SAGEMAKER_BASE_DIR/model`` and listens on the Unix socket that ``LOCAL_AWS_SOCKET`` names.
    """

    name: str
    train: tuple[str, ...]
    load: Callable[[Path, Mapping[str, str]], LoadedModel] | None
    metric_definitions: tuple[dict, ...]
    # Hyperparameters that a tuning job may search, by the kind of their ranges.
    tunable: Mapping[str, str]
    serve: tuple[str, ...] = ()
    # Metrics that a tuning job may optimize: Maximize or Minimize, or None if both make sense.  Of an image with
    # releases each has its own.
    objectives: Mapping[str, str | None] = field(default_factory=dict)
    # The tags that run here, and the release of the image that each is: the last argument of its commands.
    releases: Mapping[str, str] = field(default_factory=dict)
    # Whether it runs a program of the user's, whose metrics and hyperparameters are the user's own.
    script_mode: bool = False
    # Whether it reads channels from FIFOs (Pipe mode), and trains on several instances.
    pipes: bool = False
    distributed: bool = False


def _load_linear_learner(folder: Path, environment: Mapping[str, str]) -> LoadedModel:
    from .algorithms.linear_learner.serving import Model  # NumPy loads with it: only an account that serves needs it

    return Model.load(folder, batch=environment.get("SAGEMAKER_BATCH") == "true")


def _xgboost(name: str, tags: Mapping[str, str]) -> Image:
    program = (sys.executable, "-m", "local_aws.algorithms.xgboost_algorithm")
    return Image(
        name,
        (*program, "train"),
        None,
        tuple(xgboost_algorithm.METRIC_DEFINITIONS),
        xgboost_algorithm.TUNABLE,
        (*program, "serve"),
        releases=tags,
    )


IMAGES = {
    "linear-learner": Image(
        "linear-learner",
        (sys.executable, "-m", "local_aws.algorithms.linear_learner", "train"),
        _load_linear_learner,
        tuple(linear_learner.METRIC_DEFINITIONS),
        linear_learner.TUNABLE,
        objectives=linear_learner.OBJECTIVES,
        pipes=True,
        distributed=True,
    ),
    "sagemaker-xgboost": _xgboost(
        "sagemaker-xgboost",
        {f"{name}{kind}": name for name in releases.RELEASES for kind in ("", "-cpu-py3")},
    ),
    "xgboost": _xgboost("xgboost", {"1": releases.FIRST, "latest": releases.FIRST}),
}


SCRIPT_MODE = Path(__file__).parent / "containers" / "script_mode"


def _framework(name: str, trains: bool = True, serves: bool = True) -> Image:
    return Image(
        name,
        ("python", str(SCRIPT_MODE / "train.py"), name) if trains else (),
        None,
        (),
        {},
        ("python", str(SCRIPT_MODE / "serve.py"), name) if serves else (),
        script_mode=True,
        pipes=True,
    )


# Images that run what the user wrote; of sagemaker-xgboost it is one of two ways.
FRAMEWORKS = {
    "sagemaker-scikit-learn": _framework("sagemaker-scikit-learn"),
    "sagemaker-xgboost": _framework("sagemaker-xgboost"),
    "pytorch-training": _framework("pytorch-training", serves=False),
    "pytorch-inference": _framework("pytorch-inference", trains=False),
}


# Images of which a processing job can run the Python and the shell; what is in them is what this environment holds.
PROCESSING_IMAGES = ("sagemaker-scikit-learn", "sagemaker-xgboost", "pytorch-training")


def find_image(uri: str, script: bool = False) -> Image:
    """The image of an address such as ``ACCOUNT.dkr.ecr.REGION.amazonaws.com/linear-learner:1``.

    ``script`` says that there is a program of the user's to run.  Raises AwsError if the account has no program for
    the image.
    """
    repository = _repository(uri)
    kinds = (FRAMEWORKS, IMAGES) if script else (IMAGES, FRAMEWORKS)
    image = next((each[repository] for each in kinds if repository in each), None)
    if image is None:
        raise not_implemented(f"The image {uri} (images that run here: {', '.join({**IMAGES, **FRAMEWORKS})})")
    if not image.releases:
        return image
    tag = uri.rpartition("/")[2].partition(":")[2]
    if tag not in image.releases:
        raise not_implemented(f"The image {uri} (of {repository} run here: {', '.join(image.releases)})")
    release = image.releases[tag]
    objectives = releases.Release(release).objectives
    return replace(image, train=(*image.train, release), serve=(*image.serve, release), objectives=objectives)


def check_processing_image(uri: str) -> None:
    """Raise AwsError unless processing jobs of the image can run here."""
    if _repository(uri) not in PROCESSING_IMAGES:
        images = ", ".join(PROCESSING_IMAGES)
        raise not_implemented(f"The image {uri} (images whose processing jobs run here: {images})")


def _repository(uri: str) -> str:
    return re.sub(r"^[^/]+/|[:@].*$", "", uri)
