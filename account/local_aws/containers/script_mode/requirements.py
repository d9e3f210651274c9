"""A user's ``requirements.txt``: what it asks for must be there, since nothing is installed into a container here."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping

import sitecustomize as rerooted  # the one of this container: it knows where /opt/ml is

NOTHING_INSTALLED = (
    "pip installs nothing into a container of the embedded account. It has the packages of the Python environment "
    "that the account runs in: install there what is missing, then try again."
)

NO_PIP = (
    "pip, which tells whether what requirements.txt asks for is there, is not in the environment that the embedded "
    "account runs in. Install it there, then try again."
)


class Missing(Exception):
    """Requirements that are not there: pip's exit code, what it said, its command."""

    def __init__(self, code: int, message: str, command: list[str]) -> None:
        super().__init__(message)
        self.code, self.message, self.command = code, message, command


def check(folder: str, variables: Mapping[str, str]) -> None:
    """Raise Missing unless all of a folder's ``requirements.txt`` is there."""
    arguments = ["-m", "pip", "install", "-r", "requirements.txt"]
    command = [f"{os.environ[rerooted.VARIABLE]}/bin/python", *arguments]
    if importlib.util.find_spec("pip") is None:
        raise Missing(1, NO_PIP, command)
    done = subprocess.run(
        [sys.executable, *arguments, "--dry-run"],
        cwd=folder,
        env={**variables, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    print(done.stdout + done.stderr, end="", flush=True)
    missing = [line for line in done.stdout.splitlines() if line.startswith("Would install")]
    if done.returncode or missing:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] + missing
        raise Missing(done.returncode or 1, "\n".join([*said, NOTHING_INSTALLED]), command)
