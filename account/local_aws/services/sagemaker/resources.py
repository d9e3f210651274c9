"""SageMaker's resources as Create, Describe, Update, List, AddTags and DeleteTags see them, kept in a database."""

from __future__ import annotations

import base64
import hmac
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.core import clock
from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.core.store import Database, open_database
from local_aws.services.iam.roles import Roles
from local_aws.services.quotas import Quotas
from local_aws.wire.operation import operation

from .kinds import Kind, Refusal

SCHEMA = """
create table if not exists resources (
    kind text not null, name text not null, arn text not null unique,
    body text not null, tags text not null, internal text not null default '{}', primary key (kind, name));
"""
# For each kind the members that a folder of an earlier version has in the bodies of its resources.
ONCE_IN_THE_BODY = {
    "Endpoint": ("Deployment",),
    "ModelPackageGroup": ("LastVersion",),
    "PipelineExecution": (
        "PipelineExecutionName", "PipelineDefinition", "Parameters", "Steps", "StepSignatures", "ClientRequestToken",
    ),
}  # fmt: skip
MAX_TAGS = 50
SEAL = 12  # bytes of a NextToken by which the account knows it for its own


def now() -> float:
    """Seconds since the epoch, to the millisecond, as SageMaker's timestamps are."""
    return round(clock.now(), 3)


def now_after(body: dict[str, Any]) -> float:
    """As ``now``, but not before any time that a resource's body tells: the machine's clock may have been set back."""
    times: list[float] = [value for member, value in body.items() if member.endswith("Time")]
    return max([now(), *times])


@dataclass(frozen=True)
class Record:
    """A resource as it is kept: its body is what Describe answers, and no caller sees what is ``internal``."""

    name: str
    body: dict[str, Any]
    tags: dict[str, str]
    internal: dict[str, Any]


class Resources:
    """The account's SageMaker resources of every kind: one row of ``sagemaker.sqlite`` each.

    A resource is found by its name in any case, or by its ARN, and keeps the name that it was made with.
    """

    def __init__(self, folder: Path, account: Account, roles: Roles) -> None:
        self.database = open_database(folder / "sagemaker.sqlite", SCHEMA)
        _migrate(self.database)
        self.account = account
        self.roles = roles
        self.quotas = Quotas(folder, account)

    def arn(self, kind: Kind, name: str) -> str:
        """The ARN of the resource of this kind and name, whether there is one or not."""
        # SageMaker's ARNs are in lower case, whatever the name's case.
        return f"arn:aws:sagemaker:{self.account.region}:{self.account.account_id}:{kind.arn}/{name.lower()}"

    def check_role(self, arn: str, kind: Kind, name: str) -> None:
        """Refuse, in AWS's words, a role that SageMaker cannot assume for the resource of this kind and name."""
        self.roles.check(arn, self.arn(kind, name))

    def add(
        self,
        kind: Kind,
        name: str,
        body: dict[str, Any],
        tags: list[dict[str, Any]] | None,
        internal: dict[str, Any] | None = None,
    ) -> str:
        """Make a resource known and return its ARN; its name and ARN are put into the body, None is left out.

        Raises AwsError as ``need_free`` if its name has been taken, by another thread just now.
        """
        arn = self.arn(kind, name)
        named = {f"{kind.name}Name": name} if kind.tells_name else {}
        body = _without_none(named | {f"{kind.name}Arn": arn} | body)
        row = (kind.name, name, arn, json.dumps(body), json.dumps(_merged({}, tags or [])))
        try:
            with self.database.write() as cursor:
                cursor.execute(
                    "insert into resources (kind, name, arn, body, tags, internal) values (?, ?, ?, ?, ?, ?)",
                    (*row, json.dumps(_without_none(internal or {}))),
                )
        except sqlite3.IntegrityError:
            raise self._refused(kind.taken, kind, name) from None
        return arn

    def find_record(self, kind: Kind, name: str) -> Record | None:
        """A resource, None if there is none of this name (or of this name in another case)."""
        rows = self.database.read(
            "select * from resources where arn = ? and kind = ?", (self.arn(kind, name), kind.name)
        )
        return _record(rows[0]) if rows else None

    def find(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """The body of a resource, None if there is none of this name (or of this name in another case)."""
        record = self.find_record(kind, name)
        return record.body if record else None

    def record(self, kind: Kind, name: str) -> Record:
        """A resource; AwsError, in SageMaker's words for that kind, if there is none."""
        record = self.find_record(kind, name)
        if record is None:
            raise self._refused(kind.missing, kind, name)
        return record

    def record_named(self, kind: Kind, name_or_arn: str) -> Record:
        """As ``record``, by a name or an ARN."""
        if not name_or_arn.startswith("arn:"):
            return self.record(kind, name_or_arn)
        name = name_or_arn.partition(f":{kind.arn}/")[2]
        mine = self.arn(kind, name) == name_or_arn.lower()
        record = self.find_record(kind, name) if mine else None
        if record is None:
            raise self._refused(kind.missing, kind, name, name_or_arn)
        return record

    def get(self, kind: Kind, name: str) -> dict[str, Any]:
        """The body of a resource; AwsError as ``record``."""
        return self.record(kind, name).body

    def get_named(self, kind: Kind, name_or_arn: str) -> dict[str, Any]:
        """As ``get``, by a name or an ARN."""
        return self.record_named(kind, name_or_arn).body

    def need_free(self, kind: Kind, name: str) -> None:
        """Refuse a name that is taken, in SageMaker's words for that kind."""
        if self.find(kind, name):
            raise self._refused(kind.taken, kind, name)

    def _refused(self, refusal: Refusal, kind: Kind, name: str, arn: str | None = None) -> AwsError:
        arn = arn or self.arn(kind, name)
        return AwsError(refusal.code, refusal.sentence.format(noun=kind.noun, name=name, arn=arn))

    def update(
        self, kind: Kind, name: str, internal: dict[str, Any] | None = None, **changes: object
    ) -> dict[str, Any]:
        """Change members of a resource's body, and of what is internal (None takes one away); return the new body."""
        with self.database.write() as cursor:
            row = cursor.execute("select * from resources where arn = ?", (self.arn(kind, name),)).fetchone()
            if row is None:
                raise self._refused(kind.missing, kind, name)
            record = _record(row)
            if "LastModifiedTime" in changes:
                before = record.body.get("LastModifiedTime", record.body["CreationTime"])
                changes["LastModifiedTime"] = max(changes["LastModifiedTime"], before)
            body, kept = _without_none(record.body | changes), _without_none(record.internal | (internal or {}))
            cursor.execute(
                "update resources set body = ?, internal = ? where arn = ?",
                (json.dumps(body), json.dumps(kept), self.arn(kind, name)),
            )
        return body

    def delete(self, kind: Kind, name: str) -> None:
        """Forget a resource with its tags; nothing happens if there is none of this name."""
        with self.database.write() as cursor:
            cursor.execute("delete from resources where arn = ?", (self.arn(kind, name),))

    def records(self, kind: Kind, beginning: str = "") -> list[Record]:
        """The resources of a kind whose names begin so, the oldest first."""
        rows = self.database.read(
            "select * from resources where kind = ? and substr(name, 1, ?) = ? order by rowid",
            (kind.name, len(beginning), beginning),
        )
        return [_record(row) for row in rows]

    def all(self, kind: Kind, beginning: str = "") -> list[tuple[dict[str, Any], dict[str, str]]]:
        """Body and tags of each resource of a kind whose name begins so, the oldest first."""
        return [(record.body, record.tags) for record in self.records(kind, beginning)]

    def latest(self, kind: Kind, limit: int, skipped: int = 0) -> list[tuple[str, dict[str, Any]]]:
        """Names and bodies of at most ``limit`` resources of a kind, the newest first, after ``skipped`` newer ones."""
        rows = self.database.read(
            "select * from resources where kind = ? order by rowid desc limit ? offset ?", (kind.name, limit, skipped)
        )
        return [(row["name"], json.loads(row["body"])) for row in rows]

    def count(self, kind: Kind) -> int:
        """How many resources of a kind there are."""
        return int(self.database.read("select count(*) from resources where kind = ?", (kind.name,))[0][0])

    def page(
        self,
        kind: Kind,
        params: dict[str, Any],
        summary: Callable[[dict[str, Any]], dict[str, Any]],
        *,
        order: str = "Descending",
        sort_by: str = "CreationTime",
        bodies: list[dict[str, Any]] | None = None,
        within: str = "",
        counted_first: bool = False,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """One page of a List operation: the summaries that pass its filters, and its NextToken.

        ``order`` and ``sort_by`` hold where the caller names none; ``bodies`` are those to list, else all, and
        ``within`` what they are parts of.  Where AWS counts MaxResults before it filters (``counted_first``), a page
        may have fewer, or none, and a NextToken.
        """
        name_of, status_of = f"{kind.name}Name", f"{kind.name}Status"
        if bodies is None:
            bodies = [body for body, _ in self.all(kind)]

        def passes(body: dict[str, Any]) -> bool:
            return _listed(body, params, name_of, status_of)

        listed = bodies if counted_first else [body for body in bodies if passes(body)]
        sort_by, order = params.get("SortBy", sort_by), params.get("SortOrder", order)

        def key(body: dict[str, Any]) -> list[Any]:
            values = {"Name": body[name_of].lower(), "Status": body.get(status_of, "")}
            return [values.get(sort_by, body.get(sort_by, body["CreationTime"])), body[name_of]]

        descending, of = order == "Descending", f"{kind.name} {within} {sort_by} {order}"
        if params.get("NextToken"):
            # The token is the place of the last one shown, which may have left the list since.
            after = self.place(of, params["NextToken"])
            listed = [body for body in listed if (key(body) < after if descending else key(body) > after)]
        listed = sorted(listed, key=key, reverse=descending)
        size = params.get("MaxResults", 10)
        page = listed[:size]
        token = self.token(of, key(page[-1])) if len(listed) > size else None
        return [summary(body) for body in page if not counted_first or passes(body)], token

    def token(self, of: str, place: Any) -> str:
        """A NextToken that leads to a place in a list; ``of`` says which list, and in what order."""
        text = json.dumps([of, place]).encode()
        return base64.urlsafe_b64encode(self._seal(text) + text).decode()

    def place(self, of: str, token: str) -> Any:
        """Where a NextToken leads, as JSON has it; AwsError if it is none, is of another list, or was changed."""
        try:
            sealed = base64.b64decode(token.encode(), b"-_", validate=True)
        except ValueError:  # of binascii, and of what is not ASCII
            raise _invalid_token() from None
        seal, text = sealed[:SEAL], sealed[SEAL:]
        if not hmac.compare_digest(seal, self._seal(text)):
            raise _invalid_token()
        listing, place = json.loads(text)
        if listing != of:
            raise _invalid_token()
        return place

    def _seal(self, text: bytes) -> bytes:
        return hmac.digest(self.account.secret_access_key.encode(), text, "sha256")[:SEAL]

    def listed(
        self, kind: Kind, params: dict[str, Any], members: tuple[str, ...], counted_first: bool = False
    ) -> dict[str, Any]:
        """The answer of a List operation whose list is called ``KINDs`` and whose summaries have these ``members``."""
        summaries, token = self.page(
            kind, params, lambda body: {key: body.get(key) for key in members}, counted_first=counted_first
        )
        return {f"{kind.name}s": summaries, "NextToken": token}

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of the resource with this ARN, by their keys; AwsError if there is no such resource."""
        rows = self.database.read("select tags from resources where arn = ?", (arn.lower(),))
        if not rows:
            raise AwsError("ValidationException", f"Could not find resource with ARN {arn}.")
        tags: dict[str, str] = json.loads(rows[0]["tags"])
        return tags

    @operation("AddTags")
    def add_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        """Add tags, or change the values of those that are there; the answer has all tags.

        AwsError for an unknown ARN, a key that is given twice or is reserved for AWS, or more than MAX_TAGS tags.
        """
        tags = _merged(self.tags(params["ResourceArn"]), params["Tags"])
        self._set_tags(params["ResourceArn"], tags)
        return {"Tags": tag_list(tags)}

    @operation("DeleteTags")
    def delete_tags(self, params: dict[str, Any]) -> None:
        """Take away the tags with the keys TagKeys; keys that are not there are passed over."""
        tags = self.tags(params["ResourceArn"])
        self._set_tags(
            params["ResourceArn"], {key: value for key, value in tags.items() if key not in params["TagKeys"]}
        )

    @operation("ListTags")
    def list_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        """All tags of a resource in one page; AwsError for an unknown ARN, and for any NextToken."""
        if params.get("NextToken"):
            raise _invalid_token()  # none is ever given: a page holds at least as many as a resource can have
        return {"Tags": tag_list(self.tags(params["ResourceArn"]))}

    def _set_tags(self, arn: str, tags: dict[str, str]) -> None:
        with self.database.write() as cursor:
            cursor.execute("update resources set tags = ? where arn = ?", (json.dumps(tags), arn.lower()))


def _record(row: sqlite3.Row) -> Record:
    return Record(row["name"], *(json.loads(row[column]) for column in ("body", "tags", "internal")))


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {member: value for member, value in members.items() if value is not None}


def _migrate(database: Database) -> None:
    """Part what is internal from the bodies of resources that an earlier version has kept in one."""
    if any(column["name"] == "internal" for column in database.read("pragma table_info(resources)")):
        return
    with database.write() as cursor:
        cursor.execute("alter table resources add column internal text not null default '{}'")
        for kind, members in ONCE_IN_THE_BODY.items():
            for row in cursor.execute("select arn, body from resources where kind = ?", (kind,)).fetchall():
                body = json.loads(row["body"])
                internal = {member: body.pop(member) for member in members if member in body}
                cursor.execute(
                    "update resources set body = ?, internal = ? where arn = ?",
                    (json.dumps(body), json.dumps(internal), row["arn"]),
                )


def tag_list(tags: dict[str, str]) -> list[dict[str, Any]]:
    """Tags as the API writes them: a list of Key and Value."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _merged(tags: dict[str, str], added: list[dict[str, Any]]) -> dict[str, str]:
    keys = [tag["Key"].lower() for tag in added]
    if len(set(keys)) < len(keys):
        raise AwsError(
            "ValidationException", "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    if reserved := [key for key in keys if key.startswith("aws:")]:
        raise AwsError("ValidationException", f"The tag key {reserved[0]} is AWS's own: yours cannot begin with aws:.")
    merged = tags | {tag["Key"]: tag["Value"] for tag in added}
    if len(merged) > MAX_TAGS:
        raise AwsError("ResourceLimitExceeded", f"A resource can have at most {MAX_TAGS} tags.")
    return merged


def _listed(body: dict[str, Any], params: dict[str, Any], name_of: str, status_of: str) -> bool:
    modified = body.get("LastModifiedTime", body["CreationTime"])
    return (
        params.get("NameContains", "").lower() in body[name_of].lower()
        and params.get("StatusEquals", body.get(status_of)) == body.get(status_of)
        and params.get("CreationTimeAfter", 0) <= body["CreationTime"]
        and body["CreationTime"] <= params.get("CreationTimeBefore", float("inf"))
        and params.get("LastModifiedTimeAfter", 0) <= modified
        and modified <= params.get("LastModifiedTimeBefore", float("inf"))
    )


def _invalid_token() -> AwsError:
    return AwsError("ValidationException", "Invalid NextToken.")
