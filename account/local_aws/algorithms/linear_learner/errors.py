"""Failures of a training job, in the words that the account shows as ``FailureReason``."""

from __future__ import annotations

_LIMIT = 1024


class CustomerError(Exception):
    """Something the job's owner can put right: hyperparameters or data.

    ``caused_by`` is the class name that AWS's containers print in brackets, ``detail`` the
    text after ``Caused by:``.
    """

    def __init__(self, message: str, caused_by: str = "", detail: str = "") -> None:
        super().__init__(message)
        text = f"{message} (caused by {caused_by})" if caused_by else message
        self.text = f"{text}\n\nCaused by: {detail}" if detail else text

    @property
    def failure_reason(self) -> str:
        """What belongs into ``/opt/ml/output/failure``, at most 1,024 characters."""
        return f"ClientError: {self.text}"[:_LIMIT]


def not_implemented(what: str, instead: str) -> CustomerError:
    """The refusal of something that Amazon's algorithm does and this one does not."""
    return CustomerError(f"{what} is not implemented in the embedded account. {instead}")


def algorithm_error(error: BaseException) -> str:
    """The failure reason for an error that nobody expected: one sentence, no traceback."""
    sentence = " ".join(str(error).split()) or "no message"
    return f"AlgorithmError: {sentence} (caused by {type(error).__name__})"[:_LIMIT]
