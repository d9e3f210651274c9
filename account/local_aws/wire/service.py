"""Services and API calls: a request is read once, handed to the policy and then to what answers it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from local_aws.core.errors import AwsError

from .operation import Operation
from .protocols import json_response, plain, read_json, service_model
from .refusals import not_implemented
from .signature import Key
from .validation import validate


@dataclass(frozen=True)
class ApiCall:
    """A request whose signature has been checked, to any service but S3 (which has a ``Call`` of its own).

    ``service`` is the name that it is signed for.  ``parameters`` are the members of a JSON body, or the fields of a
    form as texts; they are not validated yet.  ``headers`` have lower-case names, ``body`` is unzipped.
    """

    service: str
    operation: str
    parameters: dict[str, Any]
    caller: Key
    headers: Mapping[str, str]
    body: bytes


def read_form(service: str, query: str, headers: Mapping[str, str], body: bytes, caller: Key) -> ApiCall:
    """A request that says its operation in ``Action``, in a form or else in its query.

    Of a field that is there twice the first one counts.
    """
    body = body or query.encode("latin-1")
    fields = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
    return ApiCall(service, fields.get("Action", ""), fields, caller, headers, body)


def target_operation(headers: Mapping[str, str]) -> str:
    """The operation that a request of the ``json`` protocol names, in ``X-Amz-Target: PREFIX.OPERATION``."""
    return headers.get("x-amz-target", "").rpartition(".")[2]


class JsonService:
    """A service of the ``json`` protocol: what the account has of it, and how it is asked for.

    **Operations run on the event loop, one after the other.**  No other request is answered between the beginning of
    an operation's function and its return, so that one which asks whether a name is free and then takes it needs no
    lock against other requests; and one that takes long keeps all others waiting, so what takes long (a job, an
    answer of a model's container, bytes of S3) belongs to a thread.  An operation that awaits (a Describe that is
    held until there is news, a Delete that waits for a job's end) lets others in meanwhile, and looks again then.

    Other threads call operations too: a pipeline's execution does its steps by them (``Pipelines.call``), and a
    tuning job launches training jobs (``TrainingJobs.launch``).  They run beside the loop and beside each other.  An
    operation that a step may call therefore shares nothing with another one but what holds against threads: the
    tables of a database, where one ``write`` is one transaction; a counter with a lock of its own, as
    ``ModelRegistry`` has one for versions; a job's state, which ``JobRun.state`` guards.
    """

    def __init__(
        self,
        model: str,
        title: str,
        operations: Mapping[str, Operation],
        actions: str = "",
        resource: Callable[[Mapping[str, Any]], str] = lambda parameters: "*",
    ) -> None:
        """``model`` is botocore's name of it, ``title`` AWS's; ``operations`` are those that the account has.

        ``actions`` is the prefix of its actions in IAM, where it is not the name that its requests are signed for;
        ``resource`` is the ARN of what a request with certain parameters is about, for a policy.
        """
        self.model = service_model(model)
        self.name: str = self.model.signing_name
        self.title = title
        self.operations = operations
        self.actions = actions or self.name
        self.resource = resource
        self.content_type = f"application/x-amz-json-{self.model.metadata['jsonVersion']}"

    def read(self, headers: Mapping[str, str], body: bytes, caller: Key) -> ApiCall:
        """A request taken apart; AwsError if the service has no such operation, or if the body is no JSON object."""
        name = target_operation(headers)
        if name not in self.model.operation_names:  # nobody may, or may not, do what does not exist
            raise AwsError("UnknownOperationException", f"{self.title} has no operation named '{name}'.")
        body = plain(headers, body)
        return ApiCall(self.name, name, read_json(body), caller, headers, body)

    async def answer(self, call: ApiCall, request: Request) -> Response:
        """Do what a call asks for; AwsError if it is not done here, if it is not valid, or if it is refused."""
        operation = self.operations.get(call.operation)
        if operation is None:
            raise not_implemented(f"{self.title}'s operation {call.operation}")
        shape = self.model.operation_model(call.operation).input_shape
        if shape is not None:
            validate(call.parameters, shape)
        function, parameters = operation.function, call.parameters
        answer = function(parameters, request) if operation.wants_request else function(parameters)
        if inspect.isawaitable(answer):
            answer = await answer
        return json_response(answer or {}, self.content_type)
