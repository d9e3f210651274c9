"""Typical wrong answers to the exercises of the insurance series' lesson on losses, in both editions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exercises.insurance.prepared import PLAIN
from support.insurance_jobs import inputs, of_channels, sent, trained
from support.learners_jobs import ENDLESS
from support.wrong_answers import Wrong
from utils.course import Course

LESSON = "insurance/05_losses"
HUBER = PLAIN | {"loss": "huber_loss"}


def channels(*left_out: str, **reads: str) -> Callable[[Course], dict[str, Any]]:
    """The three channels, but for those left out, or that read another part."""
    right = {name: name for name in ("train", "validation", "test") if name not in left_out}
    return lambda course: inputs(course, right | reads)


def as_records(course: Course) -> dict[str, Any]:
    made = channels()(course)
    made["test"].config["ContentType"] = "application/x-recordio-protobuf"
    return made


HUBERS: Wrong = [
    (sent(HUBER, ENDLESS, wait=False), "still at work"),  # the next one ends it
    *of_channels(HUBER, 600),
    (sent(HUBER, {"loss": None}), "loss is missing"),
    (sent(HUBER, {"loss": "squared_loss"}), "made the squared_loss small"),
]
WRONG: dict[tuple[str, str], Wrong] = {
    (LESSON, "huber_job"): [*HUBERS, (sent(HUBER, max_run=None), "the SDK's own limit, 86,400 seconds")],
    (f"{LESSON}_sdk_v3", "huber_trainer"): [
        *HUBERS,
        (sent(HUBER, max_run=3_600), "the SDK's own limit, 3,600 seconds"),
    ],
    (LESSON, "mended_channels"): [
        (lambda course: list(channels()(course).values()), "A dictionary was expected"),
        (lambda course: {"train": f"{course.output_path}/train.csv"}, "with a TrainingInput"),
        (
            channels("train", training="train"),
            "learns from a channel named train; these are validation, test, training",
        ),
        (channels("validation"), "no channel named validation to choose by; these are train, test."),
        (channels("test"), "no channel named test for the finished model"),
        (as_records, "The channel test does not say that its file is CSV."),
        (channels(train="validation"), "train does not read the training rows"),
        (channels(validation="test"), "The test rows choose the model here"),
        (channels(validation="train"), "validation does not read the validation rows"),
        (channels(test="validation"), "test does not read the test rows"),
    ],
}
PREPARED = {LESSON: lambda course: trained(course, PLAIN, PLAIN | {"loss": "absolute_loss"})}
