"""Exercises of "Split the table and fit a baseline"."""

from typing import Any

import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from exercises.kinds import Choice, Found, Number, Question
from utils import split
from utils.check import Unreadable
from utils.course import Course

YEARS = 5
SEED, TEST_ROWS = 7, 10
PARTS = "X_train, X_test, y_train, y_test"


def line(course: Course, rows: str = "train") -> tuple[float, float]:
    """Intercept and slope of the baseline; or of the line that is fitted on the whole table."""
    X, _, y, _ = split(course.table, "Salary")
    if rows == "all":
        X, y = course.table[["YearsExperience"]], course.table["Salary"]
    fitted = LinearRegression().fit(X, y)
    return fitted.intercept_, fitted.coef_[0]


def four_parts(answer: Any, course: Course) -> list:
    """What ``train_test_split`` returns for a table and a target."""
    if not isinstance(answer, list | tuple) or not all(isinstance(each, pd.DataFrame | pd.Series) for each in answer):
        raise Unreadable(f"The four parts were expected that train_test_split returns: {PARTS}.")
    return list(answer)


def drawn(course: Course, shuffle: bool = True, seed: int | None = SEED) -> set[int]:
    """The row numbers of a test set."""
    _, test = train_test_split(
        course.table, test_size=TEST_ROWS, random_state=seed if shuffle else None, shuffle=shuffle
    )
    return set(test.index)


def columns(part: Any) -> list[str]:
    return list(part.columns) if isinstance(part, pd.DataFrame) else [str(part.name)]


CHECKS = {
    "five_years": Number(
        solution=lambda course: line(course)[0] + YEARS * line(course)[1],
        tolerance=10,
        right="The intercept counts once, and the slope once for each year.",
        mistakes=[
            (
                lambda course: YEARS * line(course)[1],
                "The intercept is missing: the line does not begin at zero dollars.",
            ),
            (
                lambda course: YEARS * sum(line(course)),
                "The intercept is counted five times here; it belongs to the line once, and the slope to each year.",
            ),
            (lambda course: sum(line(course)), "That is the line at one year."),
            (lambda course: line(course)[0], "That is the intercept alone, the height of the line at zero years."),
            (
                lambda course: line(course, "all")[0] + YEARS * line(course, "all")[1],
                "That line was fitted on the whole table; the baseline has seen the training set only.",
            ),
        ],
        far=(
            "The line is higher than that at five years.",
            "The line is lower than that at five years.",
        ),
        hints=(
            "The cell that fitted the baseline prints the two numbers that you need.",
            "A prediction is the intercept plus the slope times the years.",
            "A line with the intercept 100 and the slope 20 says 100 + 3 × 20 = 160 at three years.",
        ),
    ),
    "own_split": Found(
        look=four_parts,
        faults=[
            (lambda parts, _: len(parts) == 2, "Two parts: hand over both X and y, and each of them is split."),
            (
                lambda parts, _: len(parts) if len(parts) != 4 else None,
                f"Four parts were expected, {PARTS}, and not {{}}.",
            ),
            (
                lambda parts, course: "Salary" in columns(parts[0]),
                "The features hold the salary: a model that is given the answer learns nothing else.",
            ),
            (
                lambda parts, course: columns(parts[2]) != ["Salary"],
                "The target has to be the column Salary, in the third and the fourth part.",
            ),
            (
                lambda parts, course: len(parts[1]) == len(course.table) - TEST_ROWS,
                "Ten rows are for training here, and the rest for testing: test_size counts the rows of the test set.",
            ),
            (
                lambda parts, course: len(parts[1]) if len(parts[1]) != TEST_ROWS else None,
                "The test set has {} rows and not 10: a whole number as test_size counts rows, a fraction is a share.",
            ),
            (
                lambda parts, course: set(parts[1].index) == drawn(course, shuffle=False),
                "The rows were not shuffled: these are the most experienced people, at the end of the sorted table.",
            ),
            (
                lambda parts, course: set(parts[1].index) == drawn(course, seed=42),
                "These rows belong to the seed 42; another number makes another draw.",
            ),
            (
                lambda parts, course: set(parts[1].index) != drawn(course),
                "The size is right, and the rows are not those of the seed 7: random_state says which draw it is.",
            ),
        ],
        right="The same call gives everybody the same ten people, which makes two models comparable.",
        hints=(
            "The cell under Step 2 makes such a call, with another size and another seed.",
            "test_size takes a share, such as 0.2, or a whole number of rows.",
            "train_test_split(X, y, test_size=3, random_state=1) puts three rows aside, the same three each time.",
        ),
    ),
    "rmse_fault": Choice(
        solution="3",
        right="The root of each square is the error without its sign, and the mean of these is the MAE.",
        mistakes={
            "1": "Line 1 is right: an error is the true salary minus the predicted one.",
            "2": "Line 2 is right: the errors are squared one by one.",
            "4": "Line 4 does what its name says, but what it is given is wrong already.",
        },
        hints=(
            "Read the name RMSE from its end: error, squared, mean, root.",
            "Compare the number that comes out with the MAE.",
            "For the errors 3 and -4 the squares are 9 and 16, their mean is 12.5, and its root is 3.54.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "That cannot be known: B may be far off for a few people and closer than A for most.",
            "b": "Squaring gives large errors more weight, so RMSE is above MAE in every model whose errors differ.",
            "c": "The mean is the same, so errors of very different size must make up much of B's RMSE.",
        },
    ),
    "question 2": Question(
        "a",
        {
            "a": "R² compares two sums of squared errors, those of the model and those of the mean.",
            "b": "A prediction in dollars is not right or wrong, and none of them is exactly right.",
            "c": "A share of squared errors is no share of dollars.",
        },
    ),
    "question 3": Question(
        "b",
        {
            "a": "What is small is the error on these seven people; the next seven will show another one.",
            "b": "The model is nearly the same in each draw; what changed is which people it was asked about.",
            "c": "The slopes of all draws lie close together, so the model has hardly changed.",
        },
    ),
}
