"""Exercises that ask for a part of the lesson's table: which rows an answer holds."""

from typing import Any

import pandas as pd

from utils.check import Unreadable
from utils.course import Course


def rows(answer: Any, course: Course) -> set[int]:
    """The row numbers of a part of the table.  Raises Unreadable."""
    if isinstance(answer, pd.Series) and answer.dtype == bool:
        raise Unreadable("That is a mask of True and False: put it between the brackets of table[…] to get the rows.")
    if not isinstance(answer, pd.DataFrame):
        raise Unreadable(f"Rows of the table were expected, a DataFrame, and this is a {type(answer).__name__}.")
    if not set(answer.index) <= set(course.table.index):
        raise Unreadable("Some of these rows are not in the table: choose from it, and keep the row numbers.")
    return set(answer.index)
