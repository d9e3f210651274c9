"""Typical wrong answers to the exercises of insurance/01_explore."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from support.wrong_answers import Wrong
from utils.course import Course


def plain(course: Course) -> pd.Series:
    return course.table["charges"][course.table["smoker"] == "no"]


def above(bound: Callable[[pd.Series], float]) -> Callable[[Course], pd.DataFrame]:
    """The non-smokers whose bill is above a bound that is made of the non-smokers' bills."""
    return lambda course: course.table.loc[plain(course).index[plain(course) > bound(plain(course))]]


def upper(values: pd.Series, reach: float = 1.5) -> float:
    low, high = values.quantile([0.25, 0.75])
    return high + reach * (high - low)


def of_all(course: Course) -> pd.DataFrame:
    return course.table[course.table["charges"] > upper(course.table["charges"])]


def outside_the_middle_half(course: Course) -> pd.DataFrame:
    low, high = plain(course).quantile([0.25, 0.75])
    return course.table.loc[plain(course).index[~plain(course).between(low, high)]]


def lowest(course: Course, count: int = 1) -> pd.DataFrame:
    """The people who have one of the lowest values of BMI."""
    values = sorted(course.table["bmi"].unique())[:count]
    return course.table[course.table["bmi"].isin(values)]


WRONG: dict[tuple[str, str], Wrong] = {
    ("insurance/01_explore", "outliers"): [
        (lambda course: course.table[:0], "No row was chosen: the bounds have to come from the non-smokers"),
        (of_all, "These are the outliers of the whole column"),
        (lambda course: course.table, "280 of these rows are smokers"),
        (above(lambda bills: bills.mean() + 2 * bills.std()), "two standard deviations from the mean"),
        (outside_the_middle_half, "These lie outside the middle half"),
        (lambda course: course.table.loc[plain(course).index[plain(course) <= upper(plain(course))]], "turns it round"),
        (above(lambda bills: upper(bills, 1)), "of these bills are inside the bounds"),
        (above(lambda bills: upper(bills, 3)), "Some outliers are missing"),
        (lambda course: plain(course) > 20_000, "That is a mask"),
        (plain, "a DataFrame, and this is a Series"),
    ],
    ("insurance/01_explore", "pile"): [
        (lambda course: course.table[course.table["bmi"] == 15], "No row was chosen: compare the column"),
        (lambda course: course.table[course.table["age"] == 18], "These are the people with age 18"),
        (lambda course: course.table[course.table["children"] == 0], "These are the people with children 0"),
        (lambda course: lowest(course, 3), "In the right column these rows have 3 values"),
        (lambda course: course.table[course.table["age"] == 40], "do not have the value that piles up"),
        (lambda course: lowest(course)[:5], "Some of the rows are missing: 10 more"),
        (lambda course: course.table["bmi"] == 16, "That is a mask"),
        (lambda course: lowest(course).set_axis(range(5_000, 5_015)), "Some of these rows are not in the table"),
    ],
}
