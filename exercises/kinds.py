"""The kinds of checks. A check is data: what is right, which wrong answers are typical, and what to say of each."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from utils.check import Unreadable
from utils.course import Course

Verdict = tuple[bool, str]


@dataclass(frozen=True, kw_only=True)
class Check:
    """An exercise: what is said of the right answer, and three hints, each a little plainer, none the answer."""

    right: str
    hints: tuple[str, str, str]

    def judge(self, answer: Any, course: Course) -> Verdict:
        """Whether an answer is right, and what to say of it.  Raises Unreadable if it is of another kind."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Number(Check):
    """One number, computed from the lesson's ``Course``, which has the table, so that it fits one of the learner's own.

    ``mistakes``: wrong values, computed too, each with its sentence; ``far``: what is said of an answer that is
    none of them, too low or too high.  ``tolerance`` is in the answer's unit.
    """

    solution: Callable[[Course], float]
    tolerance: float
    mistakes: Sequence[tuple[Callable[[Course], float], str]]
    far: tuple[str, str]

    def judge(self, answer: Any, course: Course) -> Verdict:
        value, wanted = number(answer), float(self.solution(course))
        if abs(value - wanted) <= self.tolerance:
            return True, self.right
        for wrong, sentence in self.mistakes:
            if abs(value - wrong(course)) <= self.tolerance:
                return False, sentence
        return False, self.far[value > wanted]


@dataclass(frozen=True, kw_only=True)
class Choice(Check):
    """One of a few words or numbers; ``mistakes`` says of each of the others why it is not the one."""

    solution: str
    mistakes: Mapping[str, str]

    def judge(self, answer: Any, course: Course) -> Verdict:
        said = choice(answer, [self.solution, *self.mistakes])
        return (True, self.right) if said == self.solution else (False, self.mistakes[said])


@dataclass(frozen=True, kw_only=True)
class Found(Check):
    """Something that the learner made: ``look`` finds it, here or in the account.

    ``faults`` are looked for in their order.  What a fault's function finds, if it is not False or None, is put in
    the place of {} in its sentence.
    """

    look: Callable[[Any, Course], Any]
    faults: Sequence[tuple[Callable[[Any, Course], Any], str]]

    def judge(self, answer: Any, course: Course) -> Verdict:
        found = self.look(answer, course)
        for fault, sentence in self.faults:
            what = fault(found, course)
            if what is not None and not (isinstance(what, bool | np.bool_) and not what):
                return False, sentence.replace("{}", str(what))
        return True, self.right


@dataclass(frozen=True)
class Question:
    """A question of "Check yourself": the right choice, and what is to be said of each."""

    solution: str
    says: Mapping[str, str]

    def judge(self, answer: Any, course: Course) -> Verdict:
        said = choice(answer, sorted(self.says))
        return said == self.solution, self.says[said]


def number(answer: Any) -> float:
    """The number in an answer: 1200, 1200.0, one of NumPy's, "$1,200".  Raises Unreadable."""
    if isinstance(answer, str):
        text = re.sub(r"[$,_\s%]|dollars|years", "", answer)
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.IGNORECASE):
            raise Unreadable(f"A number was expected, such as 1200 or '$1,200', and this is the text {answer[:40]!r}.")
        return float(text)
    if isinstance(answer, pd.DataFrame | pd.Series | np.ndarray | list | tuple):
        values = np.asarray(answer, dtype=object).reshape(-1)
        if len(values) != 1:
            raise Unreadable(f"One number was expected, and these are {len(values)} values.")
        return number(values[0])
    if (
        isinstance(answer, bool | np.bool_)
        or not isinstance(answer, int | float | np.number)
        or np.iscomplexobj(answer)
    ):
        raise Unreadable(f"A number was expected, and this is of type {type(answer).__name__}.")
    if not math.isfinite(answer):
        raise Unreadable(f"A finite number was expected, and this is {answer}.")
    return float(answer)


def choice(answer: Any, known: Sequence[str]) -> str:
    """The one of ``known`` that an answer names, whatever its capitals.  Raises Unreadable."""
    said = str(answer).strip().strip("().").lower() if isinstance(answer, str | int) else None
    for each in known:
        if said == each.lower():
            return each
    raise Unreadable(f"One of {', '.join(sorted(known))} was expected, and this is {str(answer)[:40]!r}.")
