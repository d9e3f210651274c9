"""The second editions run with their solutions, and each check finds its own right."""

from __future__ import annotations

import pytest

from support.solved import play_with_solutions, solved_lessons


@pytest.mark.parametrize("name", solved_lessons())
def test_a_lesson_runs_with_the_solutions_and_each_is_right(name, monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.jsonl"))
    play_with_solutions(name)
