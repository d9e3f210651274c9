"""SageMaker's Search: resources by what they are and how they are tagged.

Reference: the API reference of Search and of Filter, whose operators and property names these are.
"""

from __future__ import annotations

from .errors import AwsError
from .protocols import not_implemented
from .resources import KINDS, Resources, as_list

MAX_RESULTS = 10  # of a page, unless the caller names another number


def search(resources: Resources, params: dict) -> dict:
    """Answer a Search for one of the kinds that the account keeps."""
    name = params["Resource"]
    if name not in KINDS:
        raise not_implemented(f"Search for {name}")
    expression = params.get("SearchExpression", {})
    found = []
    for body, tags in resources.all(KINDS[name]):
        properties = _flat(body) | {f"Tags.{key}": value for key, value in tags.items()}
        if _matches(expression, properties):
            found.append((properties, body | {"Tags": as_list(tags)}))
    sort_by = params.get("SortBy", "LastModifiedTime")
    fallback = "CreationTime"
    found.sort(
        key=lambda each: _comparable(each[0].get(sort_by, each[0].get(fallback))),
        reverse=params.get("SortOrder", "Descending") == "Descending",
    )
    start, size = _start(params.get("NextToken")), params.get("MaxResults", MAX_RESULTS)
    page = found[start : start + size]
    return {
        "Results": [{name: body} for _, body in page],
        "NextToken": str(start + size) if len(found) > start + size else None,
        "TotalHits": {"Value": len(found), "Relation": "EqualTo"},
    }


def _flat(body: dict, prefix: str = "") -> dict[str, object]:
    """``{"ResourceConfig": {"InstanceType": x}}`` as ``{"ResourceConfig.InstanceType": x}``."""
    flat: dict[str, object] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _matches(expression: dict, properties: dict[str, object]) -> bool:
    if expression.get("NestedFilters"):
        raise not_implemented("Search's NestedFilters")
    results = [_passes(each, properties) for each in expression.get("Filters", [])]
    results += [_matches(each, properties) for each in expression.get("SubExpressions", [])]
    if not results:
        return True
    return any(results) if expression.get("Operator", "And") == "Or" else all(results)


def _passes(condition: dict, properties: dict[str, object]) -> bool:
    name, value = condition["Name"], condition.get("Value")
    operator = condition.get("Operator", "Equals")
    there = name in properties
    if operator in ("Exists", "NotExists"):
        return there == (operator == "Exists")
    if value is None:
        raise AwsError("ValidationException", f"Search filter for '{name}': operator {operator} needs a Value.")
    if not there:
        return operator == "NotEquals"
    actual = properties[name]
    if operator == "Equals":
        return str(actual) == value
    if operator == "NotEquals":
        return str(actual) != value
    if operator == "Contains":
        return value in str(actual)
    if operator == "In":
        return str(actual) in [each.strip() for each in value.split(",")]
    try:
        left, right = float(actual), float(value)
    except (TypeError, ValueError):
        raise AwsError(
            "ValidationException",
            f"Search filter for '{name}': operator {operator} compares numbers and times only.",
        ) from None
    return {
        "GreaterThan": left > right,
        "GreaterThanOrEqualTo": left >= right,
        "LessThan": left < right,
        "LessThanOrEqualTo": left <= right,
    }[operator]


def _comparable(value: object) -> tuple:
    return (0, value, "") if isinstance(value, (int, float)) else (1, 0, str(value or ""))


def _start(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdigit():
        raise AwsError("ValidationException", "Invalid NextToken.")
    return int(token)
