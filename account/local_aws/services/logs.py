"""CloudWatch Logs: groups, streams and events, kept in a database of their own.

Job and endpoint logs are written here by the account itself, and read with the calls that the
SageMaker SDK and the console use.  Reference: the CloudWatch Logs API reference, version 2014-03-28.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from local_aws.core import clock
from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.core.store import open_database
from local_aws.wire.operation import operation
from local_aws.wire.refusals import not_implemented

SCHEMA = """
create table if not exists groups (name text primary key, created integer not null);
create table if not exists streams (
    log_group text not null, name text not null, created integer not null,
    first integer, last integer, ingested integer, primary key (log_group, name));
create table if not exists events (
    id integer primary key, log_group text not null, stream text not null,
    timestamp integer not null, ingested integer not null, message text not null);
create table if not exists retentions (log_group text primary key, days integer not null);
create index if not exists events_by_stream on events (log_group, stream, id);
"""
MAX_EVENT = 262_144  # characters of one event; CloudWatch cuts what is longer
MAX_PAGE = 1_000_000  # characters of one answer
PAGE = 10_000  # events of one answer
AT_ONCE = 200  # events read at a time
DAY = 86_400_000  # milliseconds
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
EXPIRES_EVERY = 60_000  # milliseconds between two looks for events of a group that have expired


_Row = tuple[str, str, int, int, str]  # group, stream, timestamp, time of ingestion, message


class Logs:
    """The log service.  Times are milliseconds since the epoch, as everywhere in CloudWatch Logs."""

    def __init__(self, folder: Path, account: Account) -> None:
        self.database = open_database(folder / "logs.sqlite", SCHEMA)
        self.account = account
        self._expired_at: dict[str, int] = {}  # when a group was last looked through, by its name

    def arn(self, params: Mapping[str, Any]) -> str:
        """The ARN, for a policy, of the log stream that a request names, or of its group without a stream."""
        names = (params.get(member) for member in ("logGroupName", "logStreamName"))
        group, stream = (name if isinstance(name, str) else "" for name in names)
        place = f"log-group:{group}:log-stream:{stream}"
        return f"arn:aws:logs:{self.account.region}:{self.account.account_id}:{place}"

    def write(self, group: str, stream: str, events: Iterable[tuple[float, str]]) -> None:
        """Append events (seconds since the epoch, text), making group and stream if need be."""
        now = _now()
        rows = [(group, stream, int(at * 1000), now, text[:MAX_EVENT]) for at, text in events]
        with self.database.write() as cursor:
            cursor.execute("insert or ignore into groups values (?, ?)", (group, now))
            cursor.execute(
                "insert or ignore into streams (log_group, name, created) values (?, ?, ?)",
                (group, stream, now),
            )
            self._append(cursor, group, stream, rows)

    @staticmethod
    def _append(cursor: sqlite3.Cursor, group: str, stream: str, rows: list[_Row]) -> None:
        if not rows:
            return
        cursor.executemany(
            "insert into events (log_group, stream, timestamp, ingested, message) values (?, ?, ?, ?, ?)",
            rows,
        )
        times = [row[2] for row in rows]
        cursor.execute(
            "update streams set first = min(coalesce(first, ?1), ?1), last = max(coalesce(last, ?2), ?2), "
            "ingested = ?3 where log_group = ?4 and name = ?5",
            (min(times), max(times), rows[-1][3], group, stream),
        )

    def tail(self, group: str, prefix: str, after: int, most: int) -> list[sqlite3.Row]:
        """The newest ``most`` events with an id above ``after``, in order, of the streams that begin so."""
        self._expire(group)
        streams = self.database.read(
            "select name from streams where log_group = ? and substr(name, 1, ?) = ?", (group, len(prefix), prefix)
        )
        rows = [
            row
            for stream in streams
            for row in self.database.read(
                "select * from events where log_group = ? and stream = ? and id > ? order by id desc limit ?",
                (group, stream["name"], after, most),
            )
        ]
        return sorted(rows, key=lambda row: row["id"])[-most:]

    @operation("CreateLogGroup")
    def create_log_group(self, params: dict[str, Any]) -> None:
        """Make a log group; ResourceAlreadyExistsException."""
        if self.database.read("select 1 from groups where name = ?", (params["logGroupName"],)):
            raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")
        with self.database.write() as cursor:
            cursor.execute("insert into groups values (?, ?)", (params["logGroupName"], _now()))

    @operation("CreateLogStream")
    def create_log_stream(self, params: dict[str, Any]) -> None:
        """Make a log stream of a group; ResourceNotFoundException, ResourceAlreadyExistsException."""
        group, stream = params["logGroupName"], params["logStreamName"]
        self._need_group(group)
        if self._stream(group, stream):
            raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")
        with self.database.write() as cursor:
            cursor.execute("insert into streams (log_group, name, created) values (?, ?, ?)", (group, stream, _now()))

    @operation("DeleteLogGroup")
    def delete_log_group(self, params: dict[str, Any]) -> None:
        """Delete a group with its streams, events and retention; ResourceNotFoundException."""
        self._need_group(params["logGroupName"])
        with self.database.write() as cursor:
            of_group = ("events", "streams", "retentions")
            for table, column in (*((table, "log_group") for table in of_group), ("groups", "name")):
                cursor.execute(f"delete from {table} where {column} = ?", (params["logGroupName"],))

    @operation("DeleteLogStream")
    def delete_log_stream(self, params: dict[str, Any]) -> None:
        """Delete a stream with its events; ResourceNotFoundException."""
        key = params["logGroupName"], params["logStreamName"]
        self._need_stream(*key)
        with self.database.write() as cursor:
            cursor.execute("delete from events where log_group = ? and stream = ?", key)
            cursor.execute("delete from streams where log_group = ? and name = ?", key)

    @operation("PutLogEvents")
    def put_log_events(self, params: dict[str, Any]) -> dict[str, Any]:
        """Append events in chronological order; those older than the group keeps its own are rejected.

        Raises ResourceNotFoundException, InvalidParameterException.
        """
        group, stream = params["logGroupName"], params["logStreamName"]
        self._need_stream(group, stream)
        now = _now()
        rows = [(group, stream, event["timestamp"], now, event["message"]) for event in params["logEvents"]]
        if any(earlier[2] > later[2] for earlier, later in pairwise(rows)):
            raise AwsError(
                "InvalidParameterException",
                "Log events in a single PutLogEvents request must be in chronological order.",
            )
        kept = self._oldest(group)
        expired = sum(row[2] < kept for row in rows)
        with self.database.write() as cursor:
            self._append(cursor, group, stream, rows[expired:])
        rejected = {"expiredLogEventEndIndex": expired} if expired else None
        return {"nextSequenceToken": f"{now:056d}", "rejectedLogEventsInfo": rejected}

    @operation("PutRetentionPolicy")
    def put_retention_policy(self, params: dict[str, Any]) -> None:
        """Keep a group's events for one of ``RETENTIONS`` days; InvalidParameterException."""
        group, days = params["logGroupName"], params["retentionInDays"]
        self._need_group(group)
        if days not in RETENTIONS:
            raise AwsError(
                "InvalidParameterException",
                f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{', '.join(map(str, RETENTIONS))}]",
            )
        with self.database.write() as cursor:
            cursor.execute("insert or replace into retentions values (?, ?)", (group, days))
        self._expired_at.pop(group, None)
        self._expire(group)

    @operation("DeleteRetentionPolicy")
    def delete_retention_policy(self, params: dict[str, Any]) -> None:
        """Keep a group's events for ever; ResourceNotFoundException."""
        self._need_group(params["logGroupName"])
        with self.database.write() as cursor:
            cursor.execute("delete from retentions where log_group = ?", (params["logGroupName"],))

    @operation("DescribeLogGroups")
    def describe_log_groups(self, params: dict[str, Any]) -> dict[str, Any]:
        """The groups whose names begin with a prefix, by name, a page at a time."""
        if params.get("logGroupNamePattern"):
            raise not_implemented("CloudWatch Logs' logGroupNamePattern")
        prefix, start, limit = (
            params.get("logGroupNamePrefix", ""),
            params.get("nextToken", ""),
            params.get("limit", 50),
        )
        rows = self.database.read(
            "select * from groups left join retentions on log_group = name "
            "where name > ? and substr(name, 1, ?) = ? order by name limit ?",
            (start, len(prefix), prefix, limit + 1),
        )
        groups = [
            {
                "logGroupName": row["name"],
                "creationTime": row["created"],
                "arn": f"{self._arn(row['name'])}:*",
                "logGroupArn": self._arn(row["name"]),
                "metricFilterCount": 0,
                "retentionInDays": row["days"],
                "logGroupClass": "STANDARD",
            }
            for row in rows[:limit]
        ]
        return {"logGroups": groups, "nextToken": rows[limit - 1]["name"] if len(rows) > limit else None}

    @operation("DescribeLogStreams")
    def describe_log_streams(self, params: dict[str, Any]) -> dict[str, Any]:
        """The streams of a group by name or last event, a page at a time.

        Raises ResourceNotFoundException, InvalidParameterException.
        """
        group = self._group_name(params)
        self._need_group(group)
        prefix, order = params.get("logStreamNamePrefix", ""), params.get("orderBy", "LogStreamName")
        if prefix and order == "LastEventTime":
            raise AwsError("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
        limit, offset = params.get("limit", 50), _offset(params.get("nextToken"))
        column = "coalesce(last, 0)" if order == "LastEventTime" else "name"
        direction = "desc" if params.get("descending") else "asc"
        rows = self.database.read(
            "select * from streams where log_group = ? and substr(name, 1, ?) = ? "
            f"order by {column} {direction}, name limit ? offset ?",
            (group, len(prefix), prefix, limit + 1, offset),
        )
        streams = [
            {
                "logStreamName": row["name"],
                "creationTime": row["created"],
                "firstEventTimestamp": row["first"],
                "lastEventTimestamp": row["last"],
                "lastIngestionTime": row["ingested"],
                "uploadSequenceToken": f"{row['ingested'] or row['created']:056d}",
                "arn": f"{self._arn(group)}:log-stream:{row['name']}",
                "storedBytes": 0,  # CloudWatch itself reports zero since June 2019
            }
            for row in rows[:limit]
        ]
        return {"logStreams": streams, "nextToken": str(offset + limit) if len(rows) > limit else None}

    @operation("GetLogEvents")
    def get_log_events(self, params: dict[str, Any]) -> dict[str, Any]:
        """A page of a stream's events, with the tokens of the pages before and after it.

        Raises ResourceNotFoundException, InvalidParameterException.
        """
        group, stream = self._group_name(params), params["logStreamName"]
        self._need_stream(group, stream)
        self._expire(group)
        token, limit = params.get("nextToken"), params.get("limit", PAGE)
        forward = params.get("startFromHead", False)
        where, args = "log_group = ? and stream = ?", [group, stream]
        if token:
            direction, _, position = token.partition("/")
            if direction not in ("f", "b") or not position.isdecimal():
                raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
            forward = direction == "f"
            where += f" and id {'>' if forward else '<'} ?"
            args.append(int(position))
        rows, _ = _page(self._events(where + _between(params, args), args, forward), limit)
        if not forward:
            rows.reverse()
        if rows:
            ends = f"f/{rows[-1]['id']:056d}", f"b/{rows[0]['id']:056d}"
        elif token:
            # At the end AWS gives the caller's own token back: this is how a client knows.
            back = f"{'b' if forward else 'f'}/{max(int(position) + (1 if forward else -1), 0):056d}"
            ends = (token, back) if forward else (back, token)
        else:
            ends = (f"f/{0:056d}", f"b/{0:056d}")
        return {
            "events": [
                {"timestamp": row["timestamp"], "message": row["message"], "ingestionTime": row["ingested"]}
                for row in rows
            ],
            "nextForwardToken": ends[0],
            "nextBackwardToken": ends[1],
        }

    @operation("FilterLogEvents")
    def filter_log_events(self, params: dict[str, Any]) -> dict[str, Any]:
        """A page of the events of a group's streams that match a pattern, oldest first.

        Raises ResourceNotFoundException, InvalidParameterException.
        """
        group = self._group_name(params)
        self._need_group(group)
        self._expire(group)
        names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix")
        if names and prefix:
            raise AwsError("InvalidParameterException", "logStreamNames and logStreamNamePrefix cannot both be given.")
        where, args = "log_group = ? and id > ?", [group, _offset(params.get("nextToken"))]
        if names:
            where += f" and stream in ({', '.join('?' * len(names))})"
            args += names
        if prefix:
            where += " and substr(stream, 1, ?) = ?"
            args += [len(prefix), prefix]
        matches = _pattern(params.get("filterPattern", ""))
        limit = params.get("limit", PAGE)
        rows = self._events(where + _between(params, args), args)
        page, more = _page((row for row in rows if matches(row["message"])), limit)
        return {
            "events": [
                {
                    "logStreamName": row["stream"],
                    "timestamp": row["timestamp"],
                    "message": row["message"],
                    "ingestionTime": row["ingested"],
                    "eventId": f"{row['id']:056d}",
                }
                for row in page
            ],
            "searchedLogStreams": [],
            "nextToken": str(page[-1]["id"]) if more else None,
        }

    def _oldest(self, group: str) -> int:
        """The time before which a group's events have expired; 0 if it keeps them for ever."""
        rows = self.database.read("select days from retentions where log_group = ?", (group,))
        return _now() - rows[0]["days"] * DAY if rows else 0

    def _expire(self, group: str) -> None:
        """Delete the events of a group that are older than its retention; looked for once in a while."""
        now, oldest = _now(), self._oldest(group)
        if not oldest or abs(now - self._expired_at.get(group, 0)) < EXPIRES_EVERY:
            return
        self._expired_at[group] = now
        with self.database.write() as cursor:
            cursor.execute("delete from events where log_group = ? and timestamp < ?", (group, oldest))
            if cursor.rowcount:
                cursor.execute(
                    "update streams set first = (select min(timestamp) from events where log_group = streams.log_group "
                    "and stream = streams.name) where log_group = ?",
                    (group,),
                )

    def _events(self, where: str, args: list[Any], forward: bool = True) -> Iterator[sqlite3.Row]:
        """The events of a condition in their order, or against it: a few in memory at once, however many there are."""
        bound = ""
        while True:
            rows = self.database.read(
                f"select * from events where {where}{bound} order by id {'asc' if forward else 'desc'} limit {AT_ONCE}",
                args,
            )
            yield from rows
            if len(rows) < AT_ONCE:
                return
            bound = f" and id {'>' if forward else '<'} {rows[-1]['id']}"

    def _group_name(self, params: dict[str, Any]) -> str:
        name: str = params.get("logGroupName") or params.get("logGroupIdentifier", "")
        return name.rpartition(":log-group:")[2].removesuffix(":*")

    def _need_group(self, name: str) -> None:
        if not self.database.read("select 1 from groups where name = ?", (name,)):
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")

    def _stream(self, group: str, name: str) -> list[sqlite3.Row]:
        return self.database.read("select * from streams where log_group = ? and name = ?", (group, name))

    def _need_stream(self, group: str, name: str) -> None:
        self._need_group(group)
        if not self._stream(group, name):
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")

    def _arn(self, group: str) -> str:
        return f"arn:aws:logs:{self.account.region}:{self.account.account_id}:log-group:{group}"


def _now() -> int:
    return int(clock.now() * 1000)


def _between(params: dict[str, Any], args: list[Any]) -> str:
    clause = ""
    for name, operator in (("startTime", ">="), ("endTime", "<")):
        if params.get(name) is not None:
            clause += f" and timestamp {operator} ?"
            args.append(params[name])
    return clause


def _page(rows: Iterable[sqlite3.Row], limit: int) -> tuple[list[sqlite3.Row], bool]:
    """As many rows as fit in one answer, at least one, and whether there are more."""
    page: list[sqlite3.Row] = []
    size = 0
    for row in rows:
        size += len(row["message"]) + 26
        if page and (len(page) == limit or size > MAX_PAGE):
            return page, True
        page.append(row)
    return page, False


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return int(token)


def _pattern(text: str) -> Callable[[str], bool]:
    """A filter pattern of terms: all of ``a "b c"``, none of ``-d``, any of ``?e ?f``.

    Source: CloudWatch Logs User Guide, "Filter pattern syntax", unstructured log events.
    """
    text = text.strip()
    if text[:1] in ("{", "[", "%"):
        raise not_implemented("a CloudWatch Logs filter pattern for JSON, columns or regular expressions")
    try:
        terms = shlex.split(re.sub(r"([?-])\"", r'"\1', text))
    except ValueError:
        terms = [""]
    if not all(term.lstrip("?-") for term in terms):
        raise AwsError("InvalidParameterException", "Invalid filter pattern")
    required = [term for term in terms if term[0] not in "?-"]
    excluded = [term[1:] for term in terms if term[0] == "-"]
    optional = [term[1:] for term in terms if term[0] == "?"]

    def matches(message: str) -> bool:
        return (
            all(term in message for term in required)
            and not any(term in message for term in excluded)
            and (not optional or any(term in message for term in optional))
        )

    return matches
