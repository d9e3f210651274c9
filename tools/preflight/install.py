"""``python tools/preflight/install.py COMMAND …``: run an installer of packages, and say in one sentence why it failed.

An installer without a network ends in words about conflicting dependencies, or in the name of one package.
Run as a plain file: nothing is installed yet.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

# What an installer's words match, what to do.  The first that matches counts.
SENTENCES: list[dict[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["sentence"]


def why(said: str) -> str | None:
    """What to do about an installer that failed with these words; None if they are not known."""
    return next((each["advice"] for each in SENTENCES if re.search(each["pattern"], said, re.IGNORECASE)), None)


def main(command: list[str]) -> int:
    """Run the command, its output passed on; its exit code."""
    said = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stderr or ():
            said.append(line)
            print(line, end="", file=sys.stderr, flush=True)
    if process.returncode and (sentence := why("".join(said))):
        print(f"\n{sentence}", file=sys.stderr)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
