"""Typical wrong answers to the exercises that a learner writes code for: what makes each, and what is to be said.

By lesson and exercise; each is made from the ``Course`` of the lesson.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from utils.course import Course

Wrong = list[tuple[Callable[[Course], Any], str]]


def gap(course: Course) -> pd.Series:
    return course.table["Salary"] - (30_000 + 9_000 * course.table["YearsExperience"])


def rows(choose: Callable[[pd.Series], pd.Series]) -> Callable[[Course], pd.DataFrame]:
    return lambda course: course.table[choose(gap(course))]


WRONG: dict[tuple[str, str], Wrong] = {
    ("salary/01_explore", "line_by_hand"): [
        (lambda _: (50_000, 9_000), "too high at both ends, and wrong by $22,305"),
        (lambda _: (10_000, 9_000), "too low at both ends"),
        (lambda _: [40_000, 6_000], "too flat"),
        (lambda _: (10_000, "$12,500"), "too steep"),
        (lambda _: (9_200, 27_000), "The intercept comes first"),
        (lambda _: 27_000, "Two numbers were expected"),
        (lambda _: (27_000, "nine"), "this is the text 'nine'"),
    ],
    ("salary/01_explore", "far_from_the_line"): [
        (rows(lambda e: e > 7_000), "those who earn far less are missing"),
        (rows(lambda e: e < -7_000), "those who earn far more are missing"),
        (rows(lambda e: e.abs() < 7_000), "turn the comparison round"),
        (rows(lambda e: e.abs() >= 0), "This is the whole table"),
        (rows(lambda e: e.abs() > 5_000), "of these rows are not further than 7,000 dollars"),
        (rows(lambda e: e.abs() > 9_000), "Some people are missing"),
        (lambda course: gap(course).abs() > 7_000, "That is a mask"),
        (lambda course: gap(course), "a DataFrame, and this is a Series"),
    ],
}
