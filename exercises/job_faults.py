"""What a training job from CSV is sent wrongly: faults that several lessons look for, in the order of their causes."""

from collections.abc import Callable, Iterator
from typing import Any

from exercises.account import USER, Job
from utils.course import Course

Fault = tuple[Callable[[Job, Course], Any], str]
A_DAY, AN_HOUR = 86_400, 3_600  # seconds: what version 2 of the SDK sends without max_run, and what version 3 does


def csv_form_faults(columns: int, algorithm: str = "Linear Learner") -> Iterator[Fault]:
    """Faults of the channel ``train`` of a table with so many columns, whatever it holds; ``algorithm`` reads it."""
    yield (
        lambda job, course: ", ".join(job.channels) or "none" if "train" not in job.channels else None,
        f"{algorithm} learns from a channel named train; the job was sent these channels: {{}}.",
    )
    yield (
        lambda job, course: "csv" not in job.channels["train"].get("ContentType", ""),
        "The channel train does not say that its files are CSV: give TrainingInput content_type='text/csv'.",
    )
    yield (
        lambda job, course: line if any(map(str.isalpha, line := job.first_line("train"))) else None,
        f"The first line of the channel train holds names: {{}}. {algorithm} wants no header.",
    )
    yield (
        lambda job, course: n if (n := len(job.first_line("train").split(","))) != columns else None,
        f"The first line of the channel train has {{}} values where {columns} are expected: index=False leaves the row "
        "numbers out.",
    )


def csv_faults(target: str, columns: int, target_name: str, algorithm: str = "Linear Learner") -> Iterator[Fault]:
    """Faults of the channel ``train`` of the course's table; ``target`` is the label's column."""
    yield from csv_form_faults(columns, algorithm)
    yield (
        lambda job, course: float(job.first_line("train").split(",")[0]) not in set(course.table[target]),
        f"The first value of the first line is no {target_name}: the label belongs into the first column.",
    )


def setting(name: str, wanted: str, missing: str, other: str) -> Iterator[Fault]:
    """Faults of one hyperparameter."""
    yield lambda job, course: name not in job.hyperparameters, missing
    yield lambda job, course: job.hyperparameters[name] if job.hyperparameters[name] != wanted else None, other


def end_faults(limit: int, without: int, argument: str) -> Iterator[Fault]:
    """Faults of the job's limit, tags and end; ``without`` is the limit that the SDK sends by itself."""

    def seconds(job: Job) -> int:
        return job.sent["StoppingCondition"]["MaxRuntimeInSeconds"]

    yield (
        lambda job, course: seconds(job) == without,
        f"The job has the SDK's own limit, {without:,} seconds: {argument} sets yours, in seconds.",
    )
    yield (
        lambda job, course: seconds(job) == limit // 60,
        f"{argument} counts seconds, and the job was given so few that they look like minutes.",
    )
    yield (
        lambda job, course: f"{seconds(job):,}" if seconds(job) != limit else None,
        f"The job may take {{}} seconds, not {limit:,}.",
    )
    yield (
        lambda job, course: USER not in job.tags,
        "The job carries none of the course's tags: with tags=course.tags the clean-up finds what is yours.",
    )
    yield from state_faults()


def state_faults() -> Iterator[Fault]:
    """A job that has no model, or none yet."""
    yield (
        lambda job, course: job.sent["TrainingJobStatus"] in ("InProgress", "Stopping"),
        "The job is still at work: wait for its end, and check it again.",
    )
    yield (
        lambda job, course: (
            job.sent.get("FailureReason", job.sent["TrainingJobStatus"]).replace("\n", " ")[:300]
            if job.sent["TrainingJobStatus"] != "Completed"
            else None
        ),
        "What was sent looks right, but the job has no model: {}.",
    )
