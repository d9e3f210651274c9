"""Connection to the account from a process on this machine: start it, find it, live in its environment."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.core import process_lock
from local_aws.core.account import Account, holds_other_things, open_account
from local_aws.core.settings import python_path, settings, state_folder
from local_aws.core.store import StateError

SHIM = Path(__file__).resolve().parent / "shim"
START_SECONDS = 60
STOP_SECONDS = 20
LOG_LINES = 15
# What would lead an AWS client elsewhere than to the embedded account.
OVERRIDDEN = (
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CREDENTIAL_EXPIRATION",
    "AWS_SECURITY_TOKEN", "AWS_ACCOUNT_ID", "AWS_ACCOUNT_ID_ENDPOINT_MODE", "AWS_CA_BUNDLE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT", "AWS_STS_REGIONAL_ENDPOINTS",
)  # fmt: skip
KEPT = ("account.json", "server.json", "leases", "empty")  # of an account that is emptied
BYTECODE = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")  # say where files may be written, for all Pythons

_held: dict[Path, int] = {}


@dataclass(frozen=True)
class Connection:
    """A running account: where it listens, who the caller is there."""

    folder: Path
    account: Account
    url: str
    pid: int

    @property
    def role_arn(self) -> str:
        """The ARN of the account's execution role, which jobs and models are given."""
        return self.account.role_arn

    def environment(self) -> dict[str, str | None]:
        """The variables that lead AWS clients of this process or a child to the account; None unsets one."""
        # An empty file in place of every configuration that a client would read.
        empty = self.folder / "empty"
        empty.touch()
        variables: dict[str, str | None] = dict.fromkeys(OVERRIDDEN)
        variables |= {name: None for name in os.environ if name.startswith("AWS_ENDPOINT_URL_")}
        loopback = ["127.0.0.1", "localhost"]
        past = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
        no_proxy = ",".join([*loopback, *(host for host in past.split(",") if host and host not in loopback)])
        paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != str(SHIM)]
        set_here = {name: value for name, value in settings().items() if value}  # paths from whatever folder
        return (
            variables
            | set_here
            | {
                "AWS_ACCESS_KEY_ID": self.account.access_key_id,
                "AWS_SECRET_ACCESS_KEY": self.account.secret_access_key,
                "AWS_SESSION_TOKEN": self.account.session_token,
                "AWS_REGION": self.account.region,
                "AWS_DEFAULT_REGION": self.account.region,
                "AWS_ENDPOINT_URL": self.url,
                "AWS_CONFIG_FILE": str(empty),
                "AWS_SHARED_CREDENTIALS_FILE": str(empty),
                "AWS_EC2_METADATA_DISABLED": "true",
                # Else an operation with a host of its own (``stream-127.0.0.1``) would not even arrive.
                "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
                "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": str(empty),
                "SAGEMAKER_USER_CONFIG_OVERRIDE": str(empty),
                "NO_PROXY": no_proxy,
                "no_proxy": no_proxy,
                "PYTHONPATH": os.pathsep.join([str(SHIM), *paths]),
                "LOCAL_AWS_STATE": str(self.folder),
            }
        )


def connect(folder: str | os.PathLike[str] | None = None, idle_seconds: float | None = None) -> Connection:
    """Reach the account, starting its process if none runs; it stays as long as this process lives.

    ``folder`` is the account's, by default the one that ``settings.state_folder`` names.  Nothing of this process is
    led to the account: ``led_to`` does that, or ``Connection.environment`` and ``apply``.  A process that is started
    here ends ``idle_seconds`` after its last use, by default those of ``LOCAL_AWS_IDLE_SECONDS``, or ten minutes.

    Raises StateError, with the process's own words, if it cannot be started, or if one runs that was started
    with other settings than this process's environment names.
    """
    folder = state_folder() if folder is None else Path(folder).expanduser().absolute()
    account = open_account(folder)
    if folder not in _held:
        _held[folder] = process_lock.take(folder)
    process: subprocess.Popen[bytes] | None = None
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        connection = find(folder, account)
        if connection:
            _compare_settings(_record(folder).get("settings", {}))
            with warnings.catch_warnings():  # that it still runs when it is let go is what it is for
                warnings.simplefilter("ignore", ResourceWarning)
                del process
            return connection
        if process is None or process.poll() == 0:
            # None yet, or ours found another one at work, which has ended since or will answer soon.
            process = _spawn(folder, idle_seconds)
        elif process.poll() is not None:
            raise StateError(
                folder / "server.log",
                f"the embedded account did not start. Its last words:\n{last_log(folder)}",
            )
        time.sleep(0.02)
    raise StateError(
        folder / "server.log",
        f"the embedded account gave no answer within {START_SECONDS} s of its start. Its last words:\n"
        + last_log(folder),
    )


def is_held_here(folder: Path) -> bool:
    """Whether this process uses the account."""
    return folder in _held


def release(folder: Path) -> None:
    """Say that this process uses the account no longer: it does not stay on its behalf."""
    if folder in _held:
        os.close(_held.pop(folder))


def keep_through_exec(connection: Connection) -> None:
    """Let the program that this process becomes by ``exec`` hold its place in the account."""
    os.set_inheritable(_held[connection.folder], True)


def find(folder: Path, account: Account) -> Connection | None:
    """The running account of ``folder``, None if no process is it, or one that is only just starting.

    Raises StateError if a process is it that cannot be reached from here, in another container for one.
    """
    record = _record(folder, "net")
    if not record:
        return None
    return Connection(folder, account, f"http://127.0.0.1:{record['port']}", record["pid"])


def stop(folder: Path) -> bool:
    """End the account's process; its data stays.  False if none ran.

    Raises StateError if a process is it whose number means nothing here, in another container for one.
    """
    if not process_lock.is_held(folder / "server.lock"):
        return False
    until = time.monotonic() + STOP_SECONDS
    number = signal.SIGTERM
    while process_lock.is_held(folder / "server.lock"):
        # Read each time: a process that is just starting has not yet said who it is.
        record = _record(folder, "pid")
        if record:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.kill(record["pid"], number)
        time.sleep(0.1)
        if time.monotonic() > until:
            number = signal.SIGKILL
    return True


def reset(folder: Path) -> None:
    """End the account's process and delete all that the account holds.

    Raises StateError, and deletes nothing, if the folder is not an account's.
    """
    if not folder.exists():
        return
    identity = folder / "account.json"
    if not folder.is_dir() or (not identity.exists() and holds_other_things(folder)):
        raise StateError(folder, "this is not the folder of an embedded account; nothing was deleted.")
    stop(folder)
    # Its identity last: a reset that was cut short can be made again.
    _delete(sorted(folder.iterdir(), key=lambda entry: entry == identity))


def _delete(entries: Iterable[Path]) -> None:
    for entry in list(entries):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def empty(folder: Path) -> None:
    """End the account's process and delete what the account holds, but not who it is.

    Its keys and, as long as no other program takes it, its port are the same when it starts again.  Raises StateError
    if the folder is not an account's.
    """
    if not (folder / "account.json").exists():
        raise StateError(folder, "this is not the folder of an embedded account; nothing was deleted.")
    stop(folder)
    _delete(entry for entry in folder.iterdir() if entry.name not in KEPT)


def apply(environment: dict[str, str | None], target: MutableMapping[str, str]) -> None:
    """Put the variables of ``Connection.environment`` into an environment."""
    for name, value in environment.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = value


def last_log(folder: Path, lines: int = LOG_LINES) -> str:
    """The end of what the account's process wrote of itself."""
    try:
        return "\n".join((folder / "server.log").read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(it wrote nothing)"


def _spawn(folder: Path, idle_seconds: float | None) -> subprocess.Popen[bytes]:
    # What is set for a Python of the reader's is not meant for the account's.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    kept |= {name: os.environ[name] for name in BYTECODE if name in os.environ}
    path = {"PYTHONPATH": python_path()} if python_path() else {}
    if idle_seconds is not None:
        kept["LOCAL_AWS_IDLE_SECONDS"] = str(idle_seconds)
    with open(folder / "server.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "local_aws.door.server", str(folder)],
            cwd=folder,
            env=kept | settings() | path | {"PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _compare_settings(running: dict[str, str]) -> None:
    for name, value in settings().items():
        if value and value != running.get(name, ""):
            raise StateError(
                Path(name),
                f"is {value}, but the embedded account runs already with {running.get(name) or 'none'}. "
                "End it by 'python -m local_aws stop', and start again.",
            )


def _record(folder: Path, needed: str | None = None) -> dict[str, Any]:
    """What the process that is the account says of itself; empty while none does.

    ``needed`` is what of its surroundings must be ours, as in ``process_lock.surroundings``.
    """
    path = folder / "server.json"
    record = process_lock.read_record(path) if process_lock.is_held(path) else {}
    there, here = record.get("surroundings", {}), process_lock.surroundings()
    if needed is not None and needed in there and there[needed] != here[needed]:
        raise StateError(
            folder,
            f"the account of this folder runs in another container, or outside of this one (on {there['host']}). "
            "End it there by 'python -m local_aws stop', or name another folder in LOCAL_AWS_STATE here.",
        )
    return record
