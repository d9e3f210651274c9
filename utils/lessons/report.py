"""`make course`: every lesson run, a page to read for each, the scores of all, and what is not as it was stored."""

import copy
import html
import re
import shutil
import time
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from utils.lessons.differences import differences
from utils.lessons.play import ROOT, Failure, play, progress

# JupyterLab's page, without the scripts that it would fetch from the network
PAGE = '{% extends "lab/index.html.j2" %}' + "".join(
    f"{{% block {name} %}}{{% endblock %}}"
    for name in ("html_head_js", "html_head_js_mathjax", "html_head_js_mermaidjs", "jupyter_widgets")
)


def run(paths: list[Path], masks: str, root: Path = ROOT) -> int:
    """Run the notebooks, write build/notebooks, build/html and build/differences.txt, print scores.

    0 if all went well, else 1. Outputs that are not as they are stored, but for what ``masks`` masks (a sanitize
    file of nbval), are no failure: on AWS, or on another table, there must be some.
    """
    build = root / "build"
    for kind in ("notebooks", "html"):
        shutil.rmtree(build / kind, ignore_errors=True)
    scores: dict[tuple[str, str], dict] = {}
    rows, failed, otherwise = [], False, []
    names = [path.relative_to(root / "notebooks").with_suffix("") for path in paths]
    width = max((len(str(name)) for name in names), default=0) + 1
    for path, name in zip(paths, names, strict=True):
        begun, problem, notebook = time.monotonic(), "", nbformat.v4.new_notebook()
        stored = notebook
        say = progress(f"{name!s:{width}}")
        try:
            stored = nbformat.read(path, as_version=4)
            notebook = copy.deepcopy(stored)
            play(notebook, path.parent, say)
        except (Failure, OSError, ValueError, nbformat.ValidationError) as error:
            failed, problem = True, f"  FAILED\n{error}"
        seconds = f"{time.monotonic() - begun:6.1f} s"
        say(f"{seconds}{problem}\n", last=True)
        executed = build / "notebooks" / f"{name}.ipynb"
        executed.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, executed)
        _write_page(notebook, name, build / "html" / f"{name}.html")
        if problem:
            print(f"  What ran: {executed.relative_to(root)}\n")
        rows.append(f'<li><a href="{name}.html">{name}</a>, {seconds}{", failed" if problem else ""}</li>')
        otherwise += [[f"{name}, {lines[0]}", *lines[1:]] for lines in differences(notebook, stored, masks)]
        scores.update({(score["series"], score["model"]): score for score in scores_in(notebook)})
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


def scores_in(notebook: NotebookNode) -> list[dict]:
    """The scores that `utils.scoring` left in the metadata of the notebook's outputs, in their order."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    found = [output.get("metadata", {}).get("course", []) for output in outputs]
    return [score for one in found for score in (one if isinstance(one, list) else [one])]


def _write_page(notebook: NotebookNode, name: Path, page: Path) -> None:
    from nbconvert import HTMLExporter

    text, _ = HTMLExporter(raw_template=PAGE).from_notebook_node(notebook, {"metadata": {"name": name.name}})
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(re.sub(r'(href="(?!\w+:)[^"]*)\.ipynb', r"\1.html", text), "utf-8")
