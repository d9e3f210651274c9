"""Names of AWS operations, by botocore's models, for requests that no service of the account takes.

So a refusal names what is missing, whichever of AWS's protocols the request is written in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from urllib.parse import parse_qs

import botocore.session
from botocore.model import OperationModel

from .protocols import service_model

# By the name in a signature, the services of botocore whose own names begin otherwise.
OTHER_NAMES = {
    "airflow": ["mwaa"],
    "elasticfilesystem": ["efs"],
    "s3express": ["s3", "s3control"],
    "s3-object-lambda": ["s3", "s3control"],
}
IN_CBOR = re.compile(r"/service/\w+/operation/(\w+)")  # a path of the smithy-rpc-v2-cbor protocol


def operation_name(
    service: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes = b""
) -> str:
    """``AWS Lambda's operation ListFunctions``, ``operation DescribeInstances``; the method and path if AWS has none.

    ``service`` is the name that the request was signed for, ``path`` and ``query`` are as they were sent, ``headers``
    have lower-case names.  Protocols of JSON, of forms and of CBOR say the operation's name themselves.
    """
    target = headers.get("x-amz-target", "").rpartition(".")[2]
    in_path = IN_CBOR.fullmatch(path)
    action = parse_qs(body.decode("latin-1")).get("Action") or parse_qs(query).get("Action")
    if name := target or (in_path and in_path[1]) or (action and action[0]):
        return f"operation {name}"
    parameters = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
    candidates = [candidate for candidate in _operations(service) if _is_of(candidate, method, path, parameters)]
    best = min(candidates, key=lambda candidate: _generality(candidate, parameters), default=None)
    if best is None:
        return f"{method} {path}"
    return f"{best.service_model.metadata['serviceFullName']}'s operation {best.name}"


def _generality(operation: OperationModel, parameters: dict[str, str]) -> tuple[int, int, int, int, bool]:
    """Least of the one, of several that fit, whose form has fewest places for names and asks for most of the query."""
    path, query = _form(operation)
    required = _required(operation)
    missing = len([name for name in required if name not in parameters])
    return path.count("{"), -len(query), missing, -len(required), operation.deprecated


def _required(operation: OperationModel) -> list[str]:
    """The names in the query that the operation cannot do without."""
    shape = operation.input_shape
    members = [shape.members[name].serialization for name in shape.required_members] if shape else []
    return [member["name"] for member in members if member.get("location") == "querystring"]


@cache
def _operations(service: str) -> list[OperationModel]:
    """The operations of the services that are signed for by this name, as far as their own names say that."""
    available = botocore.session.get_session().get_available_services()
    names = OTHER_NAMES.get(service) or [name for name in available if name.startswith(service)]
    models = [service_model(name) for name in names if name in available]
    return [
        model.operation_model(name)
        for model in models
        if model.signing_name == service or service in OTHER_NAMES
        for name in model.operation_names
    ]


def _form(operation: OperationModel) -> tuple[str, str]:
    """The path and the query by which an operation is told; a client of S3 takes the bucket out of its own."""
    path, _, query = operation.http["requestUri"].partition("?")
    whole = operation.http.get("authPath", path)
    return whole.partition("?")[0].removesuffix("/") if whole != path else path, query


def _is_of(operation: OperationModel, method: str, path: str, query: dict[str, str]) -> bool:
    form, wanted = _form(operation)
    pattern = re.sub(r"\\\{[^}]*\\\}", lambda label: ".+" if label[0].endswith(r"\+\}") else "[^/]+", re.escape(form))
    pairs = parse_qs(wanted, keep_blank_values=True).items()
    return (
        method == operation.http["method"]
        and re.fullmatch(pattern, path) is not None
        and all(query.get(name) == values[0] for name, values in pairs)
    )
