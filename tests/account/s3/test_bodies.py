"""S3: bodies as they come over the wire, and what is wrong with them."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import urllib.parse

import pytest

from support.account import until
from support.s3_over_http import MIB, code, crc, keys


def test_digests_are_checked(s3_server, s3, bucket):
    put = {"Bucket": bucket, "Key": "k", "Body": b"x"}
    before = len(s3_server.files())
    other = base64.b64encode(hashlib.md5(b"y").digest()).decode()
    assert code(s3.put_object, **put, ContentMD5=other) == ("BadDigest", 400)
    assert code(s3.put_object, **put, ContentMD5="not base64") == ("InvalidDigest", 400)
    assert code(s3.put_object, **put, ChecksumCRC32="AAAAAA==") == ("BadDigest", 400)
    assert code(s3.put_object, **put, ChecksumSHA1=base64.b64encode(bytes(20)).decode()) == ("BadDigest", 400)
    assert code(s3.put_object, **put, ChecksumSHA256="short") == ("InvalidRequest", 400)
    headers = {"x-amz-content-sha256": hashlib.sha256(b"y").hexdigest()}
    status, _, body = s3_server.raw("PUT", f"/{bucket}/k", b"x", headers)
    assert status == 400 and b"XAmzContentSHA256Mismatch" in body
    assert keys(s3.list_objects_v2(Bucket=bucket)) == [] and len(s3_server.files()) == before
    good = base64.b64encode(hashlib.sha1(b"x").digest()).decode()
    assert s3.put_object(**put, ChecksumSHA1=good)["ChecksumSHA1"] == good


def chunked(body: bytes, size: int, trailer: bytes = b"", signed: bool = False) -> bytes:
    """``body`` in the aws-chunked coding."""
    mark = b";chunk-signature=" + b"0" * 64 if signed else b""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    coded = b"".join(b"%x" % len(piece) + mark + b"\r\n" + piece + b"\r\n" for piece in pieces)
    return coded + b"0" + mark + b"\r\n" + trailer + b"\r\n"


@pytest.mark.parametrize("size", [1, 3000, 65536, 5 * MIB])
def test_aws_chunked_with_a_trailer(s3_server, s3, bucket, size):
    body = os.urandom(2 * MIB + 17)[: size * 100]
    trailer = b"x-amz-checksum-crc32:" + crc(body) + b"\r\n"
    headers = {
        "Content-Encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(len(body)),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    status, answer, text = s3_server.raw("PUT", f"/{bucket}/k", chunked(body, size, trailer), headers)
    assert status == 200, text
    assert answer["x-amz-checksum-crc32"] == crc(body).decode()
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body and "ContentEncoding" not in got
    wrong = b"x-amz-checksum-crc32:" + crc(body + b"!") + b"\r\n"
    status, _, text = s3_server.raw("PUT", f"/{bucket}/wrong", chunked(body, size, wrong), headers)
    assert status == 400 and b"BadDigest" in text
    status, _, text = s3_server.raw("PUT", f"/{bucket}/wrong", chunked(body, size), headers)
    assert status == 400 and b"MalformedTrailerError" in text
    assert keys(s3.list_objects_v2(Bucket=bucket)) == ["k"]


def test_aws_chunked_with_signatures(s3_server, s3, bucket):
    body = os.urandom(200_000)
    for kind, trailer in (
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", b""),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", b"x-amz-trailer-signature:" + b"0" * 64 + b"\r\n"),
    ):
        headers = {
            "Content-Encoding": "aws-chunked,gzip",
            "x-amz-content-sha256": kind,
            "x-amz-decoded-content-length": "200000",
        }
        coded = chunked(body, 65536, trailer, signed=True)
        assert s3_server.raw("PUT", f"/{bucket}/{kind}", coded, headers)[0] == 200
        got = s3.get_object(Bucket=bucket, Key=kind)
        assert got["Body"].read() == body and got["ContentEncoding"] == "gzip"


def test_aws_chunked_bodies_that_lie(s3_server, s3, bucket):
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "10",
    }
    for coded, error in (
        (chunked(b"123456789", 4), b"IncompleteBody"),
        (chunked(b"12345678901", 4), b"IncompleteBody"),
        (chunked(b"1234567890", 10)[:-5], b"IncompleteBody"),
        (b"zz\r\n1234567890\r\n0\r\n\r\n", b"InvalidRequest"),
        (b"-5\r\n1234567890\r\n0\r\n\r\n", b"InvalidRequest"),
        (b"5\r\n1234567890\r\n0\r\n\r\n", b"InvalidRequest"),
        (b"a" * 20000, b"InvalidRequest"),
    ):
        status, _, text = s3_server.raw("PUT", f"/{bucket}/k", coded, headers)
        assert status == 400 and b"<Code>" + error in text, coded[:40]
    del headers["x-amz-decoded-content-length"]
    assert s3_server.raw("PUT", f"/{bucket}/k", chunked(b"1", 1), headers)[0] == 411
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []


def test_length_must_be_said(s3_server, bucket):
    assert s3_server.raw("PUT", f"/{bucket}/k", iter([b"x"]))[0] == 501  # Transfer-Encoding: chunked
    with socket.create_connection(("127.0.0.1", s3_server.port), timeout=20) as raw:
        raw.sendall(f"PUT /{bucket}/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert b" 411 " in answer and b"MissingContentLength" in answer
    headers = {"Content-Length": str((5 << 30) + 1)}
    status, _, text = s3_server.raw("PUT", f"/{bucket}/k", b"", headers)
    assert status == 400 and b"EntityTooLarge" in text


def test_body_cut_short_leaves_nothing(s3_server, s3, bucket):
    before = set(s3_server.files())
    raw = socket.create_connection(("127.0.0.1", s3_server.port))
    raw.sendall(f"PUT /{bucket}/cut HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n".encode())
    raw.sendall(bytes(3 * MIB))
    until(lambda: set(s3_server.files()) - before)
    raw.close()
    until(lambda: set(s3_server.files()) == before)
    assert code(s3.get_object, Bucket=bucket, Key="cut") == ("NoSuchKey", 404)


def test_download_of_an_object_that_is_overwritten(s3_server, s3, bucket):
    old, new = os.urandom(24 * MIB), os.urandom(24 * MIB)
    s3.put_object(Bucket=bucket, Key="k", Body=old)
    slow = s3.get_object(Bucket=bucket, Key="k")["Body"]
    got = slow.read(1000)
    s3.put_object(Bucket=bucket, Key="k", Body=new)
    newer = s3.get_object(Bucket=bucket, Key="k")["Body"]
    begun = newer.read(1000)
    s3.delete_object(Bucket=bucket, Key="k")
    assert got + slow.read() == old
    assert begun + newer.read() == new
    assert not [path for path in s3_server.files() if path.stat().st_size == 24 * MIB]


def test_query_keys_are_read_as_utf_8(s3_server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="é/1", Body=b"x")
    prefix = urllib.parse.quote("é/")
    assert b"<KeyCount>1</KeyCount>" in s3_server.raw("GET", f"/{bucket}?list-type=2&prefix={prefix}")[2]


def test_presigned_query_carries_headers(s3_server, s3, bucket):
    target = f"/{bucket}/k?x-amz-meta-a_b=c&x-amz-tagging=t%3D1&content-type=text%2Fcsv&Signature=s&Expires=1"
    assert s3_server.raw("PUT", target, b"x")[0] == 200
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["Metadata"] == {"a_b": "c"} and head["TagCount"] == 1
    crc_of_y = urllib.parse.quote(crc(b"y"))
    assert s3_server.raw("PUT", f"/{bucket}/k?x-amz-checksum-crc32={crc_of_y}", b"x")[0] == 400


def test_refusal_before_the_body_keeps_the_connection_usable(s3, bucket):
    for _ in range(3):  # boto3 waits for 100 Continue, and is refused instead
        assert code(s3.put_object, Bucket="nowhere", Key="k", Body=b"x" * 1000) == ("NoSuchBucket", 404)
        assert keys(s3.list_objects_v2(Bucket=bucket)) == []
