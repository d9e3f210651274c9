"""What is made from lists: tables of lessons in README.md and in the first notebook, and the page of terms."""

import re
from pathlib import Path

import nbformat

from tools.lessons import glossary
from tools.lessons.play import ROOT, Lesson, course

COMMAND = "python -m tools.lessons tables"
HEAD = "| lesson | steps | minutes |\n|---|---|---|\n"
TABLE = re.compile(rf"(?m)^{re.escape(HEAD)}(?:\|.*\|(?:\n|\Z))*")


def with_tables(root: Path = ROOT) -> dict[Path, str]:
    """The texts of the files that have a table of lessons, with the table as it is to be, and of the glossary."""
    readme, first = root / "README.md", root / "notebooks" / "00_start_here.ipynb"
    notebook = nbformat.read(first, as_version=4)
    for cell in notebook.cells:
        cell.source = TABLE.sub(lambda _: table(first, root), cell.source)
    text = TABLE.sub(lambda _: table(readme, root), readme.read_text("utf-8"))
    return {
        readme: text,
        first: nbformat.writes(notebook) + "\n",
        root / "notebooks" / glossary.PAGE: glossary.page(root),
    }


def table(page: Path, root: Path = ROOT) -> str:
    """The lessons of the first edition, in Markdown, with links from ``page``, which is not among them."""
    rows = [_row(lesson, page) for lesson in course(root).values() if "2" in lesson.editions and lesson.path != page]
    return HEAD + "".join(rows)


def _row(lesson: Lesson, page: Path) -> str:
    steps = "–".join(str(step) for step in dict.fromkeys(lesson.steps))
    link = f"[{lesson.title}]({lesson.path.relative_to(page.parent).as_posix()})"
    return f"| {link} | {steps}{' ' if steps else ''}| {lesson.minutes} |\n"
