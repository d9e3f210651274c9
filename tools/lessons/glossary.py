"""The page of terms, notebooks/glossary.md, made from ``notebooks/glossary.toml``."""

import re
import tomllib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tools.lessons.play import ROOT, course

PAGE = "glossary.md"
HEAD = "| term | in plain words | with AWS | first in |\n|---|---|---|---|\n"
ABOUT = """# Glossary

The terms of the course: the field's own word, what it means, what AWS calls it, and the lesson that introduces it.

"""


@dataclass(frozen=True)
class Term:
    """A term of the course."""

    term: str
    plain: str
    lesson: str  # the file that introduces it, below notebooks, without its ending
    aws: str = "-"
    bold: str = ""  # how it stands there, if not as the term or its plural

    @property
    def pattern(self) -> re.Pattern[str]:
        """Finds the term in bold in a lesson's text."""
        end = "" if self.bold else "(?:s|es)?"
        return re.compile(rf"(?i)\*\*(?:an? |the )?{re.escape(self.bold or self.term)}{end}[.:,]?\*\*")


def terms(root: Path = ROOT) -> list[Term]:
    """All terms, in the order of the alphabet."""
    entries = tomllib.loads((root / "notebooks" / "glossary.toml").read_text("utf-8"))["term"]
    return sorted((Term(**entry) for entry in entries), key=lambda term: term.term.lower())


def page(root: Path = ROOT) -> str:
    """The page in Markdown: a table for each letter, so that a lesson can link to it."""
    folder = root / "notebooks"
    titles = {
        path.relative_to(folder).with_suffix("").as_posix(): lesson.title for path, lesson in course(root).items()
    }
    parts = [ABOUT]
    for letter, group in groupby(terms(root), key=lambda term: term.term[0].upper()):
        rows = [_row(term, titles.get(term.lesson, term.lesson)) for term in group]
        parts.append(f"## {letter}\n\n{HEAD}" + "\n".join(rows) + "\n\n")
    return "".join(parts).rstrip() + "\n"


def _row(term: Term, title: str) -> str:
    return f"| **{term.term}** | {term.plain} | {term.aws} | [{title}]({term.lesson}.ipynb) |"
