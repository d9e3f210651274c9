"""An embedded account in a folder of a test's own, used from the command line as a reader does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import boto3
from botocore.client import Config

from local_aws import client
from local_aws.core import process_lock
from local_aws.core.account import open_account
from support import ROOT, TESTS_PATH

PATIENCE = 60  # seconds; a test that waits so long has failed


class Place:
    """The account of ``folder``, and commands that find it."""

    def __init__(self, folder: Path, checkout: Path = ROOT) -> None:
        self.folder = folder
        self.checkout = checkout
        # As a shell has it: other tests of this process may have led its environment to their account.
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "SAGEMAKER_", "LOCAL_AWS_")) and name.upper() != "NO_PROXY"
        } | {
            "LOCAL_AWS_STATE": str(folder),
            "PYTHONPATH": os.pathsep.join([str(checkout / "account"), str(checkout)]),
            "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        }

    def popen(self, *arguments: str, **variables: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "local_aws", *arguments],
            env=self.environment | variables,
            cwd=self.checkout,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        """Run ``python -m local_aws`` to its end."""
        process = self.popen(*arguments, **variables)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def start(self, **variables: str) -> client.Connection:
        """The account, running."""
        done = self.command("start", **variables)
        assert done.returncode == 0, done.stderr
        return self.connection()

    def running(self) -> client.Connection | None:
        return client.find(self.folder, open_account(self.folder))

    def connection(self) -> client.Connection:
        """The running account, which there must be."""
        connection = self.running()
        assert connection is not None
        return connection

    def client(self, service: str, *keys: str, **config: object):
        """A boto3 client of the account, with the account's own keys or others."""
        account, url = open_account(self.folder), self.connection().url
        keys = keys or (account.access_key_id, account.secret_access_key, account.session_token)
        session = boto3.Session(*keys, region_name=account.region)
        # Another test of this process may have installed the shim, which keeps STS's address to the environment.
        with mock.patch.dict(os.environ, AWS_ENDPOINT_URL_STS=url):
            return session.client(service, endpoint_url=url, config=Config(retries={"total_max_attempts": 1}, **config))

    def kill(self) -> None:
        """``kill -9`` of the account's process."""
        os.kill(self.connection().pid, signal.SIGKILL)
        until(lambda: not process_lock.is_held(self.folder / "server.lock"))

    def servers(self) -> list[int]:
        """The processes that are, or try to be, the account."""
        return [pid for pid, _, text in processes() if text.endswith(f"local_aws.door.server {self.folder}")]

    def close(self) -> None:
        client.stop(self.folder)
        until(lambda: not self.servers())


class OwnProgram(Place):
    """An account whose process is ``program``, a file of the tests' own, with something in it exchanged."""

    program: str

    def begin(self) -> None:
        """Start the process; what it writes to its standard error is kept beside the folder, for ``log``."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.folder.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, self.program, str(self.folder)],
                cwd=ROOT,
                env=self.environment | {"PYTHONPATH": TESTS_PATH},
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        until(lambda: self.running() if self.folder.exists() else None)

    def log(self) -> str:
        """What the process has written to its standard error, for whoever maintains it."""
        return self.folder.with_suffix(".log").read_text()

    def close(self) -> None:
        super().close()
        self.process.wait()


def processes() -> list[tuple[int, int, str]]:
    """(process, its parent, its command line) of all that live; not of those that nobody has buried yet."""
    table = subprocess.run(["ps", "-wweo", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 3) for line in table.splitlines()]
    return [(int(row[0]), int(row[1]), row[3]) for row in rows if len(row) == 4 and not row[2].startswith("Z")]


def children(pid: int) -> list[int]:
    return [child for child, parent, _ in processes() if parent == pid]


def living(pids: list[int]) -> list[int]:
    return [pid for pid, _, _ in processes() if pid in pids]


def until(condition: Callable[[], object]) -> object:
    """Poll until a condition holds, and return its value."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return value
