"""Answers as they come over a connection: whole and in order, whatever their size, however they were asked for."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import boto3
import pytest

from support.wire import signed

SIZES = (0, 1, 4_000, 16_000, 16_384, 17_000, 1 << 20, 3 << 20)  # bytes, about what is collected and what is not


@pytest.fixture(scope="module")
def bodies(account, bucket) -> dict[str, bytes]:
    """The objects of some sizes, by their keys."""
    made = {f"wire/{size}": bytes(number % 251 for number in range(size)) for size in SIZES}
    for key, body in made.items():
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return made


def request(account, method: str, path: str, *more: str) -> bytes:
    headers = {"Host": urlsplit(account.url).netloc} | signed(account, "s3", method, path)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, *more, "", ""]).encode()


def test_all_at_once_on_one_connection(account, bucket, bodies):
    """Every object, forth and back, each after its head alone, in requests that await no answer."""
    keys = [*bodies, *reversed(bodies)]
    asked = [request(account, method, f"/{bucket}/{key}") for key in keys for method in ("HEAD", "GET")]
    last = request(account, "GET", f"/{bucket}/nothing", "Connection: close")
    where = urlsplit(account.url)
    with socket.create_connection((where.hostname, where.port), 30) as connection:
        connection.sendall(b"".join([*asked, last]))
        answers = connection.makefile("rb")
        for key in keys:
            for whole in (False, True):
                assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
                head = dict(line.lower().split(b": ", 1) for line in iter(answers.readline, b"\r\n"))
                assert int(head[b"content-length"]) == len(bodies[key])
                assert not whole or answers.read(len(bodies[key])) == bodies[key]
        assert answers.readline() == b"HTTP/1.1 404 Not Found\r\n"
        assert b"<Code>NoSuchKey</Code>" in answers.read()  # to the connection's end
