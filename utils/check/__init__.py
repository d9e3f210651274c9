"""Checks of a lesson's exercises: ``check.NAME(answer)`` prints one sentence about the answer, and never raises.

What is asked stands in ``exercises/``, a file for each lesson; ``start("salary/01_explore")`` says which one counts.
"""

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

from botocore.exceptions import BotoCoreError, ClientError

from utils import course
from utils.check import attempts
from utils.preflight.advice import advice

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "exercises"
TRIES = 2  # before a solution is shown
NO_LESSON = "Run the first code cell of the lesson before this one: it says which lesson's exercises are checked."
_hinted: Counter[tuple[str, str]] = Counter()


class Unreadable(Exception):
    """An answer that says nothing that could be right or wrong; the message says what was expected."""


def quiz(number: int, choice=...) -> None:
    """Print what is to be said of one choice ("a", "b", "c") in question ``number`` of "Check yourself"."""
    _say(f"question {number}", lambda lesson, name: _judged(lesson, name, choice), "QUIZ")


def hint(name: str) -> None:
    """Print the next of the three hints for an exercise."""

    def next_hint(lesson: ModuleType, name: str) -> str:
        hints = lesson.CHECKS[name].hints
        step = _hinted[lesson.__name__, name] = min(_hinted[lesson.__name__, name] + 1, len(hints))
        return f"Hint {step} of {len(hints)}: {hints[step - 1]}"

    _say(name, next_hint)


def solution(name: str, force: bool = False) -> None:
    """Print the solution of an exercise, after two attempts or with ``force=True``."""

    def shown(lesson: ModuleType, name: str) -> str:
        made = [(each["lesson"], each["exercise"]) for each in attempts.all_made()].count((_name(lesson), name))
        if made < TRIES and not force:
            return f'You have made {made} of {TRIES} attempts. check.solution("{name}", force=True) does not wait.'
        return solutions(_name(lesson))[name]

    _say(name, shown)


def __getattr__(name: str):
    if name.startswith("_"):
        raise AttributeError(name)
    return lambda answer=...: _say(name, lambda lesson, name: _judged(lesson, name, answer))


def _say(name: str, sentence: Callable[[ModuleType, str], str], among: str = "CHECKS") -> None:
    lesson = exercises(course.current.lesson) if course.current else None
    if lesson is None:
        print(NO_LESSON)
    elif name not in (known := getattr(lesson, among)):
        print(f"There is no {name!r} in this lesson, but there is: {', '.join(known)}.")
    else:
        print(sentence(lesson, name))


def _judged(lesson: ModuleType, name: str, answer) -> str:
    """The sentence about an answer, which is also written down as an attempt."""
    asked = lesson.CHECKS.get(name) or lesson.QUIZ[name]
    if answer is ...:
        return f"Not answered yet: {name}."
    try:
        right, sentence = asked.judge(answer, course.current)
    except Unreadable as error:
        return f"Not yet. {error}"
    except (BotoCoreError, ClientError) as error:
        return f"The account cannot be asked: {error}. {advice(error) or ''}".strip()
    except Exception as error:  # an answer may be any object, and a lesson runs on after the check of it
        return f"This answer cannot be checked ({type(error).__name__}: {error})."
    attempts.add(_name(lesson), name, right)
    return f"Right. {sentence}" if right else f"Not yet. {sentence}"


def _name(lesson: ModuleType) -> str:
    return lesson.__name__.removeprefix(f"{PACKAGE}.").replace(".", "/")


@cache
def exercises(lesson: str) -> ModuleType | None:
    """What is asked in a lesson (``salary/01_explore``): a module with CHECKS and QUIZ; None if nothing is."""
    if not (ROOT / "exercises" / f"{lesson}.py").exists():
        return None
    if PACKAGE not in sys.modules:  # it lies beside the lessons and is not installed: a kernel works elsewhere
        spec = importlib.util.spec_from_file_location(PACKAGE, ROOT / PACKAGE / "__init__.py")
        assert spec is not None  # the file is there
        sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    return importlib.import_module(f"{PACKAGE}.{lesson.replace('/', '.')}")


def solutions(lesson: str) -> dict[str, str]:
    """The solution of each exercise of a lesson, by its name: in ``solutions/`` each stands below ``# %% name``."""
    parts = (ROOT / "solutions" / f"{lesson}.py").read_text("utf-8").split("# %% ")[1:]
    return {name.strip(): code.strip() for name, _, code in (part.partition("\n") for part in parts)}
