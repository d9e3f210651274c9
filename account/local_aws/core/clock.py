"""The account's clock: the machine's, but while jobs are at work it only goes forward, second by second.

Whoever sets the machine's clock (its user, a time server, a laptop that wakes up) may set it back, or ahead by hours.
What the account tells of a job that is at work meanwhile, of what it logs and of what it writes into S3, is in order
all the same, and as long as it really was.  Signatures and their expiry go by the machine's clock, as clients do.
"""

from __future__ import annotations

import threading
import time

# Seconds that nobody sets; on Linux the usual such clock stands still while the machine sleeps.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_lock = threading.Lock()
_at_work = 0  # jobs
_zero = 0.0  # seconds since the epoch at the zero of the steady clock, as they were when the first of the jobs began


def now() -> float:
    """Seconds since the epoch."""
    with _lock:
        return _zero + time.clock_gettime(_STEADY) if _at_work else time.time()


def hold() -> None:
    """A job begins: from now on the clock does not follow the machine's, until all have let it go."""
    global _at_work, _zero
    with _lock:
        if not _at_work:
            _zero = time.time() - time.clock_gettime(_STEADY)
        _at_work += 1


def let_go() -> None:
    """A job that held the clock has ended."""
    global _at_work
    with _lock:
        _at_work -= 1
