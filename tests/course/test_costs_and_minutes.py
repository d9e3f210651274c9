"""What a lesson and a forgotten endpoint cost, and how long AWS takes: one figure each, wherever it is said."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from local_aws.prices import HOSTING, JOBS, PRICED
from tools import facts
from tools.lessons.play import course
from utils.course import JOB_MINUTES

ROOT = Path(__file__).parents[2]
LESSONS = {path.relative_to(ROOT).as_posix(): nbformat.read(path, as_version=4) for path in course()}
PAGES = ["README.md", "docs/aws.md", *LESSONS]
MONTH = 24 * 30 * HOSTING["ml.t2.medium"]  # dollars for 30 days of the course's endpoint
WAITS = {"job": ("three", "four"), "endpoint": ("six", "ten")}  # minutes on AWS, from and to


def given_to_start(notebook: NotebookNode) -> dict[str, object]:
    """What a lesson hands to `start`, by name: its jobs, and the minutes of its endpoints."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code" and "start(" in cell.source]
    [call] = [node for source in sources for node in ast.walk(ast.parse(source)) if _starts(node)]
    return {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}


def estimate(notebook: NotebookNode) -> float:
    """Dollars that a lesson costs on AWS, by the numbers that it hands to `start`."""
    given = given_to_start(notebook)
    hours = given.get("endpoint_minutes", 0) / 60
    return given.get("jobs", 0) * JOB_MINUTES / 60 * JOBS["ml.m5.large"] + hours * HOSTING["ml.t2.medium"]


def _starts(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "start"


def in_words(dollars: float) -> str:
    cents = round(100 * dollars)
    return f"about {cents} cent{'s' if cents > 1 else ''} (estimate of {PRICED})" if cents else "less than one cent"


def wrong_months(text: str) -> list[str]:
    """Sentences that give an endpoint's cost of a month, and another one than `MONTH`."""
    found = []
    for line in text.splitlines():
        if re.search(r"(?i)\bmonth\b", line) and re.search(r"(?i)endpoint|machine|forgotten|ml\.t2\.medium", line):
            amounts = re.findall(r"\$(\d+(?:\.\d+)?)|\b(\d+(?:\.\d+)?) dollars", line)
            numbers = [float(a or b) for a, b in amounts]
            found += [line for number in numbers if number > 30 and number not in (round(MONTH), round(MONTH, 2))]
    return found


def wrong_waits(text: str) -> list[str]:
    """Sentences that say how many minutes AWS takes for a job or an endpoint, and others than `WAITS`."""
    found = []
    for line in text.splitlines():
        for kind, spans in re.findall(r"(?i)\b(job|endpoint)\b[^.;|]*?\b(\w+ to \w+)(?= minutes| until)", line):
            if tuple(spans.split(" to ")) != WAITS[kind.lower()]:
                found.append(line)
        for span in re.findall(r"(?i)\bon AWS (?:that |this |it )?takes (\w+) to (\w+) minutes", line):
            if span not in WAITS.values():
                found.append(line)
    return found


@pytest.mark.parametrize("file", LESSONS)
def test_the_title_says_what_the_first_cell_computes(file: str) -> None:
    [title] = re.findall(r"(?m)^\d+ minutes · local: free · AWS: (.+)$", facts.text(ROOT / file))
    assert in_words(estimate(LESSONS[file])) in title
    assert "free" not in title
    for minutes in re.findall(r"\bendpoints?\b.*?(?:about (\d+) minutes|half an hour)", title):
        assert int(minutes or 30) == given_to_start(LESSONS[file])["endpoint_minutes"]


@pytest.mark.parametrize("file", LESSONS)
def test_the_first_cell_has_printed_it(file: str) -> None:
    dollars = estimate(LESSONS[file])
    printed = [output.get("text", "") for cell in LESSONS[file].cells for output in cell.get("outputs", [])]
    expected = f"about ${dollars:.2f}" if dollars >= 0.005 else "less than one cent"
    assert any(f"This lesson costs nothing here; on AWS {expected} (prices of {PRICED})." in text for text in printed)


@pytest.mark.parametrize("file", PAGES)
def test_a_month_of_an_endpoint_costs_the_same_everywhere(file: str) -> None:
    assert wrong_months(facts.text(ROOT / file)) == []


@pytest.mark.parametrize("file", PAGES)
def test_aws_takes_the_same_minutes_everywhere(file: str) -> None:
    assert wrong_waits(facts.text(ROOT / file)) == []


def test_the_whole_course_costs_what_its_lessons_cost() -> None:
    cents = 100 * sum(estimate(notebook) for notebook in LESSONS.values())
    assert f"about {round(cents, -1):.0f} cents for the whole course" in facts.text(ROOT / "docs/aws.md")


def test_hourly_prices_are_those_of_the_account() -> None:
    text = "\n".join(facts.text(ROOT / file) for file in PAGES)
    cents = round(100 * HOSTING["ml.t2.medium"])
    assert set(re.findall(r"(\d+) cents an hour(?! while it runs)", text)) == {str(cents)}
    assert f"${HOSTING['ml.t2.medium']} an hour" in text and f"${JOBS['ml.m5.large']} an hour" in text


@pytest.mark.parametrize(("line", "months", "waits"), [
    ("A forgotten endpoint costs about 41 dollars a month.", 1, 0),
    ("| **a forgotten endpoint on ml.t2.medium** | | **$41 a month** |", 1, 0),
    ("A forgotten endpoint costs about 40 dollars a month, 40.32 dollars by the minute.", 0, 0),
    ("In a month 41 dollars of bills arrive.", 0, 0),
    ("A training job takes three to five minutes.", 0, 1),
    ("On AWS that takes five to ten minutes, longer than the training.", 0, 1),
    ("So you wait, which on AWS takes six to ten minutes.", 0, 0),
    ("A training job takes three to four minutes, and an endpoint five to ten until it answers.", 0, 1),
    ("A training job takes three to four minutes, and an endpoint six to ten until it answers.", 0, 0),
])  # fmt: skip
def test_another_figure_is_found(line: str, months: int, waits: int) -> None:
    assert (len(wrong_months(line)), len(wrong_waits(line))) == (months, waits)
