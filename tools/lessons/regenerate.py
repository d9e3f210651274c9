"""`make notebooks`: the outputs that are committed with the notebooks, made again.

A stored output stays, byte by byte, where the new one differs from it only by what tests/nbval_sanitize.cfg
masks: a second run changes nothing.
"""

import copy
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbval.plugin import get_sanitize_patterns

from tools.lessons.in_order import Say, in_order
from tools.lessons.outputs import comparable
from tools.lessons.play import ROOT, Failure, Stop, course, play

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {  # without the version of Python, which would differ from one machine to the next
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}


def regenerate(paths: list[Path], masks: str, root: Path = ROOT) -> int:
    """Run the notebooks and rewrite those whose outputs changed; 1 if a cell failed, else 0."""

    listed = course(root)

    def one(path: Path, say: Say, stop: Stop) -> tuple[str, bool]:
        if lacks := listed[path].missing():
            return f"left as it is: its outputs need {', '.join(lacks)}, which is not installed here", True
        stored = nbformat.read(path, as_version=4)
        notebook = copy.deepcopy(stored)
        try:
            play(notebook, path.parent, say, stop)
        except Failure as failure:
            return f"not written\n{failure}", False
        settle(notebook, stored, masks)
        text = nbformat.writes(notebook) + "\n"
        if text == path.read_text("utf-8"):
            return "unchanged", True
        path.write_text(text, "utf-8", newline="\n")
        return "written", True

    return int(not all(in_order(paths, root, one)))


def settle(notebook: NotebookNode, stored: NotebookNode, masks: str) -> None:
    """Make `notebook`, just run, as equal to `stored` as it truly is; `masks` is a sanitize file of nbval."""
    patterns = dict(get_sanitize_patterns(masks))
    for cell, old in zip(notebook.cells, stored.cells, strict=True):
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            if output.output_type == "error":  # a traceback names folders of this machine
                output.traceback = [f"{output.ename}: {output.evalue}"]
        log = "nbval-ignore-output" in cell.metadata.get("tags", [])
        if comparable(cell.outputs, patterns, log) == comparable(old.outputs, patterns, log):
            cell.outputs = old.outputs
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = cell.execution_count
    notebook.metadata.update(kernelspec=KERNELSPEC, language_info=LANGUAGE_INFO)
