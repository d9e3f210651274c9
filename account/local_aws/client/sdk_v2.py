"""Session of version 2 of the SageMaker SDK: only how long it waits between two requests differs.

Who imports this has set the environment before: the SDK reads it, and takes a second to import.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sagemaker import session as sdk
from sagemaker.session import Session
from sagemaker.utils import secondary_training_status_changed, secondary_training_status_message

POLL = 0.2  # seconds
ENDED = ("Completed", "Failed", "Stopped")
_sdk: Any = sdk  # its functions have no types
Description = dict[str, Any]  # of a job, as the SDK's client gives it


class EmbeddedSession(Session):
    """The SDK's session, asking more often.  The SDK's own methods have no types."""

    def wait_for_job(self, job: str, poll: float = POLL) -> Any:
        """Wait for a training job's end and return its description; UnexpectedStatusException if it failed."""
        return super().wait_for_job(job, poll)  # type: ignore[no-untyped-call]

    def wait_for_endpoint(self, endpoint: str, poll: float = POLL, live_logging: bool = False) -> Any:
        """Wait until an endpoint is in service and return its description; UnexpectedStatusException if it failed."""
        return super().wait_for_endpoint(endpoint, poll, live_logging)  # type: ignore[no-untyped-call]

    def wait_for_processing_job(self, job: str, poll: float = POLL) -> Any:
        """Wait for a processing job's end and return its description; UnexpectedStatusException if it failed."""
        return super().wait_for_processing_job(job, poll)  # type: ignore[no-untyped-call]

    def wait_for_transform_job(self, job: str, poll: float = POLL) -> Any:
        """Wait for a transform job's end and return its description; UnexpectedStatusException if it failed."""
        return super().wait_for_transform_job(job, poll)  # type: ignore[no-untyped-call]

    def wait_for_tuning_job(self, job: str, poll: float = POLL) -> Any:
        """Wait for a tuning job's end and return its description; UnexpectedStatusException if it failed."""
        return super().wait_for_tuning_job(job, poll)  # type: ignore[no-untyped-call]

    def logs_for_job(
        self, job_name: str, wait: bool = False, poll: float = POLL, log_type: str = "All", timeout: float | None = None
    ) -> Description:
        """Print a training job's log, as it grows if ``wait``, in the SDK's own form."""

        def describe(last: Description | None = None) -> Description:
            description: Description = self.sagemaker_client.describe_training_job(TrainingJobName=job_name)
            if secondary_training_status_changed(description, last):  # type: ignore[no-untyped-call]
                print("\n" if last else "", end="")
                print(secondary_training_status_message(description, last), end="")  # type: ignore[no-untyped-call]
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

    def logs_for_processing_job(self, job_name: str, wait: bool = False, poll: float = POLL) -> None:
        """Print a processing job's log, as it grows if ``wait``, in the SDK's own form."""

        def describe(last: Description | None = None) -> Description:
            description: Description = self.sagemaker_client.describe_processing_job(ProcessingJobName=job_name)
            return description

        self._follow("Processing", job_name, describe, wait, poll)

    def logs_for_transform_job(self, job_name: str, wait: bool = False, poll: float = POLL) -> None:
        """Print a transform job's log, as it grows if ``wait``, in the SDK's own form."""

        def describe(last: Description | None = None) -> Description:
            description: Description = self.sagemaker_client.describe_transform_job(TransformJobName=job_name)
            return description

        self._follow("Transform", job_name, describe, wait, poll)

    def _follow(
        self,
        kind: str,
        job_name: str,
        describe: Callable[..., Description],
        wait: bool,
        poll: float,
        timeout: float | None = None,
    ) -> Description:
        until = time.monotonic() + timeout if timeout else None
        description = describe()
        count, streams, positions, logs, group, dot, color = _sdk._logs_init(self.boto_session, description, job=kind)
        while True:
            ended = description[f"{kind}JobStatus"] in ENDED
            _sdk._flush_log_streams(streams, count, logs, group, job_name, positions, dot, color)
            if ended or not wait:
                break
            if until and time.monotonic() > until:
                print(f"Timeout Exceeded. {timeout} seconds elapsed.")
                break
            time.sleep(poll)
            description = describe(description)
        if wait:
            print()
            _sdk._check_job_status(job_name, description, f"{kind}JobStatus")
        return description
