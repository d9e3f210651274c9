"""The commands of ``python -m local_aws COMMAND``; each takes the parsed options and returns its exit code."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import shutil
import signal
import sys
import time
import webbrowser
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from . import __version__, client
from .client import Connection
from .client.connection import OVERRIDDEN
from .core import extras, process_lock
from .core.account import open_account, replace_file
from .core.settings import state_folder
from .core.store import StateError

PACKAGES = ("boto3", "numpy", "starlette", "uvicorn")


def main(arguments: list[str] | None = None) -> int:
    """Run the command that ``arguments`` (by default the command line) name; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m local_aws",
        description="An AWS account on this machine: S3, SageMaker, logs and metrics, without network or bill.",
    )
    parser.add_argument("--version", action="version", version=f"{extras.DISTRIBUTION} {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("start", help="start the account's process (others start it when they need it)")
    commands.add_parser("status", help="say whether it runs, where, and what runs in it")
    commands.add_parser("stop", help="end its process; its data stays")
    commands.add_parser("reset", help="end its process and delete all that the account holds")
    commands.add_parser("env", help='print export lines: eval "$(python -m local_aws env)"')
    run = commands.add_parser(
        "run", help="run a command (a script, a notebook, the AWS CLI, a shell) against the account"
    )
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND …")
    logs = commands.add_parser("logs", help="show what a job or an endpoint logged, or the account's process itself")
    logs.add_argument("name", nargs="?", help="a job's or an endpoint's name")
    page = commands.add_parser("page", help="look at the account in a browser: jobs, endpoints, logs, objects")
    page.add_argument("--print", action="store_true", help="print the page's link and open nothing")
    commands.add_parser("operations", help="write the table of operations in docs/operations.md anew")
    commands.add_parser("doctor", help="look for what is wrong, and say what to do")
    options = parser.parse_args(arguments)
    try:
        return COMMANDS[options.command](options)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (StateError, OSError) as error:
        print(f"local_aws: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def start(_: argparse.Namespace) -> int:
    """Start the account's process unless it runs; say where it listens."""
    connection = client.connect()
    print(f"The embedded account runs at {connection.url} (process {connection.pid}, folder {connection.folder}).")
    return 0


def status(_: argparse.Namespace) -> int:
    """Say whether the process runs, and which jobs, pipelines and endpoints are in it; 3 if it does not run."""
    folder = state_folder()
    connection = client.find(folder, open_account(folder)) if folder.exists() else None
    if connection is None:
        print(f"The embedded account does not run. Its folder: {folder}")
        return 3
    record = process_lock.read_record(folder / "server.json")
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.get("started", 0)))
    print(f"The embedded account runs at {connection.url} (process {connection.pid}, since {started}).")
    print(f"Its folder: {folder}; processes that use it: {process_lock.living(folder)}")
    print("To look at it in a browser: python -m local_aws page")
    from .running import running  # the other commands need nothing of it
    from .services.sagemaker.kinds import ENDPOINT, KINDS, PIPELINE_EXECUTION

    work = running(_boto3(connection).client("sagemaker"))
    for kind in (kind for kind in KINDS.values() if kind.is_job):
        jobs = [job.name for job in work if job.kind is kind and job.status == "InProgress"]
        print(f"{kind.noun.removeprefix('hyperparameter ').capitalize()}s in progress:", ", ".join(jobs) or "none")
    executions = [execution.name for execution in work if execution.kind is PIPELINE_EXECUTION]
    print("Pipelines in progress:", ", ".join(executions) or "none")
    endpoints = [f"{endpoint.name} ({endpoint.status})" for endpoint in work if endpoint.kind is ENDPOINT]
    print("Endpoints:", ", ".join(endpoints) or "none")
    return 0


def stop(_: argparse.Namespace) -> int:
    """End the process; the account's data stays."""
    stopped = client.stop(state_folder())
    print("The embedded account's process has ended; its data stays." if stopped else "It does not run.")
    return 0


def reset(_: argparse.Namespace) -> int:
    """End the process and delete all that the account holds."""
    folder = state_folder()
    client.reset(folder)
    print(f"The embedded account is gone: {folder} is empty. Kernels that used it must be restarted.")
    return 0


def env(_: argparse.Namespace) -> int:
    """Print the shell's lines that lead the AWS CLI and SDKs to the account."""
    for name, value in client.connect().environment().items():
        print(f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}")
    return 0


def run(options: argparse.Namespace) -> int:
    """Become the command, led to the account; 127 if there is no such program, 126 if it cannot be run."""
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv or not argv[0]:
        print("local_aws: run needs a command: python -m local_aws run -- COMMAND …", file=sys.stderr)
        return 2
    connection = client.connect()
    client.apply(connection.environment(), os.environ)
    client.keep_through_exec(connection)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them; the command need not
    try:
        # This process becomes the command: its signals, its exit code and its end are the command's own.
        os.execvp(argv[0], argv)
    except OSError as error:
        print(f"local_aws: {argv[0]}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126


def logs(options: argparse.Namespace) -> int:
    """Print the log of a job or an endpoint, or of the account's process; 1 if nothing was logged under the name."""
    folder = state_folder()
    if options.name is None:
        print(client.last_log(folder, 200))
        return 0
    from .services.sagemaker.kinds import KINDS  # its own needs are not those of the other commands

    cloudwatch = _boto3(client.connect()).client("logs")
    for group, prefix in (kind.log(options.name) for kind in KINDS.values() if kind.log_group):
        try:
            pages = cloudwatch.get_paginator("filter_log_events").paginate(
                logGroupName=group, **({"logStreamNamePrefix": prefix} if prefix else {})
            )
            events = [event for page in pages for event in page["events"]]
        except cloudwatch.exceptions.ResourceNotFoundException:
            continue
        for event in events:
            print(event["message"])
        if events:
            return 0
    print(f"local_aws: no job and no endpoint named {options.name} has logged anything.", file=sys.stderr)
    return 1


def page(options: argparse.Namespace) -> int:
    """Print the link that opens the page, and open it in a browser if somebody sits at this terminal."""
    from .page.door import link  # the page's own needs are not those of the other commands

    connection = client.connect()
    address = link(connection.url, connection.folder)
    print(address)
    screen = sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    if not options.print and screen and sys.stdout.isatty():
        # By way of a private file: the command line of a browser can be read by others on this machine.
        opener = connection.folder / "page.html"
        replace_file(opener, f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">\n')
        webbrowser.open(opener.as_uri())
    return 0


def operations(_: argparse.Namespace) -> int:
    """Write the page of the account's documents that lists SageMaker's operations."""
    from . import coverage

    if not coverage.PAGE.exists():  # the package is installed: the page is in the checkout that it was made from
        print(coverage.table(), end="")
        return 0
    coverage.PAGE.write_text(coverage.page(), "utf-8")
    print(f"The table of operations in {coverage.PAGE} is up to date.")
    return 0


def doctor(_: argparse.Namespace) -> int:
    """Look at everything that has been seen to go wrong; 0 if all is well."""
    well = True

    def report(passed: bool, text: str, advice: str = "") -> None:
        nonlocal well
        well = well and passed
        print(f"{'ok ' if passed else 'BAD'} {text}" + (f"\n    {advice}" if advice and not passed else ""))

    python = platform.python_version()
    report(
        (3, 11) <= sys.version_info[:2] <= (3, 13),
        f"Python {python}",
        "It needs Python 3.11, 3.12 or 3.13.",
    )
    for name in PACKAGES:
        try:
            report(True, f"{name} {version(name)}")
        except PackageNotFoundError:
            report(False, f"{name} is not installed", f"Run pip install {extras.DISTRIBUTION}.")
    for extra in extras.EXTRAS:
        report(True, extras.lack_of(extra) or f"{extras.EXTRAS[extra][1]} is installed")
    try:
        report(
            int(version("sagemaker").split(".")[0]) in (2, 3),
            f"the SageMaker SDK {version('sagemaker')}",
            "The account knows versions 2 and 3.",
        )
    except PackageNotFoundError:
        report(True, "the SageMaker SDK is not installed; boto3 needs none")
    folder = state_folder()
    free = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
    report(
        free > 500e6,
        f"{free / 1e9:.1f} GB free below {folder}",
        "Free some disk: jobs need room for their input.",
    )
    overridden = [
        name
        for name in os.environ
        if name in (*OVERRIDDEN, "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
        or name.startswith("AWS_ENDPOINT_URL_")
    ]
    report(
        True,
        f"set in this environment, without effect in local mode: {', '.join(sorted(overridden)) or 'nothing'}",
    )
    try:
        connection = client.connect()
        report(True, f"the account's process answers at {connection.url}")
        _round_trip(connection)
        report(True, "a signed request, an object to S3 and back")
    except StateError as error:
        report(False, str(error))
    except Exception as error:
        report(False, f"the account does not answer as it should: {error}", f"See {folder / 'server.log'}")
    return 0 if well else 1


def _round_trip(connection: Connection) -> None:
    s3 = _boto3(connection).client("s3")
    bucket = f"doctor-{os.getpid()}-{int(time.time())}"
    s3.create_bucket(Bucket=bucket)
    try:
        s3.put_object(Bucket=bucket, Key="a key", Body=b"a body")
        body = s3.get_object(Bucket=bucket, Key="a key")["Body"].read()
        if body != b"a body":
            raise RuntimeError(f"S3 gave back {body!r} for b'a body'")
        s3.delete_object(Bucket=bucket, Key="a key")
    finally:
        s3.delete_bucket(Bucket=bucket)


def _boto3(connection: Connection) -> Any:
    """boto3's default session, led to the account."""
    client.apply(connection.environment(), os.environ)
    import boto3  # after the environment is set: boto3 reads it once

    return boto3.Session()


COMMANDS = {
    "start": start,
    "status": status,
    "stop": stop,
    "reset": reset,
    "env": env,
    "run": run,
    "logs": logs,
    "page": page,
    "operations": operations,
    "doctor": doctor,
}
