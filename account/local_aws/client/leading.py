"""An account for a part of a program: what leads this process to it is taken back at the end."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_aws.core import process_lock

from .connection import Connection, apply, connect, is_held_here, release, stop
from .shim import sitecustomize

IDLE_SECONDS = 10.0  # that a temporary account outlives a process that was killed
DELETE_SECONDS = 10.0  # what jobs that were just ended may still write


@contextmanager
def account(folder: str | os.PathLike[str] | None = None) -> Iterator[Connection]:
    """An embedded account for a ``with`` block, in which this process is led to it, see ``led_to``.

    ``folder`` is where the account lies, a new or an empty folder or that of an account; without one it is a temporary
    account, which is deleted at the end with all that it holds.  The account's process ends with the block, unless
    another process uses it, or this one did before.

    Raises StateError if the account cannot be started.
    """
    temporary = None
    if folder is None:
        temporary = Path(tempfile.mkdtemp(prefix="local-aws-"))
        place = temporary / "account"
    else:
        place = Path(folder).expanduser().absolute()
    used = is_held_here(place)
    try:
        connection = connect(place, IDLE_SECONDS if temporary else None)
        with led_to(connection):
            yield connection
    finally:
        if not used:
            release(place)
            if not process_lock.living(place):
                stop(place)
        if temporary:
            delete(temporary)


@contextmanager
def led_to(connection: Connection) -> Iterator[Connection]:
    """Lead boto3, both SageMaker SDKs and child processes to an account for a ``with`` block.

    That is this process's environment, what the SDKs do beside it, and boto3's default session; all are as they were
    afterwards.  Clients that were made before or in the block keep the account that they were made for.
    """
    environment = connection.environment()
    before = {name: os.environ.get(name) for name in environment}
    session = _exchange_default_session(None)
    installed = sitecustomize.install()
    try:
        apply(environment, os.environ)
        yield connection
    finally:
        apply(before, os.environ)
        if installed:
            sitecustomize.uninstall()
        _exchange_default_session(session)


def delete(folder: Path) -> None:
    """Delete a folder for good, whatever still writes into it for a moment."""
    until = time.monotonic() + DELETE_SECONDS
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=time.monotonic() < until)


def _exchange_default_session(session: object) -> object:
    """Give boto3 another default session, None for one to be made; the one that it had."""
    boto3 = sys.modules.get("boto3")  # who has not imported it has no session, and need not wait for it
    if boto3 is None:
        return None
    before: object = boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION = session  # type: ignore[attr-defined]  # a module's variable, by its public name
    return before
