"""``python -m tools.lessons measure``: how much a lesson asks of a reader, counted in the notebook."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.lessons.play import ROOT, course

PREDICT = re.compile(r"(?m)^> \*\*Predict\.\*\*")
TURN = re.compile(r"(?m)^\*\*Your turn\.\*\*")
QUESTION = re.compile(r"(?m)^\*\*\d\.\*\*")
HEAD = (
    *("lesson", "stated", "estimated", "cells", "code", "words", "lines", "words/line", "run", "predictions"),
    *("exercises", "checks", "figures", "output", "mean", "longest"),
)


@dataclass(frozen=True)
class Measured:
    """What was counted in one lesson."""

    cells: int
    code: int  # cells of code
    words: int
    lines: int  # of code, without empty ones
    run: int  # the most cells of code in a row
    predictions: int
    exercises: int
    checks: int
    questions: int
    figures: int  # drawn by cells, and diagrams in the prose
    output: int  # lines
    sentences: tuple[int, ...]  # the words of each

    @property
    def minutes(self) -> float:
        """How long a reader takes: reading, running and thinking."""
        read = self.words / 180 + self.lines / 6 + self.output / 15
        return read + 0.75 * self.predictions + 4 * self.exercises + 1.5 * self.questions

    @property
    def longest(self) -> int:
        """The words of the longest sentence."""
        return max(self.sentences, default=0)

    @property
    def mean(self) -> float:
        """The words of a sentence on average."""
        return sum(self.sentences) / len(self.sentences) if self.sentences else 0.0


def measure(notebook: NotebookNode) -> Measured:
    """Count what a lesson asks of a reader."""
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    runs = [len([*group]) for kind, group in groupby(cell.cell_type for cell in notebook.cells) if kind == "code"]
    called = set(re.findall(r"\bcheck\.(\w+)\(", "\n".join(cell.source for cell in code)))
    drawn = sum("image/png" in output.get("data", {}) for output in outputs)
    return Measured(
        cells=len(notebook.cells),
        code=len(code),
        words=words(prose),
        lines=sum(bool(line.strip()) for cell in code for line in cell.source.splitlines()),
        run=max(runs, default=0),
        predictions=len(PREDICT.findall(prose)),
        exercises=len(TURN.findall(prose)),
        checks=len(called - {"quiz", "hint", "solution"}),
        questions=len(QUESTION.findall(prose)),
        figures=drawn + len(re.findall(r"!\[", prose)),
        output=sum(len(_text(output).strip().splitlines()) for output in outputs),
        sentences=tuple(words(sentence) for sentence in sentences(prose)),
    )


def words(text: str) -> int:
    """The words of a text in Markdown; the target of a link is none."""
    return len(re.findall(r"\w[\w'’.,-]*", re.sub(r"\]\([^)]*\)", "]", text)))


def sentences(prose: str) -> Iterator[str]:
    """The sentences of a text in Markdown: without headings, tables, code, links around the page, and choices."""
    prose = re.sub(r"(?ms)^(`{3,}).*?^\1", "", prose)
    for paragraph in re.split(r"\n\s*\n", prose):
        lines = [re.sub(r"^(?:> ?|- |\d\. )", "", line) for line in paragraph.splitlines()]
        kept = [
            line for line in lines if line and not re.match(r"[#|!]| {4}|a\) .* · b\) |\[.*\) · \[|.* → .* → ", line)
        ]
        for line in kept:
            yield from (each for each in re.split(r"(?<=[.?!;:])[\"”’)*]*\s+(?=[\"“‘(*`]*[A-Z])", line) if words(each))


def _text(output: NotebookNode) -> str:
    """The lines that a reader sees of an output; a picture has none."""
    if output.output_type == "stream":
        return str(output.text)
    data = output.get("data", {})
    return "" if "image/png" in data else str(data.get("text/plain", ""))


def table(root: Path = ROOT) -> Iterator[str]:
    """A line for each lesson, and one for all of them."""
    rows = [(path.relative_to(root / "notebooks").with_suffix("").as_posix(), lesson.minutes, path)
            for path, lesson in course(root).items()]  # fmt: skip
    wide = max(len(name) for name, *_ in rows) + 1
    yield f"{HEAD[0]:{wide}}" + " ".join(f"{title:>{len(title)}}" for title in HEAD[1:])
    found = [(name, stated, measure(nbformat.read(path, as_version=4))) for name, stated, path in rows]
    for name, stated, one in found:
        yield f"{name:{wide}}" + _row(stated, one)
    every = [one for *_, one in found]
    sums = {
        field: sum(getattr(one, field) for one in every)
        for field in Measured.__dataclass_fields__
        if field not in ("run", "sentences")
    }
    total = Measured(
        **sums, run=max(one.run for one in every), sentences=tuple(n for one in every for n in one.sentences)
    )
    yield f"{'all':{wide}}" + _row(sum(stated for _, stated, _ in found), total)


def _row(stated: int, one: Measured) -> str:
    ratio = one.words / one.lines if one.lines else 0.0
    values = [stated, f"{one.minutes:.0f}", one.cells, one.code, one.words, one.lines, f"{ratio:.1f}", one.run]
    values += [one.predictions, one.exercises, one.checks, one.figures, one.output, f"{one.mean:.1f}", one.longest]
    return " ".join(f"{value:>{len(title)}}" for value, title in zip(values, HEAD[1:], strict=True))
