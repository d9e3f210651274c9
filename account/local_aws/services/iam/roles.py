"""Execution roles: which ones SageMaker may assume, by what IAM's journal and their trust policies say.

A trust policy is a resource-based one.  Reference: the IAM User Guide, "AWS JSON policy elements: Principal" and
"Policy evaluation logic"; the developer guide of SageMaker, "Cross-Service Confused Deputy Prevention".
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs

from local_aws.containers.role_sessions import SESSION, Sessions
from local_aws.core.account import TRUST, Account
from local_aws.core.errors import AwsError
from local_aws.core.store import Database
from local_aws.wire.refusals import not_implemented

from .policy import Context, as_list, check_conditions, conditions_hold, names

SERVICE = "sagemaker.amazonaws.com"
ACTION = "sts:AssumeRole"
# Nothing has been done in IAM yet: moto, which makes the account's role, has never been started.
UNTOUCHED = "select 1 from sqlite_sequence where name = 'changes'"
CHANGES = """
select body from changes join subjects on change = id
where subject = ? and action in ('CreateRole', 'UpdateAssumeRolePolicy') order by id"""


class Undecided(Exception):
    """A trust policy has what is not implemented here; the sentence names it."""


class Roles:
    """The roles of an account.  They are read from the books themselves: moto takes a second to start."""

    def __init__(self, account: Account, books: Database, sessions: Sessions) -> None:
        """``books`` is the file that ``Books`` keeps; ``sessions`` are those in which SageMaker has the roles."""
        self.account = account
        self.sessions = sessions
        self._books = books

    def check(self, arn: str, source: str) -> None:
        """Raise AwsError, in AWS's words, unless SageMaker may assume a role for the resource ``source`` (an ARN)."""
        self._check(
            arn,
            source,
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal '{SERVICE}' "
            "to assume the role.",
        )

    def check_of_model(self, arn: str, source: str) -> None:
        """As ``check``, in CreateModel's words."""
        self._check(arn, source, invalid(arn))

    def may_be_assumed(self, arn: str, source: str) -> bool:
        """Whether there is such a role, and it lets SageMaker assume it for the resource ``source``.

        Undecided if its trust policy has what cannot be decided here.
        """
        trust = self._trust(arn)
        return trust is not None and self._allows(trust, arn, source)

    def _check(self, arn: str, source: str, sentence: str) -> None:
        owner = arn.split(":")[4] if arn.count(":") >= 5 else ""
        if owner != self.account.account_id:
            raise AwsError(
                "ValidationException",
                f"RoleArn: Cross-account pass role is not allowed. (The role is of account {owner or '(none)'}; "
                f"sagemaker.get_execution_role() gives this account's: {self.account.role_arn})",
            )
        try:
            allowed = self.may_be_assumed(arn, source)
        except Undecided as error:
            raise not_implemented(str(error)) from None
        if not allowed:
            raise AwsError("ValidationException", sentence)

    def _trust(self, arn: str) -> dict[str, Any] | None:
        """The trust policy of the role of this ARN, None if there is none."""
        name = arn.rpartition("/")[2]
        if name == self.account.role_name and not self._books.read(UNTOUCHED):
            return TRUST if arn == self.account.role_arn else None
        rows = self._books.read(CHANGES, (f"RoleName={name}",))
        if not rows:
            return None
        forms = [parse_qs(row["body"].decode(errors="replace")) for row in rows]
        path = forms[0].get("Path", ["/"])[0]
        if arn != f"arn:aws:iam::{self.account.account_id}:role{path}{name}":
            return None
        documents = forms[-1].get("PolicyDocument") or forms[-1]["AssumeRolePolicyDocument"]
        trust: dict[str, Any] = json.loads(documents[0])
        return trust

    def _allows(self, trust: dict[str, Any], arn: str, source: str) -> bool:
        context: Context = {
            "aws:SourceAccount": self.account.account_id,
            "aws:SourceArn": source,
            "aws:PrincipalIsAWSService": "true",
            "aws:PrincipalServiceName": SERVICE,
            "aws:RequestedRegion": self.account.region,
            "aws:SecureTransport": "true",
            "aws:CurrentTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "aws:EpochTime": str(int(time.time())),
            "sts:RoleSessionName": SESSION,
        }
        effects = set()
        for statement in as_list(trust.get("Statement")):
            try:
                check_conditions(statement.get("Sid", "a statement"), statement.get("Condition", {}))
            except ValueError as error:
                raise Undecided(f"The trust policy of {arn} ({error})") from None
            if _speaks(statement) and conditions_hold(statement.get("Condition", {}), context):
                effects.add(statement.get("Effect"))
        return effects == {"Allow"}


def invalid(arn: str) -> str:
    """What CreateModel says, and an endpoint's FailureReason, of a role that SageMaker cannot assume."""
    return (
        f'The execution role ARN "{arn}" is invalid. Please ensure that the role exists and that its trust '
        f'relationship policy allows the action "{ACTION}" for the service principal "{SERVICE}".'
    )


def lost(arn: str) -> str:
    """The FailureReason of a job whose role cannot be assumed any more when it begins."""
    return f"ClientError: SageMaker was unable to assume the role '{arn}'"


def _speaks(statement: dict[str, Any]) -> bool:
    """Whether a statement of a trust policy is about SageMaker's assuming the role."""
    if "Action" in statement:
        about = names(statement["Action"], ACTION, lower=True)
    else:
        about = "NotAction" in statement and not names(statement["NotAction"], ACTION, lower=True)
    if "Principal" in statement:
        return about and _is_meant(statement["Principal"])
    return about and "NotPrincipal" in statement and not _is_meant(statement["NotPrincipal"])


def _is_meant(principal: str | dict[str, Any]) -> bool:
    """Whether SageMaker is among the principals: by its name, or as anybody."""
    if isinstance(principal, str):
        return principal == "*"
    return SERVICE in as_list(principal.get("Service")) or "*" in as_list(principal.get("AWS"))
