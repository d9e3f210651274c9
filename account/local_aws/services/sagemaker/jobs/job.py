"""What jobs of every kind share: Describe, Stop and Delete, states, time limits and folders.

``Jobs`` is what a caller sees of an account's jobs of one kind, ``JobRun`` one of them at work.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.requests import Request

from local_aws.containers.container import Container
from local_aws.containers.lifeline import PEER_LOST
from local_aws.containers.role_sessions import Session
from local_aws.core import clock
from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.services.iam import roles
from local_aws.services.logs import Logs
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.sagemaker.kinds import Kind
from local_aws.services.sagemaker.long_polling import LongPolling
from local_aws.services.sagemaker.resources import Record, Resources, now, now_after

ENDED = ("Completed", "Failed", "Stopped")
DEFAULT_MAX_RUNTIME = 86_400  # seconds
STOP_GRACE = 120  # seconds between SIGTERM and SIGKILL, AWS's own
LAST_WORDS = 5  # seconds for the program that failed first to be seen
MAX_REASON = 1024  # characters of a FailureReason
INTERNAL = "InternalServerError: We encountered an internal error. Please try again. "
LOST = INTERNAL + "(The embedded account's process ended while this job ran.)"
BROKEN = INTERNAL + "('python -m local_aws logs' shows what happened.)"

log = logging.getLogger("local_aws")


class Jobs:
    """The jobs of one kind in an account, each at work in a folder below ``folder``."""

    kind: Kind
    working, ended = "InProgress", ENDED  # the status of one at work, and those of one that is not any more
    # As many at once as there are processors; further ones wait for their instances, as on AWS.  A job on several
    # takes one place like any other: so no job waits for places that others hold while they wait too.
    instances = threading.Semaphore(max(os.cpu_count() or 1, 1))

    def __init__(self, folder: Path, account: Account, resources: Resources, objects: ObjectStore, logs: Logs) -> None:
        self.folder = folder
        self.account = account
        self.resources = resources
        self.objects = objects
        self.logs = logs
        self.running: dict[str, JobRun] = {}
        self.long_polling = LongPolling()

    def finish(self, name: str, status: str, reason: str | None = None, **changes: object) -> None:
        """Give a job its last state, a FailureReason if it has failed; ``changes`` are further members."""
        record = self.resources.record(self.kind, name)
        body, ended = record.body, now_after(record.body)
        last: dict[str, Any] = {
            f"{self.kind.name}Status": status,
            "FailureReason": reason[:MAX_REASON] if reason else None,
            "LastModifiedTime": ended,
            **changes,
        }
        if self.kind.end_time and (self.kind.start_time is None or self.kind.start_time in body):
            last[self.kind.end_time] = ended
        self.resources.update(self.kind, name, **(last | self.ending(record, last)))

    def ending(self, record: Record, last: dict[str, Any]) -> dict[str, Any]:
        """What else changes (as in ``Resources.update``) of a job that ends, and to whose body ``last`` is put."""
        return {}

    def fail(self, name: str, reason: str) -> None:
        """End a job as Failed."""
        self.finish(name, "Failed", reason)

    def retry(self, name: str) -> bool:
        """Begin a job anew that an internal error has interrupted; False if it is not to be tried again."""
        return False

    def recover(self) -> None:
        """Remove the folders of the jobs that ran when the account's process ended, and try these again or end them."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for record in self.resources.records(self.kind):
            if record.body[f"{self.kind.name}Status"] not in self.ended and not self.retry(record.name):
                self.fail(record.name, LOST)

    def shut_down(self) -> None:
        """Kill what runs; ``recover`` says at the next start what became of it."""
        for run in list(self.running.values()):
            run.abandon()

    def begin(self, run: JobRun) -> None:
        """Set a new job to work."""
        clock.hold()
        self.long_polling.begin(run.job)
        self.running[run.job] = run
        run.start()

    async def describe(self, params: dict[str, Any], request: Request) -> dict[str, Any]:
        """A job's description, held back while the job is at work if the client is one that long polling holds.

        Raises AwsError if there is no such job.
        """
        body = self.resources.get(self.kind, params[f"{self.kind.name}Name"])
        name = body[f"{self.kind.name}Name"]
        await self.long_polling.hold(name, request, lambda: name in self.running)
        return self.resources.get(self.kind, name)

    def cluster(self, body: dict[str, Any]) -> dict[str, Any]:
        """The machines that a job takes, by its description: their type and number; none if it starts other jobs."""
        return {}

    def check_quota(self, cluster: dict[str, Any], at_once: int = 1) -> None:
        """Refuse ``at_once`` further jobs on such a cluster if the account may not use as many machines."""
        machine = cluster["InstanceType"]
        clusters = [run.cluster for run in list(self.running.values())]
        in_use = sum(other["InstanceCount"] for other in clusters if other.get("InstanceType") == machine)
        self.resources.quotas.check(machine, self.kind.noun, at_once * cluster["InstanceCount"], in_use)

    def stop(self, params: dict[str, Any]) -> None:
        """Ask a job to stop; AwsError if there is none, or if it is not at work."""
        record = self.resources.record(self.kind, params[f"{self.kind.name}Name"])
        run = self.running.get(record.name)
        status = run.stop() if run else record.body[f"{self.kind.name}Status"]
        if status != self.working:
            raise AwsError(
                "ValidationException",
                f"The request was rejected because the {self.kind.noun} is in status {status}.",
            )

    async def delete(self, params: dict[str, Any]) -> None:
        """Forget a job that has ended, its tags too: its name is free then.  Its log and what lies in S3 stay."""
        while True:
            try:
                body = self.resources.get(self.kind, params[f"{self.kind.name}Name"])
            except AwsError as error:
                raise AwsError("ResourceNotFound", error.message) from None
            name, status = body[f"{self.kind.name}Name"], body[f"{self.kind.name}Status"]
            if status not in self.ended:
                raise AwsError(
                    "ResourceInUse",
                    f"The {self.kind.noun} {name} is in status {status}: it can be deleted once it has ended.",
                )
            if name not in self.running:
                break
            await asyncio.sleep(0.01)  # it has ended, and tidies up
        self.resources.delete(self.kind, name)


class JobRun(threading.Thread):
    """One job at work.  A kind of job says in ``live`` what it does, and in ``stopping`` what a stop changes."""

    def __init__(self, jobs: Jobs, name: str) -> None:
        super().__init__(name=f"{jobs.kind.noun} {name}", daemon=True)
        self.jobs = jobs
        self.job = name
        self.root = jobs.folder / name
        self.stop_wanted = threading.Event()
        # Held from reading the job's state to writing it: a stop comes from another thread.
        self.state = threading.Lock()
        self.abandoned = False
        body = jobs.resources.get(jobs.kind, name)
        condition = body.get("StoppingCondition", {})  # not every kind has one
        self.cluster = jobs.cluster(body)
        self.role: str | None = body.get("RoleArn")
        self._limit = condition.get("MaxRuntimeInSeconds", math.inf)
        self._containers: Sequence[Container] = ()

    def live(self) -> None:
        """Do the job and end it."""
        raise NotImplementedError

    def stopping(self, body: dict[str, Any], at: float) -> dict[str, Any]:
        """What changes in the job's description, but for its status and its time, when it is to stop."""
        return {}

    def broken(self) -> bool:
        """Whether the job's program cannot go on, and is to be ended."""
        return False

    def lost_role(self) -> str | None:
        """A FailureReason if the role that the job was given cannot be assumed any more."""
        resources, kind = self.jobs.resources, self.jobs.kind
        if self.role is None:
            return None
        try:
            usable = resources.roles.may_be_assumed(self.role, resources.arn(kind, self.job))
        except roles.Undecided:  # it was changed to one that cannot be decided here
            usable = False
        return None if usable else roles.lost(self.role)

    @contextmanager
    def session(self, isolated: bool = False) -> Iterator[Session]:
        """The session in which the job's program has its role; its keys are void at the end."""
        sessions = self.jobs.resources.roles.sessions
        session = sessions.begin(self.role, isolated)
        try:
            yield session
        finally:
            sessions.end(session)

    def stop(self) -> str:
        """Ask the job to stop: it becomes Stopping now and Stopped in a while.

        Returns the status it was in; one that was not at work is left as it is.
        """
        kind, status = self.jobs.kind, f"{self.jobs.kind.name}Status"
        with self.state:
            body = self.jobs.resources.get(kind, self.job)
            if body[status] == self.jobs.working:
                self.stop_wanted.set()
                at = now()
                changes = {status: "Stopping", "LastModifiedTime": at, **self.stopping(body, at)}
                self.jobs.resources.update(kind, self.job, **changes)
        return str(body[status])

    def end(self, status: str, reason: str | None = None, **changes: object) -> None:
        """Give the job its last state, as ``Jobs.finish``; one that completes although it is to stop is Stopped."""
        with self.state:
            if status == "Completed" and self.stop_wanted.is_set():
                status = "Stopped"
            self.jobs.finish(self.job, status, reason, **changes)

    def abandon(self) -> None:
        """Kill the job's program without a word of it: the account is going down."""
        self.abandoned = True
        for container in self._containers:
            container.stop(0)

    def run(self) -> None:
        """Do the job in this thread: whatever goes wrong, it ends with a status, and its folder is removed."""
        try:
            self.live()
        except Exception:  # the job must end, whatever went wrong
            if not self.abandoned:
                log.exception("%s %s", self.jobs.kind.noun, self.job)
                with self.state:
                    self.jobs.fail(self.job, BROKEN)
        finally:
            if not self.abandoned:
                shutil.rmtree(self.root, ignore_errors=True)
            self.jobs.running.pop(self.job, None)  # at last: from now on another job may have its name, and its folder
            clock.let_go()

    @contextmanager
    def instance(self) -> Iterator[bool]:
        """An instance to work on, when one is free; False if the job was stopped before."""
        while not self.jobs.instances.acquire(timeout=0.1):
            if self.stop_wanted.is_set():
                yield False
                return
        try:
            yield True
        finally:
            self.jobs.instances.release()

    def watch(self, container: Container) -> int | None:
        """The exit code of the job's program; None if it was ended: stopped, too slow, or broken."""
        codes = self.watch_all([container])
        return None if codes is None else codes[0]

    def watch_all(self, containers: Sequence[Container]) -> list[int] | None:
        """The exit codes of a job's programs, as ``watch``.  When one fails the others are ended, with PEER_LOST."""
        self._containers = containers
        deadline = time.monotonic() + self._limit
        codes: list[int | None] = [None] * len(containers)

        def look(seconds: float) -> None:
            for number, container in enumerate(containers):
                codes[number] = container.wait(seconds) if codes[number] is None else codes[number]

        def end(grace: float) -> None:
            left = [number for number, code in enumerate(codes) if code is None]
            for number in left:
                containers[number].ask_to_end()
            for number in left:
                containers[number].stop(grace)
                codes[number] = PEER_LOST

        while True:
            look(0.05)
            known = [code for code in codes if code is not None]
            if len(known) == len(codes):
                return known
            if self.stop_wanted.is_set() or time.monotonic() > deadline:
                end(STOP_GRACE)
                return None
            if self.broken():
                end(0)
                return None
            if any(codes):
                # A program that says it lost another one may be seen before the one that it lost.
                look(LAST_WORDS if {*codes} <= {None, 0, PEER_LOST} else 0)
                end(0)
                return [PEER_LOST if code is None else code for code in codes]
