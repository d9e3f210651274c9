"""The whole course under nbval, as `make test` runs it, beside as many notebooks whose cells do next to nothing."""

from __future__ import annotations

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
    from utils.lessons.play import edition, missing
    from utils.preflight.sdk import installed_edition

    found = sorted((ROOT / "notebooks").glob("**/*.ipynb"))
    return [
        path
        for path in found
        if edition(path) == installed_edition() and not missing(nbformat.read(path, as_version=4))
    ]


def trivial(paths: list[Path], folder: Path) -> list[Path]:
    """Notebooks with the same kernels and as many code cells as these, each of which is ``1 + 1`` with its output."""
    made = []
    for number, path in enumerate(paths):
        notebook = nbformat.read(path, as_version=4)
        codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
        two = nbformat.v4.new_output("execute_result", {"text/plain": "2"}, execution_count=1)
        ran = {"outputs": [two], "execution_count": 1}
        notebook.cells = [nbformat.v4.new_code_cell("1 + 1", **ran) for _ in codes]
        made.append(folder / f"{number:02}.ipynb")
        nbformat.write(notebook, made[-1])
    return made


def nbval(paths: list[Path], folder: Path) -> tuple[float, float]:
    """Elapsed seconds of nbval on two processes, and the CPU seconds of the accounts' jobs meanwhile.

    A job's program is a child of its account's process, which waits for it: the system then adds the program's time,
    with that of what it had started, to the times of that process's ended children.  These are read while the process
    lives, ten times a second, so the last reading lacks at most what ended in the last tenth.  Programs that serve a
    model are children too, and counted; kernels and the accounts' own work are not.
    """
    import psutil

    folder.mkdir()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-n", str(WORKERS), "--dist", "loadfile"]
    command += ["--no-loadscope-reorder", "--nbval", "--nbval-current-env", "--nbval-cell-timeout", "120"]
    command += ["--nbval-sanitize-with", "tests/nbval_sanitize.cfg", "-c", str(ROOT / "pyproject.toml")]
    # Files are told apart by their path below this, when they are given to the workers.
    command += [f"--rootdir={os.path.commonpath([path.parent for path in paths])}", *map(str, paths)]
    # The accounts lie in this folder, by which their processes are known.
    environment = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT / "tests")}
    output, seconds = folder / "output", {}
    begun = time.perf_counter()
    with output.open("w") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)
    while process.poll() is None:
        for each in psutil.process_iter(["pid", "cmdline"]):
            line = each.info["cmdline"] or []
            if "utils.local_aws.server" in line and line[-1].startswith(str(folder)):
                try:
                    times = each.cpu_times()
                except psutil.Error:  # it has ended
                    continue
                seconds[each.pid] = times.children_user + times.children_system
        time.sleep(0.1)
    elapsed = time.perf_counter() - begun
    if process.returncode:
        raise SystemExit(f"the notebooks failed:\n{output.read_text()[-3000:]}")
    return elapsed, sum(seconds.values())


def course(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    paths, found, rounds = lessons(), [], min(rounds, ROUNDS)
    empty = folder / "trivial"
    empty.mkdir()
    nothing = trivial(paths, empty)
    for number in range(rounds):
        whole, jobs = nbval(paths, folder / f"course-{number}")
        base, _ = nbval(nothing, folder / f"base-{number}")
        found.append(((whole - jobs / WORKERS) / base, whole, jobs, base))
    ratio, whole, jobs, base = (median(each[place] for each in found) for place in range(4))
    yield (
        f"{len(paths)} notebooks {whole:.0f} s - jobs' CPU {jobs:.0f} s / 2, / trivial {base:.0f} s, {rounds} rounds",
        ratio, "x", "≤", 2.5,
    )  # fmt: skip


BENCHMARKS = {"course": course}
