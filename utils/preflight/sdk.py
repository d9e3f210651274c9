"""Which version of the SageMaker SDK this environment has, and where that version keeps what the course needs of it."""

import logging
import os
import warnings
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from . import CourseError

# The versions that there are lessons for, and what to do where another one is installed.
MENDS = {
    "2": "these lessons are written for version 2. In Studio run 'make kernel' in the course's folder, then choose its "
    "kernel (README, 'In SageMaker Studio'); elsewhere run 'make setup' and open the notebook with 'make lab'.",
    "3": "this lesson is written for version 3. In Studio run 'make kernel sdk=3' in the course's folder; elsewhere "
    "open it with 'make lab sdk=3'.",
}


def installed_edition() -> str:
    """The SDK's version in this environment, to its first point; PackageNotFoundError if there is none."""
    return version("sagemaker").partition(".")[0]


def check(edition: str | None) -> None:
    """Raise CourseError, with what to do, unless this environment has the SDK that a lesson is written for.

    ``edition`` is the SDK's version, one of MENDS, or None if the lesson can do with any of them.
    """
    try:
        found = version("sagemaker")
    except PackageNotFoundError:
        raise CourseError("This kernel has no SageMaker SDK. The README's first command installs it.") from None
    if found.partition(".")[0] not in ((edition,) if edition else MENDS):
        raise CourseError(f"This kernel has version {found} of the SageMaker SDK; {MENDS[edition or '2']}")


def hush() -> None:
    """Keep the SDK and botocore from printing notices, which come or not with what was imported before."""
    os.environ["SAGEMAKER_SUPPRESS_V2_WARNING"] = "1"
    for name in ("sagemaker", "sagemaker.config", "botocore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("sagemaker.estimator").addFilter(_of_a_fault)
    # In a PipelineSession it says at every call that nothing starts.
    logging.getLogger("sagemaker.workflow").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", "Running within a PipelineSession")


def _of_a_fault(record: logging.LogRecord) -> bool:
    # A tuner of version 2 asks its estimator for a model, which is not there by design, and is warned of that.
    return "No finished training job found associated with this estimator" not in record.getMessage()


def session_module() -> ModuleType:
    """The SDK's module with ``Session`` and ``get_execution_role``.  Its import already looks for credentials."""
    return import_module("sagemaker" if installed_edition() == "2" else "sagemaker.core.helper.session_helper")


def failure_type() -> type[Exception]:
    """What the SDK raises when what it waits for, a job or an endpoint, ends badly."""
    if installed_edition() == "2":
        return import_module("sagemaker.exceptions").UnexpectedStatusException
    return import_module("sagemaker.core.utils.exceptions").FailedStatusError
