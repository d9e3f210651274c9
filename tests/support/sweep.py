"""The embedded accounts of a run of the tests, one for each worker: nothing that costs money stays in one of them."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import boto3

from local_aws import client
from local_aws.core.account import open_account
from utils.sweep import clean_up, running

PATIENCE = 60  # seconds for what is stopped to end
SETTLE = 5  # seconds for what somebody has stopped already


def sweep(folder: Path, start: bool = False) -> list[str]:
    """Delete what costs money in the account of ``folder``, and all that it was made of.

    Returns a line for each endpoint, job and pipeline execution that was there; what still runs after the sweep says
    so.  An account whose process has ended is begun again if ``start``, else it is taken as empty.
    """
    if not (folder / "account.json").exists():
        return []
    connection = client.find(folder, open_account(folder)) or (client.connect(folder) if start else None)
    if connection is None:
        return []
    with _led_to(connection):
        sagemaker = boto3.Session().client("sagemaker")
        found = _running(sagemaker, SETTLE)
        if not found:
            return []
        with redirect_stdout(io.StringIO()):
            clean_up(SimpleNamespace(session=SimpleNamespace(sagemaker_client=sagemaker), tags=[]))
        still = _running(sagemaker, PATIENCE)
    return [f"{line} (and it is still there)" if line in still else line for line in found]


def _running(sagemaker, seconds: float) -> list[str]:
    """What runs in the account, of whomever, and does not end within some seconds."""
    until = time.monotonic() + seconds
    while (found := running(sagemaker, [])) and time.monotonic() < until:
        time.sleep(0.1)
    return found


@contextmanager
def _led_to(connection: client.Connection) -> Iterator[None]:
    environment = dict(os.environ)
    try:
        client.apply(connection.environment(), os.environ)
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
