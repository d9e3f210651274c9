"""Shows a Python program ``/opt/ml`` where its job's folder is; Python imports it at start-up.

A script for SageMaker names its files by ``/opt/ml/processing/…``, and must run unchanged on Linux and macOS, without
root, Docker or chroot.  A mount namespace of the user's own does that on Linux only, and not where the kernel or a
container forbids it; a library between program and system (``LD_PRELOAD``) needs a compiler, and macOS drops it.  So
the path is exchanged where Python hands it to the system: in the functions of ``os`` and in ``open``, on which
``pathlib``, ``shutil``, ``glob``, ``tempfile``, imports, NumPy, pandas and joblib rest, and in the arguments of the
programs that are started.  Libraries in C that open a file by its name themselves are not reached.

The folder stands on PYTHONPATH only in jobs that run a user's script, and the file does nothing without
``LOCAL_AWS_JOB_ROOT``, the folder that is ``/`` to the job.
"""

import os
import re
import sys

PREFIX = "/opt/ml"
VARIABLE = "LOCAL_AWS_JOB_ROOT"
# The prefix where a path begins in a text (an argument, a shell's command): not within another path or an address.
_ANYWHERE = re.compile(r"(?<![\w./~$%@+-])/opt/ml(?![\w.-])")
ONE_PATH = (
    "access chdir chflags chmod chown getxattr lchflags lchmod lchown listdir listxattr lstat mkdir mkfifo mknod open "
    "pathconf removexattr rmdir setxattr stat statvfs truncate unlink remove utime"
).split()
TWO_PATHS = ("link", "rename", "replace", "symlink")


def in_text(text: str, root: str) -> str:
    """``text`` with every path below ``/opt/ml`` in it exchanged."""
    return _ANYWHERE.sub(lambda found: root + PREFIX, text)


def as_seen(text: str, root: str) -> str:
    """``text`` with the job's real folder called ``/opt/ml`` again, as the job is to see it."""
    return text.replace(root + PREFIX, PREFIX)


def in_path(path, root: str):
    """A path, str, bytes or PathLike, that may lie below ``/opt/ml``; anything else is given back as it is."""
    text = path
    if not isinstance(text, (str, bytes)):
        if not hasattr(type(path), "__fspath__"):
            return path
        text = type(path).__fspath__(path)
    if isinstance(text, bytes):
        begins = text.startswith(PREFIX.encode()) and text[len(PREFIX) : len(PREFIX) + 1] in (b"", b"/")
        return os.fsencode(root) + text if begins else path
    begins = text.startswith(PREFIX) and text[len(PREFIX) : len(PREFIX) + 1] in ("", "/")
    return root + text if begins else path


class _Entry:
    """An ``os.DirEntry`` whose path is the one that was asked for."""

    def __init__(self, entry, path):
        self._entry = entry
        self.path = path

    def __getattr__(self, name):
        return getattr(self._entry, name)

    def __fspath__(self):
        return self.path

    def __repr__(self):
        return repr(self._entry)


class _Entries:
    """The iterator of ``os.scandir`` for a folder that was asked for by another path."""

    def __init__(self, entries, folder):
        self._entries = entries
        self._folder = folder

    def __iter__(self):
        return self

    def __next__(self):
        entry = next(self._entries)
        return _Entry(entry, os.path.join(self._folder, entry.name))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._entries.close()


def install(root: str) -> None:
    """Exchange paths in this process from now on, whoever has already taken a function from its module."""
    import _io
    import _posixsubprocess

    def taking(function, paths, *names):
        def rerooted(*args, **kwargs):
            args = [in_path(each, root) for each in args[:paths]] + list(args[paths:])
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

    def scanning(function):
        def rerooted(path="."):
            real = in_path(path, root)
            found = function(real)
            return found if real is path else _Entries(found, os.fspath(path))

        return rerooted

    def giving(function):
        def rerooted(*args, **kwargs):
            kwargs = {name: in_path(value, root) for name, value in kwargs.items()}
            answer = function(*[in_path(each, root) for each in args], **kwargs)
            if isinstance(answer, bytes):
                return os.fsencode(as_seen(os.fsdecode(answer), root))
            return as_seen(answer, root)

        return rerooted

    def strings(items):
        if items is None:
            return None
        exchanged = [os.fsencode(in_text(os.fsdecode(each), root)) for each in items]
        return exchanged if isinstance(items, list) else tuple(exchanged)

    def variables(items):
        """An environment as ``NAME=value``: one that was made anew gets what leads the child here."""
        if items is None:
            return None
        items = strings(list(items))
        if not any(each.startswith(VARIABLE.encode() + b"=") for each in items):
            mark, here = b"PYTHONPATH=", os.path.dirname(__file__)
            search = b"".join(b":" + each[len(mark) :] for each in items if each.startswith(mark))
            items = [each for each in items if not each.startswith(mark)]
            items += [os.fsencode(f"{VARIABLE}={root}"), mark + os.fsencode(here) + search]
        return items

    def mapping(environment):
        if environment is None:
            return None
        items = variables([os.fsencode(k) + b"=" + os.fsencode(v) for k, v in environment.items()])
        return dict(each.split(b"=", 1) for each in items)

    def fork_exec(args, executables, close_fds, pass_fds, cwd, environment, *rest):
        executables = [in_path(each, root) for each in executables]
        cwd = in_path(cwd, root)
        return started(strings(args), executables, close_fds, pass_fds, cwd, variables(environment), *rest)

    def starting(function):
        def rerooted(*args):
            args = list(args)
            args[0] = in_path(args[0], root)
            args[1] = strings(list(args[1]))
            return function(*args[:2], *map(mapping, args[2:]))

        return rerooted

    def spawning(function):
        def rerooted(path, argv, env, **kwargs):
            return function(in_path(path, root), strings(list(argv)), mapping(env), **kwargs)

        return rerooted

    started = _posixsubprocess.fork_exec
    system = os.system
    made = {name: taking(getattr(os, name), 1, "path") for name in ONE_PATH if hasattr(os, name)}
    made |= {name: taking(getattr(os, name), 2, "src", "dst") for name in TWO_PATHS}
    made |= {name: giving(getattr(os, name)) for name in ("getcwd", "getcwdb", "readlink")}
    made["scandir"] = scanning(os.scandir)
    made |= {name: starting(getattr(os, name)) for name in ("execv", "execve")}
    made |= {name: spawning(getattr(os, name)) for name in ("posix_spawn", "posix_spawnp") if hasattr(os, name)}
    made["system"] = lambda command: system(in_text(os.fsdecode(command), root))
    exchanged = {id(getattr(os, name)): _as(getattr(os, name), function) for name, function in made.items()}
    for capable in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
        capable |= {exchanged[id(function)] for function in capable if id(function) in exchanged}
    exchanged[id(_io.open)] = _as(_io.open, taking(_io.open, 1, "file"))
    exchanged[id(_io.open_code)] = _as(_io.open_code, taking(_io.open_code, 1, "path"))
    exchanged[id(started)] = _as(started, fork_exec)
    for module in [module for module in sys.modules.values() if isinstance(module, type(sys))]:
        if module is not sys.modules[__name__]:
            for owner in (module, *(each for each in list(vars(module).values()) if type(each) is type)):
                _exchange(owner, exchanged)


def _as(old, new):
    """Give a function the name of the one it stands for: it is pickled by its name."""
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(new, attribute, getattr(old, attribute))
    return new


def _exchange(owner, exchanged: dict) -> None:
    """Put the functions of ``exchanged``, by the ids of the old ones, into a module or a class that has these."""
    for name, value in list(vars(owner).items()):
        function = value.__func__ if isinstance(value, staticmethod) else value
        defaults = getattr(value, "__defaults__", None)
        if id(function) in exchanged:
            new = exchanged[id(function)]
            setattr(owner, name, new if isinstance(owner, type(sys)) else staticmethod(new))
        elif isinstance(defaults, tuple) and any(id(each) in exchanged for each in defaults):
            value.__defaults__ = tuple(exchanged.get(id(each), each) for each in defaults)


def _show(kind, error, trace) -> None:
    """``sys.excepthook``, without the lines of this file: on AWS it is not there."""
    _leave_out(error, set())
    sys.__excepthook__(kind, error, error.__traceback__)


def _leave_out(error, done: set) -> None:
    if error is None or id(error) in done:
        return
    done.add(id(error))
    kept, trace = [], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename not in (__file__, local_aws_absent.__file__):
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

    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "shim", "sitecustomize.py")
    spec = importlib.util.spec_from_file_location("local_aws_shim", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


if os.environ.get(VARIABLE):
    if os.environ.get("AWS_ENDPOINT_URL"):
        _close_ways_around()
    # Last: a package of that name which is installed is the real one.
    sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "image_packages"))
    import local_aws_absent

    sys.meta_path.append(local_aws_absent.Finder())
    sys.excepthook = _show
    install(os.environ[VARIABLE])
