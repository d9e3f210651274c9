"""`make course`: every lesson run, a page to read for each, the scores of all, and what is not as it was stored."""

import copy
import html
import re
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from tools.lessons import glossary
from tools.lessons.differences import differences
from tools.lessons.in_order import Say, in_order
from tools.lessons.play import ROOT, Failure, Stop, play

# JupyterLab's page, without the scripts that it would fetch from the network
PAGE = '{% extends "lab/index.html.j2" %}' + "".join(
    f"{{% block {name} %}}{{% endblock %}}"
    for name in ("html_head_js", "html_head_js_mathjax", "html_head_js_mermaidjs", "jupyter_widgets")
)


class Played(NamedTuple):
    """A lesson that was run: its name, how long it took, what is not as it was stored, its scores."""

    name: Path
    seconds: str
    failed: bool
    otherwise: list[list[str]]
    scores: list[dict]


def run(paths: list[Path], masks: str, root: Path = ROOT) -> int:
    """Run the notebooks, write build/notebooks, build/html and build/differences.txt, print scores.

    0 if all went well, else 1. Outputs that are not as they are stored, but for what ``masks`` masks (a sanitize
    file of nbval), are no failure: on AWS, or on another table, there must be some.
    """
    build = root / "build"
    for kind in ("notebooks", "html"):
        shutil.rmtree(build / kind, ignore_errors=True)

    def one(path: Path, say: Say, stop: Stop) -> tuple[str, Played]:
        return _play(path, masks, root, say, stop)

    played = in_order(paths, root / "notebooks", one)
    if (diagrams := root / "notebooks" / "diagrams").is_dir():
        shutil.copytree(diagrams, build / "html" / "diagrams")
    if (terms := root / "notebooks" / glossary.PAGE).is_file():
        cell = nbformat.v4.new_markdown_cell(terms.read_text("utf-8"))
        _write_page(nbformat.v4.new_notebook(cells=[cell]), Path("glossary"), build / "html" / "glossary.html")
    rows = [
        f'<li><a href="{name}.html">{name}</a>, {seconds}{", failed" if failed else ""}</li>'
        for name, seconds, failed, *_ in played
    ]
    otherwise = [lines for lesson in played for lines in lesson.otherwise]
    scores = {(score["series"], score["model"]): score for lesson in played for score in lesson.scores}
    failed = any(lesson.failed for lesson in played)
    wide = max((len(model) for _, model in scores), default=5) + 1
    table = [f"{'series':12}{'model':{wide}}{'RMSE ($)':>10}{'MAE ($)':>10}{'R²':>8}   on the test set"]
    for (series, model), score in scores.items():
        numbers = f"{score['rmse']:10,.0f}{score['mae']:10,.0f}{score['r2']:8.3f}"
        table.append(f"{series:12}{model:{wide}}{numbers}")
    head = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>The course, run</title>'
    body = f"<h1>The course, run</h1><ol>{''.join(rows)}</ol><pre>{html.escape(chr(10).join(table))}</pre>"
    (build / "html" / "index.html").write_text(f"{head}{body}</html>\n", "utf-8")
    (build / "differences.txt").write_text("".join("\n".join(lines) + "\n\n" for lines in otherwise), "utf-8")
    print("", *table, "", "Pages to read: build/html/index.html", sep="\n")
    count = f"Outputs that are not as they are stored: {len(otherwise)}, in build/differences.txt"
    print(count if otherwise else "Every output is as it is stored with the lessons.")
    if not scores:
        print("No lesson gave a score.")
    return int(failed or not scores)


def _play(path: Path, masks: str, root: Path, say: Say, stop: Stop) -> tuple[str, Played]:
    """Run one lesson, write what ran and its page; the lesson's line, and what the report says of it."""
    name = path.relative_to(root / "notebooks").with_suffix("")
    begun, problem, notebook = time.monotonic(), "", nbformat.v4.new_notebook()
    stored = notebook
    try:
        stored = nbformat.read(path, as_version=4)
        notebook = copy.deepcopy(stored)
        play(notebook, path.parent, say, stop)
    except (Failure, OSError, ValueError, nbformat.ValidationError) as error:
        problem = f"  FAILED\n{error}"
    seconds = f"{time.monotonic() - begun:6.1f} s"
    executed = root / "build" / "notebooks" / f"{name}.ipynb"
    executed.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, executed)
    _write_page(notebook, name, root / "build" / "html" / f"{name}.html")
    ran = f"\n  What ran: {executed.relative_to(root)}\n" if problem else ""
    otherwise = [[f"{name}, {lines[0]}", *lines[1:]] for lines in differences(notebook, stored, masks)]
    return f"{seconds}{problem}{ran}", Played(name, seconds, bool(problem), otherwise, scores_in(notebook))


def scores_in(notebook: NotebookNode) -> list[dict]:
    """The scores that `utils.scoring` left in the metadata of the notebook's outputs, in their order."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    found = [output.get("metadata", {}).get("course", []) for output in outputs]
    return [score for one in found for score in (one if isinstance(one, list) else [one])]


def _write_page(notebook: NotebookNode, name: Path, page: Path) -> None:
    from nbconvert import HTMLExporter

    text, _ = HTMLExporter(raw_template=PAGE).from_notebook_node(notebook, {"metadata": {"name": name.name}})
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(re.sub(r'(href="(?!\w+:)[^"]*)\.(?:ipynb|md)', r"\1.html", text), "utf-8")
