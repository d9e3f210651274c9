"""Numbers in the prose are those of the outputs: what a lesson reads, it has shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from support.notebook_rules import output_texts

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[!.]*/[0-9]*.ipynb"))
NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
WITH_UNIT = re.compile(rf"(?<![\w.,])({NUMBER})(?= (?:dollars|%))")
ROUNDED = re.compile(r"\b(?:about|almost|nearly|over|under|(?:less|more) than|up to|at most)\W+$")


def numbers(texts: Iterable[str]) -> set[float]:
    return {float(each.replace(",", "")) for text in texts for each in re.findall(NUMBER, text)}


def shown(notebook: NotebookNode) -> set[float]:
    """The numbers in all outputs of a notebook."""
    return numbers(text for cell in notebook.cells if cell.cell_type == "code" for text in output_texts(cell))


def unfounded(notebook: NotebookNode, elsewhere: set[float]) -> list[str]:
    """Dollars and percentages that a ``-read`` cell names and no output before it, nor another lesson's, shows."""
    known, found = set(elsewhere), []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            known |= numbers(output_texts(cell))
        elif cell.id.endswith("-read"):
            for match in WITH_UNIT.finditer(cell.source):
                exact = not ROUNDED.search(cell.source[: match.start()])
                if exact and float(match[1].replace(",", "")) not in known:
                    found.append(f"{cell.id}: {match[1]}")
    return found


@pytest.fixture(scope="module")
def read() -> dict[Path, NotebookNode]:
    return {path: nbformat.read(path, as_version=4) for path in LESSONS}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: str(path.relative_to(NOTEBOOKS)))
def test_a_number_that_is_read_has_been_shown(path: Path, read: dict[Path, NotebookNode]) -> None:
    series = [notebook for other, notebook in read.items() if other != path and other.parent == path.parent]
    assert unfounded(read[path], set().union(*map(shown, series))) == []


def test_a_number_that_was_not_shown_is_found() -> None:
    output = nbformat.v4.new_output("stream", text="off by $4,386.5, 39.4% of the bill\n")
    code = nbformat.v4.new_code_cell("print()", outputs=[output])
    prose = [
        "The line is off by 4,386.5 dollars, which is 39.4 % of the bill, or about 4,000 dollars.",
        "The line is off by 4,387 dollars, 39 % of the bill; in lesson 03 it was 12 dollars.",
    ]
    cells = [nbformat.v4.new_markdown_cell(text, id=f"cell-{number}-read") for number, text in enumerate(prose)]
    notebook = nbformat.v4.new_notebook(cells=[code, *cells])
    assert unfounded(notebook, {12.0}) == ["cell-1-read: 4,387", "cell-1-read: 39"]
    assert len(unfounded(nbformat.v4.new_notebook(cells=cells), set())) == 5
