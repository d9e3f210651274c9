"""The checks of the exercises: each is given the stub, the solution, every typical mistake, and nonsense."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

import utils
import utils.course
from exercises.kinds import Check, Choice, Found, Number, choice, number
from support.wrong_answers import PREPARED, WRONG
from tools.lessons.play import ROOT, course
from tools.lessons.progress import lines
from utils import check
from utils.check import Unreadable, attempts, exercises, solutions
from utils.course import Course
from utils.sweep import delete_endpoint

NOTEBOOKS = ROOT / "notebooks"
NAMES = [
    name for path in course() if exercises(name := path.relative_to(NOTEBOOKS).with_suffix("").as_posix()) is not None
]
CHECKS = [(name, each) for name in NAMES for each in exercises(name).CHECKS]
NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
NONSENSE = [None, True, "", "a lot", object(), {"a": 1}, {1, 2}, [], [1, 2, 3], math.nan, math.inf, 1j, b"7", print]
NONSENSE += [np.array([[1, 2], [3, 4]]), pd.DataFrame({"a": [1]}), pd.Series(["x"]), pd.NA, Exception]
CASES = pytest.mark.parametrize(("lesson", "name"), CHECKS, ids=["-".join(each) for each in CHECKS])


def asked(lesson: str, name: str) -> Check:
    return exercises(lesson).CHECKS[name]


@pytest.fixture(autouse=True)
def progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Attempts are kept for the test alone."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.jsonl"))
    monkeypatch.setattr("utils.check._hinted", Counter())
    return tmp_path / "progress.jsonl"


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, account):
    """Begins a lesson, as its first cell does."""

    def begin(lesson: str) -> Course:
        """The lesson's ``Course``."""
        from local_aws.client.session import open_session

        session, role = open_session()
        tags = [{"Key": "course-user", "Value": "a-learner"}, {"Key": "course-run", "Value": "a-run"}]
        begun = Course(lesson.partition("/")[0], lesson, session, role, tags)
        monkeypatch.setattr(utils.course, "current", begun)
        return begun

    return begin


def said(capsys: pytest.CaptureFixture, name: str, *answer) -> str:
    capsys.readouterr()
    getattr(check, name)(*answer)
    return capsys.readouterr().out


# ---- every check


@CASES
def test_the_stub_is_not_answered_and_is_no_attempt(lesson, name, begun, capsys, progress) -> None:
    begun(lesson)
    assert said(capsys, name, ...) == said(capsys, name) == f"Not answered yet: {name}.\n"
    assert not progress.exists()


@CASES
def test_nonsense_gets_one_sentence(lesson, name, begun, capsys) -> None:
    begun(lesson)
    for answer in NONSENSE:
        text = said(capsys, name, answer)
        assert text.count("\n") == 1 and not text.startswith("Right.") and "Traceback" not in text, answer
        assert "cannot be checked" not in text, (answer, text)


@CASES
def test_the_three_hints_do_not_hold_the_answer(lesson, name, begun, capsys) -> None:
    begun(lesson)
    told = []
    for step in (1, 2, 3, 3):
        check.hint(name)
        told.append(capsys.readouterr().out)
        assert told[-1].startswith(f"Hint {step} of 3: ")
    assert len(set(told)) == 3
    code = solutions(lesson)[name]
    for text in told:
        assert not [line for line in code.splitlines() if len(line) > 12 and line.strip() in text]
    if isinstance(asked(lesson, name), Choice):
        solution = asked(lesson, name).solution
        assert not re.search(rf"(?i)\b(?:line|answer is) {re.escape(solution)}\b", " ".join(told))


@CASES
def test_all_sentences_of_a_check_differ(lesson, name) -> None:
    one = asked(lesson, name)
    wrong = one.mistakes.values() if isinstance(one, Choice) else []
    wrong = [sentence for _, sentence in one.mistakes] + list(one.far) if isinstance(one, Number) else wrong
    wrong = [sentence for _, sentence in one.faults] if isinstance(one, Found) else wrong
    everything = [one.right, *wrong, *one.hints]
    assert len(set(everything)) == len(everything)
    for sentence in everything:
        assert sentence[0].isupper() or sentence[0] in "{'0123456789" or re.match(r"\w+[(_.\[]", sentence), sentence
        assert sentence[-1] in ".?", sentence


NUMBERS = [each for each in CHECKS if isinstance(asked(*each), Number)]
CHOICES = [each for each in CHECKS if isinstance(asked(*each), Choice)]
FOUND = [each for each in CHECKS if isinstance(asked(*each), Found)]


@pytest.mark.parametrize(("lesson", "name"), NUMBERS, ids=["-".join(each) for each in NUMBERS])
def test_a_number(lesson, name, prepared, capsys) -> None:
    here, one = prepared(lesson), asked(lesson, name)
    wanted = float(one.solution(here))
    right = [
        wanted,
        np.float64(wanted),
        np.array(wanted),
        pd.Series([wanted]),
        f"${wanted:,.2f}",
        f"{wanted:.2f} dollars",
    ]
    for answer in right:
        assert said(capsys, name, answer) == f"Right. {one.right}\n", answer
    if wanted == round(wanted):
        assert said(capsys, name, int(wanted)) == said(capsys, name, np.int64(wanted)) == f"Right. {one.right}\n"
    for wrong, sentence in one.mistakes:
        assert said(capsys, name, wrong(here)) == f"Not yet. {sentence}\n"
    assert said(capsys, name, -1e12) == f"Not yet. {one.far[0]}\n"
    assert said(capsys, name, 1e12) == f"Not yet. {one.far[1]}\n"
    # Neither a hint nor what is said of a wrong answer holds the right one.
    for sentence in [*one.hints, *one.far, *(sentence for _, sentence in one.mistakes)]:
        found = [float(each.replace(",", "")) for each in re.findall(NUMBER, sentence)]
        assert not [each for each in found if abs(each - wanted) <= max(one.tolerance, 0.01 * abs(wanted))], sentence


@pytest.mark.parametrize(("lesson", "name"), CHOICES, ids=["-".join(each) for each in CHOICES])
def test_a_choice(lesson, name, begun, capsys) -> None:
    begun(lesson)
    one = asked(lesson, name)
    assert (
        said(capsys, name, one.solution) == said(capsys, name, f" {one.solution.upper()}) ") == f"Right. {one.right}\n"
    )
    for wrong, sentence in one.mistakes.items():
        assert said(capsys, name, wrong) == f"Not yet. {sentence}\n"
    assert said(capsys, name, "z").startswith("Not yet. One of ")


_prepared: set[str] = set()


@pytest.fixture
def prepared(begun):
    """Begins a lesson in an account that has what its checks look for."""

    def begin(lesson: str) -> Course:
        here = begun(lesson)
        if lesson not in _prepared:
            PREPARED.get(lesson, lambda course: None)(here)
            _prepared.add(lesson)
        return here

    return begin


@pytest.mark.parametrize(("lesson", "name"), FOUND, ids=["-".join(each) for each in FOUND])
def test_what_was_made(lesson, name, prepared, capsys, request) -> None:
    """Each fault is found in an answer that has it: in exactly one, and in their order."""
    here, one = prepared(lesson), asked(lesson, name)
    patterns = [re.escape(sentence).replace(r"\{\}", ".+") for _, sentence in one.faults]
    met = set()
    request.addfinalizer(lambda: delete_endpoint(here.session.sagemaker_client, "course-left"))
    for make, sentence in WRONG[lesson, name]:
        text = said(capsys, name, make(here))
        assert text.startswith("Not yet. ") and sentence in text, text
        met |= {number for number, pattern in enumerate(patterns) if re.fullmatch(f"Not yet. {pattern}\n", text)}
    assert met == set(range(len(patterns))), "no answer shows these faults"


# ---- the front: lessons, hints, solutions, attempts


def test_before_the_first_cell_a_check_says_what_to_do(monkeypatch, capsys) -> None:
    monkeypatch.setattr(utils.course, "current", None)
    for ask in (lambda: check.anything(3), lambda: check.hint("x"), lambda: check.solution("x"), lambda: check.quiz(1)):
        ask()
        assert capsys.readouterr().out == f"{check.NO_LESSON}\n"


def test_a_name_that_is_not_known_is_answered_with_those_that_are(begun, capsys) -> None:
    begun("salary/01_explore")
    known = "there is: median_error, line_by_hand"
    for ask in (lambda: check.mean_error(3), lambda: check.hint("mean_error"), lambda: check.solution("mean_error")):
        ask()
        assert f"no 'mean_error' in this lesson, but {known}" in capsys.readouterr().out
    check.quiz(4, "a")
    assert capsys.readouterr().out == (
        "There is no 'question 4' in this lesson, but there is: question 1, question 2, question 3.\n"
    )


def test_a_solution_is_shown_after_two_attempts_or_by_force(begun, capsys, progress) -> None:
    begun("salary/01_explore")
    code = solutions("salary/01_explore")["median_error"] + "\n"
    for count in (0, 1):
        check.solution("median_error")
        assert capsys.readouterr().out.startswith(f"You have made {count} of 2 attempts.")
        said(capsys, "median_error", 5)
    check.solution("median_error")
    assert capsys.readouterr().out == code
    progress.unlink()
    check.solution("median_error", force=True)
    assert capsys.readouterr().out == code


def test_attempts_are_kept_as_lines_and_broken_ones_are_passed_over(begun, capsys, progress) -> None:
    begun("salary/01_explore")
    said(capsys, "median_error", 5)
    with progress.open("a") as file:
        file.write('[1]\n{"lesson": "x"}\nhalf a li\n\x00\xff\n')
    said(capsys, "median_error", 21_589.57)
    check.quiz(1, "A")
    kept = [(each["exercise"], each["right"]) for each in attempts.all_made()]
    assert kept == [("median_error", False), ("median_error", True), ("question 1", True)]
    table = list(lines())
    row = next(line for line in table if line.startswith("salary/01_explore "))
    assert row.split()[1:7] == ["1", "of", "4", "1", "of", "3"] and "median_error" not in row
    assert table[-1] == f"1 of {len(CHECKS)} exercises are done."


def test_where_nothing_can_be_kept_a_check_answers_all_the_same(begun, capsys, monkeypatch) -> None:
    begun("salary/01_explore")
    monkeypatch.setenv("COURSE_PROGRESS", "/proc/none/progress.jsonl")
    assert said(capsys, "median_error", 21_589.57).startswith("Right.")
    assert attempts.all_made() == []


def test_numbers_and_choices_are_read_as_they_are_written() -> None:
    assert [number(each) for each in ("$1,200", " 1 200 dollars", "1.5e3", "-3 %", np.int8(4), [5])] == [
        1200, 1200, 1500, -3, 4, 5
    ]  # fmt: skip


def test_numbers_that_are_none() -> None:
    for answer in NONSENSE:
        if isinstance(answer, pd.DataFrame):
            continue  # of one value, which is a number
        with pytest.raises(Unreadable):
            number(answer)
        with pytest.raises(Unreadable):
            choice(answer, ["a", "b"])


# ---- quizzes


def quizzes() -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Lesson, number, the question's text, its choices by letter: as the notebooks print them."""
    for name in NAMES:
        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        quiz = text.partition("\n## Check yourself")[2].partition("\n## ")[0]
        for count, part in enumerate(re.split(r"(?m)^\*\*\d\.\*\*", quiz)[1:], 1):
            (row,) = re.findall(r"(?m)^a\) .+$", part)
            choices = dict(re.match(r"(\w)\) (.+)", each).groups() for each in row.split(" · "))
            yield name, f"question {count}", part, choices


def test_each_question_says_something_of_each_choice(begun, capsys) -> None:
    found = list(quizzes())
    for name in NAMES:
        assert {count for lesson, count, *_ in found if lesson == name} == set(exercises(name).QUIZ)
    for name, count, _, choices in found:
        begun(name)
        capsys.readouterr()  # what the SDK says when it is first imported
        one = exercises(name).QUIZ[count]
        assert set(one.says) == set(choices) == {"a", "b", "c"} and len(set(one.says.values())) == 3
        for letter in choices:
            check.quiz(int(count[-1]), letter)
            verdict = "Right." if letter == one.solution else "Not yet."
            assert capsys.readouterr().out == f"{verdict} {one.says[letter]}\n"


def test_quizzes_cannot_be_passed_unread() -> None:
    found = list(quizzes())
    right = [exercises(name).QUIZ[count].solution for name, count, *_ in found]
    keys = Counter(right)
    longest = [
        len(choices[key]) == max(map(len, choices.values())) for key, (*_, choices) in zip(right, found, strict=True)
    ]
    run = [bool(re.search(r"\bRun\b|\brun\b", text)) and "`" in text for _, _, text, _ in found]
    print(f"{len(found)} questions, keys {dict(keys)}, the longest is right {sum(longest)}, with code {sum(run)}")
    assert max(keys.values()) - min(keys[letter] for letter in "abc") <= max(2, len(found) // 6)
    assert sum(longest) <= 0.4 * len(found)
    assert sum(run) >= len(found) / 3


# ---- where exercises stand


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_asks_what_its_exercises_are(name) -> None:
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    called = re.findall(r"\bcheck\.(\w+)\(", code)
    assert {*called} - {"quiz"} == set(exercises(name).CHECKS) == set(solutions(name))
    assert f'start("{name}"' in code
    kinds = {type(each) for each in exercises(name).CHECKS.values()}
    if "/" in name:
        assert len(exercises(name).CHECKS) >= 3 and {Number, Found} <= kinds, "one number, one call, one fault"


def test_every_file_of_exercises_is_a_lessons() -> None:
    for folder in ("exercises", "solutions"):
        found = {path.relative_to(ROOT / folder).with_suffix("").as_posix() for path in (ROOT / folder).rglob("*.py")}
        assert {name for name in found if re.search(r"(^|/)\d", name)} == set(NAMES)


def test_names_of_exercises_do_not_hide_the_checks_own() -> None:
    for _, name in CHECKS:
        assert name not in ("hint", "quiz", "solution", "exercises", "solutions") and name not in vars(check)
    assert json.dumps(list(CHECKS))
