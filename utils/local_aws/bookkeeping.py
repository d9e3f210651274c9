"""IAM, STS and ECR by moto: services that only keep books.

moto is mounted as the WSGI application that it is, and only when the first of these calls comes: most lessons
need none of it.  What moto's STS and IAM give out as keys is entered among the account's keys, so that
requests signed with them are let in.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlencode

from a2wsgi import WSGIMiddleware
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from .errors import AwsError
from .protocols import not_implemented, query_response
from .signature import Key
from .state import ROLE_NAME, ROLE_PATH, Account
from .store import open_database

SERVICES = ("iam", "sts", "ecr")
# moto takes any proof of identity for a good one, would leave a key that is switched off in use, and hands out keys
# and passwords from the documentation.
UNTRUE = ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "UpdateAccessKey", "GetSessionToken",
          "GetFederationToken", "GetAuthorizationToken")  # fmt: skip
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
SCHEMA = """
create table if not exists keys (
    access_key_id text primary key, secret_access_key text not null, session_token text, arn text not null);
"""


class Keys:
    """The keys that the account has given out: its own, and those that IAM and STS made since."""

    def __init__(self, folder: Path, account: Account) -> None:
        self.database = open_database(folder / "keys.sqlite", SCHEMA)
        self.own = Key(
            account.access_key_id, account.secret_access_key, account.session_token, account.identity_arn
        )

    def find(self, access_key_id: str) -> Key | None:
        if access_key_id == self.own.access_key_id:
            return self.own
        rows = self.database.read("select * from keys where access_key_id = ?", (access_key_id,))
        return Key(*rows[0]) if rows else None

    def remove(self, access_key_id: str) -> None:
        with self.database.write() as cursor:
            cursor.execute("delete from keys where access_key_id = ?", (access_key_id,))

    def add(self, key: Key) -> None:
        with self.database.write() as cursor:
            cursor.execute(
                "insert or replace into keys values (?, ?, ?, ?)",
                (key.access_key_id, key.secret_access_key, key.session_token, key.arn),
            )


class Bookkeeping:
    """The services of ``SERVICES``."""

    def __init__(self, account: Account, keys: Keys) -> None:
        self.account = account
        self.keys = keys
        self._lock = threading.Lock()
        self._dispatcher: Callable | None = None
        self._application: WSGIMiddleware | None = None

    async def handle(self, request: Request, body: bytes, service: str, key: Key) -> Response:
        """Answer a request whose signature has been checked."""
        form = parse_qs(body.decode(errors="replace") or request.url.query)
        action = form.get("Action", [request.headers.get("x-amz-target", "").rpartition(".")[2]])[0]
        if service == "sts" and action == "GetCallerIdentity":
            # Ours, not moto's: it must know whose keys have signed.
            result = {
                "Arn": key.arn,
                "UserId": f"AROA{self.account.access_key_id[4:]}:{key.arn.rpartition('/')[2]}",
                "Account": self.account.account_id,
            }
            return query_response(action, STS_NAMESPACE, result)
        missing = not_implemented(f"{service.upper()}'s operation {action}")
        if action in UNTRUE:
            raise missing
        application = await run_in_threadpool(self._mounted)
        if action == "AssumeRole":
            await run_in_threadpool(self._check_role, form.get("RoleArn", [""])[0], key)
        try:
            response = await _call(application, request.scope, body)
        except NotImplementedError:
            raise missing from None
        if b"<!doctype html" in response.body[:200].lower() or response.status_code >= 500:
            raise missing
        if action == "DeleteAccessKey" and response.status_code in (200, 404):
            self.keys.remove(form.get("AccessKeyId", [""])[0])
        elif service != "ecr":
            self._remember(response.body.decode(), key)
        return response

    def _mounted(self) -> WSGIMiddleware:
        with self._lock:
            if self._application is None:
                os.environ["MOTO_ACCOUNT_ID"] = self.account.account_id
                from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

                dispatcher = DomainDispatcherApplication(create_backend_app)
                # The account's execution role, which every notebook's ``get_execution_role()`` asks for.
                trust = json.dumps(TRUST)
                self._ask(
                    dispatcher, "CreateRole", RoleName=ROLE_NAME, Path=ROLE_PATH, AssumeRolePolicyDocument=trust
                )
                self._dispatcher = dispatcher
                self._application = WSGIMiddleware(dispatcher, workers=4)
            return self._application

    def _ask(self, dispatcher: Callable, action: str, **form: str) -> int:
        """Ask moto's IAM itself; the answer's status."""
        from werkzeug.test import Client  # moto brings it, and is not loaded before it is needed

        day = time.strftime("%Y%m%d", time.gmtime())
        answer = Client(dispatcher).post(
            "/",
            data=urlencode({"Action": action, "Version": "2010-05-08", **form}),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Authorization": f"AWS4-HMAC-SHA256 Credential={self.account.access_key_id}/{day}/"
                f"{self.account.region}/iam/aws4_request, SignedHeaders=host, Signature=0",
                "Host": "iam.amazonaws.com",
            },
        )
        return answer.status_code

    def _check_role(self, arn: str, key: Key) -> None:
        """Refuse to assume a role that is not there: moto itself would not."""
        name = arn.rpartition("/")[2]
        known = arn.startswith(f"arn:aws:iam::{self.account.account_id}:role/")
        if not known or self._ask(self._dispatcher, "GetRole", RoleName=name) != 200:
            text = f"User: {key.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            raise AwsError("AccessDenied", text, 403)

    def _remember(self, answer: str, caller: Key) -> None:
        """Enter the keys that an answer of STS or IAM gives out: an assumed role's, a user's, else the caller's."""
        found = {
            name: re.search(f"<{name}>([^<]+)</{name}>", answer)
            for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Arn", "UserName")
        }
        values = {name: match.group(1) for name, match in found.items() if match}
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


async def _call(application: WSGIMiddleware, scope: dict, body: bytes) -> Response:
    """Pass a request whose body has been read to a mounted application and gather its answer."""
    parts: list[bytes] = []
    start: dict = {}
    sent = False

    async def receive() -> dict:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    await application(scope, receive, send)
    if not start:
        raise AwsError("InternalFailure", "The service gave no answer.", 500)
    response = Response(b"".join(parts), start["status"])
    response.raw_headers = [
        (name, value) for name, value in start["headers"] if name.lower() not in (b"server", b"date")
    ]
    return response
