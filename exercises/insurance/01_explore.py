"""Exercises of "Explore the insured"."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pandas as pd

from exercises.kinds import Choice, Found, Number, Question
from exercises.rows import rows
from utils.course import Course

AGE = 45  # years
NUMBERS = ("age", "bmi", "children")


# ---- outliers


def smokers(course: Course) -> pd.Series:
    return course.table["smoker"] == "yes"


def plain(course: Course) -> pd.Series:
    """The bills of the non-smokers."""
    return course.table.loc[~smokers(course), "charges"]


def outlying(values: pd.Series, reach: float = 1.5, above: bool = True, below: bool = True) -> set[int]:
    """The row numbers of the values further than ``reach`` interquartile ranges outside the middle half."""
    low, high = values.quantile([0.25, 0.75])
    far = reach * (high - low)
    return set(values.index[(above & (values > high + far)) | (below & (values < low - far))])


def far_from_mean(values: pd.Series, reach: float = 2) -> set[int]:
    """The row numbers of the values more than ``reach`` standard deviations from the mean."""
    return set(values.index[(values - values.mean()).abs() > reach * values.std()])


def is_rows(wanted: Callable[[Course], set[int]]) -> Callable[[set[int], Course], bool]:
    """A fault: the rows are ``wanted``, and these are not the outliers among the non-smokers."""
    return lambda found, course: found == wanted(course) != outlying(plain(course))


def outlier_faults() -> Iterator[tuple[Callable, str]]:
    """Faults of rows that should be the outliers among the non-smokers."""
    yield lambda found, course: not found, "No row was chosen: the bounds have to come from the non-smokers alone."
    yield (
        is_rows(lambda course: outlying(course.table["charges"])),
        "These are the outliers of the whole column, as above: take the bills of the non-smokers first.",
    )
    yield (
        lambda found, course: len(found & set(course.table.index[smokers(course)])) or None,
        "{} of these rows are smokers: the rule is for the bills of the non-smokers here.",
    )
    yield (
        is_rows(lambda course: far_from_mean(plain(course))),
        "That is another rule, two standard deviations from the mean; this one starts from the middle half.",
    )
    yield (
        is_rows(lambda course: outlying(plain(course), reach=0)),
        "These lie outside the middle half, and an outlier lies 1.5 interquartile ranges further out.",
    )
    yield (
        is_rows(lambda course: set(plain(course).index) - outlying(plain(course))),
        "These are the bills inside the bounds: between() chooses what is inside, and ~ turns it round.",
    )
    yield (
        lambda found, course: len(found - outlying(plain(course))) or None,
        "{} of these bills are inside the bounds: each bound is 1.5 interquartile ranges from its quartile.",
    )
    yield (
        lambda found, course: len(outlying(plain(course)) - found) or None,
        "Some outliers are missing: there are {} more.",
    )


# ---- values that pile up


class End(NamedTuple):
    """A column's last value at one end; ``ratio``: how many times as often it occurs as the value next to it."""

    column: str
    value: float
    ratio: float


def ends(course: Course) -> list[End]:
    """Both ends of each column of numbers, the one that piles up most first."""
    found = []
    for column in NUMBERS:
        counts = course.table[column].value_counts().sort_index()
        for end, beside in ((0, 1), (-1, -2)):
            found.append(End(column, counts.index[end], counts.iloc[end] / counts.iloc[beside]))
    return sorted(found, key=lambda end: -end.ratio)


def sharing(course: Course, end: End) -> set[int]:
    return set(course.table.index[course.table[end.column] == end.value])


def another_end(found: set[int], course: Course) -> str | None:
    """The column and the value of the rows, if they are those of an end that does not pile up."""
    others = [end for end in ends(course)[1:] if sharing(course, end) == found]
    return f"{others[0].column} {others[0].value:g}" if others else None


def several_values(found: set[int], course: Course) -> str | None:
    """How many values of the column with the pile the rows have, if there are several."""
    count = course.table.loc[list(found), ends(course)[0].column].nunique()
    return f"{count} values" if sharing(course, ends(course)[0]) <= found and count > 1 else None


PILE_FAULTS = [
    (lambda found, course: not found, "No row was chosen: compare the column with the value, as it is in the table."),
    (
        another_end,
        "These are the people with {}: the value next to it is about as frequent, as whole numbers often are.",
    ),
    (several_values, "In the right column these rows have {}: only the last one at its end has piled up."),
    (
        lambda found, course: len(found - sharing(course, ends(course)[0])) or None,
        "{} of these rows do not have the value that piles up: look at both ends of each column's counts.",
    ),
    (
        lambda found, course: len(sharing(course, ends(course)[0]) - found) or None,
        "Some of the rows are missing: {} more share the value.",
    ),
]


# ---- an interaction


def means(course: Course, other: pd.Series) -> list[float]:
    """The mean charges of the four groups: neither, ``other`` alone, smoking alone, both."""
    return course.table["charges"].groupby([smokers(course), other]).mean().to_list()


def by_age(course: Course) -> list[float]:
    return means(course, course.table["age"] >= AGE)


def beyond(groups: list[float]) -> float:
    neither, other, smoking, both = groups
    return both - (other + smoking - neither)


CHECKS = {
    "outliers": Found(
        look=rows,
        faults=list(outlier_faults()),
        right="These are accidents and operations: no column tells these people apart, so every model will miss them.",
        hints=(
            "Begin with the bills of the non-smokers, charges[~smokers], and take the two quartiles of these.",
            "The bounds are 1.5 interquartile ranges below the first quartile and above the third.",
            "table[~smokers & (charges > 20_000)] are the non-smokers above a bound, if that bound were 20,000.",
        ),
    ),
    "pile": Found(
        look=rows,
        faults=PILE_FAULTS,
        right="Ask what such a column held before it was clipped: to a model all these people look alike.",
        hints=(
            "table[column].value_counts().sort_index() counts each value, from the smallest to the largest.",
            "Compare the first count with the second one, and the last with the one before it, in all three columns.",
            "If 40 people were 64 years old and 2 were 63, the rows would be table[table['age'] == 64].",
        ),
    ),
    "interaction": Number(
        solution=lambda course: beyond(by_age(course)),
        tolerance=5,
        right="Hold it against the range that chance makes: a number inside that range shows no interaction.",
        mistakes=[
            (
                lambda course: by_age(course)[3] - by_age(course)[0],
                "That is all three effects together; take away what age alone and smoking alone add.",
            ),
            (
                lambda course: by_age(course)[3] - by_age(course)[1] - by_age(course)[2],
                "The people with neither are counted twice in the sum: each effect is a difference from them.",
            ),
            (
                lambda course: by_age(course)[3] - by_age(course)[2],
                "That is the effect of age among smokers; take away its effect among non-smokers.",
            ),
            (
                lambda course: by_age(course)[3] - by_age(course)[1],
                "That is the effect of smoking among the older; take away its effect among the younger.",
            ),
            (
                lambda course: -beyond(by_age(course)),
                "The size is right and the sign is not: the table minus the sum.",
            ),
            (
                lambda course: beyond(means(course, course.table["age"] > AGE)),
                "That leaves out the people who are exactly 45: at the age of 45 or above means >=.",
            ),
            (
                lambda course: beyond(means(course, course.table["bmi"] >= 30)),
                "That is the interaction of smoking and BMI: put the age in its place.",
            ),
        ],
        far=(
            "The table is not so far below the sum of the two effects.",
            "The table is not so far above the sum of the two effects.",
        ),
        hints=(
            "The first four lines of the cell that finds the interaction with BMI need one change.",
            "Group by smokers and by table['age'] >= 45; the four means come in the same order.",
            "If the four groups cost 1, 3, 4 and 10, the sum says 1 + 2 + 3 = 6, and the table says 4 more.",
        ),
    ),
    "interaction_fault": Choice(
        solution="3",
        right="Only one of the two effects is a difference there: the whole bill of the other group is taken away.",
        mistakes={
            "1": "Line 1 is right: the means come in this order, since False sorts before True.",
            "2": "Line 2 is right: it is what people with both cost beyond those with neither.",
            "4": "Line 4 is right: what is left of the extra after the single effects is the interaction.",
        },
        hints=(
            "Print the three numbers that are made below the first line, and ask of each what it should be.",
            "An effect is a difference between two groups; look for one that is none.",
            "If the groups cost 1, 3, 4 and 10, the single effects are 2 and 3, and the interaction is 9 - 5 = 4.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "b",
        {
            "a": "That would be about single odd values, and here 142 belong together.",
            "b": "Every outlier smokes, so the model would never see what the most expensive smokers cost.",
            "c": "That counts rows, and an insurer counts dollars.",
        },
    ),
    "question 2": Question(
        "a",
        {
            "a": "It is a mixture: for non-smokers a point adds next to nothing, for smokers several times as much.",
            "b": "You drew one line for each of the two, and the slopes were far apart.",
            "c": "Look at the slope of the line through the non-smokers: it is close to zero.",
        },
    ),
    "question 3": Question(
        "c",
        {
            "a": "That says that two features go together, which is a correlation between them.",
            "b": "Two effects that add up are what a line is good at.",
            "c": "The effect of one feature depends on the value of another.",
        },
    ),
}
