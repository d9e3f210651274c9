"""Supervisor of a container's program, which ends it with the account: ``supervise.py COMMAND …``.

The program takes this process's place, with the environment as it is: a shell would drop the variables whose names
are not its own, such as ``SM_HP_LEARNING-RATE``.  What stays beside it reads the account's end of the pipe that is
this process's standard input: when the account dies, however it dies, all processes of the group go too.
"""

import os
import signal
import sys

WATCH = "cat >/dev/null; kill -KILL 0"

if __name__ == "__main__":
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a stop is the program's to answer
        for descriptor in (1, 2):  # the log ends with the program
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        os.execve("/bin/sh", ["sh", "-c", WATCH], {"PATH": os.defpath})
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them, and the program would inherit that
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        sys.exit(f"exec {sys.argv[1]}: {(error.strerror or str(error)).lower()}")
