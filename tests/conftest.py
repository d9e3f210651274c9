"""Every test process has an embedded account of its own, in a folder that is gone at the end."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from pathlib import Path

import boto3
import pytest
from botocore.loaders import JSONFileLoader

from local_aws import client
from support import sweep
from tools.lessons.play import course
from utils.preflight.sdk import installed_edition

ACCOUNTS = pytest.StashKey[Path]()  # the folder of all accounts of the run, one for each worker
LEFT = pytest.StashKey[list[str]]()  # what the end of the run found
AT_WORK = "at-work"  # the file beside an account that names its worker's last test
# Fixtures of several folders' tests.
pytest_plugins = ["support.offline", "support.scripts", "support.script_endpoints"]
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


# ---- nothing that costs money is left in an account: whoever makes it ends it


def pytest_configure(config: pytest.Config) -> None:
    """Give each process of the run an account of its own."""
    of_worker = getattr(config, "workerinput", {})
    folder = Path(of_worker.get("accounts") or tempfile.mkdtemp(prefix="local-aws-test-"))
    config.stash[ACCOUNTS] = folder
    # Before anything is collected: the kernels that nbval starts inherit it.
    os.environ["LOCAL_AWS_STATE"] = str(folder / of_worker.get("workerid", "main"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Tell a worker of xdist where the accounts are."""
    node.workerinput["accounts"] = str(node.config.stash[ACCOUNTS])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Write down which test is at work: if its process dies, nobody else knows."""
    account = _own_account(item.config)
    account.with_name(f"{account.name}.{AT_WORK}").write_text(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None):
    """Fail the last test of a file, or the last cell of a notebook, after which something still costs money."""
    try:
        return (yield)
    finally:
        last = nextitem is None or nextitem.path != item.path
        if last and (left := sweep.sweep(_own_account(item.config))):
            name = item.nodeid.partition("::")[0]
            pytest.fail(f"{name} left running, and it was deleted now: {', '.join(left)}", pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the accounts; the run is red if one of them has something that no file was blamed for.

    That is so if a worker has died, or if the run was cut short.
    """
    if hasattr(session.config, "workerinput"):
        return
    folder = session.config.stash[ACCOUNTS]
    for account in [path for path in sorted(folder.iterdir()) if path.is_dir()]:
        left = sweep.sweep(account, start=True)
        if left:
            last = account.with_name(f"{account.name}.{AT_WORK}").read_text()
            session.config.stash.setdefault(LEFT, []).append(f"by {last}: {', '.join(left)}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        client.stop(account)
    shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    for line in config.stash.get(LEFT, []):
        terminalreporter.write_line(f"left running when the run ended, and deleted now, {line}", red=True)


def _own_account(config: pytest.Config) -> Path:
    return config.stash[ACCOUNTS] / getattr(config, "workerinput", {}).get("workerid", "main")


@pytest.fixture(scope="session")
def account():
    """This process's embedded account, running: a ``Connection``.  The environment leads to it."""
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
