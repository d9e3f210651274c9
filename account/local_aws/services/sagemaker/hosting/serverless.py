"""ServerlessConfig: a model that is loaded when it is invoked, and unloaded when nobody has invoked it for a while.

Reference: the developer guide, "Deploy models with Amazon SageMaker Serverless Inference".
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from local_aws.core.job_failure import JobFailure

from .served_model import STOP_GRACE, ModelResponse, ServedModel, broken_off

IDLE_SECONDS = 300  # without a request, after which a model is unloaded; AWS does not say how long it waits
MEMORY_SIZES = range(1024, 6145, 1024)  # MB
MAX_BODY = 4 * 1024 * 1024  # bytes of a request

log = logging.getLogger("local_aws")


class ServerlessModel:
    """A model on call; ``load`` makes it serve.  One with provisioned concurrency is never unloaded."""

    waits = True

    def __init__(self, load: Callable[[], ServedModel], provisioned: bool) -> None:
        self._load = load
        self._provisioned = provisioned
        self._lock = threading.Lock()
        self._model: ServedModel | None = None
        self._users = 0
        self._timer: threading.Timer | None = None

    def wait_until_ready(self) -> None:
        """Load it once: AWS, too, checks its health before the endpoint is in service."""
        self._acquire().wait_until_ready()
        with self._lock:
            self._users -= 1
            model = None
            if not self._provisioned:
                model, self._model = self._model, None
        if model:
            model.stop(STOP_GRACE)

    def invoke(
        self, body: bytes, content_type: str | None, accept: str | None, attributes: str | None
    ) -> ModelResponse:
        """The model's answer, once it is loaded; a response without status if it cannot be loaded any more."""
        try:
            model = self._acquire()
        except JobFailure:
            log.exception("a serverless model cannot be loaded any more")
            return broken_off()
        try:
            return model.invoke(body, content_type, accept, attributes)
        finally:
            self._release()

    def stop(self, grace: float) -> None:
        """Unload the model, if it is loaded; no call follows."""
        with self._lock:
            model, self._model = self._model, None
            if self._timer:
                self._timer.cancel()
        if model:
            model.stop(grace)

    def _acquire(self) -> ServedModel:
        with self._lock:
            if self._model is None:
                self._model = self._load()
            self._users += 1
            return self._model

    def _release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users or self._provisioned:
                return
            if self._timer:
                self._timer.cancel()
            self._timer = timer = threading.Timer(IDLE_SECONDS, lambda: self._unload_idle(timer))
            timer.daemon = True
            timer.start()

    def _unload_idle(self, timer: threading.Timer) -> None:
        with self._lock:
            if self._users or timer is not self._timer:
                return
            model, self._model = self._model, None
        if model:
            model.stop(STOP_GRACE)
