"""What the account knows of a learner's calls, for checks: asked only by what ``docs/course-stack.yaml`` allows."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from botocore import xform_name

from utils.check import Unreadable
from utils.course import Course
from utils.sweep import running

FIRST_BYTES = 1000
USER = "course-user"  # the tag's key


@dataclass(frozen=True)
class Job:
    """A training job as the account describes it: ``sent``, the request and what became of it; and its tags."""

    sent: dict[str, Any]
    tags: dict[str, str]
    s3: Any

    @property
    def hyperparameters(self) -> dict[str, str]:
        return self.sent.get("HyperParameters", {})

    @property
    def channels(self) -> dict[str, dict]:
        return {each["ChannelName"]: each for each in self.sent.get("InputDataConfig", [])}

    def first_line(self, channel: str) -> str:
        """The first line of a channel's object, or of its folder's first object."""
        address = urlsplit(self.channels[channel]["DataSource"]["S3DataSource"]["S3Uri"])
        bucket, key = address.netloc, address.path.lstrip("/")
        found = self.s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
        if not found:
            return ""
        body = self.s3.get_object(Bucket=bucket, Key=found[0]["Key"], Range=f"bytes=0-{FIRST_BYTES}")["Body"].read()
        return body.decode("utf-8", errors="replace").partition("\n")[0].strip()


def newest_job(answer: Any, course: Course) -> Job:
    """The newest training job of this learner whose name begins as ``answer`` says: an estimator, or a job's name.

    Raises Unreadable if there is none.
    """
    sent, tags = newest("TrainingJob", answer, course, "estimator", "fit")
    return Job(sent, tags, course.session.boto_session.client("s3"))


def newest(noun: str, answer: Any, course: Course, sender: str, method: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The newest job of this learner whose name begins as ``answer`` says: its description, and its tags.

    ``noun`` is the API's, such as TrainingJob; ``answer`` is the ``sender`` whose ``method`` was to start the job, or a
    job's name.  Raises Unreadable if there is none.
    """
    base = answer if isinstance(answer, str) else getattr(answer, "base_job_name", None)
    if not isinstance(base, str) or not base:
        raise Unreadable(
            f"The {sender} itself was expected, the object whose {method} you called, with a base_job_name."
        )
    client, mine = course.session.sagemaker_client, {each["Key"]: each["Value"] for each in course.tags}
    verb = xform_name(noun)
    # A page may be empty and not the last: names are looked at after the page is cut.
    pages = client.get_paginator(f"list_{verb}s").paginate(
        NameContains=base, SortBy="CreationTime", SortOrder="Descending"
    )
    for each in (each for page in pages for each in page[f"{noun}Summaries"]):
        if each[f"{noun}Name"].startswith(base):
            tags = tags_of(client, each[f"{noun}Arn"])
            if tags.get(USER, mine[USER]) == mine[USER]:  # one without any may be the learner's too
                return getattr(client, f"describe_{verb}")(**{f"{noun}Name": each[f"{noun}Name"]}), tags
    kind = verb.replace("_", " ")
    raise Unreadable(f"The account has no {kind} of yours whose name begins with {base!r}: call {method} first.")


def tags_of(client: Any, arn: str) -> dict[str, str]:
    """The tags of something in the account, each value by its key."""
    return {each["Key"]: each["Value"] for each in client.list_tags(ResourceArn=arn)["Tags"]}


def endpoints_left(course: Course) -> str | None:
    """The names of the endpoints that this kernel's lesson has running; None if there are none."""
    found = [each for each in running(course.session.sagemaker_client, course.tags) if "endpoint" in each]
    return ", ".join(found) or None


def newest_model(course: Course, hyperparameters: dict) -> tuple[np.ndarray, float]:
    """Coefficients and intercept of the newest model of the course's table with these hyperparameters.

    Raises Unreadable if the account has none.
    """
    name = course.find_training_job(course.table, hyperparameters)
    if name is None:
        raise Unreadable("The account has no model of this lesson: run the cells above, which train it.")
    sent = course.session.sagemaker_client.describe_training_job(TrainingJobName=name)
    return course.open_model(sent["ModelArtifacts"]["S3ModelArtifacts"])


def line_of_newest_model(course: Course, hyperparameters: dict) -> tuple[float, float]:
    """Slope and intercept of such a model with one feature."""
    (slope,), intercept = newest_model(course, hyperparameters)
    return float(slope), intercept
