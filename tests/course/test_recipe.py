"""The file of the insurance series' pipeline: it builds what the lesson builds, step for step."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import nbformat
import pytest

from local_aws.client.session import open_session
from support.wrong_answers.insurance_11_pipeline import recipes
from tools.lessons.play import ROOT
from utils.course import Course

LESSON = ROOT / "notebooks" / "insurance" / "11_pipeline.ipynb"


@pytest.fixture
def course(account) -> Course:
    session, role = open_session()
    return Course("insurance", "insurance/11_pipeline", session, role, [{"Key": "course", "Value": "a-test"}])


def built_by_the_lesson(course: Course) -> Any:
    """The pipeline that the lesson's cells build; it is not sent."""
    scope: dict[str, Any] = {"course": course}
    for cell in nbformat.read(LESSON, as_version=4).cells:
        if cell.id in ("session-cell", "prepare-cell", "train-cell", "evaluate-cell", "register-cell"):
            exec(cell.source, scope)
        elif cell.id == "upsert-cell":
            exec(cell.source.partition("pipeline.upsert(")[0], scope)
    return scope["pipeline"]


def recipe_of(pipeline: Any) -> dict[str, Any]:
    """Its definition, but for its name, the order of its steps, and the hashes of the scripts and their paths."""
    definition = json.loads(re.sub("/code/[0-9a-f]{64}/", "/code/", pipeline.definition().replace(pipeline.name, "it")))
    return definition | {"Steps": sorted(definition["Steps"], key=lambda step: step["Name"])}


@pytest.mark.filterwarnings("ignore")
def test_the_file_builds_what_the_lesson_builds(course, monkeypatch) -> None:
    monkeypatch.chdir(LESSON.parent)
    monkeypatch.syspath_prepend(LESSON.parent)
    with contextlib.redirect_stdout(None):
        shown = built_by_the_lesson(course)
    file = recipes().build(course, "course-insurance-file")
    assert recipe_of(shown) == recipe_of(file)
    assert [step["Name"] for step in json.loads(file.definition())["Steps"]] == [
        "Prepare", "Train", "Evaluate", "Better"
    ]  # fmt: skip
