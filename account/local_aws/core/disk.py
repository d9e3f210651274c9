"""Free disk space: what is refused when the disk that the account lies on is full."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path

from .errors import AwsError

RESERVE = 32 << 20
"""Bytes that objects leave free: without them nothing could be written down any more, not even a deletion."""


def has_room(folder: Path, size: int) -> bool:
    """Whether ``size`` bytes more fit, beside the reserve."""
    return shutil.disk_usage(folder).free >= size + RESERVE


def need_room(folder: Path, size: int) -> None:
    """Refuse to take in ``size`` bytes that do not fit."""
    if not has_room(folder, size):
        raise full(folder)


def full(folder: Path) -> AwsError:
    """The answer to what finds no room.  AWS has none: its disks are not full.  SDKs do not try again after a 507."""
    free = shutil.disk_usage(folder).free / 1e6
    sentence = (
        f"The disk of the embedded account is full: {free:.0f} MB are free below {folder}, and {RESERVE / 1e6:.0f} MB "
        "are kept for deletions. Delete objects, free some disk, or name another folder in LOCAL_AWS_STATE."
    )
    return AwsError("InternalFailure", sentence, 507)


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk is full."""
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
