"""Typical wrong answers to the exercises of "Open the model"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.wrong_answers import Wrong
from support.wrong_answers.salary import train_a_line
from utils import split
from utils.course import Course


def learner(**options: Any) -> Callable[[Course], Any]:
    """An order for a LinearLearner that was not sent."""

    def make(course: Course) -> Any:
        from sagemaker.amazon.linear_learner import LinearLearner

        given: dict[str, Any] = {
            "predictor_type": "regressor",
            "max_run": 900,
            "base_job_name": "course-mended",
        } | options
        place: dict[str, Any] = {"role": course.role, "sagemaker_session": course.session}
        return LinearLearner(instance_count=1, instance_type="ml.m5.large", **place, **given)

    return make


ORDERS: Wrong = [
    (lambda course: {"loss": "absolute_loss"}, "An estimator was expected"),
    (learner(objective="MAE"), "What would be sent is {'predictor_type': 'regressor'}: it names no loss"),
    (learner(loss="squared_loss"), "still the squared error"),
    (learner(loss="huber_loss"), "huber_loss is another loss"),
    (learner(loss="absolute_loss", predictor_type="binary_classifier"), "A salary is a number"),
    (learner(loss="absolute_loss", max_run=86_400), "no limit of yours"),
    (learner(loss="absolute_loss", max_run=15), "counts seconds, and says 15"),
    (learner(loss="absolute_loss", base_job_name="course-salary"), "base_job_name is course-salary"),
]
WRONG: dict[tuple[str, str], Wrong] = {("salary/04_open_the_model", "absolute_loss"): ORDERS}


def train_both(course: Course) -> None:
    """The lesson's model, and that of the exercise's job."""
    train_a_line(course)
    X_train, _, y_train, _ = split(course.table, "Salary")
    mended = learner(loss="absolute_loss", output_path=course.output_path, tags=course.tags)(course)
    records = mended.record_set(X_train.to_numpy("float32"), labels=y_train.to_numpy("float32"))
    mended.fit(records, mini_batch_size=7, logs=False)


PREPARED = {"salary/04_open_the_model": train_both}
