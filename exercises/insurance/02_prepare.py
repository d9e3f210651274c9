"""Exercises of "Prepare the table, here and as a job"."""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exercises.job_faults import A_DAY
from exercises.kinds import Found, Number, Question
from exercises.processing import end_faults, input_faults, newest_processing_job, output_faults, script_faults
from utils import split
from utils.check import Unreadable
from utils.course import Course

FOLDER = "/opt/ml/processing"
LIMIT = 600  # seconds
PARTS = "X_train, X_test, y_train, y_test"
EXACT = 1e-6


# ---- what a scaler learns


def age_at(course: Course, number: float = -1, rows: str = "train") -> float:
    """The age that becomes ``number`` on the scale of these rows."""
    X_train, X_test, *_ = split(course.table, "charges")
    ages = {"train": X_train, "test": X_test, "all": course.table}[rows]["age"]
    return ages.mean() + number * ages.std(ddof=0)


# ---- a function with a leak


@dataclass(frozen=True)
class Made:
    """What a function made of the table: the features, scaled, and the charges, of both parts."""

    X_train: np.ndarray
    X_test: np.ndarray
    y_train: pd.Series
    y_test: pd.Series


def mended(answer: Any, course: Course) -> Made:
    """What the learner's function returns.  Raises Unreadable if it is not the four parts."""
    if not callable(answer):
        raise Unreadable(f"The function itself was expected, without brackets, and this is a {type(answer).__name__}.")
    try:
        with redirect_stdout(io.StringIO()):
            parts = answer(course.table.copy())
    except Exception as error:  # the learner's own code, which may raise anything
        text = str(error).replace("\n", " ")[:200]
        raise Unreadable(f"The function stops with {type(error).__name__}: {text}.") from None
    if not isinstance(parts, tuple | list) or len(parts) != 4:
        raise Unreadable(f"The function has to return four parts, {PARTS}.")
    *features, y_train, y_test = parts
    if not isinstance(y_train, pd.Series) or not isinstance(y_test, pd.Series):
        raise Unreadable(f"The last two parts have to be charges, columns of the table: {PARTS}.")
    try:
        X_train, X_test = (np.asarray(each, dtype=float) for each in features)
    except (TypeError, ValueError):
        raise Unreadable("The features have to be columns of numbers: words become columns of 0 and 1.") from None
    if (len(X_train), len(X_test)) != (len(y_train), len(y_test)) or X_train.ndim != 2:
        raise Unreadable(f"The features and the charges do not have the same rows; the order is {PARTS}.")
    return Made(X_train, X_test, y_train, y_test)


def centred(values: np.ndarray) -> bool:
    """Whether each column has mean 0."""
    return bool((abs(values.mean(axis=0)) < EXACT).all())


def leak_faults() -> Iterator[tuple[Any, str]]:
    """Faults of the four parts."""
    yield (
        lambda made, course: set(made.y_test.index) != set(split(course.table, "charges")[3].index),
        "The test set is not that of the seed 42: leave test_size and random_state as they are.",
    )
    yield (
        lambda made, course: (
            not pd.concat([made.y_train, made.y_test]).equals(
                course.table.loc[[*made.y_train.index, *made.y_test.index], "charges"]
            )
        ),
        "The charges are not the table's any more: what is predicted stays in dollars.",
    )
    yield (
        lambda made, course: centred(made.X_train) and centred(made.X_test),
        "Now each part is scaled by itself, so the same age is two different numbers in training and in the test.",
    )
    yield (
        lambda made, course: centred(np.concatenate([made.X_train, made.X_test])),
        "The leak is still there: over all rows together each column has the mean 0, so all took part in it.",
    )
    yield (
        lambda made, course: centred(made.X_test),
        "The mean comes from the test set here, and it has to come from the training set.",
    )
    yield (
        lambda made, course: bool((abs(made.X_train.mean(axis=0)) > 1).any()),
        "The columns are not scaled: take a mean away from each, and divide by a standard deviation.",
    )
    yield (
        lambda made, course: not centred(made.X_train),
        "In the training set not every column has the mean 0: scale all columns by what the training set says.",
    )
    yield (
        lambda made, course: not np.allclose(made.X_train.std(axis=0), 1, rtol=0.01),
        "The means are right, and the standard deviations are not: in the training set each has to become 1.",
    )


CHECKS = {
    "minus_one": Number(
        solution=age_at,
        tolerance=0.03,
        right="The mean and the standard deviation are those of the people that the encoder was fitted on.",
        mistakes=[
            (
                lambda course: age_at(course, rows="all"),
                "That mean knows the people of the test set; the encoder was fitted on the training set.",
            ),
            (
                lambda course: age_at(course, rows="test"),
                "Those are the mean and the standard deviation of the test set, which nothing is fitted on.",
            ),
            (lambda course: age_at(course, 1), "That age becomes 1: it lies above the mean, and -1 lies below it."),
            (lambda course: age_at(course, 0), "That is the mean age, which becomes 0."),
            (
                lambda course: age_at(course, 0) - 1,
                "That is one year below the mean, and the unit of the scale is a standard deviation.",
            ),
            (
                lambda course: age_at(course, 1) - age_at(course, 0),
                "That is the standard deviation alone: how far from the mean the age lies.",
            ),
        ],
        far=("The age is higher than that.", "The age is lower than that."),
        hints=(
            "The scaler takes the mean age away and divides by the standard deviation, both of the rows it has seen.",
            "X_train['age'] is the column that it has seen; mean() and std() give the two numbers.",
            "With a mean of 30 and a standard deviation of 4, the age that becomes 1.5 is 30 + 1.5 × 4 = 36.",
        ),
    ),
    "leak": Found(
        look=mended,
        faults=list(leak_faults()),
        right="First the split, then the means and standard deviations of the training set, for both parts.",
        hints=(
            "Which of the function's lines learns something, and from which rows does it learn?",
            "Move the split up, and take the mean and the standard deviation of X_train alone.",
            "If the training ages are 20 and 40, their mean is 30: an age of 50 in the test set is 20 above that mean.",
        ),
    ),
    "processing_job": Found(
        look=newest_processing_job,
        faults=[
            *input_faults("insurance.csv", f"{FOLDER}/table"),
            *script_faults("prepare.py", ["--input-dir", f"{FOLDER}/table"]),
            *output_faults("train", f"{FOLDER}/output/train", "/mine/train"),
            *end_faults(LIMIT, A_DAY),
        ],
        right="The account was sent what you were asked for, and the training rows are in S3.",
        hints=(
            "The two cells that made the processor and called run have all of it for another job.",
            "The input's destination changes, and arguments takes a list of two words: which folder, and where it is.",
            "run(code='count.py', arguments=['--rows', '10'], …) starts a script as python3 count.py --rows 10.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "That gives one reference back; each of the three columns of words has left one out.",
            "b": "Those are the columns of the words alone; the three of numbers come on top.",
            "c": "Two, two and four categories make eight columns, and three columns of numbers stay as they are.",
        },
    ),
    "question 2": Question(
        "a",
        {
            "a": "Each part would be measured from a mean of its own, and the model knows only one of the scales.",
            "b": "No row is given away, and yet a number no longer means the same person in both parts.",
            "c": "Ages below the mean become negative in every part, whichever scaler is used.",
        },
    ),
    "question 3": Question(
        "b",
        {
            "a": "A job without output costs the same.",
            "b": "SageMaker copies the folders that the outputs name, and the script must have written exactly there.",
            "c": "Job and bucket lie in the region of your session.",
        },
    ),
}
