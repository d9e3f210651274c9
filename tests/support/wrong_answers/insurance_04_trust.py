"""Typical wrong answers to the exercises of the insurance series' lesson on intervals."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from exercises.account import newest_job
from exercises.insurance.prepared import PLAIN, said
from support.insurance_jobs import of_channels, sent, trained
from support.learners_jobs import ENDLESS
from support.wrong_answers import Wrong
from utils import interval, paired_interval
from utils.course import Course

LESSON = "insurance/04_trust"
SMALLER = PLAIN | {"mini_batch_size": 50}
Ends = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[float, float]]
lesson: Any = importlib.import_module("exercises.insurance.04_trust")


def with_ends(make: Callable[[Course], Any]) -> Callable[[Course], Any]:
    """A job with some interval."""
    return lambda course: (make(course), (1, 2))


def judged(ends: Ends) -> Callable[[Course], Any]:
    """The right job, and an interval made of the bills, its predictions, and those of scikit-learn's line."""

    def answer(course: Course) -> Any:
        estimator = sent(SMALLER)(course)
        guess = lesson.Judged(newest_job(estimator, course), (0, 0)).prediction(course)
        bills, line = lesson.line(course)
        return estimator, ends(bills, guess, line)

    return answer


def drawn_apart(course: Course) -> tuple[float, float]:
    bills, line = lesson.line(course)
    of = np.random.default_rng(1)
    sets = [
        [lesson.rmse((guess - bills)[of.integers(0, len(bills), len(bills))]) for _ in range(500)]
        for guess in (line, said(course, PLAIN))
    ]
    low, high = np.quantile(np.subtract(sets[1], sets[0]), [0.025, 0.975])
    return low, high


def turned(course: Course) -> tuple[float, float]:
    bills, line = lesson.line(course)
    return paired_interval(bills, line, said(course, PLAIN))


JOBS = [
    (with_ends(make), sentence) for make, sentence in of_channels(SMALLER, 600) if "took batches of 7" not in sentence
]
WRONG: dict[tuple[str, str], Wrong] = {
    (LESSON, "smaller_batches"): [
        *JOBS,
        (sent(SMALLER), "A pair was expected"),
        (lambda course: (sent(SMALLER)(course), 91), "An interval was expected"),
        (with_ends(sent(PLAIN)), "took batches of 100 rows, not of 50"),
        (with_ends(sent(SMALLER, {"loss": None})), "loss is missing"),
        (with_ends(sent(SMALLER, {"loss": "absolute_loss"})), "made the absolute_loss small"),
        (with_ends(sent(SMALLER, max_run=None)), "the SDK's own limit, 86,400 seconds"),
        (with_ends(sent(SMALLER, ENDLESS, wait=False)), "still at work"),  # the next one ends it
        (judged(lambda bills, guess, line: interval(guess - bills, lesson.rmse)), "of its RMSE alone"),
        (judged(lambda bills, guess, line: paired_interval(bills, line, guess)), "scikit-learn's line minus yours"),
        (judged(lambda bills, guess, line: paired_interval(bills, guess, line, "mae")), "compares the MAE"),
        (judged(lambda bills, guess, line: (1, 2)), "this is not the interval of its RMSE"),
    ],
    (LESSON, "mended_interval"): [
        (lambda course: 91, "An interval was expected"),
        (turned, "scikit-learn's line minus SageMaker's"),
        (drawn_apart, "each model is asked about other people"),
        (lambda course: ("$1", 2), "not the interval of the difference of the two lines"),
    ],
}
PREPARED = {LESSON: lambda course: trained(course, PLAIN)}
