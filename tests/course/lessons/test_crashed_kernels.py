"""A laptop that crashes in the middle of a lesson leaves no bill: the sweep finds all that the lesson had made.

The kernel is killed after each cell in turn.  What others have in the account stays there, before and after the sweep.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import DeadKernelError

from support.account import until
from support.kernels import ME, NOTHING_OF_MINE, OTHERS, playing
from tools.lessons.play import ROOT, course, lessons
from utils.preflight.sdk import installed_edition
from utils.sweep import COURSE

QUICKLY = "salary/05_deploy_predict_delete"  # what `make test` plays; `make soak` plays every lesson that deploys
DEPLOYS = r"\.deploy\(|course\.endpoint\("
# The tags of what only the sweep may end.
ANOTHER_RUN = {"course": COURSE, "course-user": ME, "course-run": "of-another-kernel"}


def code_cells(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def first_deploy(path: Path) -> int:
    """The place, among the code cells, of the first that makes an endpoint."""
    return next(number for number, source in enumerate(code_cells(path)) if re.search(DEPLOYS, source))


def crashes() -> Iterator:
    """Each lesson that deploys with the number of the code cell after which its kernel is killed."""
    for path in lessons(sdk=installed_edition()):
        name, sources = path.relative_to(ROOT / "notebooks").with_suffix("").as_posix(), code_cells(path)
        if not any(re.search(DEPLOYS, source) for source in sources):
            continue
        for number in range(len(sources)):
            quick = name == QUICKLY and number >= first_deploy(path)
            lacks = course()[path].missing()
            marks = [] if quick else [pytest.mark.soak]
            marks += [pytest.mark.skip(reason=f"needs {', '.join(lacks)}, not installed")] if lacks else []
            yield pytest.param(path, number, id=f"{name}-{number + 1}", marks=marks)


@pytest.mark.parametrize(("path", "last"), list(crashes()))
def test_after_a_crash_the_sweep_leaves_nothing(lessons_account, sweep, path, last) -> None:
    lessons_account.an_endpoint("of-another-run", ANOTHER_RUN)
    with playing(lessons_account, path) as (kernel, cells):
        for number in cells[: last + 1]:
            kernel.run(number)
    held = lessons_account.holds()
    assert {*OTHERS, "of-another-run"} <= held["endpoints"], "the lesson deleted what others have"
    said = sweep()
    assert lessons_account.holds() == NOTHING_OF_MINE
    for kind, noun in (("endpoints", "endpoint"), ("models", "model")):
        for name in held[kind] - set(OTHERS):
            assert f"deleted the {noun} {name}" in said
    assert said.endswith("nothing is running\n")


def test_the_cell_after_the_deployment_is_where_a_crash_costs_money(lessons_account, sweep) -> None:
    """Without the sweep the endpoint stays, in service: the tests above would see it."""
    path = ROOT / "notebooks" / f"{QUICKLY}.ipynb"
    with playing(lessons_account, path) as (kernel, cells):
        for number in cells[: first_deploy(path) + 1]:
            kernel.run(number)
    (left,) = lessons_account.holds()["endpoints"] - set(OTHERS)
    assert lessons_account.sagemaker.describe_endpoint(EndpointName=left)["EndpointStatus"] == "InService"
    assert lessons_account.holds() != NOTHING_OF_MINE
    with playing(lessons_account, ROOT / "notebooks" / "99_clean_up.ipynb") as (kernel, cells):
        for number in cells:
            kernel.run(number)
    assert lessons_account.holds() == NOTHING_OF_MINE


def test_a_crash_while_the_endpoint_is_made(lessons_account, sweep) -> None:
    path = ROOT / "notebooks" / f"{QUICKLY}.ipynb"
    with playing(lessons_account, path) as (kernel, cells):
        *before, deploy = cells[: first_deploy(path) + 1]
        for number in before:
            kernel.run(number)

        def crash() -> None:
            until(lambda: lessons_account.holds()["endpoints"] - set(OTHERS))
            os.kill(kernel.client.km.provisioner.pid, signal.SIGKILL)

        watcher = threading.Thread(target=crash)
        watcher.start()
        with pytest.raises(DeadKernelError):
            kernel.run(deploy)
        watcher.join()
    (left,) = lessons_account.holds()["endpoints"] - set(OTHERS)
    assert f"deleted the endpoint {left}" in sweep()
    assert lessons_account.holds() == NOTHING_OF_MINE
