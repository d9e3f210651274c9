"""Typical wrong answers to the exercises of "Let trees find the interaction, and see what they cost"."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import pandas as pd

from support.learners_jobs import MINE, named, send, trainer
from support.wrong_answers import Wrong
from utils import load
from utils.course import Course

LESSON = "insurance/08_xgboost"
SENT = {
    "objective": "reg:squarederror", "num_round": 500, "eta": 0.05, "max_depth": 3, "eval_metric": "rmse",
    "early_stopping_rounds": 20,
}  # fmt: skip
OF_THE_LESSON = SENT | {"num_round": 200, "eta": 0.1, "max_depth": 4}


@cache
def parts() -> dict[str, pd.DataFrame]:
    """Bills with eight features of a kind, in the place of those that the lesson prepares."""
    table = load("insurance")
    features = {f"feature-{number}": table["age"] + number for number in range(8)}
    rows = pd.DataFrame({"charges": table["charges"], **features})
    return {"train": rows.head(100), "validation": rows.tail(100)}


def sent(
    hyperparameters: dict[str, Any] | None = None,
    channels: tuple[str, ...] = ("train", "validation"),
    content_type: tuple[str | None, str | None] = ("text/csv", "text/csv"),
    columns: slice = slice(None),
    wait: bool = False,
    base: str = MINE,
    max_run: int | None = 600,
    tags: bool = True,
    given: dict[str, Any] = SENT,
    **csv: Any,
) -> Callable[[Course], Any]:
    """Sends a job that differs from what the exercise asks; the estimator.  A hyperparameter of None is left out."""

    def start(course: Course) -> Any:
        from sagemaker.inputs import TrainingInput

        inputs = {}
        for channel, kind in zip(("train", "validation"), content_type, strict=True):
            text = parts()[channel].iloc[:, columns].to_csv(**{"header": False, "index": False} | csv)
            key = f"{course.prefix}/wrong/{channel}.csv"
            uri = course.session.upload_string_as_file_body(text, course.bucket, key)
            inputs[channel] = TrainingInput(uri, content_type=kind)
        settings = given | (hyperparameters or {})
        estimator = trainer(course, settings, max_run, tags, ("xgboost", "3.0-5"), base)
        return send(course, estimator, {channel: inputs[channel] for channel in channels}, wait)

    return start


def whole_lesson(course: Course) -> None:
    """The lesson's second job."""
    sent(given=OF_THE_LESSON, base="course-insurance-xgboost", wait=True)(course)


def made(name: str = "train.csv", content_type: str | None = "text/csv") -> Callable[[Course], Any]:
    """A channel as a learner may make it."""

    def make(course: Course) -> Any:
        from sagemaker.inputs import TrainingInput

        return TrainingInput(f"{course.output_path}/xgboost/{name}", content_type=content_type)

    return make


WRONG: dict[tuple[str, str], Wrong] = {
    (LESSON, "own_trees"): [
        (named("course-none"), "no training job of yours whose name begins with 'course-none'"),
        (lambda course: {"eta": 0.05}, "The estimator itself was expected"),
        (sent(channels=("validation",)), "XGBoost learns from a channel named train"),
        (sent(content_type=(None, "text/csv")), "channel train does not say that its files are CSV"),
        (sent(header=True), "holds names: charges,feature-0"),
        (sent(index=True), "has 10 values where 9 are expected"),
        (sent(columns=slice(None, None, -1)), "is no bill: the label belongs into the first column"),
        (sent(channels=("train",)), "No channel is named validation"),
        (sent(content_type=("text/csv", None)), "channel validation does not say"),
        (sent({"num_round": 200}), "num_round, is 200"),
        (sent({"max_depth": None}), "max_depth, are nothing"),
        (sent({"eta": 0.5}), "eta, is 0.5"),
        (sent({"eval_metric": None}), "watches nothing"),
        (sent({"eval_metric": "mae"}), "watched mae"),
        (sent({"early_stopping_rounds": None}), "told nothing by early_stopping_rounds"),
        (sent(max_run=None), "the SDK's own limit, 86,400 seconds"),
        (sent(max_run=10), "look like minutes"),
        (sent(max_run=900), "may take 900 seconds, not 600"),
        (sent(tags=False), "none of the course's tags"),
        (sent(), "still at work"),
        (sent({"objective": "none"}, wait=True), "has no model: "),
    ],
    (LESSON, "mended_channel"): [
        (lambda course: "text/csv", "A channel was expected"),
        (lambda course: SimpleNamespace(config={"ContentType": "text/csv"}), "A channel was expected"),
        (made("validation.csv"), "reads validation.csv"),
        (made(content_type=None), "as in the colleague's call"),
        (made(content_type="text/libsvm"), "the file has commas"),
        (made(content_type="text/plain"), "no content type text/plain"),
    ],
}
PREPARED = {LESSON: whole_lesson}
