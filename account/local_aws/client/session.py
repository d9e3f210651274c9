"""SageMaker session on the embedded account: the SDK's own, which polls more often.

The SDK sleeps 5 seconds before it first asks after a job and 30 before it asks after an endpoint: sensible
for AWS's minutes, not for an account whose jobs take a second.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boto3
from botocore.loaders import JSONFileLoader

from local_aws.core.account import ASKS_OFTEN
from local_aws.core.store import StateError

from .connection import Connection, apply, connect, find


def open_session(folder: Path | None = None) -> tuple[Any, str]:
    """The SDK's session, of version 2 or 3, on the embedded account, and the ARN of the role to pass to jobs.

    This process's AWS environment, and boto3's default session with it, point to the embedded account from
    now on.  Raises StateError if the account cannot be started.
    """
    connection = connect(folder)
    apply(connection.environment(), os.environ)
    from .shim import sitecustomize

    sitecustomize.install()
    _read_models_once()
    return sdk_session(connection), connection.role_arn


def sdk_session(connection: Connection) -> Any:
    """The SDK's session, of version 2 or 3, on an account that this process's environment leads to.

    boto3's default session is a new one from now on.  Raises PackageNotFoundError if the SDK is not installed.
    """
    boto3.setup_default_session()
    _keep_alive(boto3.DEFAULT_SESSION, connection)
    if is_version_3():
        from sagemaker.core.helper.session_helper import Session

        # Its resources sleep, not its session; the account holds their questions (``long_polling.py``).
        return Session(boto3.DEFAULT_SESSION)
    _ask_often(boto3.DEFAULT_SESSION)
    from .sdk_v2 import EmbeddedSession

    return EmbeddedSession(boto3.DEFAULT_SESSION)


def is_version_3() -> bool:
    """Whether this environment has version 3 of the SageMaker SDK, not version 2."""
    return version("sagemaker").startswith("3.")


_load_file = JSONFileLoader().load_file
_models: dict[str, Any] = {}  # what botocore's files of data hold, by their paths


def _read_models_once() -> None:
    """Parse each file of botocore's data once in this process.

    At nearly every call the SDK makes a loader of its own, which parses a megabyte of endpoints anew.
    """

    def load_once(file_path: str) -> Any:
        if file_path not in _models:
            model = _load_file(file_path)
            if model is None:  # there is no such file, so far
                return None
            _models[file_path] = model
        return _models[file_path]

    JSONFileLoader.load_file = staticmethod(load_once)


def _keep_alive(session: boto3.Session, connection: Connection) -> None:
    """Start the account's process again, before a call, if it has died."""

    def check(**_: object) -> None:
        if find(connection.folder, connection.account) is None:
            again = connect(connection.folder)
            if again.url != connection.url:
                raise StateError(
                    connection.folder,
                    "the embedded account had to be started again, at another address: another program has taken "
                    "its port. Restart this kernel.",
                )

    session.events.register("before-sign", check)


def _ask_often(session: boto3.Session) -> None:
    """Say to the account that its answers about jobs need not be held back."""

    def mark(params: dict[str, Any], **_: object) -> None:
        params["headers"][ASKS_OFTEN] = "yes"

    # Not where a request is signed: a presigned URL is signed, too, and its user sends no such header.
    session.events.register("before-call.sagemaker", mark)
