"""A run of the tests is red when it leaves in an account what costs money, says whose it was, and deletes it."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest

from support import PYTHON_PATH

pytest_plugins = ["pytester"]
TESTS = Path(__file__).parents[1]
ENDPOINT = """
def an_endpoint(client, role, name):
    client.create_model(ModelName=name, PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=role)
    variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
"""
LEAVES = f"""
from support.training import ENDLESS, IMAGE, channel, csv, definition, table
{ENDPOINT}
def test_that_forgets(account, sagemaker, s3, bucket):
    an_endpoint(sagemaker, account.account.role_arn, "forgotten-endpoint")
    s3.put_object(Bucket=bucket, Key="rows.csv", Body=csv(*table()))
    rows = channel(f"s3://{{bucket}}/rows.csv")
    sagemaker.create_training_job(
        **definition(account, "forgotten-job", rows, bucket=bucket, hyperparameters=ENDLESS)
    )

def test_after_it():
    pass
"""
CLEAN = """
def test_that_finds_nothing(sagemaker):
    assert sagemaker.list_endpoints()["Endpoints"] == []
"""
DIES = f"""
import os, signal
from support.training import IMAGE
{ENDPOINT}
def test_whose_process_dies(account, sagemaker):
    an_endpoint(sagemaker, account.account.role_arn, "orphan")
    os.kill(os.getpid(), signal.SIGKILL)
"""
CELL = f"""from utils import start
course = start("salary")
from support.training import IMAGE
{ENDPOINT}
an_endpoint(course.session.sagemaker_client, course.role, "of-the-notebook")"""


def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """The exit code and the words of a run with this project's conftest."""
    pytester.makeini("[pytest]\naws_account_check = file\n")
    pytester.makeconftest((TESTS / "conftest.py").read_text())
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}{os.pathsep}{PYTHON_PATH}")
    monkeypatch.setenv("TMPDIR", str(pytester.mkdir("accounts")))
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)
    assert list((pytester.path / "accounts").iterdir()) == [], "the accounts are still there"
    return done.ret, done.stdout.str()


@pytest.mark.parametrize("workers", [(), ("--numprocesses", "2", "--dist", "loadfile")], ids=["alone", "two workers"])
def test_a_file_that_leaves_something_is_blamed_for_it(pytester, monkeypatch, workers) -> None:
    pytester.makepyfile(test_1_leaves=LEAVES, test_2_clean=CLEAN)
    code, said = run(pytester, monkeypatch, *workers)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "3 passed, 1 error" in said and "ERROR at teardown of test_after_it" in said
    (line,) = [line for line in said.splitlines() if line.startswith("test_1_leaves.py left running, and it was")]
    assert "endpoint forgotten-endpoint" in line and "training job forgotten-job" in line and "still there" not in line


def test_a_notebook_that_leaves_an_endpoint_is_blamed_for_it(pytester, monkeypatch) -> None:
    cells = [nbformat.v4.new_code_cell(source, execution_count=1) for source in (CELL, "1 + 1")]
    for cell in cells:
        cell.metadata["tags"] = ["nbval-ignore-output"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, pytester.path / "lesson.ipynb")
    pytester.makepyfile(test_clean=CLEAN)
    two = ("--numprocesses", "2", "--dist", "loadfile", "--nbval", "--nbval-current-env")
    code, said = run(pytester, monkeypatch, *two)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "lesson.ipynb left running, and it was deleted now: endpoint of-the-notebook" in said


def test_what_a_dead_worker_left_is_found_when_the_run_ends(pytester, monkeypatch) -> None:
    pytester.makepyfile(test_1_dies=DIES, test_2_clean=CLEAN)
    # xdist would send the test to one new worker after the other.
    two = ("--numprocesses", "2", "--dist", "loadfile", "--max-worker-restart", "0")
    code, said = run(pytester, monkeypatch, *two)
    assert code == pytest.ExitCode.TESTS_FAILED
    last = "test_1_dies.py::test_whose_process_dies"
    assert (
        f"left running in the embedded AWS account, and deleted now: endpoint orphan (the last test there: {last})"
        in said
    )


def test_a_run_that_leaves_nothing_is_green(pytester, monkeypatch) -> None:
    pytester.makepyfile(test_clean=CLEAN)
    assert run(pytester, monkeypatch)[0] == pytest.ExitCode.OK
