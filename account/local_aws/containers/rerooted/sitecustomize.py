"""Path rewriting: shows a Python program ``/opt/ml`` where its job's folder is; Python imports it at start-up.

A script for SageMaker names its files by ``/opt/ml/processing/…``, and must run unchanged on Linux and macOS, without
root, Docker or chroot.  A mount namespace of the user's own does that on Linux only, and not where the kernel or a
container forbids it; a library between program and system (``LD_PRELOAD``) needs a compiler, and macOS drops it.  So
the path is exchanged where Python hands it to the system: in the functions of ``os`` and in ``open``, on which
``pathlib``, ``shutil``, ``glob``, ``tempfile``, imports, NumPy, pandas and joblib rest, and in the arguments of the
programs that are started.  Libraries in C that open a file by its name themselves are not reached, but for those that
``local_aws_tensorflow`` is for.

The folder stands on PYTHONPATH only in jobs that run a user's script, and the file does nothing without
``LOCAL_AWS_JOB_ROOT``, the folder that is ``/`` to the job.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

Function = Callable[..., Any]
PREFIX = "/opt/ml"
VARIABLE = "LOCAL_AWS_JOB_ROOT"
MORE = "LOCAL_AWS_JOB_PREFIXES"  # further prefixes, which an image of the user's own has, with colons between
# What lies in the job's folder: in a job the prefixes of its image, elsewhere the one that all images have.
PREFIXES = (PREFIX, *filter(None, os.environ.get(MORE, "").split(":")))
PORT = "LOCAL_AWS_CONTAINER_PORT"  # a port that is the container's own, see image_packages/local_aws_port.py
SOCKET = "LOCAL_AWS_SOCKET"
HIDDEN = {__file__}  # files whose lines no traceback shows: on AWS they are not there
# Extras of the account by the modules that scripts import, and what people call them.
LIBRARIES = {"tensorflow": "TensorFlow", "torch": "PyTorch"}
ONE_PATH = (
    "access chdir chflags chmod chown getxattr lchflags lchmod lchown listdir listxattr lstat mkdir mkfifo mknod open "
    "pathconf removexattr rmdir setxattr stat statvfs truncate unlink remove utime"
).split()
TWO_PATHS = ("link", "rename", "replace", "symlink")


def in_text(text: str, root: str, prefixes: tuple[str, ...] = PREFIXES) -> str:
    """``text`` with every path in it that lies below one of the prefixes exchanged."""
    return _anywhere(prefixes).sub(lambda match: root + match[0], text)


@functools.cache
def _anywhere(prefixes: tuple[str, ...]) -> re.Pattern[str]:
    """A prefix where a path begins in a text (an argument, a shell's command): not within a path or an address."""
    either = "|".join(map(re.escape, sorted(prefixes, reverse=True)))
    return re.compile(rf"(?<![\w./~$%@+-])(?:{either})(?![\w.-])")


def as_seen(text: str, root: str) -> str:
    """``text`` with the job's real folder left out of paths again, as the job is to see them."""
    for prefix in PREFIXES:
        text = text.replace(root + prefix, prefix)
    return text


def in_path(path: Any, root: str) -> Any:
    """A path, str, bytes or PathLike, that may lie below a prefix; anything else is given back as it is."""
    text = path
    if not isinstance(text, (str, bytes)):
        if not hasattr(type(path), "__fspath__"):
            return path
        text = type(path).__fspath__(path)
    if isinstance(text, bytes):
        return os.fsencode(root) + text if _begins(os.fsdecode(text)) else path
    return root + text if _begins(text) else path


def _begins(path: str) -> bool:
    if not path.startswith(PREFIXES):
        return False
    return any(path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/") for prefix in PREFIXES)


class _Entry:
    """An ``os.DirEntry`` whose path is the one that was asked for."""

    def __init__(self, entry: os.DirEntry[Any], path: str) -> None:
        self._entry = entry
        self.path = path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return repr(self._entry)


class _Entries:
    """The iterator of ``os.scandir`` for a folder that was asked for by another path."""

    def __init__(self, entries: Any, folder: Any) -> None:
        self._entries = entries
        self._folder = folder

    def __iter__(self) -> _Entries:
        return self

    def __next__(self) -> _Entry:
        entry = next(self._entries)
        return _Entry(entry, os.path.join(self._folder, entry.name))

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries.close()


def _taking(function: Function, root: str, paths: int, *names: str) -> Function:
    """``function`` with its first ``paths`` arguments, and those called ``names``, exchanged."""

    def rerooted(*args: Any, **kwargs: Any) -> Any:
        args = (*(in_path(path, root) for path in args[:paths]), *args[paths:])
        for name in names:
            if name in kwargs:
                kwargs[name] = in_path(kwargs[name], root)
        try:
            return function(*args, **kwargs)
        except OSError as error:
            for name in ("filename", "filename2"):
                if isinstance(getattr(error, name), str):
                    setattr(error, name, as_seen(getattr(error, name), root))
            raise

    return rerooted


def _scanning(function: Function, root: str) -> Function:
    """``os.scandir`` of an exchanged folder, whose entries lie in the one that was asked for."""

    def rerooted(path: Any = ".") -> Any:
        real = in_path(path, root)
        entries = function(real)
        return entries if real is path else _Entries(entries, os.fspath(path))

    return rerooted


def _giving(function: Function, root: str) -> Function:
    """``function``, which takes paths, with the path that it gives exchanged back."""

    def rerooted(*args: Any, **kwargs: Any) -> Any:
        kwargs = {name: in_path(value, root) for name, value in kwargs.items()}
        answer = function(*[in_path(path, root) for path in args], **kwargs)
        if isinstance(answer, bytes):
            return os.fsencode(as_seen(os.fsdecode(answer), root))
        return as_seen(answer, root)

    return rerooted


def _paths(root: str) -> dict[str, Function]:
    """What stands for the functions of ``os`` that take or give paths."""
    functions = {name: _taking(getattr(os, name), root, 1, "path") for name in ONE_PATH if hasattr(os, name)}
    functions |= {name: _taking(getattr(os, name), root, 2, "src", "dst") for name in TWO_PATHS}
    functions |= {name: _giving(getattr(os, name), root) for name in ("getcwd", "getcwdb", "readlink")}
    functions["scandir"] = _scanning(os.scandir, root)
    return functions


def _strings(items: Any, root: str) -> Any:
    """A program's arguments, exchanged, as bytes: a list or a tuple as they were."""
    if items is None:
        return None
    exchanged = [os.fsencode(in_text(os.fsdecode(item), root)) for item in items]
    return exchanged if isinstance(items, list) else tuple(exchanged)


def _variables(items: Any, root: str) -> Any:
    """An environment as ``NAME=value``: one that was made anew gets what leads the child here."""
    if items is None:
        return None
    items = _strings(list(items), root)
    if not any(item.startswith(VARIABLE.encode() + b"=") for item in items):
        mark, here = b"PYTHONPATH=", os.path.dirname(__file__)
        search = b"".join(b":" + item[len(mark) :] for item in items if item.startswith(mark))
        items = [item for item in items if not item.startswith(mark)]
        items += [os.fsencode(f"{VARIABLE}={root}"), mark + os.fsencode(here) + search]
        items.append(os.fsencode(f"{MORE}={':'.join(PREFIXES[1:])}"))
        if os.environ.get(PORT):
            items += [os.fsencode(f"{name}={os.environ[name]}") for name in (PORT, SOCKET)]
    return items


def _environment(environment: Any, root: str) -> Any:
    """As ``_variables``, of a mapping."""
    if environment is None:
        return None
    items = _variables([os.fsencode(name) + b"=" + os.fsencode(value) for name, value in environment.items()], root)
    return dict(item.split(b"=", 1) for item in items)


def _forking(function: Function, root: str) -> Function:
    """``_posixsubprocess.fork_exec``, on which ``subprocess`` rests."""

    def rerooted(
        args: Any, executables: Any, close_fds: Any, pass_fds: Any, cwd: Any, environment: Any, *rest: Any
    ) -> Any:
        executables = [in_path(path, root) for path in executables]
        cwd, environment = in_path(cwd, root), _variables(environment, root)
        return function(_strings(args, root), executables, close_fds, pass_fds, cwd, environment, *rest)

    return rerooted


def _starting(function: Function, root: str) -> Function:
    """``os.execv`` or ``os.execve``."""

    def rerooted(path: Any, argv: Any, *environment: Any) -> Any:
        environment = tuple(_environment(mapping, root) for mapping in environment)
        return function(in_path(path, root), _strings(list(argv), root), *environment)

    return rerooted


def _spawning(function: Function, root: str) -> Function:
    """``os.posix_spawn`` or ``os.posix_spawnp``."""

    def rerooted(path: Any, argv: Any, env: Any, **kwargs: Any) -> Any:
        return function(in_path(path, root), _strings(list(argv), root), _environment(env, root), **kwargs)

    return rerooted


def _running(function: Function, root: str) -> Function:
    """``os.system``."""

    def rerooted(command: Any) -> Any:
        return function(in_text(os.fsdecode(command), root))

    return rerooted


def _processes(root: str) -> dict[str, Function]:
    """What stands for the functions of ``os`` that start programs."""
    functions = {name: _starting(getattr(os, name), root) for name in ("execv", "execve")}
    spawn = [name for name in ("posix_spawn", "posix_spawnp") if hasattr(os, name)]
    functions |= {name: _spawning(getattr(os, name), root) for name in spawn}
    functions["system"] = _running(os.system, root)
    return functions


def install(root: str) -> None:
    """Exchange paths in this process from now on, whoever has already taken a function from its module."""
    import _io
    import _posixsubprocess

    of_os = _paths(root) | _processes(root)
    exchanged = {id(getattr(os, name)): _as(getattr(os, name), function) for name, function in of_os.items()}
    for capable in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
        capable |= {exchanged[id(function)] for function in capable if id(function) in exchanged}
    for old, new in (
        (_io.open, _taking(_io.open, root, 1, "file")),
        (_io.open_code, _taking(_io.open_code, root, 1, "path")),
        (_posixsubprocess.fork_exec, _forking(_posixsubprocess.fork_exec, root)),
    ):
        exchanged[id(old)] = _as(old, new)
    _exchange_everywhere(exchanged)


def _exchange_everywhere(exchanged: dict[int, Function]) -> None:
    """Put the functions of ``exchanged``, by the ids of the old ones, into all modules, and into the classes there."""
    for module in [module for module in sys.modules.values() if isinstance(module, type(sys))]:
        if module is not sys.modules[__name__]:
            for owner in (module, *(value for value in list(vars(module).values()) if type(value) is type)):
                _exchange(owner, exchanged)


def _as(old: Function, new: Function) -> Function:
    """Give a function the name of the one it stands for: it is pickled by its name."""
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(new, attribute, getattr(old, attribute))
    return new


def _exchange(owner: Any, exchanged: dict[int, Function]) -> None:
    """Put the functions of ``exchanged``, by the ids of the old ones, into a module or a class that has these."""
    for name, value in list(vars(owner).items()):
        function = value.__func__ if isinstance(value, staticmethod) else value
        defaults = getattr(value, "__defaults__", None)
        if id(function) in exchanged:
            new = exchanged[id(function)]
            setattr(owner, name, new if isinstance(owner, type(sys)) else staticmethod(new))
        elif isinstance(defaults, tuple) and any(id(default) in exchanged for default in defaults):
            value.__defaults__ = tuple(exchanged.get(id(default), default) for default in defaults)


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """``sys.excepthook``, without the lines of the files that are hidden."""
    _leave_out(error, set())
    sys.__excepthook__(kind, error, error.__traceback__)
    if sentence := advice(error):
        print(sentence, file=sys.stderr)


def advice(error: BaseException) -> str | None:
    """What to do about an error that a script has here and would not have on AWS; None if there is nothing to say."""
    text = str(error)
    for module, library in LIBRARIES.items():
        if isinstance(error, ModuleNotFoundError) and f"No module named '{module}'" in text:
            return (
                f"{library} is not in the environment that the embedded account runs in. "
                f"Install it there: pip install 'embedded-aws-account[{module}]'"
            )
    if "File system scheme 's3' not implemented" in text:
        return (
            "TensorFlow reaches S3 only with tensorflow-io, which is not in the embedded account. Write to the folder "
            "in SM_MODEL_DIR, whose files SageMaker puts into S3, or use boto3."
        )
    return None


def _leave_out(error: BaseException | None, done: set[int]) -> None:
    if error is None or id(error) in done:
        return
    done.add(id(error))
    kept, trace = [], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename not in HIDDEN:
            kept.append(trace)
        trace = trace.tb_next
    for trace, following in zip(kept, [*kept[1:], None], strict=True):
        trace.tb_next = following
    error.__traceback__ = kept[0] if kept else None
    _leave_out(error.__cause__, done)
    _leave_out(error.__context__, done)


def _close_ways_around() -> None:
    """Run the shim, which this file hides: what keeps the SageMaker SDK's calls on this machine."""
    import importlib.util

    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.path.join(package, "client", "shim", "sitecustomize.py")
    spec = importlib.util.spec_from_file_location("local_aws_shim", path)
    assert spec and spec.loader  # a file that ends with .py has both
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


if os.environ.get(VARIABLE):
    if os.environ.get("AWS_ENDPOINT_URL"):
        _close_ways_around()
    # Last: a package of that name which is installed is the real one.
    sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "image_packages"))
    import local_aws_absent  # found by the path above
    import local_aws_tensorflow  # beside this file

    HIDDEN |= {local_aws_absent.__file__, local_aws_tensorflow.__file__}
    sys.meta_path.append(local_aws_absent.Finder())
    if os.environ.get(PORT):
        import local_aws_port

        HIDDEN.add(local_aws_port.__file__)
        local_aws_port.install(int(os.environ[PORT]), os.environ[SOCKET])
    sys.excepthook = _show
    _root = os.environ[VARIABLE]
    install(_root)
    local_aws_tensorflow.install(
        local_aws_tensorflow.Paths(
            _root,
            PREFIXES,
            functools.partial(in_path, root=_root),
            functools.partial(as_seen, root=_root),
            functools.partial(in_text, root=_root),
        )
    )
