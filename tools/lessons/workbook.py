"""The learner's own copy of the lessons, ``workbook/``: without outputs, and kept as the learner has changed it.

``workbook/.made.json`` says of each file what was last written there, and which state of the course it was made from.
A file that is no longer what was written is the learner's: it is never written to or removed again.
"""

import copy
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from local_aws.core.process_lock import hold
from tools.lessons.play import ROOT, course

FOLDER = "workbook"
MADE = ".made.json"
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints"}
PATIENCE = 30  # seconds, for another `make workbook` that is at work
PREDICT = re.compile(r"(?m)^> \*\*Predict\.\*\*")
CAPTION = re.compile(r"\bplots\.\w+\(|\bcaption = ")


class ReadOnly(Exception):
    """The workbook cannot be written; the message says what to do."""


def make(root: Path = ROOT) -> list[str]:
    """Write or renew the workbook of the course in ``root``; sentences about what the learner should know.

    Raises ReadOnly.
    """
    try:
        folder = root / FOLDER
        folder.mkdir(exist_ok=True)
        lock = hold(folder / ".lock", patience=PATIENCE)
        try:
            return list(_renew(folder, dict(pages(root))))
        finally:
            if lock is not None:
                os.close(lock)
    except OSError as error:
        raise ReadOnly(
            f"{FOLDER}/ cannot be written ({error.strerror or error}): make it writable, or copy the course to "
            "a folder of your own. Nothing in it was lost."
        ) from None


def pages(root: Path = ROOT) -> Iterator[tuple[str, bytes]]:
    """What belongs into the workbook: names below it, and contents. Lessons, and what lies beside them."""
    notebooks = root / "notebooks"
    listed = course(root)
    for path in listed:
        notebook = blank(nbformat.read(path, as_version=4))
        yield path.relative_to(notebooks).as_posix(), (nbformat.writes(notebook) + "\n").encode()
    for path in sorted(notebooks.rglob("*")):
        if path.is_file() and path.suffix not in (".ipynb", ".toml") and not LEFT_OUT & set(path.parts):
            yield path.relative_to(notebooks).as_posix(), path.read_bytes()


def blank(notebook: NotebookNode) -> NotebookNode:
    """A lesson as a learner begins it: no cell has been run.

    A figure's caption says what is to be seen: where a prediction comes first, the code with it is folded.
    """
    notebook = copy.deepcopy(notebook)
    before = ""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
            if PREDICT.search(before) and CAPTION.search(cell.source):
                cell.metadata["jupyter"] = {"source_hidden": True}
        before = cell.source if cell.cell_type == "markdown" else ""
    return notebook


def _renew(folder: Path, wanted: dict[str, bytes]) -> Iterator[str]:
    made, changed = _made(folder), 0
    try:
        for name, content in wanted.items():
            path, now = folder / name, _digest(content)
            state = made.get(name, {})
            there = _digest(path.read_bytes()) if path.is_file() else None
            if there in (None, state.get("file"), now):
                if there != now:
                    _write(path, content)
                    changed += 1
                made[name] = {"file": now, "lesson": now}
            elif state.get("lesson") != now:
                second = _second(path, made, folder)
                _write(folder / second, content)
                made[second] = {"file": now, "lesson": now, "of": name}
                made[name] = {**state, "lesson": now}
                yield f"{name} has a new edition, {second}; yours was left as it is."
        for name in [each for each, state in made.items() if state.get("of", each) not in wanted]:
            path, state = folder / name, made.pop(name)
            if path.is_file() and _digest(path.read_bytes()) == state.get("file"):
                path.unlink()
            elif path.is_file():
                yield f"{name} is no part of the course any more; yours was left as it is."
    finally:
        _write(folder / MADE, json.dumps(made, indent=1, sort_keys=True).encode())
    if changed:
        yield f"{FOLDER}/ has {changed} new or renewed files."


def _second(path: Path, made: dict, folder: Path) -> str:
    """The name of a second file beside a learner's: one that is not there, or that the learner has not changed."""
    number = 2
    while True:
        second = path.with_name(f"{path.stem}.edition-{number}{path.suffix}")
        name = second.relative_to(folder).as_posix()
        if not second.exists() or _digest(second.read_bytes()) == made.get(name, {}).get("file"):
            return name
        number += 1


def _made(folder: Path) -> dict[str, dict]:
    """What ``.made.json`` says; nothing if it is gone or broken, so that every file counts as the learner's."""
    try:
        found = json.loads((folder / MADE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: state for name, state in found.items() if isinstance(state, dict)} if isinstance(found, dict) else {}


def _write(path: Path, content: bytes) -> None:
    """Write a file whole: a reader sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.chmod(temporary, 0o644)
    shutil.move(temporary, path)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
