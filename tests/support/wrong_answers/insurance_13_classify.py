"""Typical wrong answers to the exercises of insurance/13_classify."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pandas as pd

from support.learners_jobs import ENDLESS, named, send, trainer
from support.wrong_answers import Wrong
from utils.course import Course

lesson = importlib.import_module("exercises.insurance.13_classify")
CRITERION = "binary_classifier_model_selection_criteria"
ASKED = {
    "predictor_type": "binary_classifier", "mini_batch_size": 100, "epochs": 20,
    CRITERION: "precision_at_target_recall", "target_recall": 0.8,
}  # fmt: skip


def csv(course: Course, part: str, label: Callable[[pd.Series], pd.Series] | None = None, header: bool = False) -> str:
    """The rows of a channel, their class first, as a learner may write them."""
    rows = lesson.people(course)[part]
    made = label(rows["charges"]) if label else pd.Series(lesson.high(course)[part].astype(int), rows.index)
    return rows.assign(charges=made).to_csv(header=header, index=False)


def sent(
    hyperparameters: dict | None = None,
    channels: tuple[str, ...] = ("train", "validation"),
    content_type: str | None = "text/csv",
    text: Callable[[str], str] = str,
    label: Callable[[pd.Series], pd.Series] | None = None,
    wait: bool = True,
    max_run: int | None = 600,
    tags: bool = True,
) -> Callable[[Course], Any]:
    """Sends a job that differs from what the exercise asks; the estimator.  A hyperparameter of None is left out."""

    def start(course: Course) -> Any:
        from sagemaker.inputs import TrainingInput
        from sagemaker.s3 import S3Uploader

        inputs = {}
        for channel in channels:
            uri = f"{course.output_path}/wrong/classes/{channel}.csv"
            part = "validation" if channel == "validation" else "train"
            S3Uploader.upload_string_as_file_body(text(csv(course, part, label)), uri, sagemaker_session=course.session)
            inputs[channel] = TrainingInput(uri, content_type=content_type)
        return send(course, trainer(course, ASKED | (hyperparameters or {}), max_run, tags), inputs, wait)

    return start


def classes(change: Callable[[pd.Series], pd.Series]) -> Callable[[Course], pd.Series]:
    """The right classes, changed; with the rows' own numbers, as a learner has them."""
    return lambda course: change(
        lesson.wanted(course).set_axis(lesson.people(course)["train"].index)  # of the table prepared
    )


WRONG: dict[tuple[str, str], Wrong] = {
    ("insurance/13_classify", "target_job"): [
        (named("course-none"), "no training job of yours whose name begins with 'course-none'"),
        (lambda course: 3, "The estimator itself was expected"),
        (sent(channels=("validation",)), "these channels: validation."),
        (sent(content_type=None), "does not say that its files are CSV"),
        (sent(text=lambda rows: rows.replace(",", ",7,", 1)), "has 9 values where 8 are expected"),
        (sent(label=lambda bills: bills), "the label of a binary classifier is 0 or 1"),
        (sent(channels=("train",)), "the training people decide which model and threshold is best"),
        (sent({"predictor_type": None}), "predictor_type is missing"),
        (sent({"predictor_type": "regressor"}), "told to be a regressor"),
        (sent({CRITERION: "recall_at_target_precision"}), "That criterion fixes the precision"),
        (sent({CRITERION: None}), "so the job chose by its accuracy"),
        (sent({CRITERION: "f1"}), "The job chose by f1"),
        (sent({"target_recall": None}), "target_recall is missing"),
        (sent({"target_recall": 0.4}), "The target is 0.4"),
        (sent(max_run=None), "the SDK's own limit, 86,400 seconds"),
        (sent(max_run=10), "look like minutes"),
        (sent(max_run=900), "may take 900 seconds, not 600"),
        (sent(tags=False), "none of the course's tags"),
        (sent(ENDLESS, wait=False), "still at work"),
        (sent(text=lambda rows: rows + "2,1,1,1,1,1,1,1\n"), "has no model: ClientError"),
    ],
    ("insurance/13_classify", "labels"): [
        (lambda course: [0, 1, 2], "A Series of classes was expected"),
        (lambda course: pd.Series([0, 1, 2]), "training people was expected, and these are 3"),
        (classes(lambda right: right.map({0: "low", 1: "middle", 2: "high"})), "the file has to hold nothing else"),
        (classes(lambda right: right + 1), "and here one is 3"),
        (classes(lambda right: (right > 0).astype(int)), "these are 2"),
        (classes(lambda right: 2 * right), "these are [0, 2, 4]"),
        (classes(lambda right: 2 - right), "turned round"),
        (classes(lambda right: right.sample(frac=1, random_state=0)), "people are in another class"),
    ],
}
