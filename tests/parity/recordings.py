"""What accounts answered, kept in files: ``recorded/embedded`` is the embedded account, ``recorded/aws`` AWS's own."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).with_name("recorded")
INTO = Path(os.environ.get("PARITY_INTO") or FOLDER)  # where answers are written
# What differs from one run to the next, wherever it stands in a text.
PASSING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(\+00:00|Z)?", "<time>"),
    (r"\[\d\d:\d\d:\d\d\]", "[<time>]"),
    (r"\b\d{12}\b", "<account>"),
)


def plain(value: object, names: dict[str, str]) -> object:
    """A value without what is this account's or this run's alone: ``names`` says what stands in for a text."""
    if isinstance(value, dict):
        return {str(plain(key, names)): plain(each, names) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each, names) for each in value]
    if not isinstance(value, str):
        return value if value is None or isinstance(value, (bool, int, float)) else type(value).__name__
    for text in sorted(names, key=len, reverse=True):
        value = value.replace(text, names[text])
    for pattern, stand_in in PASSING:
        value = re.sub(pattern, stand_in, value)
    return value


def read(whose: str, subject: str) -> dict[str, object]:
    """The recorded answers of an account (``embedded`` or ``aws``) on a subject, by question."""
    path = FOLDER / whose / f"{subject}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def write(whose: str, subject: str, question: str, answer: object) -> None:
    """Keep an answer in place of the one before."""
    path = INTO / whose / f"{subject}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    found = json.loads(path.read_text()) if path.exists() else {}
    found |= {question: answer}
    path.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def differences(folder: Path) -> Iterator[tuple[str, str, object, object]]:
    """(question, where in the answer, the embedded account's, AWS's) for all that AWS has answered otherwise."""
    for path in sorted((folder / "aws").glob("*.json")):
        ours = json.loads((folder / "embedded" / path.name).read_text())
        for question, theirs in json.loads(path.read_text()).items():
            for place, left, right in _differ(ours.get(question), theirs, ""):
                yield f"{path.stem}: {question}", place, left, right


def _differ(left: object, right: object, place: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted({*left, *right}):
            yield from _differ(left.get(key), right.get(key), f"{place}.{key}".lstrip("."))
    elif left != right:
        yield place, left, right
