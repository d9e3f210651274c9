"""A container that runs a user's script: it finds ``/opt/ml`` where the job's folder is.

Its Python is the one that the account runs in, with ``rerooted/sitecustomize.py``, which exchanges the paths; its
root is a folder of the job's.  Of the account's keys the script gets those that were drawn for it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import site
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .containers import Container
from .rerooted import sitecustomize as rerooted
from .role_sessions import Session

SHELLS = ("bash", "dash", "sh", "zsh")
# The user's program takes the shell's place.  What stays beside it reads the account's end of the pipe: when the
# account dies, however it dies, the program's processes go too.
SUPERVISED = """exec 3<&0
(trap '' TERM; cat <&3 >/dev/null; kill -KILL 0) >/dev/null 2>&1 &
exec 3<&- </dev/null
exec "$@"
"""


def root_folder(folder: Path) -> Path:
    """The folder that can be a container's root: ``folder``, or another one if a shell would trip over its name.

    The folder's name stands where scripts of a shell had written ``/opt/ml`` without quotes.
    """
    folder = Path(os.path.realpath(folder))
    if shlex.quote(str(folder)) != str(folder):
        folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="local-aws-job-")))
    return folder


def lay_out(root: Path) -> None:
    """Make the folders that a script expects of any container, and its ``python`` and ``pip``."""
    for folder in ("root", "bin"):
        (root / folder).mkdir(parents=True)
    for name in ("python", "python3", "pip", "pip3"):
        program, module = root / "bin" / name, " -m pip" if name.startswith("pip") else ""
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{module} "$@"\n')
        program.chmod(0o755)


def start(
    command: Sequence[str],
    root: Path,
    environment: Mapping[str, str],
    session: Session,
    on_lines: Callable[[list[tuple[float, str]]], None],
    modules: Sequence[str] = (),
) -> Container:
    """Start ``command`` in the container whose ``/`` is ``root``, which ``lay_out`` has prepared.

    Paths below ``/opt/ml`` in the command and the environment are exchanged for real ones, and back in the output
    that ``on_lines`` gets (see Container).  Its clients of AWS have ``session``.  ``modules`` are further folders for
    PYTHONPATH.

    Raises ValueError, in Docker's words, if there is no such program.
    """
    base = str(root)
    command = [rerooted.in_text(each, base) for each in command]
    asked = {name: rerooted.in_text(value, base) for name, value in environment.items()}
    search = asked.get("PATH") or os.environ.get("PATH", os.defpath)
    environment = {
        **session.environment(asked),
        "PATH": f"{base}/bin{os.pathsep}{search}",
        "HOME": f"{base}/root",
        "PYTHONUSERBASE": site.getuserbase(),  # it would be looked for below HOME
        "PIP_NO_INDEX": "1",
        rerooted.VARIABLE: base,
    }
    if shutil.which(command[0], path=environment["PATH"]) is None:
        raise ValueError(f"CannotStartContainerError: exec: '{command[0]}': not found.")
    if Path(command[0]).name in SHELLS:
        _reroot_script(command[1:], root)

    def keep(lines: list[tuple[float, str]]) -> None:
        # In a container the job's folder is the root of all.
        on_lines([(at, text.replace(f"{base}/", "/").replace(base, "/")) for at, text in lines])

    search_python = [str(Path(rerooted.__file__).parent), *modules, asked.get("PYTHONPATH", "")]
    return Container(
        ["/bin/sh", "-c", SUPERVISED, "sh", *command],
        root,
        environment,
        keep,
        os.pathsep.join(filter(None, search_python)),
    )


def reroot(file: Path, root: Path) -> None:
    """Exchange the paths in a file for real ones: a shell reads it, and no Python is there to do it."""
    text = file.read_bytes().decode(errors="surrogateescape")
    file.write_bytes(rerooted.in_text(text, str(root)).encode(errors="surrogateescape"))


def _reroot_script(arguments: Sequence[str], root: Path) -> None:
    """Exchange the paths in the script that a shell is to run."""
    for argument in arguments:
        script = Path(argument)
        if root in script.parents and script.is_file():
            reroot(script, root)
            return
