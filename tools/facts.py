"""python -m tools.facts: what the course says about AWS and can age, with its source and the day it was looked up.

The sentences stand in ``docs/facts.toml``.  A test holds that each stands where the list says, and that no lesson has a
price, a limit, a support date or a service's end that the list lacks.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "docs" / "facts.toml"

MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
AGEING = re.compile(
    rf"\bcents?\b|(?:\$\d[\d.]*|\b\d[\d.,]* dollars) (?:an?|in a) (?:hour|month|second)\b"  # prices
    rf"|\b\d+ (?:MB|GB)\b|\b\d+ characters at most\b|\bat most \d+ characters\b"  # limits
    rf"|\b(?:{MONTH}) 20\d\d\b|\b20\d\d-\d\d-\d\d\b"  # days
    r"|\bno longer (?:open|available|offered|supported|takes?|accepts?)\b|\bnew customers\b"
    r"|\b(?:end of|out of) (?:support|patch)\b|\bsecurity patches\b|\bmaintenance mode\b|\bdeprecated\b"
)
PINNED = re.compile(r'\b(?:framework_version|version)="[\d.-]+"')  # the version of an image
COMPUTED = re.compile(r"^\d+ minutes · local: ")  # a title's estimate, which a test computes


@dataclass(frozen=True)
class Fact:
    """One sentence that can age."""

    file: str  # below the root of the project
    phrase: str  # as it stands in the file
    statement: str  # what the phrase says, in words that can be compared with the source
    source: str  # a public address
    looked_up: date


def facts(path: Path = LIST) -> list[Fact]:
    """The list, in its order."""
    return [Fact(**entry) for entry in tomllib.loads(path.read_text("utf-8"))["fact"]]


def ageing(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """The lines of a notebook that can age, each after the id of its cell: prose, rows of tables, pinned versions."""
    for cell in notebook.cells:
        pattern = AGEING if cell.cell_type == "markdown" else re.compile(rf"{PINNED.pattern}|#.*(?:{MONTH}) 20\d\d")
        for line in cell.source.splitlines():
            if pattern.search(line) and not COMPUTED.search(line):
                yield cell.id, line


def unlisted(file: str, notebook: NotebookNode, listed: list[Fact]) -> list[str]:
    """The lines that can age and hold no phrase that is listed for the file."""
    phrases = [fact.phrase for fact in listed if fact.file == file]
    return [f"{cell}: {line}" for cell, line in ageing(notebook) if not any(phrase in line for phrase in phrases)]


def text(path: Path) -> str:
    """What a file says: of a notebook the sources of its cells."""
    if path.suffix != ".ipynb":
        return path.read_text("utf-8")
    return "\n\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)


def main() -> int:
    """Print the list by source, the page first that was looked up longest ago."""
    by_source = sorted(facts(), key=lambda fact: fact.source)
    pages = [list(group) for _, group in groupby(by_source, key=lambda fact: fact.source)]
    for page in sorted(pages, key=lambda group: min(fact.looked_up for fact in group)):
        oldest = min(fact.looked_up for fact in page)
        print(f"{page[0].source}\n  looked up on {oldest}, {(date.today() - oldest).days} days ago")
        for statement in dict.fromkeys(fact.statement for fact in page):
            print(f"  {statement}")
            for fact in page:
                if fact.statement == statement:
                    print(f"      {fact.file}: “{fact.phrase}”")
        print()
    print(
        f"{len(by_source)} sentences, {len(pages)} pages. When you have looked one up, write the day into {LIST.name}."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
