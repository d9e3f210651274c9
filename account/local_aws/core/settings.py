"""Settings: where the account lies on this machine, and what its process takes from the environment.

An account is a folder: the one that ``LOCAL_AWS_STATE`` names, else `.local_aws/` in the project that is worked in.
Nothing outside of it belongs to the account.
"""

from __future__ import annotations

import hashlib
import os
import site
from pathlib import Path

from platformdirs import user_data_path

NAME = "local_aws"  # of the folders that hold accounts
PROJECT = ("pyproject.toml", ".git")  # a folder that holds one of them is a project
PACKAGES = Path(__file__).resolve().parents[2]  # the folder that this package lies in
BUCKETS = "LOCAL_AWS_BUCKETS"
IMAGES = "LOCAL_AWS_IMAGES"
POLICY = "LOCAL_AWS_POLICY"
SETTINGS = (BUCKETS, IMAGES, POLICY, "LOCAL_AWS_NEW_ACCOUNT")


def state_folder(here: Path | None = None) -> Path:
    """The account's folder, absolute; it need not exist yet.

    It is the one that ``LOCAL_AWS_STATE`` names, else that of the project which ``here`` (by default the current
    folder) lies in, else the user's own, in the place for data that the operating system names.

    A relative ``LOCAL_AWS_STATE`` is relative to the current folder, like any path on a command line.  Who may not
    write into the project, which others share or which is read-only, has an account for it below the home folder.
    """
    named = os.environ.get("LOCAL_AWS_STATE")
    if named:
        return Path(named).expanduser().absolute()
    here = (here or Path.cwd()).absolute()
    project = next((path for path in (here, *here.parents) if any((path / name).exists() for name in PROJECT)), None)
    if project is None:
        try:
            of_user = user_data_path(NAME, appauthor=False)
        except RuntimeError:  # there is no home folder
            return here / f".{NAME}"
        return of_user if of_user.is_absolute() else here / f".{NAME}"  # earlier versions of platformdirs
    folder = project / f".{NAME}"
    of_user = Path(os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"))
    # Not below "~": so it reads where there is no home folder.
    if os.access(folder if folder.exists() else project, os.W_OK | os.X_OK) or not of_user.is_absolute():
        return folder
    return of_user / NAME / f"{project.name}-{hashlib.sha256(os.fsencode(project)).hexdigest()[:8]}"


def python_path() -> str:
    """What leads another process of this Python to this package, for ``PYTHONPATH``; empty if it needs nothing.

    A package that is installed is found anyway.  With ``PYTHONPATH`` its neighbours would come before the standard
    library, which some of them have modules of the same name as.
    """
    installed = [*site.getsitepackages(), site.getusersitepackages()]
    return "" if str(PACKAGES) in map(os.path.realpath, installed) else str(PACKAGES)


def settings() -> dict[str, str]:
    """What the account's process takes from the environment when it starts, by variable; "" where there is nothing."""
    values = {name: os.environ.get(name, "") for name in SETTINGS}
    for name in (BUCKETS, IMAGES, POLICY):
        if values[name]:
            values[name] = str(Path(values[name]).expanduser().absolute())
    return values
