"""What a lesson promises that its reader will be able to do on SageMaker, the reader does in an exercise."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

import nbformat
import pytest

from exercises.kinds import Found, Number
from tools.lessons.play import ROOT, course
from utils.check import exercises

NOTEBOOKS = ROOT / "notebooks"
LISTED = tomllib.loads((ROOT / "exercises" / "objectives.toml").read_text("utf-8"))["objective"]
# An objective that begins with one of these promises that something is done, and not known, read or told apart.
DOING = "approve ask build create delete deploy describe get give hand join keep let mend open put register run"
DOING += " score send serve start train tune turn update upload write"
PRACTISED = 32  # at least, and of what is promised as large a part as 32 of 36


def objectives(source: str) -> list[str]:
    """The points below "You will be able to" in a cell."""
    below = source.partition("**You will be able to**")[2].partition("**You need**")[0]
    return re.findall(r"(?m)^- (.+)$", below)


def promised() -> Iterator[tuple[str, str]]:
    """Each lesson's objectives, as the notebooks have them."""
    for path in course():
        name = path.relative_to(NOTEBOOKS).with_suffix("").as_posix()
        for cell in nbformat.read(path, as_version=4).cells:
            yield from ((name, each) for each in objectives(cell.source) if cell.cell_type == "markdown")


def unlisted(found: list[tuple[str, str]], listed: list[dict[str, str]]) -> list[tuple[str, str]]:
    """The promises to do something that no entry of the list begins like."""
    begun = [(each["lesson"], each["promise"]) for each in listed]
    doing = [(lesson, text) for lesson, text in found if text.split()[0] in DOING.split()]
    return [
        (lesson, text)
        for lesson, text in doing
        if not any(lesson == other and text.startswith(beginning) for other, beginning in begun)
    ]


@pytest.mark.parametrize("entry", LISTED, ids=lambda entry: f"{entry['lesson']}-{entry['promise'][:30]}")
def test_a_promise_stands_in_its_lesson_and_its_exercise_exists(entry: dict[str, str]) -> None:
    assert set(entry) in ({"lesson", "promise", "exercise"}, {"lesson", "promise", "why_not"})
    own = [text for lesson, text in promised() if lesson == entry["lesson"]]
    assert sum(text.startswith(entry["promise"]) for text in own) == 1, own
    if "exercise" in entry:
        lesson = exercises(entry["lesson"])
        assert lesson is not None
        # A choice among lines or words is recognised, not done.
        assert isinstance(lesson.CHECKS[entry["exercise"]], Found | Number)


def test_every_promise_to_do_something_is_listed() -> None:
    assert unlisted(list(promised()), LISTED) == []


def test_what_is_promised_is_practised() -> None:
    practised = [each for each in LISTED if "exercise" in each]
    print(f"{len(practised)} of {len(LISTED)} promised actions are done by the learner")
    assert len(practised) >= PRACTISED
    assert len(practised) / len(LISTED) >= 32 / 36


def test_a_promise_that_nobody_listed_is_found() -> None:
    cell = (
        "**You will be able to**\n\n- deploy a model;\n- say what it costs;\n- start a job.\n\n**You need**\n\n- a pen"
    )
    found = [("a", text) for text in objectives(cell)]
    assert [text for _, text in found] == ["deploy a model;", "say what it costs;", "start a job."]
    assert unlisted(found, [{"lesson": "a", "promise": "start"}, {"lesson": "b", "promise": "deploy"}]) == [
        ("a", "deploy a model;")
    ]
