"""What the account knows of a job in script mode: its program, its folder, its arguments, its metrics and its log."""

import io
import json
import re
import tarfile
from typing import Any
from urllib.parse import urlsplit

from exercises.account import Job
from utils.check import Unreadable
from utils.course import Course

FOR_THE_CONTAINER = "sagemaker_"  # how the hyperparameters begin that are no arguments
LOG_GROUP = "/aws/sagemaker/TrainingJobs"


def program(job: Job) -> str | None:
    """The script that the job was told to run; None if it was told none."""
    return _told(job).get("sagemaker_program")


def arguments(job: Job) -> dict[str, Any]:
    """The arguments that the script was given, by name."""
    return {name: value for name, value in _told(job).items() if not name.startswith(FOR_THE_CONTAINER)}


def packed(job: Job) -> dict[str, bytes]:
    """The files of the folder that was sent with the job, by their paths in it."""
    address = urlsplit(_told(job)["sagemaker_submit_directory"])
    body = job.s3.get_object(Bucket=address.netloc, Key=address.path.lstrip("/"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as files:
        held = {each.name.removeprefix("./"): files.extractfile(each) for each in files.getmembers() if each.isfile()}
        return {name: file.read() for name, file in held.items() if file is not None}


def metrics(job: Job) -> dict[str, float]:
    """The value that the account keeps of each of the job's metrics."""
    return {each["MetricName"]: each["Value"] for each in job.sent.get("FinalMetricDataList", [])}


def printed(job: Job, pattern: str, course: Course) -> list[str]:
    """What a regular expression finds in the job's log, in its order; Unreadable if it finds nothing."""
    pages = (
        course.session.boto_session.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job.sent['TrainingJobName']}/")
    )
    found = re.findall(pattern, "\n".join(event["message"] for page in pages for event in page["events"]))
    if not found:
        raise Unreadable("The log of the lesson's job does not have its errors: run the cells above, which train it.")
    return found


def _told(job: Job) -> dict[str, Any]:
    """The hyperparameters, which hold JSON where the SDK wrote them."""

    def value(text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            return text

    return {name: value(text) for name, text in job.hyperparameters.items()}
