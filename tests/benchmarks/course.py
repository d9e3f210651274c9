"""The whole course under nbval, as `make test` runs it, beside the same notebooks with nothing but their imports."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import nbformat
from run import ROOT

ROUNDS = 2  # at most: one takes minutes
WORKERS = 2


def lessons() -> list[Path]:
    """The notebooks that run here: those of the installed edition of the SDK, and whose libraries are there."""
    from tools.lessons.play import course
    from utils.preflight.sdk import installed_edition

    found = course().values()
    return [each.path for each in found if installed_edition() in each.editions and not each.missing()]


def imports_alone(paths: list[Path], folder: Path) -> list[Path]:
    """The same notebooks, of whose code only the lines that import are left."""
    made = []
    for number, path in enumerate(paths):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for cell in notebook.cells:
            statements = [each for each in ast.parse(cell.source).body if _is_of_the_environment(each)]
            cell.source = "\n".join(map(ast.unparse, statements)) or "pass"
            cell.update(outputs=[], metadata={})
        made.append(folder / f"{number:02}.ipynb")
        nbformat.write(notebook, made[-1])
    return made


def _is_of_the_environment(statement: ast.stmt) -> bool:
    """Whether a statement imports, and not from a file beside the lesson."""
    if isinstance(statement, ast.Import):
        return all(importlib.util.find_spec(alias.name) for alias in statement.names)
    return isinstance(statement, ast.ImportFrom) and importlib.util.find_spec(statement.module or "") is not None


def nbval(paths: list[Path], folder: Path, mode: str = "--nbval") -> float:
    """Elapsed seconds of nbval on two processes; with ``--nbval-lax`` it does not compare outputs."""
    folder.mkdir()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-n", str(WORKERS), "--dist", "loadfile"]
    command += ["--no-loadscope-reorder", mode, "--nbval-current-env", "--nbval-cell-timeout", "120"]
    command += ["--nbval-sanitize-with", "tests/nbval_sanitize.cfg", "-c", str(ROOT / "pyproject.toml")]
    # Files are told apart by their path below this, when they are given to the workers.
    command += [f"--rootdir={os.path.commonpath([path.parent for path in paths])}", *map(str, paths)]
    environment = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT / "tests")}
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the notebooks failed:\n{done.stdout[-3000:]}")
    return time.perf_counter() - begun


def course(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    paths, found, rounds = lessons(), [], min(rounds, ROUNDS)
    (folder / "imports").mkdir()
    bare = imports_alone(paths, folder / "imports")
    for number in range(rounds):
        whole = nbval(paths, folder / f"course-{number}")
        base = nbval(bare, folder / f"base-{number}", "--nbval-lax")
        found.append((whole / base, whole, base))
    ratio, whole, base = map(median, zip(*found, strict=True))
    yield f"{len(paths)} notebooks {whole:.0f} s / imports alone {base:.0f} s, {rounds} rounds", ratio, "x", "≤", 1.5


BENCHMARKS = {"course": course}
