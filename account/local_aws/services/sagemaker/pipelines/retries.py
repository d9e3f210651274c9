"""RetryPolicies of a pipeline's steps: which errors a policy is for, how often a step is retried, and when.

Reference: the developer guide, "Retry policy for pipeline steps", and the SageMaker SDK's ``sagemaker.workflow.retry``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from .expressions import json_array, need

# The types of steps that may have policies.
RETRIED = ("Processing", "Training", "Tuning", "Model", "RegisterModel", "Transform")
# For each type of exception the codes of a refused call, and the beginning of a failed job's FailureReason.
EXCEPTIONS: dict[str, tuple[tuple[str, ...], str | None]] = {
    "Step.SERVICE_FAULT": (("InternalFailure", "InternalServerError", "ServiceUnavailable"), None),
    "Step.THROTTLING": (("ThrottlingException",), None),
    "SageMaker.JOB_INTERNAL_ERROR": ((), "InternalServerError"),
    "SageMaker.JOB_CAPACITY_ERROR": ((), "CapacityError"),
    "SageMaker.CAPACITY_ERROR": ((), "CapacityError"),  # the same, as the SDK writes it
    "SageMaker.RESOURCE_LIMIT": (("ResourceLimitExceeded",), "ResourceLimitExceeded"),
}
LIMITS = {"IntervalSeconds": 43_200, "MaxAttempts": 20, "ExpireAfterMin": 14_400}
LONGEST_GROWTH = 1e6  # a second becomes longer than a policy may last
INTERVAL, BACKOFF, ATTEMPTS = 1, 2.0, 5  # the defaults: seconds, a factor, attempts


def check_retries(name: str, step_type: str, policies: object) -> None:
    """Refuse the RetryPolicies of the step ``name`` of the type ``step_type`` if the step cannot be tried again so."""
    where = f"RetryPolicies of step '{name}'"
    for policy in json_array(policies or [], where):
        need(
            step_type in RETRIED,
            f"A {step_type} step cannot be retried ({where}); steps that can: {', '.join(RETRIED)}.",
        )
        need(isinstance(policy, dict), f"Expecting start of Json Object in {where}.")
        for member, value in policy.items():
            if member in LIMITS:
                whole = isinstance(value, int) and not isinstance(value, bool)
                need(whole and 0 <= value <= LIMITS[member], f"{member} is not 0 to {LIMITS[member]} in {where}.")
            elif member == "BackoffRate":
                number = isinstance(value, (int, float)) and not isinstance(value, bool)
                need(number and value >= 0, f"BackoffRate is no number from 0 on in {where}.")
            else:
                need(member == "ExceptionType", f"Unknown member '{member}' in {where}.")
        exceptions = policy.get("ExceptionType")
        known = (
            isinstance(exceptions, list)
            and exceptions
            and all(isinstance(exception, str) and exception in EXCEPTIONS for exception in exceptions)
        )
        need(bool(known), f"ExceptionType in {where} must be a list of {', '.join(EXCEPTIONS)}.")
        both = "MaxAttempts" in policy and "ExpireAfterMin" in policy
        need(not both, f"Only one of MaxAttempts and ExpireAfterMin can be given in {where}.")


@dataclass
class Retries:
    """How often a step has been tried again, by each of its policies; times are those of the steady clock."""

    step_type: str
    policies: list[dict[str, Any]]
    began: float = field(default_factory=time.monotonic)
    done: dict[int, int] = field(default_factory=dict)

    def next(self, code: str, reason: str) -> float | None:
        """When the step is to be tried again after an error; None if it has failed for good.

        ``code`` is that of a refused call, ``reason`` the FailureReason of a job; the other one is empty.
        """
        now = time.monotonic()
        for number, policy in enumerate(self.policies):
            if not any(self._matches(exception, code, reason) for exception in policy["ExceptionType"]):
                continue
            done = self.done.get(number, 0)
            if "ExpireAfterMin" in policy:
                left = now - self.began < 60 * policy["ExpireAfterMin"]
            else:
                left = done < policy.get("MaxAttempts", ATTEMPTS)
            if not left:
                return None
            self.done[number] = done + 1
            growth = 1.0
            for _ in range(min(done, LIMITS["MaxAttempts"])):
                growth = min(growth * policy.get("BackoffRate", BACKOFF), LONGEST_GROWTH)
            interval: int = policy.get("IntervalSeconds", INTERVAL)  # seconds
            return now + interval * growth
        return None

    def _matches(self, exception: str, code: str, reason: str) -> bool:
        codes, beginning = EXCEPTIONS[exception]
        if self.step_type == "Tuning" and exception == "SageMaker.JOB_INTERNAL_ERROR":
            return False  # such a job tries again itself
        return code in codes or (beginning is not None and reason.startswith(beginning))
