"""Typical wrong answers to the exercises of insurance/14_many_machines."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from support.learners_jobs import ENDLESS, named, send, trainer
from support.wrong_answers import Wrong
from utils.course import Course

lesson = importlib.import_module("exercises.insurance.14_many_machines")
SHARDED, FULLY, RECORDS = lesson.SHARDED, "FullyReplicated", lesson.RECORDS
ROWS = 40  # of a shard


def shards(course: Course) -> str:
    """The address of small shards, of which there are two."""
    return f"{course.output_path}/wrong/many/"


def write_shards(course: Course) -> None:
    """Put two small shards into S3."""
    from sagemaker.serializer_utils import write_numpy_to_dense_tensor

    s3, random = course.session.boto_session.client("s3"), np.random.default_rng(0)
    for number in range(2):
        file, rows = io.BytesIO(), random.normal(size=(ROWS, 3)).astype("float32")
        write_numpy_to_dense_tensor(file, rows[:, 1:], rows[:, 0])
        s3.put_object(Bucket=course.bucket, Key=f"{course.prefix}/wrong/many/part-{number}", Body=file.getvalue())


def sent(
    hyperparameters: dict | None = None,
    machines: int = 2,
    mode: str = "Pipe",
    channel: str = "train",
    distribution: str = SHARDED,
    content_type: str | None = RECORDS,
    wait: bool = True,
    max_run: int | None = 600,
    tags: bool = True,
) -> Callable[[Course], Any]:
    """Sends a job that differs from what the exercise asks; the estimator.  A hyperparameter of None is left out."""

    def start(course: Course) -> Any:
        from sagemaker.inputs import TrainingInput

        asked = {"predictor_type": "regressor", "mini_batch_size": 10, "epochs": 1, "num_models": 1}
        settings = asked | (hyperparameters or {})
        estimator = trainer(course, settings, max_run, tags, machines=machines, input_mode=mode)
        rows = TrainingInput(shards(course), content_type=content_type, distribution=distribution)
        return send(course, estimator, {channel: rows}, wait)

    return start


def rows(place: str = "", distribution: str = SHARDED, content_type: str | None = RECORDS) -> Callable[[Course], Any]:
    """A channel of the objects whose names begin so."""

    def make(course: Course) -> Any:
        from sagemaker.inputs import TrainingInput

        return TrainingInput(shards(course) + place, content_type=content_type, distribution=distribution)

    return make


WRONG: dict[tuple[str, str], Wrong] = {
    ("insurance/14_many_machines", "sharded_job"): [
        (named("course-none"), "no training job of yours whose name begins with 'course-none'"),
        (lambda course: 3, "The estimator itself was expected"),
        (sent(channel="validation"), "these channels: validation."),
        (sent(machines=1), "sent to one machine"),
        (sent(machines=3), "sent to 3 machines"),
        (sent(content_type="text/csv"), "the content type of the channel train is text/csv"),
        (sent(content_type=None), "the content type of the channel train is not named"),
        (sent(distribution=FULLY), "Each machine was given all shards"),
        (sent(mode="File"), "came in File mode"),
        (sent({"predictor_type": None}), "predictor_type is missing"),
        (sent({"predictor_type": "binary_classifier"}), "told to be a binary_classifier"),
        (sent(max_run=None), "the SDK's own limit, 86,400 seconds"),
        (sent(max_run=10), "look like minutes"),
        (sent(max_run=900), "may take 900 seconds, not 600"),
        (sent(tags=False), "none of the course's tags"),
        (sent(ENDLESS, wait=False), "still at work"),
        (sent({"mini_batch_size": 1_000}), "has no model: ClientError"),
    ],
    ("insurance/14_many_machines", "idle_machine"): [
        (lambda course: shards(course), "A TrainingInput was expected"),
        (rows("parts-"), "S3 holds no object below this address"),
        (rows(distribution=FULLY), "every object: the work would be done twice"),
        (rows("part-0"), "still one object for two machines"),
        (rows(content_type="text/csv"), "the content type is text/csv"),
        (rows(content_type=None), "the content type is not named"),
    ],
}

PREPARED = {"insurance/14_many_machines": write_shards}
