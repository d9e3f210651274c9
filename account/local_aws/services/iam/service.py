"""IAM, STS and ECR by moto: services that only keep books.

moto is started only when the first of these calls comes: most accounts need none of it.  What its STS and IAM give
out as keys is entered among the account's keys, so that requests signed with them are let in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from werkzeug.test import TestResponse

from local_aws.containers.role_sessions import Sessions
from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.core.extras import lack_of
from local_aws.core.store import open_database
from local_aws.wire.protocols import json_response, plain, query_response, read_json, service_model
from local_aws.wire.refusals import not_implemented
from local_aws.wire.service import ApiCall, read_form, target_operation
from local_aws.wire.signature import Key

from .journal import AWSS_POLICY, FORM, Books
from .own_repositories import OwnRepositories
from .policy import Policy

SERVICES = ("iam", "sts", "ecr")
ECR_JSON = "application/x-amz-json-1.1"
# moto takes any proof of identity for a good one, would leave a key that is switched off in use, hands out keys and
# passwords from the documentation, loses what belongs to a user or a group that gets another name, and takes a
# manifest for an image.
UNTRUE = ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "UpdateAccessKey", "GetSessionToken",
          "GetFederationToken", "GetAuthorizationToken", "UpdateUser", "UpdateGroup", "PutImage")  # fmt: skip
# What changes a policy.
OF_A_POLICY = (
    "DeletePolicy CreatePolicyVersion DeletePolicyVersion SetDefaultPolicyVersion TagPolicy UntagPolicy"
).split()
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
IAM_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
SCHEMA = """
create table if not exists keys (
    access_key_id text primary key, secret_access_key text not null, session_token text, arn text not null);
"""


class Keys:
    """The keys that the account has given out: its own, those that IAM and STS made since, and those of jobs."""

    def __init__(self, folder: Path, account: Account, sessions: Sessions) -> None:
        self.sessions = sessions
        self.database = open_database(folder / "keys.sqlite", SCHEMA, forced=True)
        self.own = Key(account.access_key_id, account.secret_access_key, account.session_token, account.identity_arn)

    def find(self, access_key_id: str) -> Key | None:
        """The key of this id; None if the account has not given it out."""
        if access_key_id == self.own.access_key_id:
            return self.own
        if key := self.sessions.find(access_key_id):
            return key
        rows = self.database.read("select * from keys where access_key_id = ?", (access_key_id,))
        return Key(*rows[0]) if rows else None

    def remove(self, access_key_id: str) -> None:
        """Forget a key that IAM made: what it signs is refused from now on."""
        with self.database.write() as cursor:
            cursor.execute("delete from keys where access_key_id = ?", (access_key_id,))

    def add(self, key: Key) -> None:
        """Let in what a key signs from now on."""
        with self.database.write() as cursor:
            cursor.execute(
                "insert or replace into keys values (?, ?, ?, ?)",
                (key.access_key_id, key.secret_access_key, key.session_token, key.arn),
            )


def user_id(account: Account, key: Key) -> str:
    """What STS calls the owner of a key."""
    return f"AROA{account.access_key_id[4:]}:{key.arn.rpartition('/')[2]}"


class Bookkeeping:
    """The services of ``SERVICES``."""

    def __init__(
        self, account: Account, keys: Keys, books: Books, policy: Policy | None, repositories: OwnRepositories
    ) -> None:
        self.account = account
        self.repositories = repositories
        self.keys = keys
        self.policy = policy
        self.books = books

    def read(self, service: str, query: str, headers: Mapping[str, str], body: bytes, caller: Key) -> ApiCall:
        """A request to one of the ``SERVICES`` taken apart; AwsError if one to ECR is no JSON object."""
        if service == "ecr" and "x-amz-target" in headers:
            body = plain(headers, body)
            return ApiCall(service, target_operation(headers), read_json(body), caller, headers, body)
        return read_form(service, query, headers, body, caller)

    async def answer(self, call: ApiCall) -> Response:
        """Do what a call asks for."""
        service, action = call.service, call.operation
        if service == "sts" and action == "GetCallerIdentity":
            # Ours, not moto's: it must know whose keys have signed.
            result = {
                "Arn": call.caller.arn,
                "UserId": user_id(self.account, call.caller),
                "Account": self.account.account_id,
            }
            return query_response(action, STS_NAMESPACE, result)
        if action not in service_model(service).operation_names:
            raise AwsError("InvalidAction", f"Could not find operation {action} of {service.upper()}.")
        if service == "ecr" and (own := self.repositories.answer(action, call.parameters)) is not None:
            return json_response(own, ECR_JSON)
        if action in UNTRUE:
            raise not_implemented(f"{service.upper()}'s operation {action}")
        if lack := lack_of("iam"):
            raise AwsError("ValidationException", f"{service.upper()}'s operation {action}: {lack}")
        return await run_in_threadpool(self._answer, call)

    def _answer(self, call: ApiCall) -> Response:
        service, action, key = call.service, call.operation, call.caller
        form, body, target = call.parameters, call.body, call.headers.get("x-amz-target", "")
        if action == "DescribeRepositories" and service == "ecr":
            return self._describe_repositories(call)
        to_ecr = {"X-Amz-Target": target, "Content-Type": ECR_JSON}
        headers = to_ecr if service == "ecr" and target else FORM
        if action == "SimulatePrincipalPolicy":
            return query_response(action, IAM_NAMESPACE, self._simulate(form))
        if action == "AssumeRole":
            self._check_role(form.get("RoleArn", ""), key)
        if service == "iam":
            body = _with_user(action, form, body, key)
            _check_owner(action, form.get("PolicyArn", ""), key)
        missing = not_implemented(f"{service.upper()}'s operation {action}")
        try:
            answer = self.books.ask(service, action, key.access_key_id, headers, body)
        except NotImplementedError:
            raise missing from None
        text = answer.get_data(as_text=True)
        if "<!doctype html" in text[:200].lower() or answer.status_code >= 500:
            raise missing
        if action == "DeleteAccessKey" and answer.status_code in (200, 404):
            self.keys.remove(form.get("AccessKeyId", ""))
        elif service != "ecr":
            self._remember(text, key)
        return _as_answered(answer)

    def _describe_repositories(self, call: ApiCall) -> Response:
        """The repositories that were made, by moto, and those of folders."""
        headers = {"X-Amz-Target": call.headers.get("x-amz-target", ""), "Content-Type": ECR_JSON}
        named, folders = call.parameters.get("repositoryNames"), self.repositories.images.names()
        asked = {**call.parameters} if named is None else {"repositoryNames": [n for n in named if n not in folders]}
        made: list[dict[str, Any]] = []
        if named is None or asked["repositoryNames"]:
            key = call.caller.access_key_id
            answer = self.books.ask("ecr", call.operation, key, headers, json.dumps(asked).encode())
            if answer.status_code != 200:
                return _as_answered(answer)
            made = json.loads(answer.get_data(as_text=True))["repositories"]
        names = {repository["repositoryName"] for repository in made}
        own = [name for name in folders if name not in names and (named is None or name in named)]
        return json_response({"repositories": [*made, *map(self.repositories.describe, own)]}, ECR_JSON)

    def _simulate(self, form: Mapping[str, str]) -> dict[str, str | list[dict[str, str]]]:
        """What a role or a user may do: all that is asked, unless there is a policy for the whole account.

        Policies of their own are not enforced.
        """
        members = {re.sub(r"\.member\.\d+.*", "", name) for name in form} - {"Action", "Version"}
        if beyond := members - {
            "PolicySourceArn",
            "ActionNames",
            "ResourceArns",
            "ContextEntries",
            "MaxItems",
            "Marker",
        }:
            raise not_implemented(f"{min(beyond)} of IAM's operation SimulatePrincipalPolicy")
        arn = form.get("PolicySourceArn", "")
        kind, _, path = arn.rpartition(":")[2].partition("/")
        name, noun = path.rpartition("/")[2], kind.capitalize()
        known = arn.startswith(f"arn:aws:iam::{self.account.account_id}:") and kind in ("role", "user")
        if not known or self.books.ask_iam(f"Get{noun}", **{f"{noun}Name": name}) != 200:
            raise AwsError("NoSuchEntity", f"The {kind or 'entity'} with name {name} cannot be found.", 404)
        resources = [text for key, text in form.items() if key.startswith("ResourceArns.")] or ["*"]
        context = {
            text: [value for key, value in form.items() if key.startswith(f"{entry}.ContextKeyValues.")]
            for entry, text in (
                (key.removesuffix(".ContextKeyName"), text)
                for key, text in form.items()
                if key.endswith(".ContextKeyName")
            )
        }

        def decision(action: str, resource: str) -> str:
            return self.policy.decide(action, resource, context) if self.policy else "allowed"

        results = [
            {"EvalActionName": text, "EvalResourceName": resource, "EvalDecision": decision(text, resource)}
            for key, text in form.items()
            if key.startswith("ActionNames.")
            for resource in resources
        ]
        return {"EvaluationResults": results, "IsTruncated": "false"}

    def _check_role(self, arn: str, key: Key) -> None:
        """Refuse to assume a role that is not there: moto itself would not."""
        name = arn.rpartition("/")[2]
        known = arn.startswith(f"arn:aws:iam::{self.account.account_id}:role/")
        if not known or self.books.ask_iam("GetRole", RoleName=name) != 200:
            text = f"User: {key.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            raise AwsError("AccessDenied", text, 403)

    def _remember(self, answer: str, caller: Key) -> None:
        """Enter the keys that an answer of STS or IAM gives out: an assumed role's, a user's, else the caller's."""
        matches = {
            name: re.search(f"<{name}>([^<]+)</{name}>", answer)
            for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Arn", "UserName")
        }
        values = {name: match.group(1) for name, match in matches.items() if match}
        if {"AccessKeyId", "SecretAccessKey"} <= values.keys():
            who = caller.arn
            if "UserName" in values:
                who = f"arn:aws:iam::{self.account.account_id}:user/{values['UserName']}"
            self.keys.add(
                Key(
                    values["AccessKeyId"],
                    values["SecretAccessKey"],
                    values.get("SessionToken"),
                    values.get("Arn", who),
                )
            )


def _as_answered(answer: TestResponse) -> Response:
    """moto's answer, as it goes to the caller."""
    kept = {name: value for name, value in answer.headers if name.lower() not in ("server", "date")}
    return Response(answer.get_data(as_text=True), answer.status_code, kept)


def _check_owner(action: str, policy: str, key: Key) -> None:
    """Raise AwsError if a request would change a policy of AWS's own."""
    if action in OF_A_POLICY and policy.startswith(AWSS_POLICY):
        text = f"User: {key.arn} is not authorized to perform: iam:{action} on resource: policy {policy}"
        raise AwsError("AccessDenied", text, 403)


def _with_user(action: str, form: Mapping[str, str], body: bytes, key: Key) -> bytes:
    """The request with the name of the user whom it is about: without one, the user who has signed it.

    Raises AwsError if nobody is named and no user has signed.
    """
    shape = service_model("iam").operation_model(action).input_shape
    if shape is None or "UserName" not in shape.members or "UserName" in [*form, *shape.required_members]:
        return body
    kind, _, path = key.arn.rpartition(":")[2].partition("/")
    if kind != "user":
        raise AwsError("ValidationError", "Must specify userName when calling with non-User credentials")
    return body + b"&" + urlencode({"UserName": path.rpartition("/")[2]}).encode()
