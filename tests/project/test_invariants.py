"""The account's promises: each names tests, and these exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
LIST = TESTS.parent / "account" / "INVARIANTS.md"
PROMISES = re.findall(r"(?m)^- (.+)$", LIST.read_text("utf-8"))


def test_every_promise_names_a_test_that_exists():
    assert len(PROMISES) > 30
    for promise in PROMISES:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", promise)
        assert named, f"no test: {promise}"
        for file, name in named:
            assert re.search(rf"(?m)^def {name}\(", (TESTS / file).read_text("utf-8")), f"{file} has no {name}"
