"""What the salary series' two models say, and how answers with three salaries are read."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from sklearn.linear_model import LinearRegression

from exercises.account import endpoints_left, line_of_newest_model
from exercises.kinds import number
from utils import split
from utils.check import Unreadable
from utils.course import Course

PEOPLE = (2, 4, 6)  # years of experience
HYPERPARAMETERS = {"predictor_type": "regressor", "loss": "squared_loss", "mini_batch_size": 7}
CLOSE = 1.0  # dollars


def deployed(course: Course, years: float) -> float:
    """What the lesson's model says, read from its artifact: the endpoint has gone when it is asked for."""
    slope, intercept = line_of_newest_model(course, HYPERPARAMETERS)
    return intercept + slope * years


def baseline(course: Course, years: float) -> float:
    X_train, _, y_train, _ = split(course.table, "Salary")
    return float(LinearRegression().fit(X_train, y_train).predict(pd.DataFrame({X_train.columns[0]: [years]}))[0])


def three(answer: Any, course: Course) -> list[float]:
    """Three salaries."""
    if isinstance(answer, dict):
        raise Unreadable("That is the whole answer of the endpoint: the scores are inside it, under 'predictions'.")
    if not isinstance(answer, list | tuple) or len(answer) != len(PEOPLE):
        raise Unreadable("A list of three salaries was expected, one for each of 2, 4 and 6 years.")
    if any(hasattr(each, "label") for each in answer):
        raise Unreadable("Those are protobuf records: each has its number under label, score, and the tensor's values.")
    if any(isinstance(each, dict) for each in answer):
        raise Unreadable("Those are dictionaries: take the number out of each, under 'score'.")
    return [number(each) for each in answer]


def faults_of_three(left: str) -> list[tuple[Callable[[list[float], Course], Any], str]]:
    """What is wrong with three salaries; ``left`` is said where an endpoint still runs, with it in the place of {}."""
    return [
        (
            lambda said, course: equal(said, [baseline(course, years) for years in PEOPLE]),
            "These are the baseline's predictions: the endpoint has to be asked.",
        ),
        (
            lambda said, course: equal(said[::-1], [deployed(course, years) for years in PEOPLE]),
            "The answers come in the order of the rows, and these are turned round.",
        ),
        (
            lambda said, course: not equal(said, [deployed(course, years) for years in PEOPLE]),
            "These are not the endpoint's answers for 2, 4 and 6 years.",
        ),
        (lambda said, course: endpoints_left(course), left),
    ]


def equal(said: list[float], wanted: list[float]) -> bool:
    return all(abs(one - other) <= CLOSE for one, other in zip(said, wanted, strict=True))
