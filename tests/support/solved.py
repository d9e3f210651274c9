"""Lessons as a learner runs them who has answered everything."""

from __future__ import annotations

import nbformat

from tools.lessons.play import ROOT, course, play
from tools.lessons.workbook import blank
from utils.check import exercises, solutions
from utils.preflight.sdk import installed_edition

NOTEBOOKS = ROOT / "notebooks"


def solved_lessons() -> list[str]:
    """The names of the lessons with exercises that run with the SDK of this environment."""
    found = {path.relative_to(NOTEBOOKS).with_suffix("").as_posix(): lesson for path, lesson in course().items()}
    return [name for name, lesson in found.items() if exercises(name) and installed_edition() in lesson.editions]


def play_with_solutions(name: str) -> None:
    """Run the workbook's lesson with each solution in the place of its cell; fails unless each is found right."""
    path = NOTEBOOKS / f"{name}.ipynb"
    notebook = blank(nbformat.read(path, as_version=4))
    lesson, parts, answered = exercises(name), solutions(name), {}
    assert lesson is not None
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        for exercise, code in parts.items():
            if f"check.{exercise}(" in cell.source:
                cell.source, answered[exercise] = code, cell
        if "check.quiz(" in cell.source:
            keys = [one.solution for one in lesson.QUIZ.values()]
            cell.source = "\n".join(f"check.quiz({number}, {key!r})" for number, key in enumerate(keys, 1))
            answered["quiz"] = cell
    play(notebook, path.parent, lambda text: None)
    told = {each: "".join(output.get("text", "") for output in cell.outputs) for each, cell in answered.items()}
    assert told.keys() - {"quiz"} == parts.keys() == lesson.CHECKS.keys()
    for exercise, check in lesson.CHECKS.items():
        assert f"Right. {check.right}\n" in told[exercise], told[exercise]
    assert told.get("quiz", "").count("Right. ") == len(lesson.QUIZ), told
