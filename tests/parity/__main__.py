"""``python tests/parity aws | record | report``: where the embedded account differs from AWS, as AWS itself answers.

The questions are tests: ``make test`` holds the embedded account's answers against ``recorded/embedded``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from parity import recordings  # noqa: E402
from parity.spending import CAP  # noqa: E402

SUBJECTS = sorted(path.stem.removeprefix("test_parity_") for path in Path(__file__).parent.glob("test_parity_*.py"))
USER = "parity"  # whose resources the sweep at the end finds


def ask(mode: str, only: str = "", **variables: str) -> int:
    """Put all questions, or those on one subject, one after another; pytest's exit status."""
    files = sorted(map(str, Path(__file__).parent.glob(f"test_parity_{only or '*'}.py")))
    command = [sys.executable, "-m", "pytest", "-q", "-W", "ignore", "-m", "", *files]  # the long ones, too
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"PARITY": mode} | variables).returncode


def aws(cap: float, only: str, into: Path) -> int:
    """Ask AWS, after saying what that costs; then delete what is left of it."""
    if os.environ.get("COURSE_AWS") != "aws":
        print("This asks a real AWS account, and costs money: it is run with COURSE_AWS=aws only.", file=sys.stderr)
        return 2
    from utils.preflight.sdk import hush
    from utils.preflight.stack import open_session

    hush()
    try:
        session, _ = open_session()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    bill = recordings.read("embedded", "bill")["bill"]
    print(f"In your AWS account, region {session.boto_region_name}, all questions run about {bill['jobs']} jobs and "
          f"{bill['endpoints']} endpoints, one after another, for some ten hours.")  # fmt: skip
    print(f"They cost ${bill['dollars at most']} at most by the list price, and end before they may cost ${cap:.2f}.")
    try:
        return ask("aws", only, PARITY_CAP=str(cap), COURSE_USER=USER, PARITY_INTO=str(into.absolute()))
    finally:
        sweep = "from utils import clean_up, start; clean_up(start('clean-up', edition=None))"
        subprocess.run([sys.executable, "-c", sweep], cwd=ROOT, env=os.environ | {"COURSE_USER": USER})


def report(folder: Path) -> int:
    """Print every difference between what AWS has answered and what the embedded account does."""
    if not any((folder / "aws").glob("*.json")):
        print("Nothing that AWS has answered is recorded yet: COURSE_AWS=aws make parity-aws asks it.")
        return 0
    last, count = "", 0
    for question, place, ours, theirs in recordings.differences(folder):
        if question != last:
            print(f"\n{question}")
        last, count = question, count + 1
        print(f"  {place or 'answer'}")
        print(f"    here: {json.dumps(ours, ensure_ascii=False)}\n    AWS:  {json.dumps(theirs, ensure_ascii=False)}")
    print(f"\n{count} differences" if count else "AWS has answered as the embedded account does.")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/parity", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    of_aws = commands.add_parser("aws", help="ask your AWS account (COURSE_AWS=aws), and record what it answers")
    of_aws.add_argument("--cap", type=float, default=CAP, help=f"dollars that it may cost at most ({CAP:g})")
    of_aws.add_argument("--only", choices=SUBJECTS, default="", help="ask on one subject")
    of_aws.add_argument("--into", type=Path, default=recordings.FOLDER, help="where the answers are written")
    commands.add_parser("record", help="record what the embedded account answers")
    of_report = commands.add_parser("report", help="print where they differ")
    of_report.add_argument("folder", nargs="?", type=Path, default=recordings.FOLDER, help="where the recordings are")
    given = parser.parse_args()
    if given.command == "aws":
        return aws(given.cap, given.only, given.into)
    return ask("record") if given.command == "record" else report(given.folder)


if __name__ == "__main__":
    sys.exit(main())
