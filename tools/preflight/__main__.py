"""``python -m tools.preflight``: is the AWS account ready for the lessons?"""

import argparse
import os
import sys

from tools.preflight.checks import Lacking, look, request
from utils.preflight.sdk import hush

MARKS = {True: "ok     ", False: "MISSING", None: "?      "}


def main() -> int:
    """The exit code for a shell: 0 ready, 1 something is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.preflight",
        description="Look whether the AWS account of your credentials is ready for the lessons; this costs nothing.",
    )
    parser.add_argument("--request", action="store_true", help="ask AWS for the quotas that are too low")
    options = parser.parse_args()
    hush()
    if os.environ.get("COURSE_AWS", "local") != "aws":
        print("COURSE_AWS is not 'aws', so the lessons run in the embedded account, which needs none of this.")
    lacking: list[Lacking] = []
    missing = _show(look(lacking))
    if lacking and options.request:
        missing -= len(lacking) - _show(request(lacking))
    print("Something is missing." if missing else "Ready.")
    return int(missing > 0)


def _show(findings) -> int:
    """Print findings as they come; how many are missing."""
    missing = 0
    for what, well, sentence in findings:
        print(f"{MARKS[well]} {what}: {sentence}", flush=True)
        missing += well is False
    return missing


if __name__ == "__main__":
    sys.exit(main())
