"""Search: SageMaker's resources by their properties and tags.

Reference: the API reference of Search and of Filter, whose operators and property names these are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.model import Shape

from local_aws.core.errors import AwsError
from local_aws.services.sagemaker.pipelines.expressions import as_text
from local_aws.wire.operation import operation
from local_aws.wire.protocols import service_model
from local_aws.wire.refusals import not_implemented

from .kinds import ENDPOINT, ENDPOINT_CONFIG, KINDS, MODEL, PIPELINE_EXECUTION, TRANSFORM_JOB, Kind
from .resources import Resources, tag_list

MAX_RESULTS = 10  # of a page, unless the caller names another number


class Search:
    """Finds resources of one of the kinds that are searched.

    ``described`` makes of a resource's body what its Describe answers, for kinds where that is more.
    """

    def __init__(self, resources: Resources, described: dict[Kind, Callable[[dict[str, Any]], dict[str, Any]]]) -> None:
        self.resources = resources
        self.described = described

    @operation("Search")
    def search(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of the resources of one kind that pass a SearchExpression, sorted, with their total number.

        Raises AwsError for a kind that is not searched here, for a property that the kind does not have, and for an
        operator that does not fit a property's type.
        """
        name = params["Resource"]
        kind = KINDS.get(name)
        if kind is None or not kind.searched:
            raise not_implemented(f"Search for {name}")
        for member in ("CrossAccountFilterOption", "VisibilityConditions"):
            if params.get(member):
                raise not_implemented(f"Search's {member}")
        expression = params.get("SearchExpression", {})
        shape = service_model("sagemaker").shape_for("SearchRecord").members[name]
        # A group of model packages is never modified, and a model is a member of what the dashboard shows of it.
        created = "Model.CreationTime" if kind is MODEL else "CreationTime"
        sort_by = params.get("SortBy", "LastModifiedTime" if "LastModifiedTime" in shape.members else created)
        _check_names(expression, shape)
        _check_name(sort_by, shape)
        matches = []
        for record in self.resources.records(kind):
            body, tags = self.described[kind](record.body) if kind in self.described else record.body, record.tags
            if kind is MODEL:
                body = _on_the_dashboard(self.resources, body | {"Tags": tag_list(tags)})
            elif kind is PIPELINE_EXECUTION:
                values = record.internal["Parameters"].items()
                body = body | {"PipelineParameters": [{"Name": key, "Value": as_text(value)} for key, value in values]}
            body = {key: value for key, value in body.items() if key in shape.members}
            properties = _flat(body) | {f"Tags.{key}": value for key, value in tags.items()}
            for metric in body.get("FinalMetricDataList", []):
                properties[f"Metrics.{metric['MetricName']}"] = metric["Value"]
            if _matches(expression, properties, body):
                matches.append((properties, body | ({"Tags": tag_list(tags)} if "Tags" in shape.members else {})))
        matches.sort(
            key=lambda match: _comparable(match[0].get(sort_by, match[0][created])),
            reverse=params.get("SortOrder", "Descending") == "Descending",
        )
        start = self.resources.place(f"Search {name}", params["NextToken"]) if params.get("NextToken") else 0
        size = params.get("MaxResults", MAX_RESULTS)
        page = matches[start : start + size]
        return {
            "Results": [{name: body} for _, body in page],
            "NextToken": self.resources.token(f"Search {name}", start + size) if len(matches) > start + size else None,
            "TotalHits": {"Value": len(matches), "Relation": "EqualTo"},
        }


def _on_the_dashboard(resources: Resources, model: dict[str, Any]) -> dict[str, Any]:
    """A model with the endpoints that serve it and the last batch that was scored with it."""
    name = model["ModelName"]
    configs = {
        config["EndpointConfigName"]
        for config, _ in resources.all(ENDPOINT_CONFIG)
        if any(variant.get("ModelName") == name for variant in config["ProductionVariants"])
    }
    endpoint_members = service_model("sagemaker").shape_for("ModelDashboardEndpoint").members
    endpoints = [
        {member: body[member] for member in endpoint_members}
        for body, _ in resources.all(ENDPOINT)
        if body.get("EndpointConfigName") in configs
    ]
    batch_members = service_model("sagemaker").shape_for("TransformJob").members
    batches = [body for body, _ in resources.all(TRANSFORM_JOB) if body["ModelName"] == name]
    last = max(batches, key=lambda body: body["CreationTime"], default=None)
    batch = (
        {"LastBatchTransformJob": {key: value for key, value in last.items() if key in batch_members}} if last else {}
    )
    members = service_model("sagemaker").shape_for("Model").members
    return {
        "Model": {key: value for key, value in model.items() if key in members},
        "Endpoints": endpoints,
        "MonitoringSchedules": [],
    } | batch


def _flat(body: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"ResourceConfig": {"InstanceType": x}}`` as ``{"ResourceConfig.InstanceType": x}``."""
    flat: dict[str, Any] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _check_names(expression: dict[str, Any], shape: Shape) -> None:
    """Refuse what names no property: it would match nothing, and look like an answer."""
    for condition in expression.get("Filters", []):
        _check_name(condition["Name"], shape)
    for nested in expression.get("NestedFilters", []):
        listed = nested["NestedPropertyName"]
        members = _check_name(listed, shape)
        for condition in nested["Filters"]:
            name = condition["Name"]
            if members is None or members.type_name != "list" or not name.startswith(f"{listed}."):
                raise AwsError("ValidationException", f"Unknown property name: {name} (in the list {listed})")
            _check_name(name.removeprefix(f"{listed}."), members.member)
    for subexpression in expression.get("SubExpressions", []):
        _check_names(subexpression, shape)


def _check_name(name: str, shape: Shape) -> Shape | None:
    """What the property is; None for a tag, a metric or a hyperparameter."""
    first, _, rest = name.partition(".")
    if first in ("Tags", "Metrics") and rest:
        return None
    for member in name.split("."):
        if shape.type_name == "map":
            return None
        if shape.type_name != "structure" or member not in shape.members:
            raise AwsError("ValidationException", f"Unknown property name: {name}")
        shape = shape.members[member]
    return shape


def _matches(expression: dict[str, Any], properties: dict[str, Any], body: dict[str, Any]) -> bool:
    results = [_passes(condition, properties) for condition in expression.get("Filters", [])]
    results += [_has_one(nested, body) for nested in expression.get("NestedFilters", [])]
    results += [_matches(part, properties, body) for part in expression.get("SubExpressions", [])]
    if not results:
        return True
    return any(results) if expression.get("Operator", "And") == "Or" else all(results)


def _has_one(nested: dict[str, Any], body: dict[str, Any]) -> bool:
    """Whether one element of the list that a nested filter names passes all its conditions."""
    name: str = nested["NestedPropertyName"]
    elements: Any = body
    for member in name.split("."):
        elements = elements.get(member, {})
    return any(
        all(_passes(condition, properties) for condition in nested["Filters"])
        for properties in (_flat(element, f"{name}.") for element in elements)
    )


def _passes(condition: dict[str, Any], properties: dict[str, Any]) -> bool:
    name: str = condition["Name"]
    value: str | None = condition.get("Value")
    operator: str = condition.get("Operator", "Equals")
    there = name in properties
    if operator in ("Exists", "NotExists"):
        return there == (operator == "Exists")
    if value is None:
        raise AwsError("ValidationException", f"Search filter for '{name}': operator {operator} needs a Value.")
    if not there:
        return operator == "NotEquals"
    actual = properties[name]
    if operator == "Contains":
        return value in _text(actual)
    if operator == "In":
        return _text(actual) in [option.strip() for option in value.split(",")]
    numbers = _numbers(name, actual, value)
    if operator in ("Equals", "NotEquals"):
        same = numbers[0] == numbers[1] if numbers else _text(actual) == value
        return same == (operator == "Equals")
    if numbers is None:
        raise AwsError(
            "ValidationException", f"Search filter for '{name}': '{value}' and operator {operator} do not fit it."
        )
    left, right = numbers
    return {
        "GreaterThan": left > right,
        "GreaterThanOrEqualTo": left >= right,
        "LessThan": left < right,
        "LessThanOrEqualTo": left <= right,
    }[operator]


def _numbers(name: str, actual: Any, value: str) -> tuple[float, float] | None:
    """Both sides of a comparison, if the property is a number or a time and ``value`` one too.

    Hyperparameters are text that may be a number; one that is not (``auto``) is nan, which passes no comparison.
    """
    try:
        if name.startswith("HyperParameters."):
            right = float(value)
            try:
                return float(actual), right
            except ValueError:
                return math.nan, right
        if isinstance(actual, bool) or not isinstance(actual, (int, float)):
            return None
        if name.endswith("Time"):
            at = datetime.fromisoformat(value)
            return actual, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        return actual, float(value)
    except ValueError:
        return None


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _comparable(value: object) -> tuple[int, float, str]:
    """A key by which values of any type can be sorted: numbers come first, in their order, then texts."""
    return (0, value, "") if isinstance(value, (int, float)) else (1, 0, str(value))
