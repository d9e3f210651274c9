"""Requests of any kind, by botocore's model and beyond it: an answer comes, it is AWS's, and the account goes on."""

from __future__ import annotations

import random
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_aws.wire.protocols import service_model
from support.wire import call, send, signed

SERVICES = ("sagemaker", "logs", "cloudwatch", "service-quotas")
NOT_FOR_US = "is not implemented in the embedded AWS account"
TEXTS = ["", "a", "course-1", "A" * 300, "s3://bucket/key", "s3://", "-", "é\u0000", "../..", "*", "${x}",
         "2026-01-01", "arn:aws:iam::000000000000:role/r", "arn:aws:sagemaker:us-east-1:000000000000:model/m",
         "arn:::::"]  # fmt: skip
NUMBERS = st.sampled_from([0, 1, -1, 10, 2**31, 2**63, -(2**63), 10**30])
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False) | st.sampled_from(TEXTS) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(TEXTS), inner, max_size=2),
    max_leaves=4,
)


def values(shape, depth: int = 0) -> st.SearchStrategy:
    """Values of a shape, and in one of ten cases of no shape at all."""
    if depth > 6:
        return ANYTHING
    kind = shape.type_name
    if kind == "structure":
        members = {name: values(member, depth + 1) for name, member in shape.members.items()}
        required = {name: members.pop(name) for name in shape.required_members}
        right = st.fixed_dictionaries(required, optional=members)
    elif kind == "list":
        right = st.lists(values(shape.member, depth + 1), max_size=2)
    elif kind == "map":
        right = st.dictionaries(st.sampled_from(TEXTS), values(shape.value, depth + 1), max_size=2)
    elif kind == "string":
        right = st.sampled_from(shape.enum or TEXTS)
    elif kind == "boolean":
        right = st.booleans()
    elif kind in ("integer", "long", "timestamp"):
        right = NUMBERS
    elif kind in ("float", "double"):
        right = st.floats(allow_nan=False)
    else:
        right = st.sampled_from(TEXTS)
    return st.integers(0, 9).flatmap(lambda draw: right if draw else ANYTHING)


def operations() -> list[tuple[str, str]]:
    return [(service, name) for service in SERVICES for name in service_model(service).operation_names]


@pytest.fixture(scope="module")
def ours(account) -> list[tuple[str, str]]:
    """The operations that the account has."""
    return [each for each in operations() if NOT_FOR_US not in call(account, *_signing(each), {}).body.decode()]


def _signing(operation: tuple[str, str]) -> tuple[str, str]:
    """A service by the name that signatures have for it."""
    service, name = operation
    return {"cloudwatch": "monitoring", "service-quotas": "servicequotas"}.get(service, service), name


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_parameters_of_any_kind(account, ours, data):
    service, name = data.draw(st.sampled_from(ours))
    shape = service_model(service).operation_model(name).input_shape
    params = data.draw(values(shape) if shape else ANYTHING)
    answer = call(account, *_signing((service, name)), params)
    assert answer.status in (200, 400), (name, params, answer)
    assert b"Traceback" not in answer.body
    if answer.status == 400:
        assert answer.json["__type"] and isinstance(answer.json["message"], str)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    path=st.lists(st.sampled_from(["/", "b", "bucket", "%", "%00", "%ff", "é", "..", ".", "?", "=", "&", "uploads",
                                   "list-type=2", "max-keys=", "uploadId=", "-1", "prefix=%e2%82", "tagging"]),
                  max_size=8),
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    body=st.sampled_from([b"", b"<", b"<a/>", b"<Delete><Object/></Delete>", b"\xff\xfe",
                          b"<!DOCTYPE a [<!ENTITY b 'c'>]>"]),
)  # fmt: skip
def test_requests_of_any_kind_to_s3(account, path, method, body):
    where = "/" + "".join(path).encode().decode("latin-1")
    where = where.encode("latin-1").decode("ascii", errors="ignore")
    answer = send(account, method, where, signed(account, "s3", method, where, body=body), body)
    assert answer.status < 500 or answer.status == 501, (method, where, answer)
    assert b"Traceback" not in answer.body


def test_bytes_that_are_no_http(account):
    chance = random.Random(1)
    place = urlsplit(account.url)
    request = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: SageMaker.ListModels\r\nContent-Length: 2\r\n\r\n{}"
    for _ in range(150):
        sent = bytearray(request)
        for _ in range(chance.randrange(1, 8)):
            sent[chance.randrange(len(sent))] = chance.randrange(256)
        if chance.random() < 0.3:
            sent = bytearray(chance.randbytes(chance.randrange(200)))
        with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
            connection.sendall(sent[: chance.randrange(1, len(sent) + 1)] if sent else b"\r\n")
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while block := connection.recv(65536):  # a time-out is a fault: nobody is left waiting
                answer += block
        assert b"Traceback" not in answer and b" 500 " not in answer.partition(b"\r\n")[0]
    assert call(account, "sagemaker", "ListModels", {}).status == 200
