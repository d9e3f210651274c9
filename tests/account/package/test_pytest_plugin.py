"""The pytest plugin in projects of others: what its fixtures give, what a run leaves, and what it costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support import PYTHON_PATH
from support.account import processes

pytest_plugins = ["pytester"]
USE = """
import os
import boto3

def test_of_the_account(aws_account, aws_session, sagemaker_session):
    assert aws_session.client("sts").get_caller_identity()["Arn"] == aws_account.account.identity_arn
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    assert sagemaker_session.account_id() == aws_account.account.account_id
    sagemaker_session.default_bucket()
    assert len(aws_session.client("s3").list_buckets()["Buckets"]) == 1
"""
TWO_FILES = """
import os, time
from pathlib import Path

def test_is_alone(aws_account, aws_session):
    Path(f"seen-{os.getpid()}").write_text(str(aws_account.folder))
    time.sleep(1)
"""
FAILS = """
from pathlib import Path

def test_fails(aws_account, aws_session):
    aws_session.client("s3").create_bucket(Bucket="data")
    Path("seen").write_text(str(aws_account.folder))
    assert False
"""
WAITS = """
import time
from pathlib import Path

def test_waits(aws_account):
    Path("seen").write_text(str(aws_account.folder))
    time.sleep(60)
"""
EMPTIED = """
import pytest

@pytest.fixture(scope="module")
def s3(aws_session):
    return aws_session.client("s3")

def test_before(s3):
    s3.create_bucket(Bucket="of-nobody")

@pytest.mark.parametrize("number", range(2))
def test_begins_with_nothing(aws_account_empty, s3, number):
    assert s3.list_buckets()["Buckets"] == []
    s3.create_bucket(Bucket="data")

def test_after(s3):
    assert len(s3.list_buckets()["Buckets"]) == 1
"""
LEAVES = """
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"

def test_that_forgets(aws_account, aws_session):
    client = aws_session.client("sagemaker")
    client.create_model(ModelName="m", PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=aws_account.role_arn)
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    client.create_endpoint(EndpointName="forgotten", EndpointConfigName="c")
"""
AFTER = """
def test_that_is_not_to_blame():
    pass
"""
IDLE = """
import sys

def test_nothing_is_there():
    heavy = {"boto3", "botocore", "numpy", "starlette", "local_aws.client", "local_aws.core"}
    assert heavy & set(sys.modules) == set()
"""


@pytest.fixture(autouse=True)
def another_project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that knows nothing of this one, in an environment that leads to AWS; where its accounts lie."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "LOCAL_AWS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", PYTHON_PATH.split(os.pathsep)[0])
    place = pytester.mkdir("accounts")
    monkeypatch.setenv("TMPDIR", str(place))
    return place


def run(pytester: pytest.Pytester, *arguments: str) -> tuple[int, str]:
    """The exit code and the words of a run, which leaves no account behind."""
    done = pytester.runpytest_subprocess("-p", "local_aws.pytest_plugin", "-p", "no:cacheprovider", *arguments)
    nothing_is_left(pytester)
    return done.ret, done.stdout.str()


def nothing_is_left(pytester: pytest.Pytester) -> None:
    place = pytester.path / "accounts"
    assert [path.name for path in place.iterdir() if path.name.startswith("local-aws")] == []
    assert [text for _, _, text in processes() if "local_aws.door.server" in text and str(place) in text] == []


def test_the_sessions_are_of_one_account(pytester) -> None:
    pytester.makepyfile(USE)
    code, said = run(pytester, "-W", "ignore")
    assert code == pytest.ExitCode.OK, said


def test_each_worker_has_an_account_of_its_own(pytester) -> None:
    pytester.makepyfile(test_one=TWO_FILES, test_two=TWO_FILES)
    code, said = run(pytester, "--numprocesses", "2", "--dist", "loadfile")
    assert code == pytest.ExitCode.OK, said
    assert len({path.read_text() for path in pytester.path.glob("seen-*")}) == 2


def test_a_test_that_fails(pytester) -> None:
    pytester.makepyfile(FAILS)
    code, said = run(pytester)
    assert code == pytest.ExitCode.TESTS_FAILED and "left running" not in said
    assert not Path((pytester.path / "seen").read_text()).exists()


@pytest.mark.parametrize("workers", [(), ("--numprocesses", "1")], ids=["alone", "a worker"])
def test_ctrl_c(pytester, workers) -> None:
    pytester.makepyfile(WAITS)
    command = [sys.executable, "-m", "pytest", "-p", "local_aws.pytest_plugin", "-p", "no:cacheprovider", *workers]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (pytester.path / "seen").exists():
        assert time.monotonic() < until, "the test has not begun"
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said, _ = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, said
    nothing_is_left(pytester)


def test_an_account_that_is_emptied(pytester) -> None:
    pytester.makepyfile(EMPTIED)
    code, said = run(pytester)
    assert code == pytest.ExitCode.OK and "4 passed" in said, said


def test_a_run_that_leaves_an_endpoint_is_red_and_says_so(pytester) -> None:
    pytester.makepyfile(test_1=LEAVES, test_2=AFTER)
    code, said = run(pytester)
    assert code == pytest.ExitCode.TESTS_FAILED and "2 passed" in said
    assert (
        "left running in the embedded AWS account, and deleted now: endpoint forgotten "
        "(the last test there: test_2.py::test_that_is_not_to_blame)" in said
    )


def test_a_file_that_leaves_an_endpoint_is_blamed_if_that_is_asked_for(pytester) -> None:
    pytester.makeini("[pytest]\naws_account_check = file")
    pytester.makepyfile(test_1=LEAVES, test_2=AFTER)
    code, said = run(pytester)
    assert code == pytest.ExitCode.TESTS_FAILED and "2 passed, 1 error" in said
    assert "test_1.py left running, and it was deleted now: endpoint forgotten" in said


def test_who_asks_for_nothing_gets_nothing(pytester) -> None:
    pytester.makepyfile(IDLE)
    for workers in ((), ("--numprocesses", "1")):
        code, said = run(pytester, *workers)
        assert code == pytest.ExitCode.OK, said


def test_without_the_sdk_its_session_says_what_to_install(pytester, monkeypatch) -> None:
    pytester.makeconftest(
        "import importlib.metadata as metadata\n"
        "def none(name):\n    raise metadata.PackageNotFoundError(name)\n"
        "import local_aws.client.session as session\nsession.version = none\n"
    )
    pytester.makepyfile("def test_of_the_sdk(sagemaker_session):\n    pass")
    code, said = run(pytester)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "sagemaker_session is a session of the SageMaker SDK, which is not installed here: pip install" in said
