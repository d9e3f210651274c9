"""The glossary: it is up to date, and each term stands in bold in the lesson that introduces it, and in none before."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from tools.lessons.glossary import PAGE, Term, page, terms
from tools.lessons.play import ROOT, course
from tools.lessons.tables import COMMAND
from tools.lessons.workbook import pages

NOTEBOOKS = ROOT / "notebooks"
TERMS = terms()


def prose(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


FIRST = {
    path.relative_to(NOTEBOOKS).with_suffix("").as_posix(): prose(path)
    for path, lesson in course().items()
    if "2" in lesson.editions
}


def test_the_page_is_up_to_date_and_comes_with_the_workbook() -> None:
    text = (NOTEBOOKS / PAGE).read_text("utf-8")
    assert text == page(), f"run '{COMMAND}' and commit what it writes"
    assert PAGE in {name for name, _ in pages()}
    assert len(TERMS) >= 60 and len({term.term for term in TERMS}) == len(TERMS)


def test_the_first_lesson_and_the_readme_lead_to_it() -> None:
    assert f"]({PAGE})" in FIRST["00_start_here"]
    assert f"](notebooks/{PAGE})" in (ROOT / "README.md").read_text("utf-8")


def test_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page()):
        assert (NOTEBOOKS / target).exists(), target


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.term)
def test_a_term_stands_in_bold_with_a_link_where_it_is_introduced_and_not_before(term: Term) -> None:
    bold = [name for name, text in FIRST.items() if term.pattern.search(text)]
    assert bold[:1] == [term.lesson], f"in bold in {bold}"
    match = term.pattern.search(FIRST[term.lesson])
    assert match is not None  # it is bold there
    page = PAGE if "/" not in term.lesson else f"../{PAGE}"
    assert FIRST[term.lesson][match.start() - 1 :].startswith(f"[{match[0]}]({page})"), "no link to the glossary"


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.term)
def test_a_term_is_told_in_a_few_plain_words(term: Term) -> None:
    assert 3 <= len(term.plain.split()) <= 30 and term.plain[-1] != "."
    assert not re.search(rf"(?i)\b{re.escape(term.term)}\b", term.plain) or len(term.term) < 3
    assert "|" not in term.plain + term.aws


@pytest.mark.parametrize(("text", "found"), [
    ("The **intercept** is its height.", True),
    ("**Intercepts** are heights.", True),
    ("An intercept is a height.", False),
    ("The **intercept of a line** is its height.", False),
])  # fmt: skip
def test_a_term_in_bold_is_found(text: str, found: bool) -> None:
    assert bool(Term("intercept", "the height of a line at zero", "a").pattern.search(text)) is found
    assert not Term("intercept", "the height of a line at zero", "a", bold="intercepted").pattern.search(text)
