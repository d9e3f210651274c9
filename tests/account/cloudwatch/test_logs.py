"""CloudWatch Logs by boto3: groups, streams, events, pages to their ends, patterns, refusals."""

from __future__ import annotations

import time

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.training import checked, name, refusal

NOW = int(time.time() * 1000)
LINE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.fixture(scope="module")
def logs(account):
    return boto3.client("logs")


@pytest.fixture
def group(logs) -> str:
    """An empty group."""
    group = f"/tests/{name('group')}"
    logs.create_log_group(logGroupName=group)
    return group


def put(logs, group, stream, messages, start=NOW) -> None:
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": start + number, "message": message} for number, message in enumerate(messages)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def texts(events) -> list[str]:
    return [event["message"] for event in events]


def test_a_stream_is_described(logs, group, account):
    put(logs, group, "a stream", ["first", "second", "third"])
    (described,) = checked(logs, "DescribeLogStreams", logGroupName=group)["logStreams"]
    arn = f"arn:aws:logs:us-east-1:{account.account.account_id}:log-group:{group}"
    assert described["arn"] == f"{arn}:log-stream:a stream"
    assert (described["firstEventTimestamp"], described["lastEventTimestamp"]) == (NOW, NOW + 2)
    assert described["creationTime"] <= described["lastIngestionTime"]
    (of_group,) = checked(logs, "DescribeLogGroups", logGroupNamePrefix=group)["logGroups"]
    assert (of_group["logGroupName"], of_group["arn"], of_group["logGroupArn"]) == (group, f"{arn}:*", arn)
    by_arn = logs.describe_log_streams(logGroupIdentifier=arn)["logStreams"]
    assert [stream["logStreamName"] for stream in by_arn] == ["a stream"]


def test_groups_come_in_pages(logs):
    stem = f"/tests/{name('many')}"
    names = [f"{stem}/{number:02d}" for number in range(7)]
    for each in reversed(names):
        logs.create_log_group(logGroupName=each)
    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=stem, PaginationConfig={"PageSize": 3}
    )
    found = [[group["logGroupName"] for group in page["logGroups"]] for page in pages]
    assert found == [names[:3], names[3:6], names[6:]]


@pytest.mark.parametrize(("order", "descending"), [("LogStreamName", False), ("LogStreamName", True),
                                                   ("LastEventTime", False), ("LastEventTime", True)])  # fmt: skip
def test_streams_come_in_order_and_pages(logs, group, order, descending):
    by_time = ["c", "a", "d", "b"]
    for number, stream in enumerate(by_time):
        put(logs, group, stream, ["x"], start=NOW + 1000 * number)
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=group, orderBy=order, descending=descending, PaginationConfig={"PageSize": 3}
    )
    found = [[stream["logStreamName"] for stream in page["logStreams"]] for page in pages]
    expected = sorted(by_time) if order == "LogStreamName" else by_time
    expected = expected[::-1] if descending else expected
    assert found == [expected[:3], expected[3:]]


def test_streams_of_a_prefix(logs, group):
    for stream in ("job-1/algo-1", "job-10/algo-1", "job_1/algo-1", "JOB-1/algo-1"):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    found = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="job-1/")["logStreams"]
    assert [stream["logStreamName"] for stream in found] == ["job-1/algo-1"]
    assert "firstEventTimestamp" not in found[0]
    found = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="job_1")["logStreams"]
    assert [stream["logStreamName"] for stream in found] == ["job_1/algo-1"]  # an underscore is no wildcard
    code, _ = refusal(logs.describe_log_streams, logGroupName=group, logStreamNamePrefix="job", orderBy="LastEventTime")
    assert code == "InvalidParameterException"


# GetLogEvents


def test_reading_forward_ends_with_the_same_token(logs, group):
    messages = [f"line {number}" for number in range(10)]
    put(logs, group, "s", messages)
    place = {"logGroupName": group, "logStreamName": "s"}
    found, token, more = [], None, {"startFromHead": True}
    while True:
        page = checked(logs, "GetLogEvents", **place, limit=4, **more)
        found.append(texts(page["events"]))
        if page["nextForwardToken"] == token:
            break
        token = page["nextForwardToken"]
        more = {"nextToken": token}
    assert found == [messages[:4], messages[4:8], messages[8:], []]
    # From the end one can turn round, and what is written later comes with the same token.
    back = logs.get_log_events(**place, limit=4, nextToken=page["nextBackwardToken"])
    assert texts(back["events"]) == messages[6:]
    logs.put_log_events(**place, logEvents=[{"timestamp": NOW + 100, "message": "later"}])
    assert texts(logs.get_log_events(**place, nextToken=token)["events"]) == ["later"]


def test_reading_backward_ends_with_the_same_token(logs, group):
    messages = [f"line {number}" for number in range(10)]
    put(logs, group, "s", messages)
    place = {"logGroupName": group, "logStreamName": "s"}
    found, token, more = [], None, {}
    while True:
        page = logs.get_log_events(**place, limit=4, **more)
        found.append(texts(page["events"]))
        if page["nextBackwardToken"] == token:
            break
        token = page["nextBackwardToken"]
        more = {"nextToken": token}
    assert found == [messages[6:], messages[2:6], messages[:2], []]
    forward = logs.get_log_events(**place, limit=4, nextToken=page["nextForwardToken"])
    assert texts(forward["events"]) == messages[:4]


def test_two_streams_do_not_mix(logs, group):
    put(logs, group, "one", ["1a", "1b"])
    put(logs, group, "two", ["2a", "2b"])
    logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=[{"timestamp": NOW + 9, "message": "1c"}])
    for stream, expected in (("one", ["1a", "1b", "1c"]), ("two", ["2a", "2b"])):
        page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, limit=3)
        assert texts(page["events"]) == expected
        back = logs.get_log_events(logGroupName=group, logStreamName=stream, nextToken=page["nextBackwardToken"])
        assert back["events"] == []


def test_an_empty_stream(logs, group):
    logs.create_log_stream(logGroupName=group, logStreamName="empty")
    page = logs.get_log_events(logGroupName=group, logStreamName="empty")
    assert page["events"] == []
    again = logs.get_log_events(logGroupName=group, logStreamName="empty", nextToken=page["nextForwardToken"])
    assert again["nextForwardToken"] == page["nextForwardToken"]


def test_events_of_a_time(logs, group):
    put(logs, group, "s", [f"line {number}" for number in range(10)])
    between = {"startTime": NOW + 3, "endTime": NOW + 6}
    page = logs.get_log_events(logGroupName=group, logStreamName="s", **between)
    assert texts(page["events"]) == ["line 3", "line 4", "line 5"]
    page = logs.filter_log_events(logGroupName=group, **between)
    assert texts(page["events"]) == ["line 3", "line 4", "line 5"]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINE, min_size=1, max_size=9), st.integers(1, 5))
def test_what_is_put_is_got(logs, group, messages, size):
    stream = name("stream")
    put(logs, group, stream, messages)
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, logStreamNames=[stream], PaginationConfig={"PageSize": size}
    )
    assert [message for page in pages for message in texts(page["events"])] == messages
    got = logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]
    assert texts(got) == messages
    assert [event["timestamp"] for event in got] == [NOW + number for number in range(len(messages))]


def test_an_answer_has_a_limit_of_bytes(logs, group):
    put(logs, group, "s", ["x" * 200_000] * 4)
    logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": NOW + 10 + number, "message": "y" * 200_000} for number in range(4)],
    )
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=group))
    assert len(pages) == 2 and sum(len(page["events"]) for page in pages) == 8
    assert all(sum(map(len, texts(page["events"]))) <= 1_048_576 for page in pages)


# FilterLogEvents


def test_events_of_several_streams(logs, group):
    for stream in ("a/1", "a/2", "b/1"):
        put(logs, group, stream, [f"{stream} x", f"{stream} y"])
    found = checked(logs, "FilterLogEvents", logGroupName=group, logStreamNamePrefix="a/")["events"]
    assert {event["logStreamName"] for event in found} == {"a/1", "a/2"} and len(found) == 4
    assert len({event["eventId"] for event in found}) == 4
    found = logs.filter_log_events(logGroupName=group, logStreamNames=["a/1", "b/1"], filterPattern="y")["events"]
    assert texts(found) == ["a/1 y", "b/1 y"]
    both = {"logStreamNamePrefix": "a", "logStreamNames": ["a/1"]}
    assert refusal(logs.filter_log_events, logGroupName=group, **both)[0] == "InvalidParameterException"


LINES = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[WARN 420] INVALID ARGUMENTS",
    "all is well",
]


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        # The examples of the user guide, "Filter pattern syntax for ... match terms".
        ("", [0, 1, 2, 3, 4]),
        ("ERROR", [0, 1, 2]),
        ("error", []),
        ("ERROR ARGUMENTS", [2]),
        ("?ERROR ?WARN", [0, 1, 2, 3]),
        ("ERROR -ARGUMENTS", [0, 1]),
        ('"INVALID ARGUMENTS"', [3]),
        ('ERROR -"BAD REQUEST"', [1, 2]),
        ('?"BAD REQUEST" ?"all is"', [0, 4]),
        ('"[ERROR"', [0, 1, 2]),
        ("nothing", []),
    ],
)
def test_patterns(logs, pattern_group, pattern, numbers):
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=pattern_group, filterPattern=pattern, PaginationConfig={"PageSize": 2}
    )
    found = [message for page in pages for message in texts(page["events"])]
    assert found == [LINES[number] for number in numbers]


@pytest.fixture(scope="module")
def pattern_group(logs) -> str:
    group = f"/tests/{name('patterns')}"
    logs.create_log_group(logGroupName=group)
    put(logs, group, "s", LINES)
    return group


@pytest.mark.parametrize("pattern", ["{ $.a = 1 }", "[a, b]", "%regex%"])
def test_patterns_that_are_not_implemented(logs, pattern_group, pattern):
    message = refusal(logs.filter_log_events, logGroupName=pattern_group, filterPattern=pattern)[1]
    assert "not implemented in the embedded AWS account" in message


@pytest.mark.parametrize("pattern", ['"open', '""', "-", "?", "a -"])
def test_patterns_that_are_none(logs, pattern_group, pattern):
    code, _ = refusal(logs.filter_log_events, logGroupName=pattern_group, filterPattern=pattern)
    assert code == "InvalidParameterException"


# Refusals


def test_what_is_not_there(logs, group):
    no_group = {"logGroupName": "/no/such/group"}
    no_stream = {"logGroupName": group, "logStreamName": "no-such-stream"}
    event = [{"timestamp": NOW, "message": "x"}]
    for call, params in (
        (logs.describe_log_streams, no_group),
        (logs.filter_log_events, no_group),
        (logs.delete_log_group, no_group),
        (logs.create_log_stream, no_group | {"logStreamName": "s"}),
        (logs.get_log_events, no_group | {"logStreamName": "s"}),
    ):
        found = refusal(call, **params)
        assert found == ("ResourceNotFoundException", "The specified log group does not exist.")
    for call, params in (
        (logs.get_log_events, no_stream),
        (logs.delete_log_stream, no_stream),
        (logs.put_log_events, no_stream | {"logEvents": event}),
    ):
        found = refusal(call, **params)
        assert found == ("ResourceNotFoundException", "The specified log stream does not exist.")


def test_what_is_there_already(logs, group):
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    found = refusal(logs.create_log_group, logGroupName=group)
    assert found == ("ResourceAlreadyExistsException", "The specified log group already exists")
    found = refusal(logs.create_log_stream, logGroupName=group, logStreamName="s")
    assert found == ("ResourceAlreadyExistsException", "The specified log stream already exists")


def test_deleting(logs, group):
    put(logs, group, "one", ["1"])
    put(logs, group, "two", ["2"])
    logs.delete_log_stream(logGroupName=group, logStreamName="one")
    assert texts(logs.filter_log_events(logGroupName=group)["events"]) == ["2"]
    put(logs, group, "one", ["new"])
    got = logs.get_log_events(logGroupName=group, logStreamName="one", startFromHead=True)
    assert texts(got["events"]) == ["new"]
    logs.delete_log_group(logGroupName=group)
    logs.create_log_group(logGroupName=group)
    assert logs.describe_log_streams(logGroupName=group)["logStreams"] == []
    assert logs.filter_log_events(logGroupName=group)["events"] == []


def test_requests_that_cannot_be(logs, group):
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    place = {"logGroupName": group, "logStreamName": "s"}
    events = [{"timestamp": NOW + 1, "message": "b"}, {"timestamp": NOW, "message": "a"}]
    assert refusal(logs.put_log_events, **place, logEvents=events)[0] == "InvalidParameterException"
    for token in ("x", "f/", "f/x", "b/-1", "c/1", "f/²"):
        assert refusal(logs.get_log_events, **place, nextToken=token)[0] == "InvalidParameterException"
    for call in (logs.filter_log_events, logs.describe_log_streams):
        assert refusal(call, logGroupName=group, nextToken="²")[0] == "InvalidParameterException"
    assert logs.get_log_events(**place)["events"] == []
    assert "not implemented" in refusal(logs.start_query, startTime=0, endTime=1, queryString="x")[1]


# How long events are kept


def retention(logs, group) -> int | None:
    (described,) = checked(logs, "DescribeLogGroups", logGroupNamePrefix=group)["logGroups"]
    return described.get("retentionInDays")


def test_a_retention(logs, group):
    assert retention(logs, group) is None
    # The values that the API reference names.
    days = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
    for each in days:
        logs.put_retention_policy(logGroupName=group, retentionInDays=each)
        assert retention(logs, group) == each
    for each in (0, 2, -1, 10, 3654):
        code, message = refusal(logs.put_retention_policy, logGroupName=group, retentionInDays=each)
        assert code == "InvalidParameterException" and f"'{each}' at 'retentionInDays'" in message
    assert retention(logs, group) == 3653
    logs.delete_retention_policy(logGroupName=group)
    assert retention(logs, group) is None
    logs.delete_retention_policy(logGroupName=group)  # there is none to delete, and that is no fault
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    logs.delete_log_group(logGroupName=group)
    logs.create_log_group(logGroupName=group)
    assert retention(logs, group) is None
    for call, more in ((logs.put_retention_policy, {"retentionInDays": 1}), (logs.delete_retention_policy, {})):
        assert refusal(call, logGroupName="/tests/none", **more)[0] == "ResourceNotFoundException"


def test_events_expire(logs, group):
    """They are gone for good: a longer retention does not bring them back."""
    day = 24 * 3600 * 1000
    put(logs, group, "old", ["six days old"], NOW - 6 * day)
    put(logs, group, "both", ["two days old"], NOW - 2 * day)
    logs.put_log_events(logGroupName=group, logStreamName="both", logEvents=[{"timestamp": NOW, "message": "of today"}])

    def kept() -> list[list[str]]:
        events = [logs.get_log_events(logGroupName=group, logStreamName=stream)["events"] for stream in ("old", "both")]
        return [texts(each) for each in (*events, logs.filter_log_events(logGroupName=group)["events"])]

    assert kept() == [["six days old"], ["two days old", "of today"], ["six days old", "two days old", "of today"]]
    logs.put_retention_policy(logGroupName=group, retentionInDays=5)
    assert kept() == [[], ["two days old", "of today"], ["two days old", "of today"]]
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    assert kept() == [[], ["of today"], ["of today"]]
    streams = {each["logStreamName"]: each for each in logs.describe_log_streams(logGroupName=group)["logStreams"]}
    assert streams["both"]["firstEventTimestamp"] == NOW and set(streams) == {"both", "old"}
    logs.put_retention_policy(logGroupName=group, retentionInDays=3653)
    assert kept() == [[], ["of today"], ["of today"]]


def test_events_beyond_the_retention_are_not_taken(logs, group):
    """PutLogEvents takes the others, and says how many were not."""
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    logs.put_retention_policy(logGroupName=group, retentionInDays=3)
    ages = [5, 4, 2, 1]
    events = [{"timestamp": NOW - age * 24 * 3600 * 1000, "message": f"{age} days"} for age in ages]
    answer = checked(logs, "PutLogEvents", logGroupName=group, logStreamName="s", logEvents=events)
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 2}
    assert texts(logs.get_log_events(logGroupName=group, logStreamName="s")["events"]) == ["2 days", "1 days"]
    answer = checked(logs, "PutLogEvents", logGroupName=group, logStreamName="s", logEvents=events[2:])
    assert "rejectedLogEventsInfo" not in answer
