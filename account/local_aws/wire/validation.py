"""Request validation against AWS's own service model, with the words that AWS uses.

The model is botocore's: the same shapes from which boto3 is made.  boto3 itself checks names and
types before it sends; lengths, ranges, patterns and enumerations are left to the service, and so
are all checks for other clients.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from botocore.model import Shape

from local_aws.core.errors import AwsError

PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
    "blob": (str,),
}


def validate(params: dict[str, Any], shape: Shape) -> None:
    """Raise a ValidationException that names each broken constraint of ``shape``, as AWS does."""
    faults: list[str] = []
    _check(params, shape, "", faults)
    if faults:
        errors = "error" if len(faults) == 1 else "errors"
        raise AwsError("ValidationException", f"{len(faults)} validation {errors} detected: {'; '.join(faults)}")


def _check(value: Any, shape: Shape, where: str, faults: list[str]) -> None:
    fits = isinstance(value, PYTHON_TYPES[shape.type_name])
    if not fits or (isinstance(value, bool) and shape.type_name != "boolean"):
        raise AwsError(
            "SerializationException",
            f"{type(value).__name__} can not be converted to {shape.type_name} at '{where or shape.name}'",
        )
    if shape.type_name == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                faults.append(
                    f"Value null at '{_member(where, name)}' failed to satisfy constraint: Member must not be null"
                )
        for name, member in shape.members.items():
            if value.get(name) is not None:
                _check(value[name], member, _member(where, name), faults)
        return
    _check_constraints(value, shape, where, faults)
    if shape.type_name == "list":
        for index, item in enumerate(value, 1):
            _check(item, shape.member, f"{where}.{index}.member", faults)
    elif shape.type_name == "map":
        for name, item in value.items():
            _check(name, shape.key, f"{where}.key", faults)
            _check(item, shape.value, f"{where}.{name}.member", faults)


def _check_constraints(value: Any, shape: Shape, where: str, faults: list[str]) -> None:
    rules = shape.metadata

    def broken(constraint: str) -> None:
        shown = "[" + ", ".join(map(str, value)) + "]" if isinstance(value, list) else value
        faults.append(f"Value '{shown}' at '{where}' failed to satisfy constraint: Member must {constraint}")

    measured, noun = value, "value"
    if shape.type_name in ("string", "blob", "list", "map"):
        measured, noun = len(value), "length"
    if "min" in rules and shape.type_name != "timestamp" and measured < rules["min"]:
        broken(f"have {noun} greater than or equal to {rules['min']}")
    if "max" in rules and shape.type_name != "timestamp" and measured > rules["max"]:
        broken(f"have {noun} less than or equal to {rules['max']}")
    if "enum" in rules and value not in rules["enum"]:
        broken(f"satisfy enum value set: [{', '.join(rules['enum'])}]")
    if "pattern" in rules and not _pattern(rules["pattern"]).fullmatch(value):
        broken(f"satisfy regular expression pattern: {rules['pattern']}")


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    # The patterns are Java's.  Of what they use, only Unicode's categories are spelt otherwise in Python.
    for java, python in (
        ("L", r"\w"),
        ("M", ""),
        ("N", r"\d"),
        ("P", r"!-/:-@\[-`{-~"),
        ("S", "$+<=>^`|~"),
        ("Z", r"\s"),
    ):
        text = text.replace(rf"\p{{{java}}}", python)
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        return re.compile(".*", re.DOTALL)


def _member(where: str, name: str) -> str:
    name = name[0].lower() + name[1:]
    return f"{where}.{name}" if where else name
