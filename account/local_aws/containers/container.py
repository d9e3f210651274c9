"""A container without Docker: an image's program in a process group of its own.

The program finds the folders of AWS's containers below ``SAGEMAKER_BASE_DIR`` (``/opt/ml`` there).
It sees a bare environment: no keys but those that its caller gives it, nothing of the reader's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local_aws.core import clock
from local_aws.core.settings import python_path

from .lifeline import PEERS

log = logging.getLogger("local_aws")

FLUSH_EVERY = 0.25  # seconds that a line of output may wait to be passed on
FLUSH_LINES = 500
FLUSH_CHARACTERS = 1_000_000
MAX_LINE = 262_144  # characters; longer lines are cut, as CloudWatch Logs cuts them
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


class Container:
    """A running program.  ``on_lines`` gets its output as lists of (seconds since the epoch, line)."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        on_lines: Callable[[list[tuple[float, str]]], None],
        search_python: str | None = None,
        peers: Sequence[socket.socket] = (),
    ) -> None:
        """``search_python`` is the program's PYTHONPATH, by default what leads it to this package.

        ``peers`` are sockets to the job's other containers, which the caller closes on its own side.
        """
        descriptors = [peer.fileno() for peer in peers]
        inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self._on_lines = on_lines
        self._waiting: list[tuple[float, str]] = []
        self._lock = threading.Lock()
        self._passing_on = threading.Lock()  # one thread at a time, so that lines stay in their order
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={
                **inherited,
                "PYTHONUNBUFFERED": "1",
                # One BLAS thread a job: jobs share two cores, and small matrices gain nothing.
                "OPENBLAS_NUM_THREADS": "1",
                "OMP_NUM_THREADS": "1",
                **environment,
                **({PEERS: ",".join(map(str, descriptors))} if descriptors else {}),
                # Whatever the job's own environment says: the program needs what lies there.
                "PYTHONPATH": python_path() if search_python is None else search_python,
            },
            # The program watches its standard input: the pipe closes when the account dies, however it dies.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=descriptors,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._flusher = threading.Thread(target=self._flush_regularly, daemon=True)
        self._ended = threading.Event()
        self._reader.start()
        self._flusher.start()

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code, with all output passed on; None if it still runs after ``timeout`` seconds."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        # What the program left running in its group goes with it, as the container would.
        self._signal(signal.SIGKILL)
        self._reader.join(timeout=10)
        self._ended.set()
        self._flusher.join()
        assert self._process.stdin is not None  # it is a pipe
        self._process.stdin.close()
        return code

    def ends_within(self, seconds: float) -> bool:
        """Whether the program ends in so many seconds; somebody else waits for it, and tidies up."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def ask_to_end(self) -> None:
        """SIGTERM."""
        self._signal(signal.SIGTERM)

    def stop(self, grace: float) -> int:
        """SIGTERM, and SIGKILL to what still runs ``grace`` seconds later; the exit code."""
        self.ask_to_end()
        code = self.wait(grace)
        while code is None:
            self._signal(signal.SIGKILL)
            code = self.wait()
        return code

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self) -> None:
        size = 0
        assert self._process.stdout is not None  # it is a pipe
        with self._process.stdout as stream:
            for line in iter(lambda: stream.readline(MAX_LINE), b""):
                text = line.decode(errors="replace").rstrip("\r\n")
                with self._lock:
                    self._waiting.append((clock.now(), text))
                size += len(text)
                # A program that writes faster than its log is kept has to wait: its pipe fills, not this memory.
                if len(self._waiting) >= FLUSH_LINES or size >= FLUSH_CHARACTERS:
                    self._flush()
                    size = 0

    def _flush_regularly(self) -> None:
        while not self._ended.wait(FLUSH_EVERY):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._passing_on:
            with self._lock:
                lines, self._waiting = self._waiting, []
            if lines:
                try:
                    self._on_lines(lines)
                except Exception:  # the program must not wait for ever because its log cannot be kept
                    log.exception("%d lines of a program's log are lost", len(lines))
