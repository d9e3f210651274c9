"""Failures of a training job, in the form in which this image reports them."""

from __future__ import annotations

_LIMIT = 1024


class JobError(Exception):
    """A reason why a job fails.  ``caused_by`` is the exception behind it, which AWS's container names in brackets."""

    def __init__(self, message: str, caused_by: BaseException | None = None) -> None:
        super().__init__(f"{message} (caused by {type(caused_by).__name__})" if caused_by else message)

    @property
    def report(self) -> str:
        """What the container logs and leaves in ``/opt/ml/output/failure``.

        AWS's has a traceback through the container's own files above the name of the error; it is left out.
        """
        return f"framework error: \nTraceback (most recent call last):\n{self._name}: {self}\n\n{self}"

    @property
    def _name(self) -> str:
        return f"sagemaker_algorithm_toolkit.exceptions.{type(self).__name__}"

    @property
    def failure_reason(self) -> str:
        """The service calls all of them errors of the algorithm."""
        return f"AlgorithmError: {self.report}"[:_LIMIT]


class UserError(JobError):
    """Something the job's owner can put right: hyperparameters or data."""


class AlgorithmError(JobError):
    """Something that goes wrong in the algorithm itself."""


class Uncaught(JobError):
    """An exception of Python's own, for which AWS's container has no sentence: ``KeyError: 'objective'``."""

    def __init__(self, exception: Exception) -> None:
        super().__init__(str(exception))
        self._exception = exception

    @property
    def _name(self) -> str:
        return type(self._exception).__name__


def sentence(error: BaseException) -> str:
    """What XGBoost says of an error, without the addresses in its library that it appends."""
    return str(error).partition("\nStack trace:")[0].strip() or type(error).__name__
