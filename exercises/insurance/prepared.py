"""The insurance table as the lessons' script ``prepare.py`` prepares it."""

import importlib.util
from functools import cache
from typing import Any

import pandas as pd

from utils.check import ROOT
from utils.course import Course


@cache
def script() -> Any:
    """The module ``prepare.py``, which lies beside the lessons."""
    spec = importlib.util.spec_from_file_location("course_prepare", ROOT / "notebooks" / "insurance" / "prepare.py")
    assert spec is not None and spec.loader is not None  # the file is there
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parts(course: Course) -> dict[str, pd.DataFrame]:
    """The tables train, validation and test, the target first."""
    return script().prepare(course.table)[0]
