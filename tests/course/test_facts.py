"""What the course says about AWS and can age stands in one list, each sentence with its source and a day."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tools import facts
from tools.lessons.play import course

ROOT = Path(__file__).parents[2]
LISTED = facts.facts()
LESSONS = [path.relative_to(ROOT).as_posix() for path in course()]


def notebook(*sources: str, kind: str = "markdown") -> NotebookNode:
    make = nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_code_cell
    return nbformat.v4.new_notebook(cells=[make(source, id=f"cell-{i}") for i, source in enumerate(sources)])


@pytest.mark.parametrize("file", sorted({fact.file for fact in LISTED}))
def test_each_phrase_stands_where_the_list_says(file: str) -> None:
    text = facts.text(ROOT / file)
    assert [fact.phrase for fact in LISTED if fact.file == file and fact.phrase not in text] == []


@pytest.mark.parametrize("file", LESSONS)
def test_each_sentence_that_can_age_is_listed(file: str) -> None:
    found = facts.unlisted(file, nbformat.read(ROOT / file, as_version=4), LISTED)
    assert found == [], f"look it up, and list it in {facts.LIST.name}"


def test_the_list_is_sound() -> None:
    assert len({(fact.file, fact.phrase) for fact in LISTED}) == len(LISTED)
    for fact in LISTED:
        assert re.match(
            r"https://(?:[\w-]+\.)*(?:aws\.amazon\.com|aws\.github\.io|github\.com|readthedocs\.io)/", fact.source
        )
        assert date(2026, 11, 1) <= fact.looked_up <= date.today()
        assert fact.statement.endswith(".")


@pytest.mark.parametrize("line", [
    "A small machine costs about 6 cents an hour.",
    "A forgotten endpoint is $40.32 a month.",
    "It costs 40.32 dollars in a month of 30 days.",
    "A request has 4 MB at most.",
    "A tuning job's name has 32 characters at most.",
    "SageMaker Clarify is no longer open to new customers.",
    "Debugger is closed to new customers.",
    "Version 2 is maintained until July 2027.",
    "Security patches ended on 17 November 2026.",
])  # fmt: skip
def test_a_sentence_that_can_age_is_found(line: str) -> None:
    page = notebook("Read it.\n" + line)
    assert facts.unlisted("a.ipynb", page, []) == [f"cell-0: {line}"]
    listed = facts.Fact("a.ipynb", line[2:-1], "It is so.", "https://aws.amazon.com/", date(2026, 11, 30))
    assert facts.unlisted("a.ipynb", page, [listed]) == []
    assert facts.unlisted("b.ipynb", page, [listed]) != []


@pytest.mark.parametrize("line", [
    "The line is off by 4,386 dollars, and 240 dollars stand for one year of age.",
    "A bill of 3,000 dollars a year is small.",
    "30 minutes · local: free · AWS: one training job, about 2 cents (estimate of November 2026)",
    "The first model is no longer in service.",
])  # fmt: skip
def test_what_cannot_age_is_left_alone(line: str) -> None:
    assert list(facts.ageing(notebook(line))) == []


def test_a_pinned_version_of_an_image_can_age() -> None:
    code = 'learner = SKLearn(\n    framework_version="1.4-2", role=role\n)\nprice = 0.056  # dollars, November 2026'
    assert [line for _, line in facts.ageing(notebook(code, kind="code"))] == code.splitlines()[1::2]


def test_the_list_is_printed_by_page_the_oldest_first(capsys: pytest.CaptureFixture, monkeypatch) -> None:
    new, old = date(2026, 11, 30), date(2026, 11, 2)
    listed = [
        facts.Fact("a.ipynb", "4 MB", "A request has 4 MB.", "https://aws.amazon.com/a", new),
        facts.Fact("b.ipynb", "6 cents", "It costs 6 cents.", "https://aws.amazon.com/b", new),
        facts.Fact("c.ipynb", "six cents", "It costs 6 cents.", "https://aws.amazon.com/b", old),
    ]
    monkeypatch.setattr(facts, "facts", lambda: listed)
    assert facts.main() == 0
    printed = capsys.readouterr().out
    assert printed.index("https://aws.amazon.com/b") < printed.index("looked up on 2026-11-02") < printed.index("com/a")
    assert printed.count("It costs 6 cents.") == 1 and "c.ipynb: “six cents”" in printed
    assert "3 sentences, 2 pages." in printed
