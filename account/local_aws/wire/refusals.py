"""Refusals of what AWS has and the embedded account has not, by its name, in the form of its service."""

from __future__ import annotations

from collections.abc import Mapping

from local_aws.core.errors import AwsError


def not_implemented(what: str) -> AwsError:
    """The one answer of SageMaker and of the services beside it to what the account does not have."""
    return AwsError(
        "ValidationException",
        f"{what} is not implemented in the embedded AWS account. Its documentation lists what is.",
    )


def not_implemented_by_s3(what: str) -> AwsError:
    """S3's 501, which also says what it is that is not implemented."""
    message = f"A header or query you provided requests functionality that is not implemented: {what}"
    return AwsError("NotImplemented", message, 501)


def refuse(operation: str, params: Mapping[str, object], members: tuple[str, ...]) -> None:
    """Refuse the members (``A.B`` is B in A) that the account cannot do: a job that ignored them would lie."""
    for path in members:
        value: object = params
        for member in path.split("."):
            value = value.get(member) if isinstance(value, Mapping) else None
        if value:
            raise not_implemented(f"{operation}'s {path}")
