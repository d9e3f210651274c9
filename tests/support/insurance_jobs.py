"""Jobs on the prepared insurance table as a learner may send them, in version 2 of the SDK: right but for one thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from exercises.insurance.prepared import parts
from support.learners_jobs import named, send, trainer
from utils.course import Course

BOTH = {"train": "train", "validation": "validation"}


def inputs(
    course: Course,
    channels: Mapping[str, str],
    content_type: str | None = "text/csv",
    columns: Callable[[list[str]], list[str]] = list,
    text: Callable[[str], str] = str,
    **options: Any,
) -> dict[str, Any]:
    """A TrainingInput for the name of each channel, of the part that it is to read, which is uploaded."""
    from sagemaker.inputs import TrainingInput
    from sagemaker.s3 import S3Uploader

    made = {}
    for channel, part in channels.items():
        table = parts(course)[part]
        rows = text(table[columns(list(table))].to_csv(**{"header": False, "index": False} | options))
        uri = f"{course.output_path}/wrong/{channel}.csv"
        S3Uploader.upload_string_as_file_body(rows, uri, sagemaker_session=course.session)
        made[channel] = TrainingInput(uri, content_type=content_type)
    return made


def sent(
    right: Mapping[str, Any],
    change: Mapping[str, Any] | None = None,
    channels: Mapping[str, str] = BOTH,
    wait: bool = True,
    max_run: int | None = 600,
    tags: bool = True,
    **how: Any,
) -> Callable[[Course], Any]:
    """Sends a job with the hyperparameters ``right``, but for a change; the estimator."""

    def start(course: Course) -> Any:
        estimator = trainer(course, {**right, **(change or {})}, max_run, tags)
        return send(course, estimator, inputs(course, channels, **how), wait)

    return start


def trained(course: Course, *settings: Mapping[str, Any]) -> None:
    """Trains the models that a lesson's checks look for, with the tags by which they are found."""
    for given in settings:
        estimator = trainer(course, given)
        estimator.tags = course.tags_for(course.table, {**given})
        estimator.fit(inputs(course, BOTH), logs=False)


def of_channels(right: Mapping[str, Any], limit: int) -> list[tuple[Callable[[Course], Any], str]]:
    """Typical mistakes of a job with both channels, each with what is to be said; ``right`` is what it is sent."""
    return [
        (named("course-none"), "no training job of yours whose name begins with 'course-none'"),
        (lambda course: 3, "The estimator itself was expected"),
        (sent(right, channels={"validation": "validation"}), "these channels: validation."),
        (sent(right, content_type=None), "does not say that its files are CSV"),
        (sent(right, header=True), "The first line of the channel train holds names: charges,age"),
        (sent(right, index=True), "has 11 values where 10 are expected"),
        (sent(right, columns=lambda names: [*names[1:], names[0]]), "is no bill: the label belongs into"),
        (sent(right, channels={"train": "train"}), "no channel named validation"),
        (sent(right, channels={"train": "train", "validation": "train"}), "reads the rows that the job learns from"),
        (sent(right, channels={"train": "train", "validation": "test"}), "reads the test rows"),
        (sent(right, {"predictor_type": None}), "predictor_type is missing"),
        (sent(right, {"predictor_type": "binary_classifier"}), "told to be a binary_classifier"),
        (sent(right, {"mini_batch_size": None}), "mini_batch_size is missing"),
        (sent(right, {"mini_batch_size": 7}), "took batches of 7 rows"),
        (sent(right, max_run=limit // 60), "look like minutes"),
        (sent(right, max_run=900), f"may take 900 seconds, not {limit}"),
        (sent(right, tags=False), "none of the course's tags"),
        (sent(right, text=lambda rows: rows + "n/a" + ",0" * 9 + "\n"), "has no model: ClientError"),
    ]
