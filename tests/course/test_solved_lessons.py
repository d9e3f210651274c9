"""The lessons with every exercise answered by its solution: each runs to its end, and each answer is found right."""

from __future__ import annotations

import pytest

from support.solved import play_with_solutions, solved_lessons


@pytest.mark.parametrize("name", solved_lessons())
def test_a_lesson_runs_with_the_solutions_and_each_is_right(name, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.jsonl"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    play_with_solutions(name)
