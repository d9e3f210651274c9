"""Typical wrong answers to the exercises of the insurance series' lessons on tuning, in both editions."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Mapping
from typing import Any

from support.insurance_jobs import BOTH, inputs
from support.learners_jobs import ENDLESS, stop, trainer
from support.wrong_answers import Wrong
from utils.course import Course

RIGHT: dict[str, Any] = {"predictor_type": "regressor", "loss": "absolute_loss", "mini_batch_size": 100, "epochs": 2}
_numbers = itertools.count()


def tuner(
    objective: str = "validation:absolute_loss",
    change: Mapping[str, Any] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    scale: str = "Logarithmic",
    jobs: int = 3,
    at_once: int = 1,
    max_run: int | None = 600,
    tags: bool = True,
    direction: str = "Minimize",
) -> Callable[[Course], Any]:
    """A search that differs from what the exercise asks."""

    def make(course: Course) -> Any:
        from sagemaker.parameter import ContinuousParameter
        from sagemaker.tuner import HyperparameterTuner

        estimator = trainer(course, {**RIGHT, **(change or {})}, max_run, tags)
        varied: dict[Any, Any] = {}
        for name, (low, high) in (ranges or {"learning_rate": (0.001, 0.1)}).items():
            varied[name] = ContinuousParameter(low, high, scaling_type=scale)
        return HyperparameterTuner(
            estimator, objective_metric_name=objective, objective_type=direction,
            hyperparameter_ranges=varied,
            strategy="Random", random_seed=1, max_jobs=jobs, max_parallel_jobs=at_once,
            tags=course.tags if tags else None,
        )  # fmt: skip

    return make


def started(
    channels: Mapping[str, str] = BOTH,
    wait: bool = True,
    text: Callable[[str], str] = str,
    best: Callable[[Any], str] | None = None,
    **options: Any,
) -> Callable[[Course], tuple[Any, str]]:
    """A search that was started, with the name of its best job."""

    def start(course: Course) -> tuple[Any, str]:
        from sagemaker.exceptions import UnexpectedStatusException

        stop(course, "HyperParameterTuningJob", "course-wrong")
        search = tuner(**options)(course)
        with contextlib.suppress(UnexpectedStatusException):  # which the check is asked about
            search.fit(inputs(course, channels, text=text), f"course-wrong-{os.getpid()}-{next(_numbers)}", wait=wait)
        return search, best(search) if best else "a-name"

    return start


def unstarted(course: Course) -> tuple[Any, str]:
    return tuner()(course), "a-name"


OWN: Wrong = [
    (unstarted, "This tuner has started nothing yet"),
    (tuner(), "A pair was expected"),
    (lambda course: (3, "a-name"), "A pair was expected"),
    (started(objective="train:objective_loss", jobs=1), "train:objective_loss is measured on the rows"),
    (started(objective="validation:rmse", jobs=1), "makes validation:rmse small"),
    (started(ranges={"wd": (0.001, 0.1)}, jobs=1), "varies wd; it was to vary learning_rate alone"),
    (started(scale="Linear", jobs=1), "not on a logarithmic scale"),
    (started(ranges={"learning_rate": (0.001, 0.3)}, jobs=1), "goes from 0.001 to 0.3"),
    (started(change={"loss": None}, jobs=1), "not told their loss"),
    (started(change={"loss": "squared_loss"}, jobs=1), "makes the squared_loss small"),
    (started(change={"mini_batch_size": None}, jobs=1), "mini_batch_size is missing"),
    (started(change={"mini_batch_size": 50}, jobs=1), "batches of 50 rows, not of 100"),
    (started(channels={"train": "train", "validation": "train"}, jobs=1), "reads the rows that the jobs learn from"),
    (started(channels={"train": "train", "validation": "test"}, jobs=1), "the test rows, which are for the end"),
    (started(jobs=2), "starts 2 jobs at most, not 3"),
    (started(at_once=2), "runs 2 jobs at once"),
    (started(max_run=10), "look like minutes"),
    (started(max_run=900), "may take 900 seconds, not 600"),
    (started(tags=False), "none of the course's tags"),
    (started(change=ENDLESS, wait=False), "still at work"),
    (started(text=lambda rows: rows + "n/a" + ",0" * 9 + "\n"), "has no model: "),
    (started(best=lambda search: "course-t-001"), "not the name of its best training job"),
]


def mended(**options: Any) -> Callable[[Course], Any]:
    right: dict[str, Any] = {"objective": "validation:rmse", "ranges": {"learning_rate": (0.001, 0.3)}, "jobs": 10}
    return tuner(**right | options)


MENDED: Wrong = [
    (lambda course: {"max_jobs": 10}, "A HyperparameterTuner was expected"),
    (mended(objective="validation:mae"), "reports no metric validation:mae"),
    (mended(objective="test:rmse"), "The objective is test:rmse"),
    (mended(direction="Maximize"), "looks for the largest error"),
    (mended(ranges={"wd": (0.001, 0.3)}), "learning_rate has no range"),
    (mended(scale="Linear"), "two of three values"),
    (mended(ranges={"learning_rate": (0, 0.3)}), "cannot begin at 0"),
    (mended(ranges={"learning_rate": (0.001, 3)}), "The range goes from 0.001 to 3"),
    (mended(jobs=600), "max_jobs is 600, and 10 jobs were allowed"),
]
WRONG: dict[tuple[str, str], Wrong] = {
    ("insurance/06_search", "own_tuner"): [*OWN, (started(max_run=None), "the SDK's own limit, 86,400 seconds")],
    ("insurance/06_search", "mended_tuner"): MENDED,
    ("insurance/06_search_sdk_v3", "own_search"): [
        *OWN,
        (started(max_run=3_600), "the SDK's own limit, 3,600 seconds"),
    ],
    ("insurance/06_search_sdk_v3", "mended_search"): MENDED,
}
