"""Every test process has an embedded account of its own, in a folder that is gone at the end."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import boto3
import pytest
from botocore.loaders import JSONFileLoader

from local_aws.pytest_plugin import account_folder
from tools.lessons.play import course
from utils.preflight.sdk import installed_edition

# The account's own plugin, also where its entry point is not installed; and fixtures of several folders' tests.
pytest_plugins = ["local_aws.pytest_plugin", "support.offline", "support.scripts", "support.script_endpoints"]
for name in ("COURSE_AWS", "COURSE_DATA"):
    os.environ.pop(name, None)
if installed_edition() != "3":
    collect_ignore = ["sdk_v3"]  # `make sdk-v3` runs these

# The tests make hundreds of boto3's sessions, each of which would read AWS's service models anew: half of their time.
JSONFileLoader.load_file = staticmethod(functools.cache(JSONFileLoader().load_file))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the cells of a lesson whose outputs need what is not installed.

    That is the other version of the SDK, or PyTorch, where it is very large.
    """
    lessons = course()
    of_lessons = [(item, lessons[item.path]) for item in items if item.path in lessons]
    others = [item for item, lesson in of_lessons if installed_edition() not in lesson.editions]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
    for item, lesson in of_lessons:
        if lacks := lesson.missing():
            item.add_marker(pytest.mark.skip(reason=f"its outputs need {', '.join(lacks)}, not installed"))


def pytest_configure(config: pytest.Config) -> None:
    """Lead what finds an account by itself to that of this process: the kernels that nbval starts inherit it."""
    os.environ["LOCAL_AWS_STATE"] = str(account_folder(config))  # before anything is collected


@pytest.fixture(scope="session")
def account(aws_account):
    """This process's embedded account, running: a ``Connection``.  The environment leads to it."""
    boto3.setup_default_session()
    return aws_account


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
