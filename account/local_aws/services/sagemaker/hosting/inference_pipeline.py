"""Containers of a Model that make an inference pipeline: each gets the answer of the one before it.

Reference: the developer guide, "Inference pipelines in Amazon SageMaker AI", and of CloudWatch's log groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from local_aws.containers.role_sessions import Sessions
from local_aws.images import ModelImages

from . import serving
from .model_source import ModelSource
from .served_model import BatchModel, ModelResponse, Unhealthy, WriteLog


def containers_of(model: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The containers of a model, as Describe shows it, each with the name that errors and logs have for it."""
    containers = model.get("Containers") or [model["PrimaryContainer"]]
    if len(containers) == 1:
        return [("primary", containers[0])]
    return [
        (container.get("ContainerHostname", f"container-{number}"), container)
        for number, container in enumerate(containers, 1)
    ]


def begin(
    sources: Sequence[tuple[str, ModelSource]],
    root: Path,
    images: ModelImages,
    sessions: Sessions,
    stream: str,
    write: Callable[[str], WriteLog],
) -> BatchModel:
    """Let the containers of a model serve, given by their names: one alone, or several as a pipeline.

    ``root`` is the folder (not there yet) for what they need, ``images`` are those that there are; of ``sessions`` each
    gets one; ``write`` makes of a log stream's name, which begins with ``stream``, what writes there.  Raises as
    ``serving.begin`` does.
    """
    if len(sources) == 1:
        return serving.begin(sources[0][1], root, images, sessions, write(stream))
    begun: list[tuple[str, BatchModel]] = []
    for name, source in sources:
        try:
            own_root = root.with_name(f"{root.name}-{name}")
            model = serving.begin(source, own_root, images, sessions, write(f"{stream}/{name}"))
        except BaseException as error:
            InferencePipeline(begun).stop(0)
            if isinstance(error, Unhealthy):
                error.container = name
            raise
        begun.append((name, model))
    return InferencePipeline(begun)


class InferencePipeline:
    """Containers one after the other, given by their names, as one model."""

    waits = True

    def __init__(self, models: Sequence[tuple[str, BatchModel]]) -> None:
        self._models = models

    def wait_until_ready(self) -> None:
        """Return when all containers can be asked; Unhealthy names the one that never can."""
        for name, model in self._models:
            try:
                model.wait_until_ready()
            except Unhealthy as error:
                error.container = name
                raise

    def invoke(
        self, body: bytes, content_type: str | None, accept: str | None, attributes: str | None
    ) -> ModelResponse:
        """The last container's answer, or the first one that is none: the request's ``accept`` is for the last."""
        last = self._models[-1][0]
        for name, model in self._models:
            answer = model.invoke(body, content_type, accept if name == last else None, attributes)
            if not answer.good:
                break
            body, content_type = answer.body, answer.content_type
        return replace(answer, container=name)

    def execution_parameters(self) -> dict[str, Any]:
        """What the first container says: it is the one that gets a batch's payloads."""
        return self._models[0][1].execution_parameters()

    def stop(self, grace: float) -> None:
        """End all containers; no call follows."""
        for _, model in self._models:
            model.stop(grace)
