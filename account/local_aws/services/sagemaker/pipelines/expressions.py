"""Expressions of a pipeline definition (Get, Std:Join, Std:JsonGet), their values, and what conditions decide.

Reference: the JSON schema of the pipeline definition (version 2020-12-01).
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

from local_aws.core.errors import AwsError

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
PROPERTY_FILE = re.compile(r"Steps\.([^.]+)\.PropertyFiles\.(.+)")
PATH = re.compile(r"\.?([^.\[\]]+)|\[(\d{1,9})\]|\['([^']+)'\]|\[\"([^\"]+)\"\]")


class Undefined(Exception):
    """An expression has no value, or one that cannot be used; the sentence says why."""


def is_path(text: str) -> bool:
    """Whether ``text`` is a path that ``parts`` can read."""
    try:
        return bool(parts(text))
    except Undefined:
        return False


def parts(path: str) -> list[str | int]:
    """``A.B[0]['c']`` as ``["A", "B", 0, "c"]``; Undefined if it is no such path."""
    keys: list[str | int] = []
    end = 0
    for match in PATH.finditer(path):
        if match.start() != end:
            break
        end = match.end()
        keys.append(int(match[2]) if match[2] else match[1] or match[3] or match[4])
    if end != len(path) or not path:
        raise Undefined(f"'{path}' is not a path such as A.B[0].")
    return keys


def pick(document: Any, path: str) -> Any:
    """What lies at a path of a JSON document; Undefined if nothing does.

    A list may also be asked by the name of an item, as ``Outputs['train']``: its member that ends in ``Name``.
    """
    for part in parts(path):
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif not isinstance(document, list):
            raise Undefined(f"'{path}' is undefined.")
        elif isinstance(part, int) and part < len(document):
            document = document[part]
        else:
            named = [
                item
                for item in document
                if isinstance(item, dict) and any(key.endswith("Name") and value == part for key, value in item.items())
            ]
            if not named:
                raise Undefined(f"'{path}' is undefined.")
            document = named[0]
    return document


def is_expression(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value of the definition is an expression, which stands for another value."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("Get", "Std:Join", "Std:JsonGet")


def expressions(value: object) -> Iterator[dict[str, Any]]:
    """Every expression within a value, those within expressions too."""
    if is_expression(value):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from expressions(item)


def resolved(value: object, evaluate: Callable[[dict[str, Any]], object]) -> Any:
    """A value with each expression exchanged for what ``evaluate`` says it is worth."""
    if is_expression(value):
        return evaluate(value)
    if isinstance(value, dict):
        return {key: resolved(item, evaluate) for key, item in value.items()}
    return [resolved(item, evaluate) for item in value] if isinstance(value, list) else value


def as_text(value: object) -> str:
    """A value as Std:Join writes it."""
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value)
    return str(value)


def holds(condition: dict[str, Any], evaluate: Callable[[dict[str, Any]], object]) -> bool:
    """What a condition decides; Undefined if its sides cannot be compared."""
    condition_type = condition["Type"]
    if condition_type == "Not":
        return not holds(condition["Condition"], evaluate)
    if condition_type == "Or":
        # All of them are evaluated: one that is undefined fails the step, whatever the others decide.
        outcomes = [holds(nested, evaluate) for nested in condition["Conditions"]]
        return any(outcomes)
    if condition_type == "In":
        value = resolved(condition["QueryValue"], evaluate)
        return any(_same(value, option) for option in resolved(condition["Values"], evaluate))
    left, right = (resolved(condition[side], evaluate) for side in ("LeftValue", "RightValue"))
    if condition_type == "Equals":
        return _same(left, right)
    if not (_number(left) and _number(right)) and not (isinstance(left, str) and isinstance(right, str)):
        raise Undefined(f"{json.dumps(left)} and {json.dumps(right)} cannot be compared ({condition_type}).")
    return COMPARISONS[condition_type](left, right)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(left: object, right: object) -> bool:
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def check_condition(condition: object, name: str) -> None:
    """Refuse a condition of the step ``name`` that lacks what its type needs."""
    where = f"A condition of step '{name}'"
    condition = json_object(condition, f"{where} is not a Json Object.")
    condition_type = condition.get("Type")
    if not isinstance(condition_type, str) or condition_type not in (*COMPARISONS, "Not", "Or", "In"):
        raise bad(f"{where} has the unknown Type {json.dumps(condition_type)}.")
    members = {"Not": ("Condition",), "Or": ("Conditions",), "In": ("QueryValue", "Values")}.get(
        condition_type, ("LeftValue", "RightValue")
    )
    for member in members:
        need(member in condition, f"{where} ({condition_type}) has no {member}.")
    if condition_type == "Not":
        check_condition(condition["Condition"], name)
    if condition_type == "Or":
        for nested in json_array(condition["Conditions"], f"the Conditions of step '{name}'"):
            check_condition(nested, name)
    if condition_type == "In":
        json_array(condition["Values"], f"the Values of a condition of step '{name}'")


def json_array(value: object, where: str) -> list[Any]:
    """An array of the definition as it is; AwsError if it is none."""
    if not isinstance(value, list):
        raise bad(f"Expecting start of Json Array in {where}.")
    return value


def json_object(value: object, sentence: str) -> dict[str, Any]:
    """An object of the definition as it is; AwsError with a sentence if it is none."""
    if not isinstance(value, dict):
        raise bad(sentence)
    return value


def need(condition: bool, sentence: str) -> None:
    """Refuse the definition with a sentence unless ``condition`` holds."""
    if not condition:
        raise bad(sentence)


def bad(sentence: str) -> AwsError:
    """The error for a definition that says what it may not."""
    return AwsError("ValidationException", f"Unable to parse pipeline definition. {sentence}")
