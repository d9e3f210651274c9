"""The first cell of a lesson: where its SageMaker calls go, in whose name, and what that costs."""

import hashlib
import io
import json
import os
import re
import sys
import tarfile
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from IPython import get_ipython

from local_aws.client.session import open_session
from local_aws.core.settings import state_folder
from local_aws.core.store import StateError
from local_aws.prices import HOSTING, JOBS, PRICED
from utils.preflight import CourseError, machine, sdk, stack
from utils.preflight.advice import speak_in_notebook
from utils.sweep import COURSE, delete_endpoint, running

current: "Course | None" = None  # what this kernel has started last: where checks look
JOB_MINUTES = 3  # AWS's own clock: of a small job, about as many are billed


@dataclass(frozen=True)
class Course:
    """A lesson's place in an AWS account; ``start`` makes it.

    ``session`` is the SDK's ``Session``, ``role`` the ARN of the role that jobs take, ``tags`` what every
    resource of this kernel carries; ``bucket`` and ``prefix`` say where its objects go.
    """

    series: str
    lesson: str  # as start() was given it
    # Not shown when a cell ends with the course: an output that is committed must name no account.
    session: Any = field(repr=False)
    role: str = field(repr=False)
    tags: list[dict] = field(repr=False)

    @property
    def bucket(self) -> str:
        """The session's default bucket; it is made when it is first asked for."""
        return self.session.default_bucket()

    @property
    def prefix(self) -> str:
        """Where in the bucket the series keeps its objects."""
        return "/".join(filter(None, (self.session.default_bucket_prefix, "course", self.series)))

    @property
    def output_path(self) -> str:
        """The address in S3 below which jobs put their artifacts."""
        return f"s3://{self.bucket}/{self.prefix}"

    @cached_property
    def table(self):
        """The table of the lesson's series, a ``DataFrame``."""
        return import_module("utils.tables").load(self.series)

    def tags_for(self, table, hyperparameters: dict) -> list[dict]:
        """The tags of a training job that ``find_training_job`` finds again by data and hyperparameters."""
        data = hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()
        values = hashlib.sha256(json.dumps(hyperparameters, sort_keys=True).encode()).hexdigest()
        marks = {"course-series": self.series, "course-data": data, "course-hyperparameters": values}
        return self.tags + [{"Key": key, "Value": value} for key, value in marks.items()]

    def find_training_job(self, table, hyperparameters: dict) -> str | None:
        """The newest completed job of this user with these data and hyperparameters; None if there is none."""
        wanted = {f"Tags.{tag['Key']}": tag["Value"] for tag in self.tags_for(table, hyperparameters)}
        filters = [{"Name": k, "Operator": "Equals", "Value": v} for k, v in wanted.items() if k != "Tags.course-run"]
        filters.append({"Name": "TrainingJobStatus", "Operator": "Equals", "Value": "Completed"})
        found = self.session.sagemaker_client.search(
            Resource="TrainingJob", SearchExpression={"Filters": filters}, SortBy="CreationTime"
        )["Results"]
        return found[0]["TrainingJob"]["TrainingJobName"] if found else None

    def open_model(self, artifact: str):
        """Coefficients, an array, and intercept of a model of Linear Learner; ``artifact`` is its address in S3."""
        return import_module("utils.artifact").linear(self.open_file(artifact, "model_algo-1"))

    def open_file(self, artifact: str, name: str) -> io.BytesIO:
        """A file in a ``model.tar.gz``, to be read; ``artifact`` is its address in S3.  KeyError if it is not there."""
        address, s3 = urlsplit(artifact), self.session.boto_session.client("s3")
        packed = s3.get_object(Bucket=address.netloc, Key=address.path.lstrip("/"))["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            file = archive.extractfile(name)
            assert file is not None, f"{name} is a folder"
            return io.BytesIO(file.read())

    def image(self, folder: str | Path) -> str:
        """The address of the image that the Dockerfile in ``folder`` describes; CourseError if it cannot be made."""
        name = f"course-{Path(folder).name}"
        if os.environ.get("COURSE_AWS") == "aws":
            raise CourseError(f"Build {folder} with Docker, push it to ECR as {name}, and write its address here.")
        try:
            return import_module("local_aws").add_image(folder, name, account_folder())
        except ValueError as error:
            raise CourseError(str(error)) from None

    def show_running(self) -> None:
        """Print what this kernel has running in the account: ``nothing is running``, or a line for each."""
        print("\n".join(running(self.session.sagemaker_client, self.tags)) or "nothing is running")

    @contextmanager
    def endpoint(self, estimator, **deploy):
        """An endpoint for a ``with`` block: its predictor, and its end whatever happens in the block."""
        from sagemaker.utils import name_from_base

        name = name_from_base(f"course-{self.series}")
        try:
            yield estimator.deploy(endpoint_name=name, model_name=name, tags=self.tags, **deploy)
        finally:
            delete_endpoint(self.session.sagemaker_client, name)


def start(lesson: str, jobs: int = 0, endpoint_minutes: int = 0, edition: str | None = "2") -> Course:
    """Open the account that this kernel works in, and print which it is and what the lesson costs there.

    ``COURSE_AWS`` chooses: ``local`` (or unset) is the embedded account on this machine, ``aws`` the account
    of your credentials.  ``lesson`` is a series, or one of its lessons, "salary/01_explore", whose exercises can
    be checked then.  ``jobs`` and ``endpoint_minutes`` are what the lesson uses, for the estimate; ``edition`` is
    the version of the SDK that it is written for, None if any will do.

    Raises CourseError with a sentence if the account or the SDK cannot be used.
    """
    where = os.environ.get("COURSE_AWS", "local")
    if where not in ("local", "aws"):
        raise CourseError(f"COURSE_AWS is '{where}'. It must be 'local' or 'aws'.")
    sdk.check(edition)
    sdk.hush()
    machine.draw_in_page()
    warnings.filterwarnings("ignore", 'install "ipywidgets"')  # with which version 3 would draw while it waits
    try:
        with _own_tracebacks():
            session, role = open_session(account_folder()) if where == "local" else stack.open_session()
    except StateError as error:
        raise CourseError(str(error)) from None
    cost = jobs * JOB_MINUTES / 60 * JOBS["ml.m5.large"] + endpoint_minutes / 60 * HOSTING["ml.t2.medium"]
    estimate = f"about ${cost:.2f}" if cost >= 0.005 else "less than one cent"
    place, costs = "AWS: your own account", f"{estimate} (prices of {PRICED}) if it is run to its end"
    if where == "local":
        place = "LOCAL: the embedded AWS account on this machine"
        costs = f"nothing here; on AWS {estimate} (prices of {PRICED})"
    print(f"{place}, region {session.boto_region_name}.\nThis lesson costs {costs}.")
    user = re.sub(r"[^\w.@-]", "-", os.environ.get("COURSE_USER") or machine.user_name())
    tags = {"course": COURSE, "course-user": user, "course-run": f"{time.time_ns():x}-{os.getpid()}"}
    global current
    series = lesson.partition("/")[0]
    current = course = Course(series, lesson, session, role, [{"Key": k, "Value": v} for k, v in tags.items()])
    if shell := get_ipython():
        speak_in_notebook(shell, lambda: running(session.sagemaker_client, course.tags))
    return course


@contextmanager
def _own_tracebacks():
    """Keep the notebook's own form of errors, which the SDK's first import replaces by coloured boxes.

    The SDK is imported within, once the account is chosen: its import already looks for credentials.
    """
    hook = sys.excepthook
    try:
        yield
    finally:
        sys.excepthook = hook
        shell = get_ipython()
        for name in ("showtraceback", "_showtraceback", "showsyntaxerror") if shell else ():
            vars(shell).pop(name, None)


def account_folder() -> Path:
    """The folder of the course's embedded account: in this checkout, wherever a kernel works."""
    return state_folder(Path(__file__).resolve().parents[1])
