"""A container image: the commands that train and serve, and what the account has to know of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from .own_images.build import OwnImage


class ModelAnswer(NamedTuple):
    """What a model that the account's own process holds answers to one request."""

    status: int  # of HTTP
    content_type: str
    body: bytes
    log_line: str  # what its container would write to its log, empty if nothing


class LoadedModel(Protocol):
    """A model that the account's own process holds, as its container would serve it behind ``/invocations``."""

    def invoke(self, body: bytes, content_type: str | None, accept: str | None) -> ModelAnswer:
        """Answer a request of this body, ``Content-Type`` and ``Accept``; a bad one by its status, not by an error."""
        ...

    def execution_parameters(self) -> dict[str, Any]:
        """What it says of itself to batch transform: any of MaxConcurrentTransforms, BatchStrategy, MaxPayloadInMB."""
        ...


@dataclass(frozen=True)
class Image:
    """A container image: the command that trains, and what serves a model that it trained.

    A model either is loaded into the account's own process, by ``load``, or serves in a container of its own, by
    the command ``serve``.  ``load`` takes the folder of an unpacked ``model.tar.gz`` and its container's
    environment, raises ValueError if the folder holds no model, and must execute nothing from it.  ``serve`` is
    an HTTP server by AWS's container contract, see ``model_container.py``: it finds the artifact in
    ``$SAGEMAKER_BASE_DIR/model`` and listens on the Unix socket that ``LOCAL_AWS_SOCKET`` names; one of the user's
    own listens on port 8080.
    """

    name: str
    train: tuple[str, ...]
    load: Callable[[Path, Mapping[str, str]], LoadedModel] | None
    metric_definitions: tuple[dict[str, Any], ...]
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
    # The extra of this distribution that it needs.
    extra: str = ""
    # What it is made of if it is one of the user's own; and whether it is one that is not there.
    own: OwnImage | None = None
    missing: bool = False


def own_image(image: OwnImage) -> Image:
    """An image of the user's own: ``docker run IMAGE train`` trains, and ``docker run IMAGE serve`` serves."""
    return Image(image.name, ("train",), None, (), {}, ("serve",), script_mode=True, pipes=True, own=image)


def missing_image(uri: str) -> Image:
    """What is known of an image of the user's own that is not there."""
    return Image(uri, ("train",), None, (), {}, script_mode=True, pipes=True, missing=True)
