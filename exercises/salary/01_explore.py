"""Exercises of "Explore the salaries"."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from exercises.kinds import Choice, Found, Number, Question, number
from exercises.rows import rows
from utils.check import Unreadable
from utils.course import Course

BEATEN = 3_800  # dollars: what a line by hand has to be below
FAR = 7_000  # dollars from the line
START, SLOPE = 30_000, 9_000


def off(course: Course, value: float) -> pd.Series:
    """Dollars between each salary and one value for everybody."""
    return course.table["Salary"] - value


def median_error(course: Course) -> float:
    return off(course, course.table["Salary"].median()).abs().mean()


def from_line(course: Course, start: float, slope: float) -> pd.Series:
    """Dollars by which each person earns more than a line says."""
    return course.table["Salary"] - (start + slope * course.table["YearsExperience"])


def mean_error(course: Course, start: float, slope: float) -> float:
    return from_line(course, start, slope).abs().mean()


def two_numbers(answer: Any, course: Course) -> pd.Series:
    """The errors of a line (start, slope)."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Unreadable("Two numbers were expected, the intercept and the slope: check.line_by_hand((30_000, 9_000)).")
    start, slope = (number(each) for each in answer)
    if mean_error(course, slope, start) < 1.5 * to_beat(course) < mean_error(course, start, slope):
        raise Unreadable("The intercept comes first and the slope second; here they seem to be the other way round.")
    return from_line(course, start, slope)[course.table.sort_values("YearsExperience").index]


def to_beat(course: Course) -> float:
    """Dollars that the average error has to be below: on another table, a little more than that of least squares."""
    slope, start = np.polyfit(course.table["YearsExperience"], course.table["Salary"], 1)
    return max(BEATEN, 1.02 * mean_error(course, start, slope))


def wrong_by(errors: pd.Series, course: Course, lean: str) -> str | None:
    """How far off a line is that is not good enough, if it leans as ``lean`` says."""
    mean, half = errors.abs().mean(), len(errors) // 2
    first, last = errors.iloc[:half].mean(), errors.iloc[half:].mean()
    if mean < to_beat(course):
        return None
    leans = {
        "high": max(first, last) < 0,
        "low": min(first, last) > 0,
        "flat": first <= 0 <= last,
        "steep": last <= 0 <= first,
    }
    return f"${mean:,.0f}" if leans[lean] else None


def chosen(course: Course, wanted: Any) -> set[int]:
    """The row numbers for which ``wanted``, a function of the errors, is true."""
    errors = from_line(course, START, SLOPE)
    return set(errors.index[wanted(errors)])


def people_far_off(course: Course) -> set[int]:
    return chosen(course, lambda errors: errors.abs() > FAR)


def same(wanted: Any) -> Any:
    """A fault: the rows are those that ``wanted`` chooses, which are not all of them."""
    return lambda found, course: found == chosen(course, wanted) != people_far_off(course)


def typical() -> Iterator[tuple[Any, str]]:
    yield same(lambda e: e > FAR), "These people earn far more than the line says; those who earn far less are missing."
    yield same(lambda e: e.abs() < FAR), "These are the people close to the line: turn the comparison round."
    yield (
        same(lambda e: e < -FAR),
        "These people earn far less than the line says; those who earn far more are missing.",
    )
    yield (
        lambda found, course: found == set(course.table.index),
        "This is the whole table: a condition between the brackets chooses rows.",
    )
    yield (
        lambda found, course: len(found - people_far_off(course)) or None,
        "{} of these rows are not further than 7,000 dollars from the line 30,000 + 9,000 a year.",
    )
    yield (
        lambda found, course: len(people_far_off(course) - found) or None,
        "Some people are missing: {} more are further than 7,000 dollars from the line.",
    )


CHECKS = {
    "median_error": Number(
        solution=median_error,
        tolerance=2,
        right="No other single salary has a smaller average error than the median, but no single salary is good.",
        mistakes=[
            (
                lambda course: off(course, course.table["Salary"].mean()).abs().mean(),
                "That is the average error of the mean: put the median in its place.",
            ),
            (
                lambda course: course.table["Salary"].std(),
                "That is the standard deviation: it squares the distances from the mean before it averages them.",
            ),
            (
                lambda course: off(course, course.table["Salary"].median()).mean(),
                "Distances above and below cancel each other here: drop their signs with abs() before the mean.",
            ),
            (
                lambda course: off(course, course.table["Salary"].median()).abs().median(),
                "That is the median of the distances; the average error is their mean.",
            ),
            (lambda course: course.table["Salary"].median(), "That is the median itself, not how far off it is."),
        ],
        far=(
            "The error is larger than that: it is the mean distance between the median and all salaries.",
            "The error is smaller than that: it is the mean distance between the median and all salaries.",
        ),
        hints=(
            "The cell that computes wrong_by for the mean needs one change.",
            "table['Salary'].median() is the value for everybody; then come the distances, then their mean.",
            "For the salaries 1, 2 and 9 the median is 2, the distances are 1, 0 and 7, and their mean is 2.67.",
        ),
    ),
    "line_by_hand": Found(
        look=two_numbers,
        faults=[
            (
                lambda e, course: wrong_by(e, course, "high"),
                "The line is too high at both ends, and wrong by {} on average.",
            ),
            (
                lambda e, course: wrong_by(e, course, "low"),
                "The line is too low at both ends, and wrong by {} on average.",
            ),
            (lambda e, course: wrong_by(e, course, "flat"), "The line is too flat, and wrong by {} on average."),
            (lambda e, course: wrong_by(e, course, "steep"), "The line is too steep, and wrong by {} on average."),
        ],
        right="The average error is below 3,800 dollars; on the shipped table no line gets far below 3,700.",
        hints=(
            "Read two points off the figure: how high is the band at two years, and at ten?",
            "The slope is the climb between the two points, divided by the years between them.",
            "Through 10 at two years and 50 at six runs a line with the slope 40 / 4 = 10 and the intercept 10 - 20.",
        ),
    ),
    "far_from_the_line": Found(
        look=rows,
        faults=list(typical()),
        right="A condition on both columns together finds the people whom neither column alone would show.",
        hints=(
            "The distance from the line is in the series gap, with a sign.",
            "abs() drops the sign; a comparison then gives True or False for each row.",
            "table[table['YearsExperience'] > 10] chooses the rows of everybody with more than ten years.",
        ),
    ),
    "outlier_rule": Choice(
        solution="3",
        right="Without brackets only the upper quartile is multiplied, so the reach is far too long.",
        mistakes={
            "1": "Line 1 is right: the quartiles are the values below which a quarter and three quarters lie.",
            "2": "Line 2 is right: it takes the two numbers apart, the lower one first.",
            "4": "Line 4 is right: an outlier is what does not lie between the two bounds.",
        },
        hints=(
            "Run the four lines, and print what each of them gives.",
            "The middle half of the salaries is about 40,000 dollars wide, and the rule reaches 1.5 times as far.",
            "In Python 2 * 5 - 3 is 7, and 2 * (5 - 3) is 4.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "a",
        {
            "a": "The error is the distance in the unit of the target, with its direction.",
            "b": "A share hides whether the error is a week's pay or a year's.",
            "c": "The table is the truth and the line is the prediction, not the other way round.",
        },
    ),
    "question 2": Question(
        "b",
        {
            "a": "That is about pairs, and you found a person far from the line whose two numbers are both normal.",
            "b": "The rule looks at one column at a time, and at nothing else.",
            "c": "A wrong salary inside the normal range looks like every other; no rule can find it.",
        },
    ),
    "question 3": Question(
        "c",
        {
            "a": "This is the standard deviation of the whole column.",
            "b": "This is the range of the whole column: the largest salary minus the smallest.",
            "c": "Half of the salaries lie within this width, which is called the interquartile range.",
        },
    ),
}
