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
import sysconfig
import tempfile
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

from .container import Container
from .rerooted import sitecustomize as rerooted
from .role_sessions import Session

NOEXEC = getattr(os, "ST_NOEXEC", 0)  # Linux says so of a file system; others let the program fail
SHELLS = ("bash", "dash", "sh", "zsh")
SUPERVISE = Path(__file__).with_name("supervise.py")


class NoSuchProgram(Exception):
    """A command that cannot be started, in Docker's words."""


class _Python(venv.EnvBuilder):
    """Makes a container's Python: the account's own, with its packages, but in the container's ``/bin``."""

    def __init__(self) -> None:
        super().__init__(symlinks=True)

    def setup_scripts(self, context: SimpleNamespace) -> None:
        """In place of the scripts that activate an environment: where the packages are."""
        folders = site.getsitepackages() + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
        packages = sysconfig.get_path("purelib", "venv", {"base": context.env_dir})
        lines = [f"import site; site.addsitedir({path!r})\n" for path in folders if os.path.isdir(path)]
        Path(packages, "account.pth").write_text("".join(lines), encoding="utf-8")


def root_folder(folder: Path) -> Path:
    """The folder that can be a container's root: ``folder``, or another one if programs cannot be run in it.

    That is so if a shell would trip over its name, which stands where scripts had written ``/opt/ml`` without quotes,
    or PATH would be cut by it, and on a file system that is mounted with ``noexec``.
    """
    folder = Path(os.path.realpath(folder))
    safe = shlex.quote(str(folder)) == str(folder) and os.pathsep not in str(folder)
    if not safe or not _runs_programs(folder):
        others = (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")
        place = next((path for path in others if _runs_programs(Path(path)) and os.access(path, os.W_OK)), None)
        folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="local-aws-job-", dir=place)))
    return folder


def _runs_programs(folder: Path) -> bool:
    """Whether the file system of ``folder``, which need not exist yet, is mounted without ``noexec``."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    return not os.statvfs(there).f_flag & NOEXEC


def lay_out(root: Path) -> None:
    """Make the folders that a script expects of any container, and its ``python`` and ``pip``."""
    (root / "root").mkdir(parents=True)
    _Python().create(root)
    for name in ("pip", "pip3"):
        program = root / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(str(root / "bin" / "python"))} -m pip "$@"\n')
        program.chmod(0o755)


def start(
    command: Sequence[str],
    root: Path,
    environment: Mapping[str, str],
    session: Session,
    on_lines: Callable[[list[tuple[float, str]]], None],
    modules: Sequence[str] = (),
    workdir: str = "/",
    prefixes: Sequence[str] = (),
) -> Container:
    """Start ``command`` in the container whose ``/`` is ``root``, which ``lay_out`` has prepared.

    Paths below ``/opt/ml`` in the command and the environment are exchanged for real ones, and back in the output
    that ``on_lines`` gets (see Container).  Its clients of AWS have ``session``.  ``modules`` are further folders for
    PYTHONPATH.  An image of the user's own has a ``workdir``, and ``prefixes`` beside ``/opt/ml``.

    Raises NoSuchProgram.
    """
    base = str(root)
    known = (rerooted.PREFIX, *prefixes)
    command = [rerooted.in_text(argument, base, known) for argument in command]
    variables = {name: rerooted.in_text(value, base, known) for name, value in environment.items()}
    search = variables.get("PATH") or os.environ.get("PATH", os.defpath)
    # What an image of the user's own holds in the system's folders.
    laid_down = [f"{base}{path}" for path in search.split(os.pathsep) if prefixes and Path(f"{base}{path}").is_dir()]
    environment = {
        **session.environment(variables),
        # Last, the programs that packages have brought: a server such as gunicorn.
        "PATH": os.pathsep.join([f"{base}/bin", *laid_down, search, sysconfig.get_path("scripts")]),
        "HOME": f"{base}/root",
        "PYTHONUSERBASE": site.getuserbase(),  # it would be looked for below HOME
        "PIP_NO_INDEX": "1",
        rerooted.VARIABLE: base,
        **({rerooted.MORE: ":".join(prefixes)} if prefixes else {}),
    }
    folder = Path(f"{base}/{workdir}")
    program = command[0] if not command[0].startswith(".") else str(folder / command[0])
    if shutil.which(program, path=environment["PATH"]) is None:
        shown = command[0].removeprefix(base)
        why = "permission denied" if "/" in program and Path(program).is_file() else "not found"
        raise NoSuchProgram(f"CannotStartContainerError: exec: '{shown}': {why}.")
    if any("\0" in text for text in [*command, *environment.values()]):
        raise NoSuchProgram(f"CannotStartContainerError: exec: '{command[0]}': invalid argument.")
    if Path(command[0]).name in SHELLS:
        _reroot_script(command[1:], root, known)

    def keep(lines: list[tuple[float, str]]) -> None:
        # In a container the job's folder is the root of all.
        on_lines([(at, text.replace(f"{base}/", "/").replace(base, "/")) for at, text in lines])

    search_python = [str(Path(rerooted.__file__).parent), *modules, variables.get("PYTHONPATH", "")]
    return Container(
        [sys.executable, "-I", "-S", str(SUPERVISE), *command],
        folder,
        environment,
        keep,
        os.pathsep.join(filter(None, search_python)),
    )


def reroot(file: Path, root: Path, prefixes: Sequence[str] = ()) -> None:
    """Exchange the paths in a file for real ones: a shell reads it, and no Python is there to do it."""
    text = file.read_bytes().decode(errors="surrogateescape")
    text = rerooted.in_text(text, str(root), (rerooted.PREFIX, *prefixes))
    file.write_bytes(text.encode(errors="surrogateescape"))


def is_shell_script(begin: bytes) -> bool:
    """Whether a file that begins with these bytes is run by a shell."""
    words = begin.partition(b"\n")[0].decode(errors="replace").removeprefix("#!").split()
    return begin.startswith(b"#!") and any(Path(word).name in SHELLS for word in words[:2])


def _reroot_script(arguments: Sequence[str], root: Path, prefixes: Sequence[str]) -> None:
    """Exchange the paths in the script that a shell is to run."""
    for argument in arguments:
        script = Path(argument)
        if root in script.parents and script.is_file():
            reroot(script, root, prefixes)
            return
