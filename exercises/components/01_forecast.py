"""Exercises of "Forecast tomorrow's claims"."""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exercises.job_faults import A_DAY
from exercises.kinds import Found, Number, Question
from exercises.processing import Fault, end_faults, input_faults, newest_processing_job, output_faults
from utils import load
from utils.check import Unreadable
from utils.course import Course

TEST = 182  # days
FOLDER = "/opt/ml/processing"
IMAGE = "course-claims-features"
ARGUMENTS = ["--relative"]
LIMIT = 600  # seconds
COLUMNS = ["holiday", "storm", "calls", "lag_7", "mean_7"]
MOST_LEFT_OUT = 30  # rows at the beginning, which have no past


# ---- a baseline


def off(guess: pd.Series, claims: pd.Series, days: slice = slice(-TEST, None)) -> float:
    """The mean absolute error of a guess, by default on the test set."""
    return float((guess - claims)[days].abs().mean())


def last_week(course: Course, days_back: int = 7, days: slice = slice(-TEST, None)) -> float:
    claims = load("claims")["claims"]
    return off(claims.shift(days_back), claims, days)


def root_mean_square(course: Course) -> float:
    claims = load("claims")["claims"]
    return float(np.sqrt(((claims.shift(7) - claims)[-TEST:] ** 2).mean()))


# ---- features that tell the future


@dataclass(frozen=True)
class Made:
    """What a function makes of the days, and which of its columns change on a day if that day's own values do."""

    days: pd.DataFrame
    rows: pd.DataFrame
    moved: dict[str, list[str]]

    def is_as_wanted(self, column: str) -> bool:
        days = self.days
        wanted = {
            "holiday": days["holiday"],
            "storm": days["storm"].shift(1),
            "calls": days["calls"].shift(1),
            "lag_7": days["claims"].shift(7),
            "mean_7": days["claims"].shift(1).rolling(7).mean(),
        }[column].loc[self.rows.index]
        found = self.rows[column].to_numpy(dtype=float)
        return np.allclose(found[MOST_LEFT_OUT:], wanted.to_numpy(dtype=float)[MOST_LEFT_OUT:])


def made_by(answer: Any, course: Course) -> Made:
    """What the learner's function makes.  Raises Unreadable if that is not the columns."""
    if not callable(answer):
        raise Unreadable(f"The function itself was expected, without brackets, and this is a {type(answer).__name__}.")
    days = load("claims")
    rows, moved = _called(answer, days), {}
    for column in ("storm", "calls", "claims"):
        other = days.copy()
        other.loc[other.index[-1], column] += 1
        changed = _called(answer, other)
        moved[column] = [name for name in COLUMNS if changed[name].iloc[-1] != rows[name].iloc[-1]]
    return Made(days, rows, moved)


def _called(function: Any, days: pd.DataFrame) -> pd.DataFrame:
    try:
        with redirect_stdout(io.StringIO()):
            rows = function(days.copy())
    except Exception as error:  # the learner's own code, which may raise anything
        text = str(error).replace("\n", " ")[:200]
        raise Unreadable(f"The function stops with {type(error).__name__}: {text}.") from None
    if not isinstance(rows, pd.DataFrame) or sorted(map(str, rows)) != sorted(COLUMNS):
        raise Unreadable(f"The function has to return a table with the columns {', '.join(COLUMNS)}.")
    if not len(days) - MOST_LEFT_OUT <= len(rows) <= len(days) or not rows.index.equals(days.index[-len(rows) :]):
        raise Unreadable("The function has to return a row for each day; the first ones may be left out.")
    try:
        return rows.astype(float)
    except (TypeError, ValueError):
        raise Unreadable("The columns have to hold numbers.") from None


def leaks() -> Iterator[tuple[Any, str]]:
    """Faults of the features, by what changes on the last day."""
    yield (
        lambda made, course: "calls" in made.moved["calls"],
        "The column calls still holds the day's own: people call because something has happened to them.",
    )
    yield (
        lambda made, course: "storm" in made.moved["storm"],
        "The column storm still tells of a storm that nobody knows of on the evening before.",
    )
    yield (
        lambda made, course: "mean_7" in made.moved["claims"],
        "The day's own claims are one of the seven whose mean is mean_7.",
    )
    yield (
        lambda made, course: ", ".join(sorted({name for names in made.moved.values() for name in names})) or None,
        "Nothing of the day itself may be known, and with it changes: {}.",
    )
    yield (
        lambda made, course: not made.is_as_wanted("holiday"),
        "The calendar is known years ahead, so holiday may stay the day's own.",
    )
    yield (
        lambda made, course: (
            ", ".join(name for name in ("storm", "calls", "lag_7", "mean_7") if not made.is_as_wanted(name)) or None
        ),
        "There is no leak any more, but the newest values that may be known are not in: {}.",
    )


# ---- a job on the image


def sent(job: Any) -> dict[str, Any]:
    return job.sent["AppSpecification"]


def job_faults() -> Iterator[Fault]:
    yield (
        lambda job, course: (
            name if (name := sent(job)["ImageUri"].rpartition("/")[2].partition(":")[0]) != IMAGE else None
        ),
        f"The job ran in the image {{}} and not in {IMAGE}.",
    )
    yield (
        lambda job, course: " ".join(sent(job).get("ContainerEntrypoint", [])) or None,
        "The request brings an entry point of its own, {}: the image's did not run.",
    )
    yield (
        lambda job, course: not job.inputs,
        "The job was sent no input, so no table was on the machine: inputs takes a list.",
    )
    yield from list(input_faults("claims.csv", f"{FOLDER}/input"))[1:]
    yield (
        lambda job, course: not job.arguments,
        "The script was given no arguments, so it made claims and not ratios.",
    )
    yield (
        lambda job, course: " ".join(job.arguments) if job.arguments != ARGUMENTS else None,
        "The arguments were {}, and the script is to be told --relative alone.",
    )
    yield from output_faults("test", f"{FOLDER}/output/test", "/mine/test")
    yield from end_faults(LIMIT, A_DAY)


CHECKS = {
    "same_weekday": Number(
        solution=last_week,
        tolerance=0.06,
        right="The weekday is worth more than the newest day: this is the baseline to beat.",
        mistakes=[
            (lambda course: last_week(course, 1), "That is the first person's error: as many as today."),
            (lambda course: last_week(course, 14), "That is the error of the weekday of two weeks ago."),
            (lambda course: last_week(course, 6), "Six rows up stands another weekday."),
            (lambda course: last_week(course, 8), "Eight rows up stands another weekday."),
            (
                lambda course: last_week(course, days=slice(None)),
                "That is the error over all five years, and the test set was asked for.",
            ),
            (root_mean_square, "That is the RMSE, and the mean absolute error was asked for."),
        ],
        far=("The error is larger than that.", "The error is smaller than that."),
        hints=(
            "The cell above computes the error of two guesses in the same way.",
            "A week has seven days, so the guess for a row stands seven rows above it.",
            "Of the values 1, 2 and 3, shift(2) makes two empty places and a 1.",
        ),
    ),
    "no_future": Found(
        look=made_by,
        faults=list(leaks()),
        right="Each column but the calendar ends on the evening before, so the forecast can be made.",
        hints=(
            "Which of the columns could you not write down on the evening before?",
            "A column that is moved down by one row holds what was known on the evening before.",
            "Of a column of temperatures, warm.shift(1).rolling(3).mean() is the mean of the three days before.",
        ),
    ),
    "image_job": Found(
        look=newest_processing_job,
        faults=list(job_faults()),
        right="The account was sent no program at all: the image knows what it runs.",
        hints=(
            "Which of the two classes sends no script?",
            "Its run takes the arguments as a list, and a list of outputs with one in it.",
            "ProcessingOutput(source='/opt/ml/processing/x', destination=uri, output_name='x') copies a folder x.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "a",
        {
            "a": "For each of the seven days the claims of the week before are known on Monday.",
            "b": "On Monday, Tuesday's claims are not known, and Wednesday's forecast would need them.",
            "c": "Thursday's forecast would need Tuesday's and Wednesday's claims.",
        },
    ),
    "question 2": Question(
        "b",
        {
            "a": "Arguments follow an entry point, and take the place of an image's CMD alone.",
            "b": "That is how your third job came to its ratios.",
            "c": "A script is what ScriptProcessor adds; the API asks for an image only.",
        },
    ),
    "question 3": Question(
        "c",
        {
            "a": "A limit of the trees would show on other busy days, too; here the largest ratio was not needed.",
            "b": "An endpoint never learns, on the other days neither.",
            "c": "The storm column ends on the evening before, and lags cannot know what has not happened yet.",
        },
    ),
}
