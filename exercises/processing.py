"""What the account knows of a learner's processing jobs, and what such a job is sent wrongly."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from exercises.account import USER, newest
from utils.course import Course

Fault = tuple[Callable[["ProcessingJob", Course], Any], str]
CODE = "code"  # the input by which the SDK hands over the script
LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
LONGEST = 300  # characters of a job's last words


@dataclass(frozen=True)
class ProcessingJob:
    """A processing job as the account describes it: ``sent``, the request and what became of it; and its tags."""

    sent: dict[str, Any]
    tags: dict[str, str]
    session: Any

    @property
    def inputs(self) -> list[dict]:
        """Where each input but the script comes from, ``S3Uri``, and goes to on the machine, ``LocalPath``."""
        return [each["S3Input"] for each in self.sent.get("ProcessingInputs", []) if each["InputName"] != CODE]

    @property
    def outputs(self) -> dict[str, dict]:
        """For each output's name its folder on the machine, ``LocalPath``, and its place, ``S3Uri``."""
        found = self.sent.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return {each["OutputName"]: each["S3Output"] for each in found}

    @property
    def script(self) -> str:
        return self.sent["AppSpecification"]["ContainerEntrypoint"][-1].rpartition("/")[2]

    @property
    def arguments(self) -> list[str]:
        return self.sent["AppSpecification"].get("ContainerArguments", [])

    def holds(self, uri: str) -> list[str]:
        """The first files below a place in S3, each without the place; "" stands for a place that is a file."""
        address = urlsplit(uri)
        prefix = address.path.lstrip("/")
        s3 = self.session.boto_session.client("s3")
        found = s3.list_objects_v2(Bucket=address.netloc, Prefix=prefix, MaxKeys=100).get("Contents", [])
        return [each["Key"].removeprefix(prefix).lstrip("/") for each in found]

    def last_words(self) -> str:
        """The last line that the job's program printed; or the account's reason, if it printed none."""
        name, words = self.sent["ProcessingJobName"], ""
        pages = self.session.boto_session.client("logs").get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{name}/"):
            words = next((each["message"] for each in reversed(page["events"]) if each["message"].strip()), words)
        words = words or self.sent.get("FailureReason") or self.sent["ProcessingJobStatus"]
        return words.strip().replace("\n", " ")[:LONGEST]


def newest_processing_job(answer: Any, course: Course) -> ProcessingJob:
    """This learner's newest processing job whose name begins as ``answer`` says: a processor, or a job's name.

    Raises Unreadable if there is none.
    """
    sent, tags = newest("ProcessingJob", answer, course, "processor", "run")
    return ProcessingJob(sent, tags, course.session)


def input_faults(file: str, folder: str) -> Iterator[Fault]:
    """Faults of the one input beside the script, which brings ``file`` into ``folder`` of the machine."""
    yield (
        lambda job, course: not job.inputs,
        "The job was sent no input but the script, so no table was on the machine: inputs takes a ProcessingInput.",
    )
    yield (
        lambda job, course: (
            ", ".join(found[:3]) or "nothing"
            if not {file, ""} & set(found := job.holds(job.inputs[0]["S3Uri"]))
            else None
        ),
        f"The input's source in S3 has no {file} in it, but {{}}.",
    )
    yield (
        lambda job, course: job.inputs[0]["LocalPath"] if job.inputs[0]["LocalPath"] != folder else None,
        f"The input was copied into {{}} and not into {folder}: destination is the folder on the machine.",
    )


def script_faults(script: str, arguments: list[str]) -> Iterator[Fault]:
    """Faults of the script and what follows it."""
    yield lambda job, course: job.script if job.script != script else None, f"The machine ran {{}} and not {script}."
    yield (
        lambda job, course: not job.arguments,
        "The script was given no arguments, so it looked for its table in its own default folder.",
    )
    yield (
        lambda job, course: any(" " in each for each in job.arguments),
        "One of the arguments holds two words: each word is a text of its own in the list.",
    )
    yield (
        lambda job, course: " ".join(job.arguments) if job.arguments != arguments else None,
        f"The arguments were {{}}: the script knows its folder of input as {arguments[0]}, and the folder follows.",
    )


def output_faults(name: str, folder: str, end: str) -> Iterator[Fault]:
    """Faults of the one output ``name``: from ``folder`` of the machine to a place in S3 that ends with ``end``."""
    yield (
        lambda job, course: not job.outputs,
        "The job was told of no output, so what the script wrote went with the machine: outputs takes a list.",
    )
    yield (
        lambda job, course: ", ".join(job.outputs) if list(job.outputs) != [name] else None,
        f"The outputs have these names: {{}}. There should be one, {name}, and output_name gives it.",
    )
    yield (
        lambda job, course: path if (path := job.outputs[name]["LocalPath"].rstrip("/")) != folder else None,
        f"SageMaker was told to copy the folder {{}}, and the script wrote those rows into {folder}.",
    )
    yield (
        lambda job, course: (
            None if job.outputs[name]["S3Uri"].rstrip("/").endswith(end) else job.outputs[name]["S3Uri"]
        ),
        f"The output went to {{}}, whose end is not {end}.",
    )


def end_faults(limit: int, without: int) -> Iterator[Fault]:
    """Faults of the job's limit in seconds, tags and end; ``without`` is the limit of a job that is given none."""

    def seconds(job: ProcessingJob) -> int:
        return job.sent.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", without)

    yield (
        lambda job, course: seconds(job) == without,
        f"The job has no limit of yours but SageMaker's own, {without:,} seconds: max_runtime_in_seconds sets one.",
    )
    yield (
        lambda job, course: seconds(job) == limit // 60,
        "max_runtime_in_seconds was given so few seconds that they look like minutes.",
    )
    yield (
        lambda job, course: f"{seconds(job):,}" if seconds(job) != limit else None,
        f"The job may take {{}} seconds, not {limit:,}.",
    )
    yield (
        lambda job, course: USER not in job.tags,
        "The job carries none of the course's tags: with tags=course.tags the clean-up finds what is yours.",
    )
    yield (
        lambda job, course: job.sent["ProcessingJobStatus"] in ("InProgress", "Stopping"),
        "The job is still at work: wait for its end, and check it again.",
    )
    yield (
        lambda job, course: job.last_words() if job.sent["ProcessingJobStatus"] != "Completed" else None,
        "What was sent looks right, but the job did not complete. The last line of its log is: {}.",
    )
