"""Wire protocols of AWS, as the account's services speak them.

- ``json`` (SageMaker, CloudWatch Logs, CloudWatch, ECR): the operation in ``X-Amz-Target``, a JSON body.
- ``rest-json`` (the SageMaker runtime): the operation in the path, errors named in a header.
- ``query`` (STS, IAM): a form with ``Action``, answers in XML.

Reference: the protocol pages of Smithy's documentation, and botocore's parsers.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any, NoReturn
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import ServiceModel
from starlette.responses import Response

from local_aws.core.errors import AwsError

MAX_UNZIPPED = 25 * 1024 * 1024  # bytes


@cache
def service_model(name: str) -> ServiceModel:
    """botocore's model of a service (``sagemaker``, ``logs``, ``cloudwatch`` …)."""
    return botocore.session.get_session().get_service_model(name)


def request_id() -> str:
    """A random UUID; nobody need be unable to guess it, and the machine's own take four times as long."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{digits[16:20]}-{digits[20:]}"


def read_json(body: bytes) -> dict[str, Any]:
    """The members of a request's body; none if it is empty; AwsError if it is no JSON object."""
    try:
        members = json.loads(body or b"{}", parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise AwsError("SerializationException", "The request's body is not JSON.") from None
    if not isinstance(members, dict):
        raise AwsError("SerializationException", "The request's body is not a JSON object.")
    return members


def plain(headers: Mapping[str, str], body: bytes) -> bytes:
    """A request's body, which boto3 sends compressed where that pays: PutMetricData's, from 10 KB on."""
    if headers.get("content-encoding", "").lower() != "gzip":
        return body
    stream = zlib.decompressobj(wbits=31)
    try:
        unzipped = stream.decompress(body, MAX_UNZIPPED)
    except zlib.error:
        unzipped = b""
    if not stream.eof:
        raise AwsError("SerializationException", f"The request's body is not gzip of at most {MAX_UNZIPPED} bytes.")
    return unzipped


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def json_response(answer: dict[str, Any], content_type: str, status: int = 200) -> Response:
    """A JSON answer.  Members that are None are left out: strict clients refuse a null."""
    headers = {"x-amzn-RequestId": request_id()}
    body = json.dumps(answer if status != 200 else pruned(answer))
    return Response(body, status, headers, media_type=content_type)


def pruned(value: Any) -> Any:
    """``value`` without the members of dicts that are None, at every depth."""
    if isinstance(value, dict):
        return {name: pruned(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [pruned(item) for item in value]
    return value


def json_error(error: AwsError) -> Response:
    """An error of the ``json`` protocol, named in ``__type``; its status is 400 or, of the service's faults, 5xx."""
    body = {"__type": error.code, "message": error.message, **error.fields}
    status = 400 if error.status == 403 else error.status  # this protocol knows 400 and 500 only
    return json_response(body, "application/x-amz-json-1.1", status)


def rest_json_error(error: AwsError) -> Response:
    """An error of the ``rest-json`` protocol, named in the header ``x-amzn-ErrorType``; it keeps its status."""
    body = {"Message": error.message, "message": error.message, **error.fields}
    response = json_response(body, "application/json", error.status)
    response.headers["x-amzn-ErrorType"] = error.code
    return response


def query_response(action: str, namespace: str, result: Mapping[str, str | list[dict[str, str]]]) -> Response:
    """An XML answer of the ``query`` protocol; its members are texts or lists of structures."""
    headers = {"x-amzn-RequestId": request_id()}
    body = (
        f'<{action}Response xmlns="{namespace}"><{action}Result>{_members(result)}</{action}Result>'
        f"<ResponseMetadata><RequestId>{headers['x-amzn-RequestId']}</RequestId></ResponseMetadata></{action}Response>"
    )
    return Response(body, 200, headers, media_type="text/xml")


def _members(structure: Mapping[str, str | list[dict[str, str]]]) -> str:
    parts = []
    for name, value in structure.items():
        if isinstance(value, str):
            text = escape(value)
        else:
            text = "".join(f"<member>{_members(member)}</member>" for member in value)
        parts.append(f"<{name}>{text}</{name}>")
    return "".join(parts)


def query_error(error: AwsError) -> Response:
    """An error of the ``query`` protocol, in XML; it keeps its status."""
    # The names that all services share are written without suffix in this protocol.
    code = "ValidationError" if error.code == "ValidationException" else error.code.removesuffix("Exception")
    headers = {"x-amzn-RequestId": request_id()}
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code>"
        f"<Message>{escape(error.message)}</Message></Error><RequestId>{headers['x-amzn-RequestId']}</RequestId>"
        "</ErrorResponse>"
    )
    return Response(body, error.status, headers, media_type="text/xml")
