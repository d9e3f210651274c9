"""Which notebooks the course has, in which order, and how one of them is run."""

import asyncio
import importlib.util
import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "your_own_regression.ipynb"
SECOND_EDITION = "_sdk_v3"  # ends the names of lessons that are written for version 3 of the SageMaker SDK
LONGEST_CELL = 1800  # seconds: twice the longest training job that a lesson allows


class Failure(Exception):
    """A lesson that did not run to its end; the message says in which cell, and why."""


class Stopped(Exception):
    """A lesson that was ended by ``Stop.ask``."""


def edition(path: Path) -> str:
    """The version of the SageMaker SDK that a notebook is written for."""
    return "3" if path.stem.endswith(SECOND_EDITION) else "2"


def lessons(series: str | None = None, root: Path = ROOT, sdk: str | None = None) -> list[Path]:
    """The notebooks in the course's order: 00, every series (or the one named), the template, 99.

    ``sdk`` leaves those that are written for this version of the SageMaker SDK.
    Raises ValueError, naming the known series, if there is no such series.
    """
    notebooks = root / "notebooks"
    names = {path.parent.name for path in notebooks.glob("[!.]*/[0-9]*.ipynb")}  # not .ipynb_checkpoints
    known = sorted(names, key=lambda name: (name != "salary", name))  # salary is the one to begin with
    if series is not None and series not in known:
        raise ValueError(f'There is no series "{series}". The series: {", ".join(known)}.')
    chosen = [name for name in known if series in (None, name)]
    patterns = ["[0-8]*.ipynb", *(f"{name}/[0-9]*.ipynb" for name in chosen), TEMPLATE, "9*.ipynb"]
    found = [path for pattern in patterns for path in sorted(notebooks.glob(pattern))]
    return [path for path in found if sdk in (None, edition(path))]


def missing(notebook: NotebookNode) -> list[str]:
    """The modules that a lesson's stored outputs were made with (``course.needs`` in its metadata), and are not here.

    Without them the lesson runs to its end, with other outputs.
    """
    needs = notebook.metadata.get("course", {}).get("needs", [])
    return [name for name in needs if importlib.util.find_spec(name) is None]


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
        in_cell = isinstance(error, CellExecutionError)
        text = error.traceback if in_cell else f"{type(error).__name__}: {error}"
        text = re.sub(r"\x1b\[[\d;]*m", "", text)
        last = [line for line in text.splitlines() if line.strip(" -")][-8:]
        source = notebook.cells[number - 1].source.splitlines() if number else []
        where = f"  cell {number} of {len(notebook.cells)}" if number else "  before the first cell"
        raise Failure("\n".join([where, *(f"    {line}" for line in [*source, "-" * 40, *last])])) from None
    finally:
        for loop in loops:
            stop.forget(loop)
