"""Exercises of "Notice that a model has aged, and replace it"."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from exercises.kinds import Found, Number, Question
from exercises.pipelines import Run, Served, rows_given, run, served
from utils.check import Unreadable
from utils.course import Course
from utils.sweep import running

FEWEST_JUDGES = 20


class Calendar(NamedTuple):
    """The lesson's people: the past, and those who arrive, with the bills of the year after."""

    past: pd.DataFrame
    arrived: pd.DataFrame
    spring: pd.DataFrame
    autumn: pd.DataFrame


def calendar(table: pd.DataFrame) -> Calendar:
    """The table with the lesson's dates."""
    older = table[(table["smoker"] == "yes") & (table["age"] >= 45)].sample(frac=0.9, random_state=8)
    others = table.drop(older.index).sample(n=60, random_state=8)
    arrived = pd.concat([older, others]).sample(frac=1, random_state=8)
    billed = arrived.assign(charges=arrived["charges"] * np.where(arrived["smoker"] == "yes", 1.2, 1))
    half = len(billed) // 2
    return Calendar(table.drop(arrived.index), arrived, billed[:half], billed[half:])


# ---- the index


def psi(before: pd.Series, after: pd.Series, whole_share: bool = False) -> float:
    """The population stability index of a column of few values; ``whole_share``: the old one is not subtracted."""
    shares = pd.DataFrame({"b": before.value_counts(normalize=True), "a": after.value_counts(normalize=True)})
    shares = shares.fillna(0).clip(lower=0.001)
    terms = (shares["a"] if whole_share else shares["a"] - shares["b"]) * np.log(shares["a"] / shares["b"])
    return float(terms.sum())


def pair(people: pd.DataFrame) -> pd.Series:
    return (people["smoker"] == "yes") & (people["bmi"] >= 30)


def index_of(column: Any, **options: bool) -> Any:
    """The index of what ``column`` makes of people, computed from the course's table."""

    def index(course: Course) -> float:
        days = calendar(course.table)
        return psi(column(days.past), column(days.arrived), **options)

    return index


def gap(course: Course) -> float:
    """The difference of the pair's two shares."""
    days = calendar(course.table)
    return float(pair(days.arrived).mean() - pair(days.past).mean())


# ---- what serves


def second_version(found: Served) -> dict[str, Any]:
    return found.versions[max(found.versions)] if found.versions else {}


def made_again(found: Served) -> bool:
    """Whether the endpoint is younger than the version that it was to be taken back from."""
    return found.endpoint["CreationTime"] > second_version(found)["CreationTime"]


def second_endpoint(found: Served, course: Course) -> str | None:
    lines = running(course.session.sagemaker_client, course.tags)
    its_own = f"endpoint {found.endpoint['EndpointName']}"
    others = [line for line in lines if line.startswith("endpoint ") and line != its_own]
    return ", ".join(others) or None


# ---- who judges


class Judged(NamedTuple):
    """A run, the people that its model has learned from, and those that it was judged on; None if unknown."""

    run: Run
    learned: pd.DataFrame | None
    judges: pd.DataFrame | None


def judged(answer: Any, course: Course) -> Judged:
    """A run, with the people that its two processing steps were given."""
    found = run(answer, course)
    if found.at_work or found.failure:
        return Judged(found, None, None)
    if not {"Prepare", "Evaluate"} <= found.steps.keys():
        raise Unreadable("That is a run of another pipeline: it has no steps Prepare and Evaluate.")
    raw = rows_given(found, "Prepare", "input", course)
    for _ in ("test", "validation"):  # which prepare.py puts aside; the model sees neither
        raw = train_test_split(raw, test_size=0.2, random_state=42)[0]
    return Judged(found, raw, rows_given(found, "Evaluate", "input/bills", course))


def common(some: pd.DataFrame, others: pd.DataFrame) -> int:
    """How many rows of one table stand in another."""
    keys = [[tuple(row) for row in each.round(2).to_numpy().tolist()] for each in (some, others)]
    return sum(key in set(keys[1]) for key in keys[0])


def seen(found: Judged, course: Course) -> int | None:
    """How many of the judges the model has learned from; of two alike, one may be on either side."""
    assert found.judges is not None and found.learned is not None  # a run that has ended well
    return count if (count := common(found.judges, found.learned)) > 1 else None


def strangers(found: Judged, course: Course) -> int | None:
    """How many of the judges are no people of the autumn, at its prices."""
    assert found.judges is not None  # a run that has ended well
    return len(found.judges) - common(found.judges, calendar(course.table).autumn) or None


CHECKS = {
    "index_of_the_pair": Number(
        solution=index_of(pair),
        tolerance=0.006,
        right="Those who arrive are several times as often both, and that lies between the indices of the two columns.",
        mistakes=[
            (index_of(lambda people: people["smoker"] == "yes"), "That is the index of smoking alone."),
            (index_of(lambda people: people["bmi"] >= 30), "That is the index of a BMI of 30 or above alone."),
            (
                index_of(lambda people: (people["smoker"] == "yes") | (people["bmi"] >= 30)),
                "That is the column of those who smoke or have such a BMI, and both are asked for.",
            ),
            (index_of(pair, whole_share=True), "Each bin takes the difference of the shares, not the new share."),
            (gap, "That is the difference of the two shares; the index multiplies it by a logarithm, in both bins."),
        ],
        far=("The column has moved more than that.", "The column has moved less than that."),
        hints=(
            "Make the column twice, of the past and of those who arrive; a column of True and False has two bins.",
            "Two comparisons are joined by &, each in brackets of its own.",
            "With shares of 10 % and 20 %, the bin of True adds 0.1 · ln(2), and the bin of False its own part.",
        ),
    ),
    "rolled_back": Found(
        look=served,
        faults=[
            (
                lambda found, course: status if (status := found.endpoint["EndpointStatus"]) != "InService" else None,
                "The endpoint is {}, and it has to be InService.",
            ),
            (lambda found, course: found.version is None, "What the endpoint serves is no version of the registry."),
            (
                lambda found, course: found.version if found.version != min(found.versions) else None,
                "The endpoint still serves version {}.",
            ),
            (
                lambda found, course: made_again(found),
                "Version 1 serves, but behind an endpoint that was made anew: its callers got errors for minutes.",
            ),
            (second_endpoint, "Version 1 serves, and besides it this runs and costs: {}."),
            (
                lambda found, course: (
                    status if (status := second_version(found)["ModelApprovalStatus"]) != "Rejected" else None
                ),
                "Version 1 serves; in the registry version 2 is still {}.",
            ),
        ],
        right="Version 1 answers again, nobody was left without an answer, and the registry says no to version 2.",
        hints=(
            "The model of version 1 still exists; the object that deployed it knows its name.",
            "An update goes back in the same way as it went forward.",
            "The state of a version is changed by the operation that approved it.",
        ),
    ),
    "honest_judges": Found(
        look=judged,
        faults=[
            (lambda found, course: found.run.at_work, "The run is {}: wait for its end."),
            (lambda found, course: found.run.failure, "The run has failed: {}."),
            (seen, "Of the people on whom the model was judged, it had learned from {}."),
            (strangers, "Of the people on whom the model was judged, {} are no people of the autumn at its prices."),
            (
                lambda found, course: count if (count := len(found.judges)) < FEWEST_JUDGES else None,
                "Only {} people judge the model, and half of the autumn was asked for.",
            ),
            (
                lambda found, course: not common(calendar(course.table).autumn, found.learned),
                "The judges are honest, but the model has learned nothing from the autumn.",
            ),
        ],
        right="The model has learned from the autumn, and was judged on people whom it has not seen.",
        hints=(
            "Who of those in Bills was in Raw as well?",
            "Cut the autumn into two halves, as the cell above cuts the year; each half goes to another place.",
            "Raw is the past, the spring and one half; recipe.upload writes each table to a folder of its own.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "b",
        {
            "a": "The index reads applications; what people cost may have changed all the same.",
            "b": "The index has seen no bill, so it can say nothing of errors.",
            "c": "Nobody has moved, and errors do not hang on that alone.",
        },
    ),
    "question 2": Question(
        "c",
        {
            "a": "A run registers or does not; it never touches an endpoint.",
            "b": "The new model was not even registered.",
            "c": "Only an update changes what serves, and nobody has asked for one.",
        },
    ),
    "question 3": Question(
        "a",
        {
            "a": "Neither has learned their bills, so both have to show what they know.",
            "b": "They are asked the same, but one of the two has seen the answers.",
            "c": "It would win on them, and that would prove nothing.",
        },
    ),
}
