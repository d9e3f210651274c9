"""Which notebooks the course has, in which order, and how one of them is run."""

import asyncio
import importlib.util
import re
import subprocess
import threading
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
LONGEST_CELL = 1800  # seconds: twice the longest training job that a lesson allows


class Failure(Exception):
    """A lesson that did not run to its end; the message says in which cell, and why."""


class Stopped(Exception):
    """A lesson that was ended by ``Stop.ask``."""


@dataclass(frozen=True)
class Lesson:
    """A notebook of the course, as ``notebooks/course.toml`` lists it."""

    path: Path
    title: str
    minutes: int  # that a reader takes
    editions: list[str]  # the versions of the SageMaker SDK that it runs with
    series: str | None = None  # without one it is part of every series
    steps: list[int] = field(default_factory=list)  # the first and the last of the eight that it walks
    needs: list[str] = field(default_factory=list)  # modules that its stored outputs were made with

    def missing(self) -> list[str]:
        """The modules that it needs and that are not here: without them it runs to its end, with other outputs."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


def course(root: Path = ROOT) -> dict[Path, Lesson]:
    """All lessons in the course's order, by the paths of their notebooks."""
    folder = root / "notebooks"
    entries = tomllib.loads((folder / "course.toml").read_text("utf-8"))["lesson"]
    found = [Lesson(folder / entry.pop("file"), **entry) for entry in entries]
    return {lesson.path: lesson for lesson in found}


def lessons(series: str | None = None, root: Path = ROOT, sdk: str | None = None) -> list[Path]:
    """The notebooks in the course's order: those of every series, or of the one named, and those of none.

    ``sdk`` leaves those that run with this version of the SageMaker SDK.
    Raises ValueError, naming the known series, if there is no such series.
    """
    found = course(root).values()
    known = list(dict.fromkeys(lesson.series for lesson in found if lesson.series))
    if series is not None and series not in known:
        raise ValueError(f'There is no series "{series}". The series: {", ".join(known)}.')
    chosen = [lesson for lesson in found if series is None or lesson.series in (None, series)]
    return [lesson.path for lesson in chosen if sdk is None or sdk in lesson.editions]


class Stop:
    """What ends the lessons that play in other threads, when Ctrl-C reaches the main one."""

    def __init__(self) -> None:
        self.asked = False
        self._lock = threading.Lock()
        self._loops: set[asyncio.AbstractEventLoop] = set()

    def ask(self) -> None:
        """Interrupt the cells that run; ``play`` raises Stopped when their kernels have ended."""
        with self._lock:
            self.asked = True
            for loop in self._loops:
                loop.call_soon_threadsafe(_cancel_all, loop)

    def reach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on ``ask`` ends what ``loop`` runs."""
        with self._lock:
            self._loops.add(loop)
            if self.asked:
                loop.call_soon_threadsafe(_cancel_all, loop)

    def forget(self, loop: asyncio.AbstractEventLoop) -> None:
        """What ``loop`` ran has ended."""
        with self._lock:
            self._loops.discard(loop)


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    # With those that watch over the running cell: they would outlive the kernel that they ask for.
    for task in asyncio.all_tasks(loop):
        task.cancel()


def play(notebook: NotebookNode, folder: Path, say: Callable[[str], None], stop: Stop | None = None) -> None:
    """Run every cell with `folder` as the working folder; the outputs go into `notebook`, old ones are lost.

    Raises Failure at the first cell that fails, and Stopped after ``stop.ask()``, when the kernel has ended.
    """
    number, stop = 0, stop or Stop()
    loops: list[asyncio.AbstractEventLoop] = []

    def started(notebook: NotebookNode) -> None:
        loops.append(asyncio.get_running_loop())
        stop.reach(loops[0])

    def begin(cell: NotebookNode, cell_index: int) -> None:
        nonlocal number
        number = cell_index + 1
        say(f"cell {number} of {len(notebook.cells)}")

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    # Kernel folders are not searched: a "python3" that the reader registered is not this environment.
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    kernel.transport_encryption = "auto"
    kernel.shutdown_wait_time = 30  # seconds: an interrupted cell may have an endpoint to delete
    options = {"timeout": LONGEST_CELL, "coalesce_streams": True, "record_timing": False}
    hooks = {"on_notebook_start": started, "on_cell_execute": begin}
    place = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, km=kernel, resources=place, **options, **hooks)
    try:
        client.execute(cleanup_kc=True, stderr=subprocess.DEVNULL)  # of the kernel itself, not of the cells
    except (Exception, asyncio.CancelledError) as error:
        if stop.asked:
            raise Stopped from None
        text = error.traceback if isinstance(error, CellExecutionError) else f"{type(error).__name__}: {error}"
        text = re.sub(r"\x1b\[[\d;]*m", "", text)
        last = [line for line in text.splitlines() if line.strip(" -")][-8:]
        source = notebook.cells[number - 1].source.splitlines() if number else []
        where = f"  cell {number} of {len(notebook.cells)}" if number else "  before the first cell"
        raise Failure("\n".join([where, *(f"    {line}" for line in [*source, "-" * 40, *last])])) from None
    finally:
        for loop in loops:
            stop.forget(loop)
