"""The model of an Endpoint or a TransformJob as its callers see it: requests, responses, execution parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from local_aws.core.job_failure import JobFailure
from local_aws.wire.protocols import request_id

STOP_GRACE = 30  # seconds between SIGTERM and SIGKILL, AWS's own
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
BROKE_OFF = (
    "An exception occurred while sending request to model. Please contact customer support regarding request {}."
)
# Writes lines, each with its seconds since the epoch, to a log stream.
WriteLog = Callable[[list[tuple[float, str]]], None]


class Unhealthy(JobFailure):
    """A model that cannot be loaded, or whose container never answers; the log says why."""

    container = "primary"


class LostImage(JobFailure):
    """A model whose image is no longer there."""


@dataclass(frozen=True)
class ModelResponse:
    """What a model answers to one request: an HTTP status, 0 if it gave no answer at all, a media type and a body."""

    status: int
    content_type: str
    body: bytes
    attributes: str | None = None  # the header X-Amzn-SageMaker-Custom-Attributes
    container: str = "primary"  # which of the model's

    @property
    def good(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300


class ServedModel(Protocol):
    """A model that answers."""

    waits: bool  # whether a call may take long without using a processor

    def wait_until_ready(self) -> None:
        """Return when it can be asked; Unhealthy if it never can."""

    def invoke(
        self, body: bytes, content_type: str | None, accept: str | None, attributes: str | None
    ) -> ModelResponse:
        """The model's answer to a request's body; ``attributes`` are its custom attributes.  It does not raise."""

    def stop(self, grace: float) -> None:
        """End it and remove its folder; no call follows."""


class BatchModel(ServedModel, Protocol):
    """A model that batch transform may ask."""

    def execution_parameters(self) -> dict[str, Any]:
        """What it says of itself: any of MaxConcurrentTransforms, BatchStrategy, MaxPayloadInMB."""


def broken_off() -> ModelResponse:
    """The answer of a model that gave none, and nobody knows why."""
    return no_answer(BROKE_OFF.format(request_id()))


def no_answer(text: str) -> ModelResponse:
    """The answer of a model that gave none, with what its caller is told."""
    return ModelResponse(0, "text/plain", text.encode())
