"""python -m tools.lessons run [--series NAME] | regenerate | tables"""

import argparse
import io
import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.core.store import StateError
from tools.lessons.play import ROOT, lessons
from utils.course import CourseError, account_folder, start
from utils.preflight.sdk import installed_edition
from utils.sweep import running, user_tags

MASKS = ROOT / "tests" / "nbval_sanitize.cfg"  # what changes from run to run


def main() -> int:
    """Do what the command line asks for: 0 all went well, 1 something failed or runs, 2 it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m tools.lessons")
    commands = parser.add_subparsers(dest="command", required=True)
    course = commands.add_parser("run", help="run the lessons, write build/, show the scores")
    course.add_argument("--series", metavar="NAME", help="only this series, between 00 and 99")
    commands.add_parser("regenerate", help="run the notebooks and store their outputs in them")
    commands.add_parser("tables", help="write the tables of lessons in README.md and 00_start_here.ipynb")
    options = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        if options.command == "run":
            return run_course(options.series)
        return run_notebooks() if options.command == "regenerate" else write_tables()
    except (CourseError, StateError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def run_course(series: str | None) -> int:
    """Run the lessons in the account that COURSE_AWS chooses, and see that nothing is left running."""
    from local_aws.client import connect
    from tools.lessons.report import run

    try:
        paths = lessons(series, sdk=installed_edition())
    except ValueError as error:
        raise CourseError(str(error)) from None
    if data := os.environ.get("COURSE_DATA"):  # relative to this folder; each kernel works in its notebook's
        os.environ["COURSE_DATA"] = str(Path(data).expanduser().resolve())
    if os.environ.get("COURSE_AWS") == "aws":
        print("AWS account: yours (COURSE_AWS=aws). Training and hosting cost money.\n")
    else:
        print(f"AWS account: the embedded one, at {connect(account_folder()).url}\n")
    try:
        failed = run(paths, MASKS.read_text("utf-8"))
    except KeyboardInterrupt:
        print("\n\nStopped. notebooks/99_clean_up.ipynb ends what still runs.")
        failed = 130
    try:
        left = running_of_user()
    except (BotoCoreError, ClientError) as error:
        raise CourseError(f"The account does not say what still runs: {error}") from None
    print("\n".join(f"still running: {line}" for line in left) or "nothing is running")
    return failed or int(bool(left))


def running_of_user() -> list[str]:
    """What runs of this user's lessons, in the account that ``COURSE_AWS`` chooses."""
    with redirect_stdout(None):
        course = start("clean-up", edition=None)
    return running(course.session.sagemaker_client, user_tags(course))


def run_notebooks() -> int:
    """Run the notebooks on the shipped tables, in an embedded account that begins empty and ends here."""
    from local_aws import client
    from tools.lessons.regenerate import regenerate

    for name in ("COURSE_DATA", "MPLBACKEND"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        state = Path(folder) / "account"
        os.environ.update(COURSE_AWS="local", LOCAL_AWS_STATE=str(state), IPYTHONDIR=f"{folder}/ipython")
        try:
            return regenerate(lessons(sdk=installed_edition()), MASKS.read_text("utf-8"))
        finally:
            client.stop(state)


def write_tables() -> int:
    """Write the tables of lessons anew."""
    from tools.lessons.tables import with_tables

    for path, text in with_tables().items():
        path.write_text(text, "utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
