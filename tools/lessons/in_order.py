"""Several lessons at a time: each in a thread of its own, and told about in the order of the course."""

import os
import shutil
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tools.lessons.play import Stop, Stopped
from utils.preflight.sdk import installed_edition

T = TypeVar("T")
Say = Callable[[str], None]
CLEAN_UP = "9"  # begins the name of what ends whatever other lessons have running: it waits for them


def at_once() -> int:
    """How many lessons run at a time: two where there are two processors.

    On AWS it is one, for an account may have the quota of a single instance. With version 3 of the SDK, too: the names
    that it makes for jobs end with the second, and two lessons of a series would ask for the same one.
    """
    alone = os.environ.get("COURSE_AWS") == "aws" or installed_edition() == "3"
    return 1 if alone else min(2, os.cpu_count() or 1)


def in_order(paths: list[Path], root: Path, do: Callable[[Path, Say, Stop], tuple[str, T]]) -> list[T]:
    """Call ``do(path, say, stop)`` for every lesson, some at a time, and print a line for each, in their order.

    ``do`` returns what the lesson's line says after its name (its path below ``root``), and a result; ``say`` tells
    meanwhile how far it is. Returns the results, in the lessons' order.
    Raises KeyboardInterrupt on Ctrl-C, when all kernels have ended.
    """
    stop, lines = Stop(), Lines([str(path.relative_to(root).with_suffix("")) for path in paths])
    results: dict[int, T] = {}

    def one(number: int) -> None:
        if not stop.asked:
            line, results[number] = do(paths[number], lambda text: lines.say(number, text), stop)
            lines.done(number, line)

    last = [number for number, path in enumerate(paths) if path.name.startswith(CLEAN_UP)]
    others = [number for number in range(len(paths)) if number not in last]
    with ThreadPoolExecutor(at_once()) as pool:
        try:
            for numbers in (others, last):
                for future in [pool.submit(one, number) for number in numbers]:
                    future.result()
            return [results[number] for number in range(len(paths))]
        except Stopped:
            raise KeyboardInterrupt from None
        finally:
            stop.ask()  # nothing, if all have ended


class Lines:
    """A line for each lesson, printed when it and all before it have ended.

    On a terminal the last line says which lessons are at work, and how far they are.
    """

    def __init__(self, names: list[str]) -> None:
        self._names, self._printed = names, 0
        self._width = max(map(len, names), default=0) + 1
        self._lock = threading.Lock()
        self._at_work: dict[int, str] = {}
        self._ended: dict[int, str] = {}
        self._terminal = sys.stdout.isatty()

    def say(self, number: int, text: str) -> None:
        """How far lesson ``number`` is."""
        with self._lock:
            self._at_work[number] = text
            self._show("")

    def done(self, number: int, text: str) -> None:
        """What is to be said of lesson ``number``, which has ended."""
        with self._lock:
            self._at_work.pop(number, None)
            self._ended[number] = text
            lines = ""
            while self._printed in self._ended:
                name = self._names[self._printed]
                lines += f"{name:{self._width}}{self._ended.pop(self._printed)}\n"
                self._printed += 1
            self._show(lines)

    def _show(self, lines: str) -> None:
        if self._terminal:
            now = "   ".join(f"{self._names[number]} {text}" for number, text in sorted(self._at_work.items()))
            print(f"\r\x1b[K{lines}{now[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)
        elif lines:
            print(lines, end="", flush=True)
