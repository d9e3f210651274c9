"""What the course has running in an account, found by its tags; and its end."""

from __future__ import annotations

import re
import time
from contextlib import redirect_stdout

from botocore.exceptions import ClientError

COURSE = "regression-on-sagemaker"
POLL = 2  # seconds
# What costs money as long as it exists comes first; an endpoint is deleted before what it is made of.
KINDS = {
    "endpoint": ("list_endpoints", "Endpoints", "Endpoint"),
    "endpoint configuration": ("list_endpoint_configs", "EndpointConfigs", "EndpointConfig"),
    "model": ("list_models", "Models", "Model"),
}


def tagged(client, kind: str, tags: list[dict]) -> list[str]:
    """The names of the resources of a kind of KINDS that carry all of ``tags``."""
    operation, listed, prefix = KINDS[kind]
    return [
        each[f"{prefix}Name"]
        for page in client.get_paginator(operation).paginate()
        for each in page[listed]
        if each.get("EndpointStatus") != "Deleting" and _has(client, each[f"{prefix}Arn"], tags)
    ]


def running(client, tags: list[dict]) -> list[str]:
    """What runs, and so costs, of what carries ``tags``: a line for each endpoint and training job."""
    lines = [f"endpoint {name}" for name in tagged(client, "endpoint", tags)]
    return lines + [f"training job {name}" for name in _jobs(client, tags)]


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
    """Delete every endpoint, configuration and model of this user's lessons and stop their training jobs.

    What does not carry the course's tags is not touched.  What is stored (data and artifacts in S3, the
    records of ended jobs) stays.
    """
    client, tags = course.session.sagemaker_client, user_tags(course)
    for name in _jobs(client, tags):
        try:
            client.stop_training_job(TrainingJobName=name)
            print(f"stopped the training job {name}")
        except ClientError as error:
            if "is in status" not in str(error):  # it has ended, or is stopping already
                raise
    for kind, (_, _, prefix) in KINDS.items():
        delete = getattr(client, "delete" + re.sub("([A-Z])", r"_\1", prefix).lower())
        for name in tagged(client, kind, tags):
            _delete(delete, f"{prefix}Name", name)
            print(f"deleted the {kind} {name}")
    show(running(client, tags))


def user_tags(course) -> list[dict]:
    """The tags that all runs of this user share."""
    return [tag for tag in course.tags if tag["Key"] != "course-run"]


def delete_endpoint(client, name: str, model: str) -> None:
    """Delete an endpoint, its configuration (of the same name) and its model, as far as they were made."""
    _delete(client.delete_endpoint, "EndpointName", name)
    _delete(client.delete_endpoint_config, "EndpointConfigName", name)
    _delete(client.delete_model, "ModelName", model)


def _delete(delete, member: str, name: str) -> None:
    while True:
        try:
            delete(**{member: name})
            return
        except ClientError as error:
            if "Could not find" in str(error):
                return
            if "in-progress" not in str(error):
                raise
        time.sleep(POLL)  # an endpoint that is being made cannot be deleted before it is


def _jobs(client, tags: list[dict]) -> list[str]:
    return [
        job["TrainingJobName"]
        for status in ("InProgress", "Stopping")
        for page in client.get_paginator("list_training_jobs").paginate(StatusEquals=status)
        for job in page["TrainingJobSummaries"]
        if _has(client, job["TrainingJobArn"], tags)
    ]


def _has(client, arn: str, tags: list[dict]) -> bool:
    try:
        pages = list(client.get_paginator("list_tags").paginate(ResourceArn=arn))
    except ClientError:
        return False  # deleted since it was listed
    there = [tag for page in pages for tag in page["Tags"]]
    return all(tag in there for tag in tags)
