"""What all jobs have in common: a thread of their own, an instance to wait for, a stop, a sure end.

And the answers to the SDK's questions after them, which are held until they end.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import time
from pathlib import Path
from typing import Protocol

from starlette.requests import Request

from .resources import Kind, Resources, now

ENDED = ("Completed", "Failed", "Stopped")
MAX_REASON = 1024  # characters of a FailureReason
INTERNAL = "InternalServerError: We encountered an internal error. Please try again. "
LOST = INTERNAL + "(The embedded account's process ended while this job ran.)"
BROKEN = INTERNAL + "('python -m utils.local_aws logs' shows what happened.)"
# The SDK waits 5 s before it first asks and 30 s before it asks again; holding its question until the job
# ends spares the wait.  Others get their answer at once.
HOLD_FOR = "AWS-SageMaker-Python-SDK"
HOLD_AFTER = 4.0  # seconds since the job's last Describe, or its creation
HOLD_AT_MOST = 50.0  # seconds; botocore gives up reading at 60

log = logging.getLogger("local_aws")


class Jobs(Protocol):
    """The jobs of one kind, as one of them at work needs them."""

    folder: Path
    resources: Resources
    running: dict
    instances: threading.Semaphore  # of those jobs that wait for one


class JobRun(threading.Thread):
    """One job at work.  A kind of job says what it does in ``live`` and how it is written down in ``end``."""

    def __init__(self, jobs: Jobs, kind: Kind, name: str) -> None:
        super().__init__(name=f"{kind.noun} {name}", daemon=True)
        self.jobs = jobs
        self.kind = kind
        self.job = name
        self.root = jobs.folder / name
        self.stop_wanted = threading.Event()
        # Held from reading the job's state to writing it: a Stop comes from another thread.
        self.state = threading.Lock()
        self.abandoned = False

    def live(self) -> None:
        raise NotImplementedError

    def end(self, status: str, reason: str | None) -> None:
        raise NotImplementedError

    def stopping(self, body: dict) -> dict:
        """What else changes in the job's body as it becomes Stopping."""
        return {}

    def stop(self) -> str:
        """Ask the job to stop: it becomes Stopping now and Stopped in a while.

        Returns the status it was in; one that was not InProgress is left as it is.
        """
        status = f"{self.kind.name}Status"
        with self.state:
            body = self.jobs.resources.get(self.kind, self.job)
            if body[status] == "InProgress":
                self.stop_wanted.set()
                changes = {status: "Stopping", "LastModifiedTime": now(), **self.stopping(body)}
                self.jobs.resources.update(self.kind, self.job, **changes)
        return body[status]

    def abandon(self) -> None:
        """End without a word of it: the account is going down."""
        self.abandoned = True

    def wait_for_instance(self) -> bool:
        """Take an instance (``jobs.instances``) when one is free; False if the job was stopped meanwhile."""
        while not self.jobs.instances.acquire(timeout=0.1):
            if self.stop_wanted.is_set():
                return False
        return True

    def run(self) -> None:
        try:
            self.live()
        except Exception:  # the job must end, whatever went wrong
            if not self.abandoned:
                log.exception("%s", self.name)
                self.end("Failed", BROKEN)
        finally:
            self.jobs.running.pop(self.job, None)
            if not self.abandoned:
                shutil.rmtree(self.root, ignore_errors=True)


class Held:
    """Describes of running jobs, answered to the SDK when the job has ended."""

    def __init__(self, running: dict) -> None:
        self.running = running
        self._asked: dict[str, float] = {}

    def began(self, name: str) -> None:
        self._asked[name] = time.monotonic()

    async def wait(self, name: str, request: Request) -> None:
        """Return when the Describe of the job ``name`` is to be answered."""
        waited = time.monotonic() - self._asked.get(name, 0.0)
        if name in self.running and HOLD_FOR in request.headers.get("user-agent", "") and waited > HOLD_AFTER:
            until = time.monotonic() + HOLD_AT_MOST
            while name in self.running and time.monotonic() < until and not await request.is_disconnected():
                await asyncio.sleep(0.05)
        if name in self.running:
            self._asked[name] = time.monotonic()
        else:
            self._asked.pop(name, None)
