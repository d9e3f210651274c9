"""Machines as readers have them: containers, fresh homes, shared folders, odd file systems, somebody's own Python."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from local_aws.containers import script_container
from local_aws.core import process_lock, settings
from local_aws.core.account import open_account, write_once
from local_aws.core.settings import state_folder
from local_aws.images import IMAGES
from local_aws.services.sagemaker.hosting import model_container
from local_aws.services.sagemaker.hosting.served_model import Unhealthy
from support import PYTHON_PATH, ROOT
from support.account import Place, living
from tools.preflight import install
from utils.course import account_folder

# What CPython reads before a program begins, set for other programs than the course's.
FOREIGN = {
    "PYTHONHOME": "/nonexistent",
    "PYTHONSTARTUP": "/nonexistent/startup.py",
    "PYTHONSAFEPATH": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "PYTHONINSPECT": "1",
}


@pytest.fixture
def place(tmp_path):
    """An account that no other test uses; not started."""
    place = Place(tmp_path / "state")
    yield place
    place.close()


# A lesson's first cell and its figure, in a kernel

# A user id without a name, and a machine that is slow to find its fonts.
UNUSUAL = """
import pwd, threading
def getpwuid(number):
    raise KeyError(f"getpwuid(): uid not found: {number}")
pwd.getpwuid = getpwuid
timer = threading.Timer
threading.Timer = lambda seconds, *rest: timer(0, *rest)
"""
CELLS = (
    "from utils import start\ncourse = start('salary')",
    "import logging\nlogging.basicConfig(level=logging.INFO)  # as parts of the SDK do\nimport matplotlib.pyplot",
    "from utils import load, plots\nplots.spread(load('salary')['Salary'], 'Salaries')",
    "print([each['Value'] for each in course.tags if each['Key'] == 'course-user'])",
)


@pytest.mark.parametrize(("backend", "home"), [("agg", "home"), ("no-such-backend", "file/home")])
def test_a_lesson_begins_in_a_container_on_a_fresh_home(place, tmp_path, backend, home):
    """`home` is empty, or cannot be made; `backend` draws nothing in a page, or does not exist."""
    (tmp_path / "home").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(UNUSUAL)
    environment = {name: value for name, value in place.environment.items() if not name.startswith(("XDG_", "MPL"))}
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME", "COURSE_USER"):
        environment.pop(name, None)
    path = os.pathsep.join([str(tmp_path / "site"), PYTHON_PATH])
    environment |= {"HOME": str(tmp_path / home), "MPLBACKEND": backend, "PYTHONPATH": path}
    environment |= {"IPYTHONDIR": str(tmp_path / "ipython")}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    NotebookClient(notebook, km=kernel, timeout=300).execute(env=environment, stderr=subprocess.DEVNULL)
    first, second, third, last = (cell.outputs for cell in notebook.cells)
    assert [(output.name, output.text[:6]) for output in first] == [("stdout", "LOCAL:")]
    assert second == []
    (figure,) = third
    assert figure.output_type == "display_data" and figure.data["image/png"].startswith("iVBOR")
    assert last[0].text == f"['uid-{os.getuid()}']\n"


# File systems


def without(place: Place, tmp_path: Path, program: str) -> str:
    """A PYTHONPATH that has the commands of `place` run `program` first."""
    (tmp_path / "site").mkdir(exist_ok=True)
    (tmp_path / "site" / "sitecustomize.py").write_text(program)
    return os.pathsep.join([str(tmp_path / "site"), place.environment["PYTHONPATH"]])


@pytest.mark.parametrize("code", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_a_file_system_without_locks(place, tmp_path, code):
    program = f"""
import errno, fcntl, os
def flock(descriptor, how):
    raise OSError(errno.{code}, os.strerror(errno.{code}))
fcntl.flock = flock
"""
    path = without(place, tmp_path, program)
    done = place.command("start", PYTHONPATH=path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "keeps no locks" in done.stderr and os.strerror(getattr(errno, code)) in done.stderr
    assert "LOCAL_AWS_STATE" in done.stderr and not place.folder.exists()
    open_account(place.folder)  # on another file system, where it lay before
    before = sorted(place.folder.rglob("*"))
    assert place.command("start", PYTHONPATH=path).returncode == 2
    assert [each for each in sorted(place.folder.rglob("*")) if each.is_file()] == before


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_hard_links(place, monkeypatch, code):
    def link(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", link)
    account = open_account(place.folder)
    write_once(place.folder / "account.json", "another one's")
    assert open_account(place.folder) == account
    assert {each.name for each in place.folder.iterdir()} == {".gitignore", "account.json", "account.json.lock"}
    assert place.start().account == account


def test_a_job_on_a_file_system_whose_programs_cannot_be_run(tmp_path, monkeypatch):
    look = os.statvfs

    def statvfs(path):
        noexec = tmp_path in (Path(path), *Path(path).parents)
        return SimpleNamespace(f_flag=script_container.NOEXEC if noexec else look(path).f_flag)

    assert script_container.root_folder(tmp_path / "job") == Path(os.path.realpath(tmp_path / "job"))
    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr(script_container, "NOEXEC", script_container.NOEXEC or 8)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    root = script_container.root_folder(tmp_path / "job")
    assert root.is_dir() and tmp_path not in root.parents
    root.rmdir()


def test_a_folder_that_can_hold_no_socket(tmp_path, monkeypatch):
    longest = tmp_path / ("a" * 120)
    longest.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(longest))
    folder = model_container._short_folder()
    assert longest not in folder.parents and not list(longest.iterdir()) and not list(folder.iterdir())
    folder.rmdir()

    class NoSockets(socket.socket):
        def bind(self, address):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(socket, "socket", NoSockets)
    with pytest.raises(Unhealthy, match="TMPDIR"):
        model_container._short_folder()


@pytest.fixture
def nowhere(tmp_path, monkeypatch) -> Path:
    """A user's home, with nothing in it and no account named; the current folder is it."""
    monkeypatch.delenv("LOCAL_AWS_STATE")
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


@pytest.mark.parametrize("mark", ["pyproject.toml", ".git"])
def test_an_account_lies_in_the_nearest_project(nowhere, monkeypatch, mark):
    below = nowhere / "outer" / "inner" / "a" / "b"
    below.mkdir(parents=True)
    (nowhere / "outer" / ".git").mkdir()
    (nowhere / "outer" / "inner" / mark).write_text("")  # a .git is a file in a worktree of its own
    monkeypatch.chdir(below)
    assert state_folder() == nowhere / "outer" / "inner" / ".local_aws"
    assert state_folder(nowhere / "outer" / "other") == nowhere / "outer" / ".local_aws"
    monkeypatch.setenv("LOCAL_AWS_STATE", "mine")
    assert state_folder() == state_folder(nowhere) == below / "mine"


def test_outside_of_a_project_an_account_lies_among_the_users_data(nowhere, monkeypatch):
    data = "Library/Application Support" if sys.platform == "darwin" else ".local/share"
    assert state_folder() == nowhere / data / "local_aws"
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # there is no home
    assert state_folder() == nowhere / ".local_aws"


def test_the_courses_account_lies_in_its_checkout_wherever_a_kernel_works(nowhere, monkeypatch):
    assert account_folder() == ROOT / ".local_aws"
    monkeypatch.setenv("LOCAL_AWS_STATE", str(nowhere / "mine"))
    assert account_folder() == nowhere / "mine"


def test_who_may_not_write_into_the_project_has_an_account_at_home(nowhere, monkeypatch):
    assert state_folder(ROOT / "notebooks") == ROOT / ".local_aws"
    monkeypatch.setattr(os, "access", lambda path, mode: ROOT not in (Path(path), *Path(path).parents))
    folder = state_folder(ROOT / "notebooks")
    assert folder.parent == nowhere / ".local" / "state" / "local_aws" and folder.name.startswith(f"{ROOT.name}-")
    monkeypatch.setenv("XDG_STATE_HOME", str(nowhere / "state"))
    assert state_folder(ROOT) == nowhere / "state" / "local_aws" / folder.name
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # there is no home
    assert state_folder(ROOT) == ROOT / ".local_aws"  # which then says that it cannot be written


def test_an_installed_package_needs_no_python_path(monkeypatch):
    assert settings.python_path() == str(ROOT / "account")
    monkeypatch.setattr(settings.site, "getsitepackages", lambda: [str(ROOT / "account")])
    assert settings.python_path() == ""


def test_no_module_of_the_folder_that_is_worked_in_is_taken_for_the_accounts(place, tmp_path):
    """Not by its process, nor by a built-in algorithm, which works in the job's folder."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("json", "starlette", "local_aws", "sitecustomize"):
        (elsewhere / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    program = "from local_aws import connect; print(connect().url)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=elsewhere, env=place.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == place.running().url
    with contextlib.suppress(FileNotFoundError):  # only Linux shows it
        command = Path(f"/proc/{place.running().pid}/cmdline").read_text().split("\0")
        assert command[1:4] == ["-P", "-m", "local_aws.door.server"]
    assert all("-P" in image.train for image in IMAGES.values())


def test_a_folder_that_is_shared_with_a_container(place):
    """A port of another network leads nowhere; a process number of other processes is somebody else's here."""
    pid = place.start().pid
    record = json.loads((place.folder / "server.json").read_text())
    assert record["surroundings"] == process_lock.surroundings()
    for name, refused in (("net", ["start", "status", "env"]), ("pid", ["stop", "reset"])):
        other = record | {"surroundings": record["surroundings"] | {name: f"{name}:[1]", "host": "another"}}
        (place.folder / "server.json").write_text(json.dumps(other))
        for command in refused:
            done = place.command(command)
            assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
            assert "runs in another container" in done.stderr and "(on another)" in done.stderr
            assert "LOCAL_AWS_STATE" in done.stderr
        if name == "pid":  # a container that has the network of its host
            assert place.command("start").returncode == 0
        assert living([pid]) == [pid]
    (place.folder / "server.json").write_text(json.dumps(record))
    assert place.command("stop").returncode == 0


# The reader's own Python


def test_what_is_set_for_other_pythons_does_not_reach_the_account(place):
    foreign = {name: value for name, value in FOREIGN.items() if name not in ("PYTHONHOME", "PYTHONINSPECT")}
    pid = place.start(PYTHONDONTWRITEBYTECODE="1", **foreign).pid
    with contextlib.suppress(FileNotFoundError):  # only Linux shows it
        shown = dict(each.split("=", 1) for each in Path(f"/proc/{pid}/environ").read_text().split("\0") if each)
        found = {name: value for name, value in shown.items() if name.startswith("PYTHON")}
        assert found == {"PYTHONPATH": str(ROOT / "account"), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def make(tmp_path):
    """Run a target of the Makefile with an environment that is taken for the course's own."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "ready").write_text("made here\n")

    def run(target: str, python: str, **variables: str) -> subprocess.CompletedProcess:
        program = venv / "bin" / "python"
        # The Makefile asks it for whom it was made; everything else is up to `python`, lines of a shell.
        program.write_text(f'#!/bin/sh\ncase "$2" in *get_platform*) echo made here; exit;; esac\n{python}\n')
        program.chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "JUPYTER"))}
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
            kept.pop(name, None)
        command = ["make", "--no-print-directory", target, f"VENV={venv}"]
        return subprocess.run(command, cwd=ROOT, env=kept | variables, capture_output=True, text=True)

    return run


def test_the_kernel_of_a_jupyter_server_with_a_python_path_of_its_own(make, tmp_path):
    (tmp_path / "elsewhere" / "utils").mkdir(parents=True)
    (tmp_path / "elsewhere" / "utils" / "__init__.py").write_text("")
    done = make("kernel", f'exec {shlex.quote(sys.executable)} "$@"', JUPYTER_DATA_DIR=str(tmp_path / "jupyter"))
    assert done.returncode == 0, done.stderr
    spec = json.loads((tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json").read_text())
    server = os.environ | FOREIGN | {"PYTHONPATH": str(tmp_path / "elsewhere")}
    program = "import os, sys; from utils import start; print(sys.flags.optimize, sys.flags.utf8_mode, sys.warnoptions)"
    argv = [spec["argv"][0], "-c", program]
    assert subprocess.run(argv, env=server, cwd=tmp_path, capture_output=True).returncode != 0
    done = subprocess.run(argv, env=server | spec["env"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "0 1 []\n", done.stderr


def test_a_kernel_is_not_made_where_jupyter_would_not_find_it(make, tmp_path):
    (tmp_path / "file").write_text("")
    done = make("kernel", "exit 9", HOME=str(tmp_path / "file"))
    assert done.returncode == 2 and "JUPYTER_DATA_DIR" in done.stderr
    assert make("kernel", "exit 9", HOME=str(tmp_path / "none"), JUPYTER_DATA_DIR=str(tmp_path)).returncode == 2


TELL = 'echo "$@"; echo "${HOME-none} ${IPYTHONDIR-none} ${PYTHONPATH-none}"'


def test_jupyterlab_where_there_is_no_screen_and_no_home(make, tmp_path):
    done = make("lab", TELL, HOME=str(tmp_path), PYTHONPATH=str(tmp_path), options="--port 9000")
    *_, arguments, surroundings = done.stdout.splitlines()
    root = " --allow-root" if os.getuid() == 0 else ""
    screen = "" if sys.platform == "darwin" else " --no-browser"
    assert arguments == f"-m jupyterlab workbook/00_start_here.ipynb --port 9000{root}{screen}"
    assert surroundings == f"{tmp_path} none none"
    done = make("lab", TELL, HOME=str(tmp_path / "none"), BROWSER="firefox")
    arguments, surroundings = done.stdout.splitlines()[-2:]
    assert arguments == f"-m jupyterlab workbook/00_start_here.ipynb{root}"
    assert surroundings == f"{tmp_path / 'none'} {ROOT}/build/home/ipython none"


# Set-up

SAID = {
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(': Failed to establish a new "
    "connection: [Errno -3] Temporary failure in name resolution')'\nERROR: Cannot install setuptools because these "
    "package versions have conflicting dependencies.\nERROR: ResolutionImpossible": "there is no network",
    "  × Failed to fetch: `https://example.org/simple/a/`\n  ├─▶ error sending request for url\n  ╰─▶ dns error: "
    "failed to lookup address information": "there is no network",
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device": "disk is full",
    "Caused by: No space left on device (os error 28)": "disk is full",
    "ERROR: [Errno 30] Read-only file system: 'a'": "read-only",
    "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate'": "SSL_CERT_FILE",
    "invalid peer certificate: UnknownIssuer": "SSL_CERT_FILE",
    "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy Authentication'))": "proxy",
    "ERROR: 401 Client Error: Unauthorized for url": "who you are",
    "ERROR: No matching distribution found for numpy==2.3.5": "does not have the versions",
    "  × No solution found when resolving dependencies": "does not have the versions",
}


@pytest.mark.parametrize(("said", "wanted"), SAID.items(), ids=lambda text: text[:20])
def test_an_installer_that_fails_ends_in_what_to_do(said, wanted):
    assert wanted in install.why(said)


def test_an_installer_ends_as_its_command_does():
    path = ROOT / "tools" / "preflight" / "install.py"
    for program, code in (("import sys; print('fine'); print('dns error', file=sys.stderr); sys.exit(3)", 3), ("", 0)):
        done = subprocess.run(
            [sys.executable, "-I", path, sys.executable, "-c", program], capture_output=True, text=True
        )
        assert done.returncode == code
        assert done.stdout == ("fine\n" if code else "")
        assert done.stderr == (f"dns error\n\n{install.why('dns error')}\n" if code else "")
    assert install.why("something else") is None
