"""What a lesson asks of a reader, counted: the limits that every lesson keeps, and the counting itself."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from tools.lessons.measure import Measured, measure, sentences, table, words
from tools.lessons.play import Lesson, course

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = list(course().values())
SERIES = [lesson for lesson in LESSONS if lesson.series]


def counted(lesson: Lesson) -> Measured:
    return measure(nbformat.read(lesson.path, as_version=4))


def name(lesson: Lesson) -> str:
    return str(lesson.path.relative_to(NOTEBOOKS))


def test_the_table_has_all_lessons() -> None:
    lines = list(table())
    print("\n", *lines, sep="\n")
    assert len(lines) == 2 + len(LESSONS) and lines[-1].startswith("all ")
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("lesson", SERIES, ids=name)
def test_a_lesson_takes_the_minutes_that_it_says(lesson: Lesson) -> None:
    minutes = counted(lesson).minutes
    assert minutes < 47.5, "more than what rounds to 45"
    assert abs(lesson.minutes - minutes) <= 3, f"it says {lesson.minutes}, and {minutes:.1f} are estimated"


@pytest.mark.parametrize("lesson", LESSONS, ids=name)
def test_sentences_are_of_ordinary_length(lesson: Lesson) -> None:
    one = counted(lesson)
    assert one.longest <= 40
    assert 10 <= one.mean <= 18


@pytest.mark.parametrize("lesson", SERIES, ids=name)
def test_a_lesson_explains_its_code_and_prints_little(lesson: Lesson) -> None:
    one = counted(lesson)
    assert one.run <= 2 and one.words / one.lines >= 10
    assert one.output <= 120


def test_a_reader_practises() -> None:
    every = [counted(lesson) for lesson in LESSONS]
    exercises, predictions = sum(one.exercises for one in every), sum(one.predictions for one in every)
    print(f"{exercises} exercises, {sum(one.checks for one in every)} checks, {predictions} predictions")
    assert exercises >= 60
    assert sum(one.checks for one in every) >= exercises
    assert predictions >= 2 * len(SERIES)


def test_what_is_counted() -> None:
    cell, prose = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    picture = nbformat.v4.new_output("display_data", {"image/png": "", "text/plain": "<Figure>"})
    printed = nbformat.v4.new_output("stream", text="one\ntwo\n")
    value = nbformat.v4.new_output("execute_result", {"text/plain": "3"})
    notebook = nbformat.v4.new_notebook(
        cells=[
            prose("# A title\n\nOne sentence here. And [a link](somewhere.ipynb).\n\n![A diagram.](a.svg)"),
            prose("> **Predict.** Is it *more*?"),
            cell("x = 1\n\nx + 2", outputs=[printed, value]),
            cell("draw()", outputs=[picture]),
            prose("**Your turn.** Do it.\n\n    1  wrong = line\n\n| a | b |\n|---|---|\n| not a | sentence |"),
            cell('answer = ...\ncheck.it(answer)\n# check.hint("it")'),
            prose("**1.** Which?\n\na) One · b) Two · c) Three"),
            cell("check.quiz(1, ...)"),
        ]
    )
    one = measure(notebook)
    assert (one.cells, one.code, one.lines, one.run, one.figures, one.output) == (8, 4, 7, 2, 2, 3)
    assert (one.predictions, one.exercises, one.checks, one.questions) == (1, 1, 1, 1)
    assert one.sentences == (3, 3, 1, 3, 2, 2, 1, 1) and one.longest == 3
    assert one.minutes == pytest.approx(one.words / 180 + 7 / 6 + 3 / 15 + 0.75 + 4 + 1.5)


@pytest.mark.parametrize(("text", "found"), [
    ("It costs $1.50. That is **much.** Is it?", 3),
    ("- one point;\n- another one.", 2),
    ("`a.b.fit` learns: the model is kept.", 1),
    ("[← Back](a.ipynb) · [All lessons](b.ipynb)\n\nExplore → **Split** → Fit", 0),
    ("```\nSome code. More code.\n```", 0),
])  # fmt: skip
def test_sentences_are_told_apart(text: str, found: int) -> None:
    assert len(list(sentences(text))) == found


def test_a_word_is_no_address_and_no_sign() -> None:
    assert words("[Two words](../a/path.ipynb), 1,200 dollars — *done*") == 5
