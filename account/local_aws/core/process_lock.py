"""Process locks: files that processes hold locked as long as they live.

The operating system lets go of a lock when its process ends, however it ends; so a lock says what a
process number cannot, whether the one that wrote it is still there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from .store import StateError


def need_locks(folder: Path) -> None:
    """Raise StateError if the file system of ``folder`` keeps no locks."""
    descriptor, temporary = _locked_file(folder, "account.json")
    os.close(descriptor)
    os.unlink(temporary)


def hold(path: Path, patience: float = 0.0) -> int | None:
    """Lock a file for this process and return its descriptor; None if another one holds it.

    Tries again for ``patience`` seconds, since ``is_held`` takes the lock for a moment to look.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + patience
    while not _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, path):
        if time.monotonic() >= until:
            os.close(descriptor)
            return None
        time.sleep(0.02)
    return descriptor


def is_held(path: Path) -> bool:
    """Whether a living process holds the file."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not _lock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, path)
    finally:
        os.close(descriptor)


def take(folder: Path) -> int:
    """Say that this process uses the account of ``folder``; the account's process lives as long as it does."""
    leases = folder / "leases"
    leases.mkdir(exist_ok=True)
    # Locked before it is seen: a lease that nobody holds yet would be taken for a dead one's.
    descriptor, temporary = _locked_file(folder, "lease-")
    os.rename(temporary, leases / os.path.basename(temporary))
    return descriptor


def living(folder: Path) -> int:
    """How many processes use the account of ``folder``; the leases of dead ones are removed."""
    count = 0
    for path in (folder / "leases").glob("lease-*"):
        if is_held(path):
            count += 1
        else:
            path.unlink(missing_ok=True)
    return count


def write_record(path: Path, record: dict[str, Any]) -> int:
    """Say in a private file who this process is; the descriptor returned holds it as long as that is true."""
    # Locked before it is seen, and written whole: nobody takes a dead process's record for this one's.
    descriptor, temporary = _locked_file(path.parent, "tmp")
    os.write(descriptor, json.dumps(record).encode())
    os.rename(temporary, path)
    return descriptor


def surroundings() -> dict[str, str]:
    """What a process number and a port of this process's mean: the kernel, its network and its processes.

    A folder may be shared with containers, which have a network and processes of their own, or with other machines.
    """
    namespaces = {"boot": "", "net": "", "pid": ""}
    with contextlib.suppress(OSError):  # only Linux has namespaces
        namespaces["boot"] = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespaces |= {name: os.readlink(f"/proc/self/ns/{name}") for name in ("net", "pid")}
    return namespaces | {"host": os.uname().nodename}


def read_record(path: Path) -> dict[str, Any]:
    """What the account's process wrote of itself (pid, port, started); empty if it cannot be read."""
    try:
        record = json.loads(path.read_text())
        return record if 0 < int(record["port"]) < 65536 and int(record["pid"]) > 0 else {}
    except (OSError, ValueError, TypeError, LookupError):
        return {}


def _locked_file(folder: Path, prefix: str) -> tuple[int, str]:
    """A new file's descriptor, locked, and its path."""
    descriptor, path = tempfile.mkstemp(dir=folder, prefix=prefix)
    try:
        _lock(descriptor, fcntl.LOCK_EX, Path(path))
    except StateError:
        os.close(descriptor)
        os.unlink(path)
        raise
    return descriptor, path


def _lock(descriptor: int, how: int, path: Path) -> bool:
    """Lock an open file; False if another process holds it."""
    try:
        fcntl.flock(descriptor, how)
        return True
    except (BlockingIOError, PermissionError):  # the latter is what NFS may say
        return False
    except OSError as error:
        raise StateError(
            path.parent,
            f"the file system of this folder keeps no locks ({error.strerror}), which show whether the account's "
            "process lives. Name a folder on a disk of this machine in LOCAL_AWS_STATE.",
        ) from None
