"""Exercises of "How far can you trust 268 people?"."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from exercises.account import Job, newest_job
from exercises.insurance.jobs import LIMIT, PREDICTS_NUMBERS, batch_faults, channel_faults
from exercises.insurance.prepared import PLAIN, parts, said, script
from exercises.job_faults import A_DAY, Fault, end_faults, setting
from exercises.kinds import Found, Number, Question, number
from utils import interval, paired_interval, split
from utils.check import Unreadable
from utils.course import Course

WIDTH = 400  # dollars
BATCH = 50  # rows
CLOSE = 0.1  # of an interval's width: another seed moves its ends by less
Interval = tuple[float, float]


def line(course: Course) -> tuple[np.ndarray, np.ndarray]:
    """Bills of the test set, and what scikit-learn's line with the interaction term predicts."""
    X_train, X_test, y_train, y_test = split(course.table, "charges")
    prepare = script()
    model = make_pipeline(prepare.make_encoder(numbers=[]), LinearRegression())
    model.fit(prepare.add_interaction(X_train), y_train)
    return y_test.to_numpy(), model.predict(prepare.add_interaction(X_test))


def rmse(error: np.ndarray) -> float:
    return float(np.sqrt((error**2).mean()))


def spans(course: Course) -> float:
    """Between the ends of the RMSE's interval, in dollars."""
    bills, guess = line(course)
    low, high = interval(guess - bills, rmse)
    return high - low


def people(course: Course) -> int:
    return len(line(course)[0])


def two_ends(answer: Any) -> Interval:
    if not isinstance(answer, list | tuple | np.ndarray) or len(answer) != 2:
        raise Unreadable("An interval was expected: two numbers, the lower end first.")
    return number(answer[0]), number(answer[1])


def near(said: Interval, wanted: Interval) -> bool:
    """Whether two intervals are equal but for the draws of another seed."""
    return max(abs(said[0] - wanted[0]), abs(said[1] - wanted[1])) <= CLOSE * abs(wanted[1] - wanted[0])


def turned(ends: Interval) -> Interval:
    return -ends[1], -ends[0]


@dataclass(frozen=True)
class Judged:
    """A training job, and the interval that the learner gives its model."""

    job: Job
    ends: Interval

    def prediction(self, course: Course) -> np.ndarray:
        weights, intercept = course.open_model(self.job.sent["ModelArtifacts"]["S3ModelArtifacts"])
        return parts(course)["test"].drop(columns="charges").to_numpy() @ weights + intercept


def judged(answer: Any, course: Course) -> Judged:
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise Unreadable("A pair was expected: the estimator, and the interval (low, high).")
    return Judged(newest_job(answer[0], course), two_ends(answer[1]))


def of_its_job(faults: Iterable[Fault]) -> Iterator[tuple[Callable[[Judged, Course], Any], str]]:
    for fault, sentence in faults:
        yield partial(lambda fault, judged, course: fault(judged.job, course), fault), sentence


def wanted(judged: Judged, course: Course, metric: Any = "rmse") -> Interval:
    """How much larger the job's error is than that of scikit-learn's line."""
    bills, guess = line(course)
    return paired_interval(bills, judged.prediction(course), guess, metric)


def alone(judged: Judged, course: Course) -> Interval:
    return interval(judged.prediction(course) - line(course)[0], rmse)


def of_lessons_job(course: Course) -> Interval:
    bills, guess = line(course)
    return paired_interval(bills, said(course, PLAIN), guess)


CHECKS = {
    "people": Number(
        solution=lambda course: people(course) * (spans(course) / WIDTH) ** 2,
        tolerance=60,
        right="That is more than the whole table: such a score cannot be had from it.",
        mistakes=[
            (
                lambda course: people(course) * spans(course) / WIDTH,
                "The width falls with the square root of the number, not with the number.",
            ),
            (
                lambda course: people(course) * math.sqrt(spans(course) / WIDTH),
                "Turn the root round: to make the width a third, it takes nine times as many people.",
            ),
            (
                lambda course: people(course) * (spans(course) / 2 / WIDTH) ** 2,
                "That makes it 400 dollars to each side; the whole interval is to be 400 dollars wide.",
            ),
            (
                lambda course: people(course) * ((spans(course) / WIDTH) ** 2 - 1),
                "Those are the people that come on top of the ones you have.",
            ),
        ],
        far=("It takes more people than that.", "It takes fewer people than that."),
        hints=(
            "By which factor does the interval have to become narrower?",
            "Half as wide is four times the people: the factor counts twice.",
            "From 100 people and a width of 900 dollars to one of 300 dollars it takes 900 people.",
        ),
    ),
    "smaller_batches": Found(
        look=judged,
        faults=[
            *of_its_job(
                [
                    *channel_faults(),
                    *PREDICTS_NUMBERS,
                    *setting(
                        "loss",
                        "squared_loss",
                        "The hyperparameter loss is missing: say which number is made small.",
                        "The job made the {} small, and only the batches were to change.",
                    ),
                    *batch_faults(BATCH),
                    *end_faults(LIMIT, A_DAY, "max_run"),
                ]
            ),
            (
                lambda judged, course: near(judged.ends, alone(judged, course)),
                "That is the interval of its RMSE alone; the one of a difference is asked for.",
            ),
            (
                lambda judged, course: near(judged.ends, turned(wanted(judged, course))),
                "That is scikit-learn's line minus yours: paired_interval takes the second model from the first.",
            ),
            (
                lambda judged, course: near(judged.ends, wanted(judged, course, "mae")),
                "That compares the MAE of the two, and the RMSE was asked for.",
            ),
            (
                lambda judged, course: not near(judged.ends, wanted(judged, course)),
                "The job is right, and this is not the interval of its RMSE beside scikit-learn's line.",
            ),
        ],
        right="The job is the one asked for, and so is the interval: look whether 0 lies inside it.",
        hints=(
            "The cells of this section do both for another job: one describes it, one fits it, one compares.",
            "With order | {'max_run': 300} another limit is sent; hyperparameters can be changed alike.",
            "For two predictions a and b, paired_interval(y_test, a, b) is positive where a has the larger error.",
        ),
    ),
    "mended_interval": Found(
        look=lambda answer, course: two_ends(answer),
        faults=[
            (
                lambda ends, course: near(ends, turned(of_lessons_job(course))),
                "Paired it is; but this is scikit-learn's line minus SageMaker's.",
            ),
            (
                lambda ends, course: ends[1] - ends[0] > 2 * np.subtract(*of_lessons_job(course)[::-1]) or None,
                "So wide it is only when each model is asked about other people: draw them once for both.",
            ),
            (
                lambda ends, course: not near(ends, of_lessons_job(course)),
                "This is not the interval of the difference of the two lines.",
            ),
        ],
        right="On the same people, what is hard for both cancels, and the difference comes out.",
        hints=(
            "Who is drawn in the third line, and who in the fourth?",
            "Both errors of a person have to come from the same draw.",
            "An array drawn = random.integers(0, 5, size=(3, 5)) holds three draws of five people, to be used twice.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "b",
        {
            "a": "Two lines of this lesson overlap as much, and yet differ for certain.",
            "b": "How far the two scores rise and fall together is in neither interval.",
            "c": "Its interval lies lower, and so may the next draw of B.",
        },
    ),
    "question 2": Question(
        "a",
        {
            "a": "The wider interval still excludes 0.",
            "b": "Look at its lower end again: on which side of 0 is it?",
            "c": "A higher level makes an interval wider, and it is that of a difference.",
        },
    ),
    "question 3": Question(
        "c",
        {
            "a": "On the strength of what chance alone would show about as often.",
            "b": "Two of forty is what a fair line would show, too.",
            "c": "Five in a hundred intervals miss by chance; towns that stay out next year are another matter.",
        },
    ),
}
