"""Identity of the account: ``account.json`` in its folder holds the keys that were drawn when it was opened."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from . import process_lock
from .store import StateError

ACCOUNT_ID = "000000000000"
REGION = "us-east-1"
# The SDK knows roles of this prefix as the ones that SageMaker's own console makes.
ROLE_NAME = "AmazonSageMaker-ExecutionRole-Local"
# The role of accounts that were opened before their identity named it: what they hold has its ARN.
EARLIER_ROLE_NAME = "AmazonSageMaker-ExecutionRole-Course"
ROLE_PATH = "/service-role/"
# Who may assume it.
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
SESSION_NAME = "SageMaker"  # as Studio calls it
WRITE_SECONDS = 10.0  # that one process waits for another to write a small file
# A header by which a client says that it will ask again soon.
ASKS_OFTEN = "X-Local-Aws-Asks-Often"


@dataclass(frozen=True)
class Account:
    """The account's identity: what a caller must know to sign a request to it."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    account_id: str = ACCOUNT_ID
    region: str = REGION
    role_name: str = EARLIER_ROLE_NAME

    @property
    def role_arn(self) -> str:
        """The execution role that the account is opened with."""
        return f"arn:aws:iam::{self.account_id}:role{ROLE_PATH}{self.role_name}"

    @property
    def identity_arn(self) -> str:
        """What STS says of the keys: a session of the role, as in a Studio notebook."""
        return f"arn:aws:sts::{self.account_id}:assumed-role/{self.role_name}/{SESSION_NAME}"


def open_account(folder: Path) -> Account:
    """Read the account of ``folder``, or open a new one there.

    Raises StateError if the folder cannot be written, its file system keeps no locks, or its ``account.json`` cannot
    be read.
    """
    path = folder / "account.json"
    try:
        is_new = not folder.exists()
        folder.mkdir(0o700, parents=True, exist_ok=True)  # the keys that the account gives out lie in it
        if not path.exists():
            if holds_other_things(folder):
                raise StateError(
                    folder, "this folder holds other things. Name a new or an empty one in LOCAL_AWS_STATE."
                )
            try:
                process_lock.need_locks(folder)
            except StateError:
                if is_new:
                    folder.rmdir()
                raise
            write_once(path, json.dumps(asdict(_new_account())))
        (folder / ".gitignore").write_text("*\n")
        return Account(**json.loads(path.read_text()))
    except OSError as error:
        raise StateError(
            folder,
            f"the embedded account cannot use this folder ({error.strerror or error}). "
            "Make it writable, or name another one in LOCAL_AWS_STATE.",
        ) from error
    except (ValueError, TypeError) as error:
        raise StateError(
            path,
            f"cannot be read ({error}). Restore it from a copy, or open a new account with "
            "'python -m local_aws reset' (this deletes the old one's data).",
        ) from error


def holds_other_things(folder: Path) -> bool:
    """Whether there is anything in ``folder`` but what an account begins with.

    An account lies in a folder of its own, since ``reset`` deletes all that is in it.
    """
    return any(not entry.name.startswith((".gitignore", "account.json")) for entry in folder.iterdir())


def write_once(path: Path, text: str) -> None:
    """Write a private file whole, leaving an existing one as it is: of two writers the first wins."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        lock = process_lock.hold(path.with_name(f"{path.name}.lock"), patience=WRITE_SECONDS)
        if not path.exists():
            os.replace(temporary, path)
        if lock is not None:
            os.close(lock)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def replace_file(path: Path, text: str) -> None:
    """Write a private file whole, in place of what was there: a reader sees the old or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.replace(temporary, path)


def _new_account() -> Account:
    return Account(
        # The form of temporary credentials: SDKs tell kinds of keys apart by the prefix.
        access_key_id="ASIA" + base64.b32encode(secrets.token_bytes(10)).decode(),
        secret_access_key=secrets.token_urlsafe(30),
        session_token=base64.b64encode(secrets.token_bytes(96)).decode(),
        role_name=ROLE_NAME,
    )
