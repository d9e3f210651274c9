"""What the course has running in an account, found by its tags; and its end."""

from __future__ import annotations

import re
import time
from contextlib import redirect_stdout

from botocore.exceptions import ClientError

COURSE = "regression-on-sagemaker"
POLL = 2  # seconds
# Kinds of resources as the API spells them. What costs money comes first; an endpoint is deleted before what it is
# made of.
JOBS = {
    "TrainingJob": "training job",
    "ProcessingJob": "processing job",
    "TransformJob": "transform job",
    "HyperParameterTuningJob": "tuning job",
}
KINDS = {"Endpoint": "endpoint", "EndpointConfig": "endpoint configuration", "Model": "model"}


def tagged(client, kind: str, tags: list[dict], **filters: str) -> list[str]:
    """The names of the resources of a kind (``Endpoint`` …) that carry all of ``tags``."""
    return [
        each[f"{kind}Name"]
        for page in client.get_paginator(f"list_{_snake(kind)}s").paginate(**filters)
        for each in page[f"{kind}Summaries" if kind in JOBS else f"{kind}s"]
        if each.get("EndpointStatus") != "Deleting" and _has(client, each[f"{kind}Arn"], tags)
    ]


def running(client, tags: list[dict]) -> list[str]:
    """What runs, and so costs, of what carries ``tags``: a line for each endpoint and each job."""
    lines = [f"endpoint {name}" for name in tagged(client, "Endpoint", tags)]
    return lines + [f"{JOBS[kind]} {name}" for kind, name in _jobs(client, tags)]


def running_of_user() -> list[str]:
    """What runs of this user's lessons, in the account that ``COURSE_AWS`` chooses."""
    from utils.course import start

    with redirect_stdout(None):
        course = start("clean-up")
    return running(course.session.sagemaker_client, user_tags(course))


def show(lines: list[str]) -> None:
    """Print what ``running`` found."""
    print("\n".join(lines) if lines else "nothing is running")


def clean_up(course) -> None:
    """Delete every endpoint, configuration and model of this user's lessons and stop their jobs.

    What does not carry the course's tags is not touched.  What is stored (data and artifacts in S3, the
    records of ended jobs) stays.
    """
    client, tags = course.session.sagemaker_client, user_tags(course)
    for kind, name in _jobs(client, tags):
        try:
            getattr(client, f"stop_{_snake(kind)}")(**{f"{kind}Name": name})
            print(f"stopped the {JOBS[kind]} {name}")
        except ClientError as error:
            if "is in status" not in str(error):  # it has ended, or is stopping already
                raise
    for kind, noun in KINDS.items():
        for name in tagged(client, kind, tags):
            _delete(client, kind, name)
            print(f"deleted the {noun} {name}")
    show(running(client, tags))


def user_tags(course) -> list[dict]:
    """The tags that all runs of this user share."""
    return [tag for tag in course.tags if tag["Key"] != "course-run"]


def delete_endpoint(client, name: str) -> None:
    """Delete an endpoint, its configuration and its model, all of one name, as far as they were made."""
    for kind in KINDS:
        _delete(client, kind, name)


def _delete(client, kind: str, name: str) -> None:
    while True:
        try:
            getattr(client, f"delete_{_snake(kind)}")(**{f"{kind}Name": name})
            return
        except ClientError as error:
            if "Could not find" in str(error):
                return
            if "in-progress" not in str(error):
                raise
        time.sleep(POLL)  # an endpoint that is being made cannot be deleted before it is


def _jobs(client, tags: list[dict]) -> list[tuple[str, str]]:
    statuses = ("InProgress", "Stopping")
    return [(kind, name) for kind in JOBS for s in statuses for name in tagged(client, kind, tags, StatusEquals=s)]


def _snake(kind: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()


def _has(client, arn: str, tags: list[dict]) -> bool:
    try:
        pages = list(client.get_paginator("list_tags").paginate(ResourceArn=arn))
    except ClientError:
        return False  # deleted since it was listed
    there = [tag for page in pages for tag in page["Tags"]]
    return all(tag in there for tag in tags)
