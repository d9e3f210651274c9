"""The table of SageMaker's operations in docs/operations.md: executed, metadata only, or refused.

Made from botocore's models and the operations that the account's services answer with, so that it cannot say
more than the code does: ``python -m local_aws operations`` writes it, and a test holds it to the code.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import botocore

from .core.account import open_account
from .door.application import Application
from .wire.operation import Operation, operations_of
from .wire.protocols import service_model

PAGE = Path(__file__).parents[1] / "docs" / "operations.md"
COMMAND = "python -m local_aws operations"
BEGIN, END = f"<!-- made by {COMMAND} -->\n", "<!-- end of what is made -->\n"
# An operation's name is a verb and what it is about; the rest, from For or With on, says of what or how.
NAME = re.compile(r"((?:Batch)?[A-Z][a-z]+)(\w*?)(?:(?:For|With|By)[A-Z]\w*)?")


def page() -> str:
    """The page of operations with the table for the account as it is in this environment."""
    text = PAGE.read_text("utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    return f"{before}{BEGIN}{table()}{END}{after}"


def table() -> str:
    """The table of operations, in Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        application = Application(Path(folder), open_account(Path(folder)), 0)
        services = [
            ("SageMaker", "sagemaker", application.services["sagemaker"].operations),
            ("The SageMaker runtime", "sagemaker-runtime", operations_of(application.invocations)),
        ]
        parts = [_part(title, service_model(model).operation_names, done) for title, model, done in services]
    return f"From the code, and the models of botocore {botocore.__version__}.\n\n" + "\n".join(parts)


def _part(title: str, names: Iterable[str], done: Mapping[str, Operation]) -> str:
    names = sorted(names)
    running = sorted(name for name, operation in done.items() if operation.executes)
    metadata = sorted(done.keys() - set(running))
    refused = [name for name in names if name not in done]
    lines = [
        f"## {title}",
        "",
        f"{len(names)} operations: {len(running)} executed, {len(metadata)} metadata only, {len(refused)} refused.",
        "",
        "| resource | executed | metadata only |",
        "|---|---|---|",
    ]
    both = _by_subject(done)
    for subject, members in both.items():
        cells = [" ".join(f"`{name}`" for name in members if name in which) for which in (running, metadata)]
        lines.append(f"| {subject} | {' | '.join(cells)} |")
    lines += ["", "<details><summary>Refused</summary>", "", "| resource | refused |", "|---|---|"]
    for subject, members in _by_subject(refused).items():
        lines.append(f"| {subject} | {' '.join(f'`{name}`' for name in members)} |")
    return "\n".join([*lines, "", "</details>", ""])


def _by_subject(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by what they are about, in the alphabet's order: ``ListTrainingJobs`` is about a ``TrainingJob``."""
    subjects: dict[str, list[str]] = {}
    for name in names:
        parts = NAME.fullmatch(name)
        if parts is None:
            raise ValueError(f"the name {name} does not begin with a verb")
        verb, subject = parts.groups()
        subject = re.sub(r"(?<=as|us)es$|(?<=[^su])s$", "", re.sub(r"ies$", "y", subject or verb))
        subjects.setdefault(subject, []).append(name)
    return {subject: sorted(subjects[subject]) for subject in sorted(subjects)}
