"""Journal of IAM: moto's state as changes, which are made again when the account's process starts anew.

moto keeps all in memory.  Each request to it is given a seed for what it draws and a moment for its dates; one that
changed something is written down with both before it is answered.  Made again in their order, the changes give the
same ids, keys and dates.  (A pickle of moto's objects would be tied to one version of moto, and would have to be
written whole at every change.)
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import re
import secrets
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, unquote_plus, urlencode

from local_aws.core.account import ROLE_PATH, TRUST, Account
from local_aws.core.errors import AwsError
from local_aws.core.store import open_database

if TYPE_CHECKING:
    from werkzeug.test import Client, TestResponse

SCHEMA = """
create table if not exists changes (
    id integer primary key autoincrement, action text not null, at real not null, seed text not null,
    headers text not null, body blob not null);
create table if not exists subjects (change integer not null references changes (id), subject text not null);
create index if not exists changes_by_subject on subjects (subject);
"""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WITH_POLICIES = "MOTO_IAM_LOAD_MANAGED_POLICIES"
AWSS_POLICY = "arn:aws:iam::aws:policy/"  # how the ARN of one begins
READS = re.compile("Get|List|Describe|Simulate|Generate|BatchGet|BatchCheck")
# What a resource is named by in the requests that make, change and delete it.
NAMES = {
    "Role": "RoleName",
    "User": "UserName",
    "Group": "GroupName",
    "Policy": "PolicyArn",
    "InstanceProfile": "InstanceProfileName",
    "AccessKey": "AccessKeyId",
    "Repository": "repositoryName",
}
# What IAM refuses to delete while something else hangs on it, and moto would delete: the question that finds it (the
# number of members that may be found), and IAM's sentence.  Nothing that is left then needs what was deleted, so that
# all that was done to it can be forgotten.
CONFLICTS = {
    "DeleteUser": [
        ("ListGroupsForUser", 0, "Cannot delete entity, must remove users from group first."),
        ("ListAccessKeys", 0, "Cannot delete entity, must delete access keys first."),
        ("GetLoginProfile", 0, "Cannot delete entity, must delete login profile first."),
        ("ListMFADevices", 0, "Cannot delete entity, must delete MFA device first."),
        ("ListSigningCertificates", 0, "Cannot delete entity, must remove referenced objects first."),
        ("ListSSHPublicKeys", 0, "Cannot delete entity, must remove referenced objects first."),
    ],
    "DeleteGroup": [
        ("GetGroup", 0, "Cannot delete entity, must remove users from group first."),
        ("ListAttachedGroupPolicies", 0, "Cannot delete entity, must detach all policies first."),
        ("ListGroupPolicies", 0, "Cannot delete entity, must delete policies first."),
    ],
    "DeletePolicy": [
        ("ListEntitiesForPolicy", 0, "Cannot delete a policy attached to entities."),
        (
            "ListPolicyVersions",
            1,
            "This policy has more than one version. Before you delete a policy, you must delete the policy's "
            "versions. The default version is deleted with the policy.",
        ),
    ],
}

log = logging.getLogger("local_aws")


class Books:
    """moto's IAM, STS and ECR as they were left; they answer one request at a time."""

    def __init__(self, folder: Path, account: Account) -> None:
        self.account = account
        self.database = open_database(folder / "books.sqlite", SCHEMA, forced=True)
        self._lock = threading.Lock()
        self._moto: Client | None = None
        self._knows_policies = False  # whether moto has AWS's own policies

    def ask(self, service: str, action: str, caller: str, headers: dict[str, str], body: bytes) -> TestResponse:
        """moto's answer to a request that was signed with the key ``caller``.

        ``headers`` are those that tell how to read the body.  Raises NotImplementedError if moto has no such
        operation, AwsError for what IAM refuses and moto would not.
        """
        with self._lock:
            needs_policies = service == "iam" and _is_about_awss_policies(action, body)
            if self._moto is None or (needs_policies and not self._knows_policies):
                self._knows_policies |= needs_policies
                self._moto = self._started()
            try:
                return self._answer(self._moto, service, action, caller, headers, body)
            except (NotImplementedError, AwsError):
                raise
            except Exception:
                self._moto = None  # it may hold what was not written down: it is made anew for the next request
                raise

    def ask_iam(self, action: str, **form: str) -> int:
        """Ask IAM in the account's own name; the answer's status."""
        return self.ask("iam", action, self.account.access_key_id, FORM, _form(action, form)).status_code

    def _started(self) -> Client:
        """moto, with all that was done in it."""
        os.environ["MOTO_ACCOUNT_ID"] = self.account.account_id
        from moto.core import utils
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.test import Client  # moto brings it

        # All of moto asks one function for the time, and that looks the time up under this name.
        vars(utils)["datetime"] = SimpleNamespace(**{**vars(datetime), "datetime": _Moment})
        moto = Client(DomainDispatcherApplication(create_backend_app))
        rows = self.database.read("select * from changes order by id")
        self._knows_policies |= any(_is_about_awss_policies(row["action"], row["body"]) for row in rows)
        # AWS's own policies take moto longer than all the rest: only who asks for them waits.  They get their ids here,
        # always the same, and not in the request that happens to be the first.
        os.environ[WITH_POLICIES] = "false"
        moto.post("/", data=_form("ListRoles", {}), headers=FORM | _signed(self.account, "iam", "nobody"))
        os.environ[WITH_POLICIES] = str(self._knows_policies).lower()
        moto.post("/moto-api/seed", query_string={"a": "0"})
        moto.post("/moto-api/reset")
        for row in rows:
            answer = _call(moto, json.loads(row["headers"]), row["body"], row["seed"], row["at"])
            if answer.status_code >= 400:
                log.warning("books: %s could not be made again (%d)", row["action"], answer.status_code)
        if not self.database.read("select 1 from sqlite_sequence where name = 'changes'"):
            # The account's execution role, which ``get_execution_role()`` asks for.
            role = {
                "RoleName": self.account.role_name,
                "Path": ROLE_PATH,
                "AssumeRolePolicyDocument": json.dumps(TRUST),
            }
            body = _form("CreateRole", role)
            self._answer(moto, "iam", "CreateRole", self.account.access_key_id, FORM, body)
        return moto

    def _answer(
        self, moto: Client, service: str, action: str, caller: str, headers: dict[str, str], body: bytes
    ) -> TestResponse:
        headers = headers | _signed(self.account, service, caller)
        if service == "iam":
            _refuse(moto, headers, action, _members(body))
        seed, at = str(secrets.randbits(128)), time.time()
        answer = _call(moto, headers, body, seed, at)
        if answer.status_code < 400 and service != "sts" and not READS.match(action):
            self._write_down(action, at, seed, headers, body, answer.get_data(as_text=True))
        return answer

    def _write_down(self, action: str, at: float, seed: str, headers: dict[str, str], body: bytes, answer: str) -> None:
        """Keep a change.  All that was done to a resource is forgotten with it, and so is its deletion."""
        subjects = _subjects(action, body, answer)
        noun = action.removeprefix("Delete")
        with self.database.write() as cursor:
            if action.startswith("Delete") and noun in NAMES:
                done = cursor.execute(
                    "select id, action from changes join subjects on change = id where subject = ?",
                    (f"{NAMES[noun]}={subjects.get(NAMES[noun])}",),
                ).fetchall()
                begun = max((row["id"] for row in done if row["action"] == f"Create{noun}"), default=None)
                if begun is not None:
                    gone = [(row["id"],) for row in done if row["id"] >= begun]
                    cursor.executemany("delete from subjects where change = ?", gone)
                    cursor.executemany("delete from changes where id = ?", gone)
                    return
            change = (action, at, seed, json.dumps(headers), body)
            cursor.execute("insert into changes (action, at, seed, headers, body) values (?, ?, ?, ?, ?)", change)
            named = [(cursor.lastrowid, f"{name}={value}") for name, value in subjects.items()]
            cursor.executemany("insert into subjects values (?, ?)", named)


class _Moment(datetime.datetime):
    """A clock that stands still at the moment of the request that moto is answering."""

    at = 0.0  # seconds since the epoch

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Self:
        """The moment, by the clock of ``tz`` or else of this machine."""
        return cls.fromtimestamp(cls.at, tz)


def _call(moto: Client, headers: dict[str, str], body: bytes, seed: str, at: float) -> TestResponse:
    """One request, with a seed, which moto has a request of its own for, and at a moment."""
    moto.post("/moto-api/seed", query_string={"a": seed})
    _Moment.at = at
    return moto.post("/", data=body, headers=headers)


def _signed(account: Account, service: str, caller: str) -> dict[str, str]:
    """The headers by which moto knows whom a request is for."""
    scope = f"{caller}/{time.strftime('%Y%m%d', time.gmtime())}/{account.region}/{service}/aws4_request"
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "Host": f"{service}.amazonaws.com",
    }


def _is_about_awss_policies(action: str, body: bytes) -> bool:
    """Whether a request needs the policies that AWS itself has in every account: it names one, or lists them."""
    if action == "ListPolicies":
        return _members(body).get("Scope") != "Local"
    return action == "GetAccountAuthorizationDetails" or AWSS_POLICY in unquote_plus(body.decode("latin-1"))


def _form(action: str, form: dict[str, str]) -> bytes:
    return urlencode({"Action": action, "Version": "2010-05-08", **form}).encode()


def _refuse(moto: Client, headers: dict[str, str], action: str, members: dict[str, Any]) -> None:
    """Refuse what IAM refuses, and moto would do or fall over: raises AwsError."""
    if action == "RemoveRoleFromInstanceProfile":
        form = {"InstanceProfileName": members.get("InstanceProfileName", "")}
        answer, role = _read(moto, headers, "GetInstanceProfile", form), members.get("RoleName", "")
        if answer is not None and f"<RoleName>{role}</RoleName>" not in answer:
            raise AwsError("NoSuchEntity", f"The role with name {role} cannot be found.", 404)
    named = {name: value for name, value in members.items() if name in NAMES.values()}
    for question, most, sentence in CONFLICTS.get(action, ()):
        answer = _read(moto, headers, question, named) or ""
        if len(re.findall("<member>|<LoginProfile>", answer)) > most:
            raise AwsError("DeleteConflict", sentence, 409)


def _read(moto: Client, headers: dict[str, str], question: str, form: dict[str, str]) -> str | None:
    """IAM's answer to a question; None if it has none, since what it is about is not there."""
    answer = moto.post("/", data=_form(question, form), headers=headers)
    return answer.get_data(as_text=True) if answer.status_code == 200 else None


def _members(body: bytes) -> dict[str, Any]:
    """A request's members.  Of a name that is there twice moto takes the first."""
    text = body.decode(errors="replace")
    members: dict[str, Any] = json.loads(text) if text.startswith("{") else dict(reversed(parse_qsl(text)))
    return members


def _subjects(action: str, body: bytes, answer: str) -> dict[str, str]:
    """The resources that a request names, by their member's name; a new policy or key is named by the answer."""
    members = _members(body)
    named = {"CreatePolicy": ("PolicyArn", "Arn"), "CreateAccessKey": ("AccessKeyId", "AccessKeyId")}.get(action)
    if named and (value := re.search(f"<{named[1]}>([^<]+)</", answer)):
        members[named[0]] = value[1]
    if "resourceArn" in members:  # ECR's tags
        members["repositoryName"] = members["resourceArn"].partition(":repository/")[2]
    return {name: members[name] for name in NAMES.values() if isinstance(members.get(name), str)}
