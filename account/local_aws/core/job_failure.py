"""``JobFailure``: a job or a deployment has failed for a reason that its user is told."""

from __future__ import annotations


class JobFailure(Exception):
    """The user's input, code or model has failed the work; the sentence is, or becomes part of, its FailureReason.

    Whatever else goes wrong at work is a fault of the account's own, and is told as an internal error.
    """
