"""Who is alive: files that processes hold locked as long as they live.

The operating system lets go of a lock when its process ends, however it ends; so a lock says what a
process number cannot, whether the one that wrote it is still there.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from pathlib import Path


def hold(path: Path, patience: float = 0.0) -> int | None:
    """Lock a file for this process and return its descriptor; None if another one holds it.

    Tries again for ``patience`` seconds, since ``is_held`` takes the lock for a moment to look.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            if time.monotonic() >= until:
                os.close(descriptor)
                return None
            time.sleep(0.02)


def is_held(path: Path) -> bool:
    """Whether a living process holds the file."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(descriptor)


def take(folder: Path) -> int:
    """Say that this process uses the account of ``folder``; the account's process lives as long as it does."""
    leases = folder / "leases"
    leases.mkdir(exist_ok=True)
    # Locked before it is seen: a lease that nobody holds yet would be taken for a dead one's.
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix="lease-")
    fcntl.flock(descriptor, fcntl.LOCK_EX)
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


def write_record(path: Path, record: dict) -> int:
    """Say in a private file who this process is; the descriptor returned holds it as long as that is true."""
    # Locked before it is seen, and written whole: nobody takes a dead process's record for this one's.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, json.dumps(record).encode())
    os.rename(temporary, path)
    return descriptor


def read_record(path: Path) -> dict:
    """What the account's process wrote of itself (pid, port, started); empty if it cannot be read."""
    try:
        record = json.loads(path.read_text())
        return record if 0 < int(record["port"]) < 65536 and int(record["pid"]) > 0 else {}
    except (OSError, ValueError, TypeError, LookupError):
        return {}
