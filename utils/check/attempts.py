"""A learner's attempts, kept on this machine only: a line of JSON for each, in ``build/progress.jsonl``."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "build" / "progress.jsonl"


def add(lesson: str, name: str, right: bool) -> None:
    """Keep an attempt at an exercise, or at a question."""
    attempt = {"lesson": lesson, "exercise": name, "right": right, "at": round(time.time())}
    with suppress(OSError):  # in a read-only folder nothing is kept
        path = _file()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:  # whole lines: several kernels may write
            file.write(json.dumps(attempt) + "\n")


def all_made() -> list[dict]:
    """Every attempt, the oldest first; a line that cannot be read is left out."""
    found = []
    with suppress(OSError):
        for line in _file().read_text("utf-8", errors="replace").splitlines():
            with suppress(ValueError):
                attempt = json.loads(line)
                if isinstance(attempt, dict) and {"lesson", "exercise", "right"} <= attempt.keys():
                    found.append(attempt)
    return found


def _file() -> Path:
    return Path(os.environ.get("COURSE_PROGRESS") or FILE)
