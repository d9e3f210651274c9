"""Exercises of "What is an estimator?"."""

from functools import cache

import numpy as np

from exercises.account import Job, newest_job
from exercises.job_faults import csv_form_faults, state_faults
from exercises.kinds import Choice, Found, Number, Question

INTERCEPT, SLOPE, NOISE = 25_000, 9_000, 5_500  # the lesson's
ROWS, TABLES, SEED = 35, 1000, 3


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The years and the salaries of one table, as the lesson draws them."""
    random = np.random.default_rng(seed)
    years = random.uniform(1, 10.5, ROWS)
    return years, INTERCEPT + SLOPE * years + random.normal(0, NOISE, ROWS)


@cache
def two_people() -> np.ndarray:
    """The slopes through the people with the most and the fewest years."""
    tables = [draw(seed) for seed in range(TABLES)]
    ends = [(years, salary, years.argmax(), years.argmin()) for years, salary in tables]
    return np.array([(salary[b] - salary[a]) / (years[b] - years[a]) for years, salary, b, a in ends])


@cache
def least_squares() -> np.ndarray:
    return np.array([np.polyfit(*draw(seed), 1)[0] for seed in range(TABLES)])


def first_line(job: Job) -> list[float]:
    return [float(value) for value in job.first_line("train").split(",")]


def holds(job: Job, column: int, values: np.ndarray) -> bool:
    """Whether a value of the channel's first line is one of a column of the table with the seed that was asked for."""
    return bool(np.isclose(values, first_line(job)[column], rtol=1e-3).any())


CHECKS = {
    "two_people": Number(
        solution=lambda course: two_people().std(),
        tolerance=2,
        right="This rule has next to no bias either, and is far less precise: it looks at 2 of 35 people.",
        mistakes=[
            (lambda course: least_squares().std(), "That is the standard deviation of least squares, as above."),
            (
                lambda course: two_people().mean(),
                "That is the mean of the slopes, which shows the bias; asked for is their width.",
            ),
            (
                lambda course: two_people().var(),
                "That is the variance, in squared dollars: the standard deviation is its root.",
            ),
            (
                lambda course: two_people().max() - two_people().min(),
                "That is the distance from the smallest slope to the largest.",
            ),
        ],
        far=("These slopes are spread more widely than that.", "These slopes are spread less widely than that."),
        hints=(
            "The cell that fits a thousand lines needs another rule in the place of np.polyfit.",
            "years.argmax() is the place of the person with the most years, and the same place in salary is theirs.",
            "For years 2, 8, 5 and salaries 30, 90, 70 the rule gives (90 - 30) / (8 - 2) = 10.",
        ),
    ),
    "drawn_job": Found(
        look=newest_job,
        faults=[
            *csv_form_faults(2),
            (
                lambda job, course: holds(job, 0, draw(SEED)[0]),
                "The first column holds the years: the label, which is the salary, has to come first.",
            ),
            (
                lambda job, course: not (holds(job, 0, draw(SEED)[1]) and holds(job, 1, draw(SEED)[0])),
                f"The first line of the channel train is not of the table with the seed {SEED} and {ROWS} people.",
            ),
            *state_faults(),
        ],
        right="SageMaker's fit has estimated, and course.open_model(order.model_data) shows the estimate.",
        hints=(
            "A DataFrame of the two arrays has a to_csv, with the options header and index.",
            "The lesson that sends a job has the upload, with S3Uploader, and the TrainingInput that fit is given.",
            "pd.DataFrame({'b': [3, 4], 'a': [1, 2]}).to_csv(header=False, index=False) begins with the line 3,1.",
        ),
    ),
    "plan_fault": Choice(
        solution="3",
        right="An estimator trains; requests are answered by an endpoint, which a Predictor asks.",
        mistakes={
            "1": "Line 1 is right: preparing data is a Processor's task, and run is its call.",
            "2": "Line 2 is right: fit reads the clean table from S3, and leaves an artifact there.",
            "4": "Line 4 is right: a predictor knows its endpoint, and can delete it.",
        },
        hints=(
            "Look up each line's component in the table: does it have the call that stands behind it?",
            "Which of the components is still there when its call has ended?",
            "dir(Estimator) lists what an estimator can be asked to do.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "a",
        {
            "a": "Without bias the estimates are right on average; one of them is off by its own chance.",
            "b": "That would need a standard deviation of zero as well.",
            "c": "Bias says nothing about rows: least squares has none with 35 people and none with 560.",
        },
    ),
    "question 2": Question(
        "b",
        {
            "a": "No slope is exactly right, so such a probability would be zero.",
            "b": "About two thirds of the estimates lie so close to the parameter, as in every bell.",
            "c": "The bias is the mean of the slopes minus the true one, in dollars.",
        },
    ),
    "question 3": Question(
        "c",
        {
            "a": "The same columns are needed, however the predictions are made.",
            "b": "A model that is trained once can predict every hour.",
            "c": "The same Model is given to a job that scores the table, in place of an endpoint.",
        },
    ),
}
