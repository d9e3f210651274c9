"""A SageMaker session on the embedded account: the SDK's own, asking more often.

The SDK sleeps 5 seconds before it first asks after a job and 30 before it asks after an endpoint: sensible
for AWS's minutes, not for an account whose jobs take a second.
"""

from __future__ import annotations

import os
import time
from importlib.metadata import version

import boto3

from . import client
from .client import Connection
from .state import ASKS_OFTEN, StateError

POLL = 0.2  # seconds


def open_session():
    """The SDK's session, of version 2 or 3, on the embedded account, and the ARN of the role to pass to jobs.

    This process's AWS environment, and boto3's default session with it, point to the embedded account from
    now on.  Raises StateError if the account cannot be started.
    """
    connection = client.connect()
    client.apply(connection.environment(), os.environ)
    from .shim import sitecustomize

    sitecustomize.install()
    boto3.setup_default_session()
    _keep_alive(boto3.DEFAULT_SESSION, connection)
    if is_version_3():
        from sagemaker.core.helper.session_helper import Session

        # Its resources sleep, not its session; the account holds their questions (``patience.py``).
        return Session(boto3.DEFAULT_SESSION), connection.account.role_arn
    _ask_often(boto3.DEFAULT_SESSION)
    return _session_class()(boto3.DEFAULT_SESSION), connection.account.role_arn


def is_version_3() -> bool:
    """Whether this environment has version 3 of the SageMaker SDK, not version 2."""
    return version("sagemaker").startswith("3.")


def _keep_alive(session: boto3.Session, connection: Connection) -> None:
    """Start the account's process again, before a call, if it has died."""

    def check(**_: object) -> None:
        if client.find(connection.folder, connection.account) is None:
            again = client.connect(connection.folder)
            if again.url != connection.url:
                raise StateError(
                    connection.folder,
                    "the embedded account had to be started again, at another address: another program has taken "
                    "its port. Restart this kernel.",
                )

    session.events.register("before-sign", check)


def _ask_often(session: boto3.Session) -> None:
    """Say to the account that its answers about jobs need not be held back."""

    def mark(params: dict, **_: object) -> None:
        params["headers"][ASKS_OFTEN] = "yes"

    # Not where a request is signed: a presigned URL is signed, too, and its user sends no such header.
    session.events.register("before-call.sagemaker", mark)


def _session_class():
    # The SDK is imported after the environment is set, and only by who opens a session.
    from sagemaker import Session
    from sagemaker import session as sdk

    class EmbeddedSession(Session):
        """The SDK's session; only how long it waits between two questions differs."""

        def wait_for_job(self, job, poll=POLL):
            return super().wait_for_job(job, poll)

        def wait_for_endpoint(self, endpoint, poll=POLL, live_logging=False):
            return super().wait_for_endpoint(endpoint, poll, live_logging)

        def wait_for_processing_job(self, job, poll=POLL):
            return super().wait_for_processing_job(job, poll)

        def wait_for_transform_job(self, job, poll=POLL):
            return super().wait_for_transform_job(job, poll)

        def wait_for_tuning_job(self, job, poll=POLL):
            return super().wait_for_tuning_job(job, poll)

        def logs_for_job(self, job_name, wait=False, poll=POLL, log_type="All", timeout=None):
            """Print a training job's log, as it grows if ``wait``, in the SDK's own form."""

            def describe(last=None):
                description = self.sagemaker_client.describe_training_job(TrainingJobName=job_name)
                if sdk.secondary_training_status_changed(description, last):
                    print("\n" if last else "", end="")
                    print(sdk.secondary_training_status_message(description, last), end="")
                return description

            description = self._follow("Training", job_name, describe, wait, poll, timeout)
            if wait:
                for title, member in (
                    ("Training", "TrainingTimeInSeconds"),
                    ("Billable", "BillableTimeInSeconds"),
                ):
                    if description.get(member) is not None:
                        print(f"{title} seconds:", description[member] * description["ResourceConfig"]["InstanceCount"])
            return description

        def logs_for_processing_job(self, job_name, wait=False, poll=POLL):
            """Print a processing job's log, as it grows if ``wait``, in the SDK's own form."""
            self._follow("Processing", job_name, lambda last=None: self.describe_processing_job(job_name), wait, poll)

        def logs_for_transform_job(self, job_name, wait=False, poll=POLL):
            """Print a transform job's log, as it grows if ``wait``, in the SDK's own form."""
            self._follow("Transform", job_name, lambda last=None: self.describe_transform_job(job_name), wait, poll)

        def _follow(self, kind, job_name, describe, wait, poll, timeout=None):
            until = time.monotonic() + timeout if timeout else None
            description = describe()
            count, streams, positions, logs, group, dot, color = sdk._logs_init(
                self.boto_session, description, job=kind
            )
            while True:
                ended = description[f"{kind}JobStatus"] in ("Completed", "Failed", "Stopped")
                sdk._flush_log_streams(streams, count, logs, group, job_name, positions, dot, color)
                if ended or not wait:
                    break
                if until and time.monotonic() > until:
                    print(f"Timeout Exceeded. {timeout} seconds elapsed.")
                    break
                time.sleep(poll)
                description = describe(description)
            if wait:
                print()
                sdk._check_job_status(job_name, description, f"{kind}JobStatus")
            return description

    return EmbeddedSession
