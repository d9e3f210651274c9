"""Identity-based policies of IAM, and what they decide.

Reference: the IAM User Guide, "IAM JSON policy element reference" and "Policy evaluation logic": an explicit deny wins,
then an allow; what neither names is denied.  Elements, operators and variables that are not here are refused when a
policy is read, so that none is passed over in silence.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from local_aws.core.store import StateError

Decision = Literal["allowed", "implicitDeny", "explicitDeny"]
Context = Mapping[str, str | list[str]]

GLOBAL_KEYS = frozenset(
    "aws:currenttime aws:epochtime aws:principalaccount aws:principalarn aws:principaltype aws:requestedregion "
    "aws:securetransport aws:sourceip aws:tagkeys aws:userid".split()
)
"""The condition keys of all services, in lower case, that requests are given here; and ``aws:RequestTag/KEY`` and
``aws:ResourceTag/KEY``."""
_ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
MATCHES: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": lambda value, wanted: _matches(wanted, value),
    "ArnEquals": lambda value, wanted: _arn(value, wanted),
    "ArnLike": lambda value, wanted: _arn(value, wanted),
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "IpAddress": lambda value, wanted: ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False),
    "NumericEquals": lambda value, wanted: float(value) == float(wanted),
    "NumericLessThan": lambda value, wanted: float(value) < float(wanted),
    "NumericLessThanEquals": lambda value, wanted: float(value) <= float(wanted),
    "NumericGreaterThan": lambda value, wanted: float(value) > float(wanted),
    "NumericGreaterThanEquals": lambda value, wanted: float(value) >= float(wanted),
    "DateEquals": lambda value, wanted: _date(value) == _date(wanted),
    "DateLessThan": lambda value, wanted: _date(value) < _date(wanted),
    "DateLessThanEquals": lambda value, wanted: _date(value) <= _date(wanted),
    "DateGreaterThan": lambda value, wanted: _date(value) > _date(wanted),
    "DateGreaterThanEquals": lambda value, wanted: _date(value) >= _date(wanted),
}
WILDCARDS = {"*": ".*", "?": "."}  # of a pattern in a policy, as regular expressions have them
NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}


class Policy:
    """A policy document (version 2012-10-17), ready to decide."""

    def __init__(self, document: dict[str, Any]) -> None:
        """ValueError says what in the document is wrong or not implemented."""
        statements = as_list(document.get("Statement")) if isinstance(document, dict) else []
        if not statements:
            raise ValueError("it has no Statement")
        for statement in statements:
            _check(statement)
        self.statements = statements

    @classmethod
    def read(cls, path: Path) -> Policy:
        """The policy in a JSON file; ``StateError`` if it cannot be used."""
        try:
            return cls(json.loads(path.read_text("utf-8")))
        except OSError as error:
            raise StateError(path, f"this policy cannot be read ({error.strerror}).") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise StateError(path, f"this is no policy that can be enforced: {error}.") from None

    def decide(self, action: str, resource: str, context: Context) -> Decision:
        """Whether ``action`` (``s3:GetObject``) is allowed on a resource's ARN, with condition keys in any case."""
        effects = {
            statement["Effect"] for statement in self.statements if _applies(statement, action, resource, context)
        }
        if "Deny" in effects:
            return "explicitDeny"
        return "allowed" if effects else "implicitDeny"


def _check(statement: dict[str, Any]) -> None:
    """Raise ValueError unless every part of a statement is known."""
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise ValueError('a statement has no Effect of "Allow" or "Deny"')
    name = statement.get("Sid", "a statement")
    if unknown := sorted(set(statement) - _ELEMENTS):
        raise ValueError(f"{name} has {', '.join(unknown)}, which is not known in an identity-based policy")
    for element in ("Action", "Resource"):
        if (element in statement) == (f"Not{element}" in statement):
            raise ValueError(f"{name} must have either {element} or Not{element}")
    if "${" in json.dumps(statement):
        raise ValueError(f"{name} has a policy variable, and those are not implemented")
    conditions = statement.get("Condition", {})
    check_conditions(name, conditions)
    for key in (key for tests in conditions.values() for key in tests):
        tag = key.lower().startswith(("aws:requesttag/", "aws:resourcetag/"))
        if key.lower().startswith("aws:") and not tag and key.lower() not in GLOBAL_KEYS:
            raise ValueError(f"{name} has the condition key {key}, which is not implemented")


def check_conditions(name: str, conditions: dict[str, Any]) -> None:
    """Raise ValueError unless the Condition of the statement ``name`` can be decided."""
    form = f'{name} has a Condition that is not of the form {{"OPERATOR": {{"KEY": "VALUE"}}}}'
    if not isinstance(conditions, dict) or not all(isinstance(tests, dict) for tests in conditions.values()):
        raise ValueError(form)
    for operator, wanted in conditions.items():
        _, plain, _ = _operator(operator)
        if plain != "Null" and plain not in MATCHES and plain not in NEGATIONS:
            raise ValueError(f"{name} has the condition operator {operator}, which is not known")
        for values in wanted.values():
            for value in [None] if values is None else as_list(values):
                if not isinstance(value, str | int | float):
                    raise ValueError(form)
                if "${" in str(value):
                    raise ValueError(f"{name} has a policy variable, and those are not implemented")
                _check_value(plain, value)


def conditions_hold(conditions: dict[str, Any], context: Context) -> bool:
    """Whether all of a Condition holds, with condition keys in any case."""
    keys = {name.lower(): as_list(value) for name, value in context.items()}
    return all(
        _holds(operator, keys.get(key.lower()), [_text(value) for value in as_list(wanted)])
        for operator, tests in conditions.items()
        for key, wanted in tests.items()
    )


def _check_value(operator: str, wanted: str | float) -> None:
    """Raise ValueError unless a value is one that the operator can compare."""
    if operator.startswith("Numeric"):
        float(wanted)
    elif operator.startswith("Date"):
        _date(_text(wanted))
    elif operator.endswith("IpAddress"):
        ipaddress.ip_network(_text(wanted), strict=False)


def _applies(statement: dict[str, Any], action: str, resource: str, context: Context) -> bool:
    """Whether a statement speaks of an action on a resource, and its conditions hold."""
    if "Action" in statement:
        named = names(statement["Action"], action, lower=True)
    else:
        named = not names(statement["NotAction"], action, lower=True)
    if "Resource" in statement:
        meant = names(statement["Resource"], resource)
    else:
        meant = not names(statement["NotResource"], resource)
    return named and meant and conditions_hold(statement.get("Condition", {}), context)


def names(patterns: str | list[str], text: str, lower: bool = False) -> bool:
    """Whether one of the patterns stands for ``text``; ``lower`` if their case does not matter."""
    text = text.lower() if lower else text
    return any(_pattern(pattern.lower() if lower else pattern).fullmatch(text) for pattern in as_list(patterns))


def _operator(operator: str) -> tuple[str, str, bool]:
    """The quantifier of several values ("" if none), the operator itself, whether a missing key satisfies it."""
    quantifier, _, plain = operator.rpartition(":")
    return quantifier, plain.removesuffix("IfExists"), plain.endswith("IfExists")


def _holds(operator: str, values: list[str] | None, wanted: list[str]) -> bool:
    quantifier, plain, if_exists = _operator(operator)
    if plain == "Null":
        return (values is None) == (wanted[0].lower() == "true")
    negated = plain in NEGATIONS
    if values is None:
        # A key that the request has not differs from every value; "of all its values" is true of none.
        return if_exists or quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue")
    match = MATCHES[NEGATIONS.get(plain, plain)]

    def one(value: str) -> bool:
        try:
            return any(match(value, pattern) for pattern in wanted) != negated
        except ValueError:  # the request's value is none of the operator's kind
            return negated

    return all(map(one, values)) if quantifier == "ForAllValues" else any(map(one, values))


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """``*`` stands for any characters, ``?`` for any one."""
    parts = (WILDCARDS.get(character) or re.escape(character) for character in text)
    return re.compile("".join(parts), re.DOTALL)


def _matches(pattern: str, text: str) -> bool:
    return _pattern(pattern).fullmatch(text) is not None


def _arn(value: str, wanted: str) -> bool:
    """ARNs match part by part, the last part whole."""
    ours, theirs = value.split(":", 5), wanted.split(":", 5)
    return len(ours) == len(theirs) and all(_matches(pattern, part) for part, pattern in zip(ours, theirs, strict=True))


def _date(text: str) -> float:
    """Seconds since the epoch, from these or from ISO 8601, which is UTC unless it says otherwise."""
    if re.fullmatch(r"[0-9.]+", text):
        return float(text)
    date = datetime.fromisoformat(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_list(value: object) -> list[Any]:
    """What may stand alone or in a list, as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, Iterable) and not isinstance(value, (str, dict)) else [value]
