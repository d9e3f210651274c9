"""Typical wrong answers to the exercises of "What is an estimator?"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from support.learners_jobs import ENDLESS, named
from support.wrong_answers import Wrong
from support.wrong_answers.salary import sent
from utils.course import Course


def drawn(columns: str = "salary years", rows: int = 35, seed: int = 3, **options: Any) -> Callable[[str], str]:
    """The text of a drawn table, in the place of the course's own."""
    random = np.random.default_rng(seed)
    years = random.uniform(1, 10.5, rows)
    table = pd.DataFrame({"years": years, "salary": 25_000 + 9_000 * years + random.normal(0, 5_500, rows)})
    text = table[columns.split()].to_csv(**{"header": False, "index": False} | options)
    return lambda rows_of_the_course: text


def job(text: Callable[[str], str], **options: Any) -> Callable[[Course], Any]:
    return sent(text=text, channels=options.pop("channels", ("train",)), **options)


DRAWN: Wrong = [
    (named("course-none"), "no training job of yours whose name begins with 'course-none'"),
    (job(drawn(), channels=("test",)), "these channels: test."),
    (job(drawn(), content_type=None), "does not say that its files are CSV"),
    (job(drawn(header=True)), "holds names: salary,years."),
    (job(drawn(index=True)), "has 3 values where 2 are expected"),
    (job(drawn("years salary")), "The first column holds the years"),
    (job(drawn(seed=0)), "is not of the table with the seed 3"),
    (job(drawn(rows=100)), "is not of the table with the seed 3 and 35 people"),
    (sent(), "is not of the table with the seed 3"),
    (job(drawn(), hyperparameters=ENDLESS, wait=False), "still at work"),
    (job(lambda rows: drawn()(rows) + "n/a,3\n"), "has no model: ClientError"),
]
WRONG: dict[tuple[str, str], Wrong] = {("salary/06_what_is_an_estimator", "drawn_job"): DRAWN}
