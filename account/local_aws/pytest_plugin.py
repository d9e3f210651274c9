"""A pytest plugin: fixtures that give tests an embedded account, one for each process of the run.

An account is made when a test first asks for it, in a temporary folder, and is gone when the run ends, however it
ends.  A run that leaves in it what costs money on AWS (an endpoint, a job) is red and says what.  Who has the plugin
installed and asks for none of its fixtures gets nothing of it: neither boto3 nor anything of the account is imported.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import boto3

    from .client.connection import Connection
    from .running import Running

CHECK = "aws_account_check"  # the option
ACCOUNTS = "local_aws_accounts"  # what a worker of xdist is told: the folder of all accounts of the run
LAST_TEST = "last-test"  # the file beside an account that names its worker's last test
SETTLE = 5  # seconds for what somebody has stopped already
PATIENCE = 60  # seconds for what is stopped to end
NO_SDK = (
    "sagemaker_session is a session of the SageMaker SDK, which is not installed here: "
    "pip install 'sagemaker>=2.257,<3', or 'sagemaker>=3'"
)


@dataclass
class _Run:
    """A run of pytest: ``folder`` holds the accounts of its workers, and is not there before one of them begins."""

    folder: Path
    worker: str
    begun: bool = False  # whether this process has an account
    test: str = ""  # the one at work
    left: list[str] = field(default_factory=list)  # what the end of the run found

    @property
    def account(self) -> Path:
        return self.folder / self.worker

    def note(self) -> None:
        """Write down which test is at work: if its process dies, nobody else knows."""
        self.account.with_name(f"{self.worker}.{LAST_TEST}").write_text(self.test, "utf-8")


_RUN = pytest.StashKey[_Run]()


def account_folder(config: pytest.Config) -> Path:
    """The folder of this process's account, which is ended and deleted with the run.

    A ``conftest.py`` that names it in ``LOCAL_AWS_STATE`` in its ``pytest_configure`` leads there what finds an
    account by itself: kernels, commands.
    """
    run = _run_of(config)
    run.folder.mkdir(0o700, exist_ok=True)
    run.begun = True
    run.note()
    return run.account


@pytest.fixture(scope="session")
def aws_account(pytestconfig: pytest.Config) -> Iterator[Connection]:
    """An embedded AWS account, running, one for each process of the run.

    From now on boto3, the SageMaker SDKs and child processes of this process are led to it.  ``role_arn`` is what jobs
    and models are given; ``folder``, ``url`` and ``environment()`` are for those who need them.
    """
    from .client.connection import connect
    from .client.leading import IDLE_SECONDS, led_to

    with led_to(connect(account_folder(pytestconfig), IDLE_SECONDS)) as connection:
        yield connection


@pytest.fixture(scope="session")
def aws_session(aws_account: Connection) -> boto3.Session:
    """A boto3 session in the account."""
    import boto3

    return boto3.Session()


@pytest.fixture(scope="session")
def sagemaker_session(aws_account: Connection) -> Any:
    """A session in the account of the SageMaker SDK that is installed, version 2 or 3."""
    from importlib.metadata import PackageNotFoundError

    from .client.session import sdk_session

    try:
        return sdk_session(aws_account)
    except PackageNotFoundError:
        pytest.fail(NO_SDK, pytrace=False)


@pytest.fixture
def aws_account_empty(aws_account: Connection) -> Connection:
    """The account with nothing in it: what was there before the test is gone, whoever made it.

    Its keys and address are the same, so that sessions and clients that were made before go on.
    """
    from .client.connection import connect, empty
    from .client.leading import IDLE_SECONDS
    from .core.store import StateError

    empty(aws_account.folder)
    connection = connect(aws_account.folder, IDLE_SECONDS)
    if connection.url != aws_account.url:
        raise StateError(aws_account.folder, "another program has taken the account's port while it was emptied.")
    return connection


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say when the account is looked at."""
    parser.addini(
        CHECK,
        "when to look for what was left running in the embedded AWS account: at the end of the 'session', or of each "
        "'file', whose last test then fails",
        default="session",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist where the accounts are."""
    node.workerinput[ACCOUNTS] = str(_run_of(node.config).folder)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Know which test is at work."""
    run = _run_of(item.config)
    run.test = item.nodeid
    if run.begun:
        run.note()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """Fail the last test of a file, or the last cell of a notebook, after which something still costs money."""
    try:
        return (yield)
    finally:
        run = _run_of(item.config)
        last = nextitem is None or nextitem.path != item.path
        if run.begun and last and item.config.getini(CHECK) == "file" and (left := _sweep(run.account)):
            name = item.nodeid.partition("::")[0]
            pytest.fail(f"{name} left running, and it was deleted now: {', '.join(left)}", pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the accounts, when the workers have ended; the run is red if something was left running in one."""
    run = _run_of(session.config)
    if hasattr(session.config, "workerinput") or not run.folder.exists():
        return
    from .client.connection import stop
    from .client.leading import delete

    for account in [path for path in sorted(run.folder.iterdir()) if path.is_dir()]:
        try:
            if left := _sweep(account, start=True):
                last = account.with_name(f"{account.name}.{LAST_TEST}").read_text("utf-8")
                run.left.append(f"{', '.join(left)} (the last test there: {last})")
        finally:
            stop(account)
    delete(run.folder)
    if run.left and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left running."""
    for line in _run_of(config).left:
        terminalreporter.write_line(f"left running in the embedded AWS account, and deleted now: {line}", red=True)


def _run_of(config: pytest.Config) -> _Run:
    if _RUN not in config.stash:
        of_worker = getattr(config, "workerinput", {})
        folder = of_worker.get(ACCOUNTS) or f"{tempfile.gettempdir()}/local-aws-test-{secrets.token_hex(6)}"
        config.stash[_RUN] = _Run(Path(folder), of_worker.get("workerid", "main"))
    return config.stash[_RUN]


def _sweep(folder: Path, start: bool = False) -> list[str]:
    """End what costs money in the account of ``folder``.

    Returns a line for each endpoint, job and pipeline execution that was there; what still runs afterwards says so.
    An account whose process has ended is begun again if ``start``, else it is taken as empty.
    """
    if not (folder / "account.json").exists():
        return []
    from .client.connection import connect, find
    from .client.leading import led_to
    from .core.account import open_account

    connection = find(folder, open_account(folder)) or (connect(folder) if start else None)
    if connection is None:
        return []
    import boto3

    from .running import end

    with led_to(connection):
        sagemaker = boto3.Session().client("sagemaker")
        work = _running(sagemaker, SETTLE)
        still, until = work, time.monotonic() + PATIENCE
        while still and time.monotonic() < until:  # an endpoint that is being made cannot be deleted yet
            end(still)
            still = _running(sagemaker, 1)
    names = {str(one) for one in still}
    return [f"{one} (and it is still there)" if str(one) in names else str(one) for one in work]


def _running(sagemaker: Any, seconds: float) -> list[Running]:
    """What runs in the account, of whomever, and does not end within some seconds."""
    from .running import running

    until = time.monotonic() + seconds
    while (work := running(sagemaker)) and time.monotonic() < until:
        time.sleep(0.1)
    return work
