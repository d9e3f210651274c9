"""Where the outputs of lessons that were run are others than those stored with them: on AWS, on another table."""

import difflib
from collections.abc import Iterator

from nbformat import NotebookNode
from nbval.plugin import get_sanitize_patterns

from tools.lessons.outputs import comparable, masked


def differences(played: NotebookNode, stored: NotebookNode, masks: str) -> Iterator[list[str]]:
    """For each cell that ran and gave something else: a heading, and the lines that differ as `diff -u` shows them.

    ``masks`` is a sanitize file of nbval; outputs that nbval ignores are not compared.
    """
    patterns = dict(get_sanitize_patterns(masks))
    for number, (cell, old) in enumerate(zip(played.cells, stored.cells, strict=True), 1):
        if cell.cell_type != "code" or not cell.execution_count:
            continue
        if "nbval-ignore-output" in old.metadata.get("tags", []):
            continue
        if comparable(cell.outputs, patterns) == comparable(old.outputs, patterns):
            continue
        before, after = (masked(_text(outputs), patterns).splitlines() for outputs in (old.outputs, cell.outputs))
        lines = list(difflib.unified_diff(before, after, "stored", "run", n=1, lineterm=""))
        yield [f"cell {number}", *(lines or ["the same text, but another picture or page"])]


def _text(outputs: list[NotebookNode]) -> str:
    """What outputs say, one after the other."""
    parts = []
    for output in outputs:
        if output.output_type == "error":
            parts.append(f"{output.ename}: {output.evalue}")
        else:
            parts.append(output.text if output.output_type == "stream" else output.data.get("text/plain", ""))
    return "\n".join(part.rstrip("\n") for part in parts)
