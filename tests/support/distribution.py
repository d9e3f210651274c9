"""The account as others get it: its wheel, in an environment of its own, and what the documentation lets them run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from support import ROOT

ACCOUNT = ROOT / "account"
# A line that names a file, and the block that shows it.
NAMED = re.compile(r"(?ms)^[^\n]*`(?P<name>\w+\.py)`[^`\n]*:\n\n```python\n(?P<code>.*?)^```$")


def build(folder: Path) -> Path:
    """A wheel of the account as it is in this checkout, made in a folder."""
    source = folder / "source"
    shutil.copytree(ACCOUNT, source, ignore=shutil.ignore_patterns("*.egg-info", "build", "__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run([*command, "--wheel-dir", str(folder), str(source)], folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def environment(folder: Path, wheel: Path) -> Path:
    """The Python of a new environment with the wheel in it, and beside it the packages of this environment.

    They are there by their folder alone: its ``.pth`` files, which lead to this checkout, have no effect.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run([sys.executable, "-m", "pip", "--quiet", f"--python={python}", "install", "--no-deps", "--no-index",
         str(wheel)], folder)  # fmt: skip
    (packages,) = folder.glob("lib/python*/site-packages")
    others = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "others.pth").write_text(f"{others}\n")
    return python


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with nothing of this process's environment that names an account or a Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LOCAL_AWS_", "PYTHON"))}
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done


def programs(page: Path) -> dict[str, str]:
    """The Python files that a page shows, by the names that it gives them."""
    return {match["name"]: match["code"] for match in NAMED.finditer(page.read_text("utf-8"))}
