"""A program of a job ends with the account: it watches the pipe on its standard input, which closes when that dies."""

from __future__ import annotations

import os
import stat
import threading


def die_with_parent() -> None:
    """End at once when the pipe on standard input closes: nobody is left to take the result."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return

    def wait_for_end() -> None:
        while os.read(0, 4096):
            pass
        os._exit(1)

    threading.Thread(target=wait_for_end, daemon=True).start()
