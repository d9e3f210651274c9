"""An embedded account with faults of its own: whoever names a thing after one of them meets it.

Each raises a ValueError, as what a user gives wrong often does too: no bug may pass for that.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable

from local_aws.containers.rerooted import sitecustomize as rerooted
from local_aws.door import server
from local_aws.services.iam.roles import Roles
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.sagemaker.hosting import inference_pipeline
from local_aws.services.sagemaker.pipelines import definition
from local_aws.services.sagemaker.training import pipe_mode
from local_aws.services.sagemaker.training.api import TrainingJobs
from support.account import OwnProgram


class Account(OwnProgram):
    """The account of ``folder`` with its bugs."""

    program = __file__

    def tracebacks(self, bug: str) -> int:
        """How often the process has logged a bug with its traceback."""
        parts = self.log().split("Traceback (most recent call last):")
        return sum(f"ValueError: {bug}" in part for part in parts[1:])


def _break(owner: object, name: str, bug: str, told: Callable[..., str]) -> None:
    """Let a function raise where the name that it is ``told`` of is that of the bug."""
    function = getattr(owner, name)

    def broken(*arguments, **members):
        if bug in told(*arguments, **members):
            raise ValueError(bug)
        return function(*arguments, **members)

    setattr(owner, name, broken)


def _break_all() -> None:
    asked: Counter[str] = Counter()

    def from_the_second_time_on(roles: Roles, arn: str, source: str) -> str:
        asked[source] += 1
        return source if asked[source] > 1 else ""

    class Struct:
        @staticmethod
        def pack(*_: object) -> bytes:
            raise ValueError("bug-in-pipe")

    _break(ObjectStore, "link", "bug-in-link", lambda store, item, target: item.key)
    _break(ObjectStore, "put_file", "bug-in-put", lambda store, bucket, key, path: key)
    _break(ObjectStore, "object", "bug-in-object", lambda store, bucket, key: key)
    _break(Roles, "may_be_assumed", "bug-in-role", from_the_second_time_on)
    _break(TrainingJobs, "launch", "bug-in-launch", lambda jobs, params, *_: params["TrainingJobName"])
    _break(inference_pipeline, "begin", "bug-in-begin", lambda sources, root, *_: f"{root}")
    _break(definition, "check_cache", "bug-in-definition", lambda name, *_: name)
    _break(rerooted, "as_seen", "bug-in-message", lambda text, root: text)
    vars(pipe_mode)["struct"] = Struct


if __name__ == "__main__":
    _break_all()
    sys.exit(server.main())
