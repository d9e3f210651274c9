"""What a policy of IAM decides: the IAM User Guide's own rules and examples."""

from __future__ import annotations

import json

import pytest

from local_aws.core.account import StateError
from local_aws.services.iam.policy import Policy


def policy(*statements: dict) -> Policy:
    return Policy({"Version": "2012-10-17", "Statement": list(statements)})


def allow(**elements) -> dict:
    return {"Effect": "Allow", "Action": "*", "Resource": "*"} | elements


def deny(**elements) -> dict:
    return allow(**elements) | {"Effect": "Deny"}


def decision(statement: dict, **context) -> str:
    return policy(statement).decide("s3:GetObject", "arn:aws:s3:::bucket/key", context)


def test_a_deny_wins_whatever_its_place_and_silence_denies():
    everything, no_deletes = allow(), deny(Action="s3:DeleteObject")
    for order in ((everything, no_deletes), (no_deletes, everything)):
        assert policy(*order).decide("s3:GetObject", "arn:aws:s3:::b/k", {}) == "allowed"
        assert policy(*order).decide("s3:DeleteObject", "arn:aws:s3:::b/k", {}) == "explicitDeny"
    assert policy(allow(Action="s3:GetObject")).decide("s3:PutObject", "arn:aws:s3:::b/k", {}) == "implicitDeny"
    assert policy(no_deletes).decide("s3:GetObject", "arn:aws:s3:::b/k", {}) == "implicitDeny"


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [("s3:GetObject", True), ("S3:getobject", True), ("s3:Get*", True), ("s3:*Object", True), ("s3:Ge?Object", True),
     ("s3:GetObjec", False), ("s3:GetObject?", False), ("s3:GetObjectTagging", False), ("*", True)],
)  # fmt: skip
def test_actions_match_in_any_case_with_wildcards(pattern, matches):
    assert (decision(allow(Action=pattern)) == "allowed") == matches
    without = allow(NotAction=pattern)
    del without["Action"]
    assert (decision(without) == "allowed") != matches


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [("arn:aws:s3:::bucket/key", True), ("arn:aws:s3:::bucket/*", True), ("arn:aws:s3:::bucket*", True),
     ("arn:aws:s3:::bucket", False), ("arn:aws:s3:::Bucket/key", False), ("arn:aws:s3:::bucket/k?y", True),
     ("arn:aws:s3:::bucke[t]/key", False), (["arn:aws:s3:::other", "*"], True)],
)  # fmt: skip
def test_resources_match_in_their_own_case_with_wildcards(pattern, matches):
    assert (decision(allow(Resource=pattern)) == "allowed") == matches
    without = allow(NotResource=pattern)
    del without["Resource"]
    assert (decision(without) == "allowed") != matches


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "holds"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ["b", "a"], "a", True),  # several values: one of them
        ("StringEquals", "A", "a", False),
        ("StringEqualsIgnoreCase", "A", "a", True),
        ("StringNotEquals", ["a", "b"], "a", False),  # neither of them
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringNotEquals", "a", None, True),  # a key that is missing is not equal
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringLike", "a*c", "abbc", True),
        ("StringNotLike", "a*c", "abbc", False),
        ("ArnLike", "arn:aws:iam::*:role/x*", "arn:aws:iam::1:role/xy", True),
        ("ArnLike", "arn:aws:*:role/x", "arn:aws:iam::1:role/x", False),  # a wildcard ends with its part
        ("ArnNotEquals", "arn:aws:iam::1:role/x", "arn:aws:iam::1:role/y", True),
        ("Bool", True, "true", True),
        ("Bool", "false", "true", False),
        ("Null", "true", None, True),
        ("Null", "true", "x", False),
        ("Null", False, "x", True),
        ("NumericLessThanEquals", "10", "9.5", True),
        ("NumericGreaterThan", 10, "9.5", False),
        ("NumericNotEquals", 10, "10.0", False),
        ("DateGreaterThan", "2020-04-01T00:00:00Z", "2020-04-02T00:00:00Z", True),
        ("DateLessThan", "2020-04-01T00:00:00Z", "1600000000", False),
        ("DateEquals", "2020-04-01", "2020-04-01T00:00:00Z", True),  # UTC, where nothing else is said
        ("NumericLessThan", 10, "abc", False),  # what is no number is not less
        ("NumericNotEquals", 10, "abc", True),
        ("IpAddress", "203.0.113.0/24", "here", False),
        ("IpAddress", ["192.0.2.0/24", "203.0.113.0/24"], "203.0.113.9", True),
        ("NotIpAddress", "203.0.113.0/24", "203.0.113.9", False),
        # Of several values of the request: any, or all.
        ("ForAnyValue:StringEquals", ["PostDateTime", "Message"], ["PostDateTime", "UserName"], True),
        ("ForAnyValue:StringEquals", ["Message"], ["PostDateTime", "UserName"], False),
        ("ForAnyValue:StringEquals", ["Message"], None, False),
        ("ForAllValues:StringEquals", ["PostDateTime", "Message", "Tags"], ["Message", "Tags"], True),
        ("ForAllValues:StringEquals", ["PostDateTime", "Message"], ["Message", "UserName"], False),
        ("ForAllValues:StringEquals", ["Message"], None, True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ["a", "c"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ["a", "b"], False),
        ("ForAnyValue:StringNotEquals", ["a", "b"], None, False),
    ],
)  # fmt: skip
def test_conditions(operator, wanted, value, holds):
    context = {} if value is None else {"Example:Key": value}
    statement = allow(Condition={operator: {"example:key": wanted}})  # a key's name has no case
    assert (policy(statement).decide("s3:GetObject", "*", context) == "allowed") == holds


def test_all_conditions_must_hold():
    tests = {"StringEquals": {"a:x": "1", "a:y": "2"}, "Bool": {"a:z": "true"}}
    good = {"a:x": "1", "a:y": "2", "a:z": "true"}
    assert policy(allow(Condition=tests)).decide("any:Thing", "*", good) == "allowed"
    for key in good:
        assert policy(allow(Condition=tests)).decide("any:Thing", "*", good | {key: "false"}) == "implicitDeny"


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "no Statement"),
        ({"Version": "2012-10-17"}, "no Statement"),
        ({"Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}}, "no Effect"),
        ({"Statement": allow(Principal="*")}, "Principal"),
        ({"Statement": allow(NotAction="*")}, "either Action or NotAction"),
        ({"Statement": {"Effect": "Allow", "Action": "*"}}, "either Resource or NotResource"),
        ({"Statement": allow(Sid="Home", Resource="arn:aws:s3:::b/${aws:username}/*")}, "Home has a policy variable"),
        ({"Statement": allow(Condition={"StringSortOf": {"a:b": "c"}})}, "StringSortOf"),
        ({"Statement": allow(Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})}, "MultiFactorAuthPresent"),
        ({"Statement": allow(Condition=["a"])}, "a Condition that is not of the form"),
        ({"Statement": allow(Condition={"Bool": {"a:b": {}}})}, "a Condition that is not of the form"),
        ({"Statement": allow(Condition={"NumericEquals": {"a:b": "many"}})}, "many"),
    ],
)
def test_what_cannot_be_enforced_is_refused_when_it_is_read(tmp_path, document, complaint):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(document))
    with pytest.raises(StateError, match=complaint):
        Policy.read(path)


def test_a_file_that_is_no_policy(tmp_path):
    with pytest.raises(StateError, match="cannot be read"):
        Policy.read(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(StateError, match="no policy that can be enforced"):
        Policy.read(tmp_path / "text.json")
