"""python -m tools.lessons run [--series NAME] | regenerate [NAME …] | tables | workbook | progress | measure"""

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
    again = commands.add_parser("regenerate", help="run the notebooks and store their outputs in them")
    again.add_argument("names", metavar="NAME", nargs="*", help="only these, as salary/01_explore")
    commands.add_parser(
        "tables", help="write the tables of lessons in README.md and 00_start_here.ipynb, and the glossary"
    )
    commands.add_parser("workbook", help="write or renew workbook/, the learner's own copy of the lessons")
    commands.add_parser("progress", help="say which exercises are done and which are open")
    commands.add_parser("measure", help="say how much each lesson asks of a reader")
    options = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        if options.command == "run":
            return run_course(options.series)
        if options.command == "regenerate":
            return run_notebooks(options.names)
        simple = {
            "tables": write_tables,
            "workbook": make_workbook,
            "progress": show_progress,
            "measure": show_measures,
        }
        return simple[options.command]()
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


def run_notebooks(names: list[str]) -> int:
    """Run the notebooks on the shipped tables, in an embedded account that begins empty and ends here.

    ``names`` are those to run, below ``notebooks``, without their ending; none stands for all.
    """
    from local_aws import client
    from tools.lessons.regenerate import regenerate

    paths = lessons(sdk=installed_edition())
    known = {str(path.relative_to(ROOT / "notebooks").with_suffix("")): path for path in paths}
    if unknown := set(names) - set(known):
        raise CourseError(f"There is no lesson {', '.join(sorted(unknown))}. The lessons: {', '.join(known)}.")
    for name in ("COURSE_DATA", "MPLBACKEND"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        state = Path(folder) / "account"
        os.environ.update(COURSE_AWS="local", LOCAL_AWS_STATE=str(state), IPYTHONDIR=f"{folder}/ipython")
        try:
            return regenerate(
                [path for name, path in known.items() if name in names or not names], MASKS.read_text("utf-8")
            )
        finally:
            client.stop(state)


def write_tables() -> int:
    """Write the tables of lessons and the glossary anew."""
    from tools.lessons.tables import with_tables

    for path, text in with_tables().items():
        path.write_text(text, "utf-8", newline="\n")
    return 0


def make_workbook() -> int:
    """Write or renew the learner's own copy."""
    from tools.lessons.workbook import ReadOnly, make

    try:
        told = make()
    except ReadOnly as error:
        raise CourseError(str(error)) from None
    print("\n".join(told) or "workbook/ is up to date.")
    return 0


def show_progress() -> int:
    """Print which exercises are done."""
    from tools.lessons.progress import lines

    print("\n".join(lines()))
    return 0


def show_measures() -> int:
    """Print what was counted in each lesson."""
    from tools.lessons.measure import table

    print("\n".join(table()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
