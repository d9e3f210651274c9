"""Every test process has an embedded account of its own, in a folder that is gone at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import boto3
import nbformat
import pytest

from utils.lessons.play import edition, installed_edition, missing

STATE = Path(tempfile.mkdtemp(prefix="local-aws-test-"))
# Set before anything is collected: the kernels that nbval starts inherit it.
os.environ["LOCAL_AWS_STATE"] = str(STATE)
for name in ("COURSE_AWS", "COURSE_DATA"):
    os.environ.pop(name, None)
if installed_edition() != "3":
    collect_ignore = ["sdk_v3"]  # `make sdk-v3` runs these


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the cells of a lesson whose outputs need what is not installed.

    That is the other version of the SDK, or PyTorch, where it is very large.
    """
    others = [item for item in items if is_lesson(item) and edition(item.path) != installed_edition()]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
    lacks = {path: missing(nbformat.read(path, as_version=4)) for path in {it.path for it in items if is_lesson(it)}}
    for item in items:
        if lacks.get(item.path):
            item.add_marker(pytest.mark.skip(reason=f"its outputs need {', '.join(lacks[item.path])}, not installed"))


def is_lesson(item: pytest.Item) -> bool:
    return item.path.suffix == ".ipynb"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the account; a run that has left an endpoint behind is red."""
    from utils.local_aws import client

    try:
        left = _endpoints()
        if left:
            print(f"\nleft running: {', '.join(left)}: whoever creates an endpoint must delete it")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    finally:
        client.stop(STATE)
        shutil.rmtree(STATE, ignore_errors=True)


def _endpoints() -> list[str]:
    from utils.local_aws import client
    from utils.local_aws.state import open_account

    connection = client.find(STATE, open_account(STATE))
    if connection is None:
        return []
    environment = dict(os.environ)
    try:
        client.apply(connection.environment(), os.environ)
        pages = boto3.Session().client("sagemaker").get_paginator("list_endpoints").paginate()
        return [endpoint["EndpointName"] for page in pages for endpoint in page["Endpoints"]]
    finally:
        os.environ.clear()
        os.environ.update(environment)


@pytest.fixture(scope="session")
def account():
    """This process's embedded account, running: a ``Connection``.  The environment leads to it."""
    from utils.local_aws import client

    connection = client.connect()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in connection.environment().items():
            if value is None:
                patch.delenv(name, raising=False)
            else:
                patch.setenv(name, value)
        boto3.setup_default_session()
        yield connection


@pytest.fixture(scope="session")
def sagemaker(account):
    """boto3's client of the account's SageMaker."""
    return boto3.client("sagemaker")


@pytest.fixture(scope="session")
def runtime(account):
    """boto3's client of the account's endpoints."""
    return boto3.client("sagemaker-runtime")


@pytest.fixture(scope="session")
def s3(account):
    """boto3's client of the account's S3."""
    return boto3.client("s3")


@pytest.fixture(scope="session")
def bucket(s3):
    """A bucket of the account."""
    name = "a-bucket-for-tests"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def public_tables() -> Path:
    """The folder of well-known public tables (``COURSE_TEST_DATA``); they are not part of the project."""
    folder = Path(os.environ.get("COURSE_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the public tables are not at {folder}; COURSE_TEST_DATA names their folder")
    return folder
