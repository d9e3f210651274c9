"""Jobs as a learner may send them, in version 2 of the SDK: what several lessons' wrong answers have in common."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from support.training import wait_until
from utils.course import Course

MINE = "course-mine"  # how the names of the exercises' jobs begin
ENDLESS = {"epochs": 1_000_000, "early_stopping_patience": 1_000_000}  # of Linear Learner


def named(base: str) -> Callable[[Course], str]:
    """The name of a job in the place of what has sent it."""
    return lambda course: base


def trainer(
    course: Course,
    hyperparameters: Mapping[str, Any],
    max_run: int | None = 600,
    tags: bool = True,
    image: tuple[str, str | None] = ("linear-learner", None),
    base: str = MINE,
    machines: int = 1,
    **options: Any,
) -> Any:
    """An estimator of an algorithm, by the name and release of its image; a hyperparameter of None is left out."""
    from sagemaker import image_uris
    from sagemaker.estimator import Estimator

    limit: dict[str, Any] = {} if max_run is None else {"max_run": max_run}
    given = {name: value for name, value in hyperparameters.items() if value is not None}
    return Estimator(
        image_uris.retrieve(image[0], course.session.boto_region_name, version=image[1]),
        role=course.role, sagemaker_session=course.session, instance_count=machines, instance_type="ml.m5.large",
        hyperparameters=given, debugger_hook_config=False, disable_profiler=True, base_job_name=base,
        output_path=course.output_path, tags=course.tags if tags else None, **limit, **options,
    )  # fmt: skip


def send(course: Course, estimator: Any, channels: Mapping[str, Any], wait: bool = True) -> Any:
    """Start the estimator's job, which may fail, once those of an answer before have ended; the estimator."""
    from sagemaker.exceptions import UnexpectedStatusException

    stop(course)
    with contextlib.suppress(UnexpectedStatusException):  # which the check is asked about
        estimator.fit(dict(channels), logs=False, wait=wait)
    return estimator


def stop(course: Course, noun: str = "TrainingJob", part: str = MINE) -> None:
    """End the jobs, with ``part`` in their names, that an answer before has left at work."""
    client, verb = course.session.sagemaker_client, xform_name(noun)
    # A page may be empty and not the last: AWS filters what it has counted.
    pages = client.get_paginator(f"list_{verb}s").paginate(NameContains=part, StatusEquals="InProgress")
    for name in [each[f"{noun}Name"] for page in pages for each in page[f"{noun}Summaries"]]:
        which = {f"{noun}Name": name}
        try:
            getattr(client, f"stop_{verb}")(**which)
        except ClientError as error:
            assert "is in status" in str(error), error  # it has ended meanwhile
        wait_until(
            lambda which=which: getattr(client, f"describe_{verb}")(**which)[f"{noun}Status"],
            lambda status: status not in ("InProgress", "Stopping"),
            name,
        )
