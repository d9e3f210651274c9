"""The embedded account's S3, as boto3 and raw HTTP see it."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import zlib
from pathlib import Path

import boto3
import pytest
import uvicorn
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from utils.local_aws.errors import AwsError
from utils.local_aws.expect import close_refused
from utils.local_aws.s3 import S3, error_response
from utils.local_aws.store import StateError, open_database

MIB = 1 << 20
ROOT = Path(__file__).parents[1]


class Account:
    """An S3 behind uvicorn on a port of its own, and a boto3 client for it."""

    def __init__(self, folder: Path, region: str = "us-east-1") -> None:
        self.folder = folder
        self.s3 = S3(folder, region, "123456789012")

        async def app(scope, receive, send):
            request = Request(scope, receive)
            try:
                response = await self.s3.handle(request)
            except AwsError as error:
                response = error_response(error, request.url.path, "REQUEST1", request.method == "HEAD")
            response.headers["x-amz-request-id"] = "REQUEST1"
            await response(scope, receive, send)

        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.server = uvicorn.Server(uvicorn.Config(close_refused(app), log_level="error", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, args=([listener],), daemon=True)
        self.thread.start()
        self.client = boto3.client(
            "s3",
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={}),
        )

    def raw(self, method, target, body=None, headers=None):
        """A request as written, without boto3: (status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def files(self) -> list[Path]:
        return [path for path in (self.folder / "data").glob("*/*") if path.is_file()]

    def stop(self) -> None:
        self.server.should_exit = True
        self.server.force_exit = True
        self.thread.join()
        self.client.close()
        self.s3.close()


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    account = Account(tmp_path_factory.mktemp("s3"))
    yield account
    account.stop()


@pytest.fixture
def s3(account):
    return account.client


@pytest.fixture
def bucket(account, request):
    """An empty bucket of the test's own."""
    name = "b-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20]
    account.client.create_bucket(Bucket=name)
    return name


def refusal(call, *args, **kwargs):
    """The error of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    return caught.value


def code(call, *args, **kwargs) -> tuple[str, int]:
    error = refusal(call, *args, **kwargs)
    return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]


def keys(answer) -> list[str]:
    return [row["Key"] for row in answer.get("Contents", [])]


def read(s3, bucket, key, **how) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key, **how)["Body"].read()


# ---- buckets


def test_bucket_life(account, s3):
    s3.create_bucket(Bucket="life")
    s3.create_bucket(Bucket="life")  # us-east-1 says yes again
    head = s3.head_bucket(Bucket="life")
    assert head["BucketRegion"] == "us-east-1"
    assert "life" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket="life")["LocationConstraint"] is None
    s3.put_object(Bucket="life", Key="k", Body=b"")
    assert code(s3.delete_bucket, Bucket="life") == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket="life", Key="k")
    s3.create_multipart_upload(Bucket="life", Key="unfinished")
    s3.delete_bucket(Bucket="life")
    assert code(s3.head_bucket, Bucket="life") == ("404", 404)
    assert code(s3.delete_bucket, Bucket="life") == ("NoSuchBucket", 404)
    assert code(s3.list_objects_v2, Bucket="life") == ("NoSuchBucket", 404)
    assert code(s3.put_object, Bucket="life", Key="k", Body=b"x") == ("NoSuchBucket", 404)
    assert code(s3.create_multipart_upload, Bucket="life", Key="k") == ("NoSuchBucket", 404)
    error = refusal(s3.get_object, Bucket="life", Key="k").response["Error"]
    assert error["BucketName"] == "life" and error["Message"] == "The specified bucket does not exist"


def test_buckets_are_listed_in_pages(s3):
    for name in ("paged-a", "paged-b", "paged-c"):
        s3.create_bucket(Bucket=name)
    first = s3.list_buckets(MaxBuckets=2, Prefix="paged-")
    rest = s3.list_buckets(MaxBuckets=2, Prefix="paged-", ContinuationToken=first["ContinuationToken"])
    assert [b["Name"] for b in first["Buckets"] + rest["Buckets"]] == ["paged-a", "paged-b", "paged-c"]
    assert "ContinuationToken" not in rest


@pytest.mark.parametrize(
    "name", ["ab", "a" * 64, "Upper", "under_score", "-dash", "dash-", "two..dots", "10.0.0.1", "xn--name",
             "sthree-x", "name-s3alias", "name--ol-s3", "name.mrap", "a.b.c-"],
)  # fmt: skip
def test_bucket_names_are_refused(account, name):
    status, _, body = account.raw("PUT", f"/{name}")
    assert status == 400 and b"<Code>InvalidBucketName</Code>" in body


@pytest.mark.parametrize(
    "name", ["abc", "a" * 63, "my.bucket", "sagemaker-us-east-1-123456789012", "1a-b.c9"]
)
def test_bucket_names_are_accepted(account, name):
    assert account.raw("PUT", f"/{name}")[0] == 200


def test_location_in_us_east_1(s3):
    where = {"LocationConstraint": "eu-west-1"}
    failed = code(s3.create_bucket, Bucket="elsewhere", CreateBucketConfiguration=where)
    assert failed == ("InvalidLocationConstraint", 400)


def test_location_in_another_region(tmp_path):
    account = Account(tmp_path, "eu-west-1")
    try:
        s3, here = account.client, {"LocationConstraint": "eu-west-1"}
        s3.create_bucket(Bucket="here", CreateBucketConfiguration=here)
        assert s3.get_bucket_location(Bucket="here")["LocationConstraint"] == "eu-west-1"
        again = code(s3.create_bucket, Bucket="here", CreateBucketConfiguration=here)
        assert again == ("BucketAlreadyOwnedByYou", 409)
        assert account.raw("PUT", "/unsaid")[0] == 400
        there = {"LocationConstraint": "eu-west-2"}
        failed = code(s3.create_bucket, Bucket="there", CreateBucketConfiguration=there)
        assert failed == ("IllegalLocationConstraintException", 400)
    finally:
        account.stop()


def test_bucket_tags(s3, bucket):
    assert code(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)
    tags = [{"Key": "course", "Value": "회귀 분석"}, {"Key": "b", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    assert code(s3.put_bucket_tagging, Bucket=bucket, Tagging=twice) == ("InvalidTag", 400)
    s3.delete_bucket_tagging(Bucket=bucket)
    assert code(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)
    assert code(s3.put_bucket_tagging, Bucket="nowhere", Tagging={"TagSet": tags}) == ("NoSuchBucket", 404)


# ---- objects


def test_object_comes_back_as_it_was_put(s3, bucket):
    put = s3.put_object(
        Bucket=bucket, Key="data/train.csv", Body=b"1,2\n", ContentType="text/csv", CacheControl="no-cache",
        ContentDisposition="inline", ContentEncoding="gzip", ContentLanguage="ko", Expires="2030-01-01",
        Metadata={"x_y": "under_score", "Plain": "v"}, Tagging="a=1&b=two%20words",
        StorageClass="STANDARD_IA",
    )  # fmt: skip
    assert put["ETag"] == f'"{hashlib.md5(b"1,2" + bytes([10])).hexdigest()}"'
    assert put["ChecksumCRC32"] == base64.b64encode(zlib.crc32(b"1,2\n").to_bytes(4, "big")).decode()
    for answer in (
        s3.get_object(Bucket=bucket, Key="data/train.csv", ChecksumMode="ENABLED"),
        s3.head_object(Bucket=bucket, Key="data/train.csv", ChecksumMode="ENABLED"),
    ):
        assert answer["ContentLength"] == 4 and answer["ETag"] == put["ETag"]
        assert answer["ContentType"] == "text/csv" and answer["CacheControl"] == "no-cache"
        assert answer["ContentDisposition"] == "inline" and answer["ContentEncoding"] == "gzip"
        assert answer["ContentLanguage"] == "ko" and answer["AcceptRanges"] == "bytes"
        assert answer["Expires"].year == 2030 and answer["StorageClass"] == "STANDARD_IA"
        assert answer["Metadata"] == {"x_y": "under_score", "plain": "v"}
        assert answer["ChecksumCRC32"] == put["ChecksumCRC32"] and answer["TagCount"] == 2
        assert abs(answer["LastModified"].timestamp() - time.time()) < 600
    assert read(s3, bucket, "data/train.csv") == b"1,2\n"
    assert "ChecksumCRC32" not in s3.head_object(Bucket=bucket, Key="data/train.csv")


def test_defaults(s3, bucket):
    s3.put_object(Bucket=bucket, Key="empty")
    head = s3.head_object(Bucket=bucket, Key="empty")
    assert head["ContentType"] == "binary/octet-stream" and head["ContentLength"] == 0
    assert head["Metadata"] == {} and "StorageClass" not in head and "TagCount" not in head
    assert read(s3, bucket, "empty") == b""


KEYS = ["a b", "a+b", "100%", "%41", "회귀/데이터 é.csv", "/leading", "//two", "a/../b", "..", "a//b/",
        "quote'\"&<>", "~!*()=@:;,$?#[]", "\U0001f600", "x" * 1024, "é" * 512, "tab\tnew\nline"]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_any_key(s3, bucket, key):
    body = key.encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body)
    assert read(s3, bucket, key) == body
    assert keys(s3.list_objects_v2(Bucket=bucket)) == [key]
    assert keys(s3.list_objects_v2(Bucket=bucket, Prefix=key)) == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert read(s3, bucket, "copy") == body
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert [row["Key"].replace("\r\n", "\n") for row in deleted["Deleted"]] == [key]
    assert code(s3.get_object, Bucket=bucket, Key=key) == ("NoSuchKey", 404)


def test_keys_that_are_no_keys(account, s3, bucket):
    assert code(s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"") == ("KeyTooLongError", 400)
    assert account.raw("PUT", f"/{bucket}/%ff", b"x")[0] == 400
    assert account.raw("GET", "//key")[0] == 400


def test_missing_key(s3, bucket):
    error = refusal(s3.get_object, Bucket=bucket, Key="no").response
    assert error["Error"]["Message"] == "The specified key does not exist." and error["Error"]["Key"] == "no"
    assert error["ResponseMetadata"]["RequestId"] == "REQUEST1"
    assert code(s3.head_object, Bucket=bucket, Key="no") == ("404", 404)
    s3.delete_object(Bucket=bucket, Key="no")


@pytest.mark.parametrize(
    ("header", "expected"),
    [("bytes=0-0", b"0"), ("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-3", b"789"),
     ("bytes=-99", b"0123456789"), ("bytes=5-99", b"56789")],
)  # fmt: skip
def test_ranges(s3, bucket, header, expected):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket=bucket, Key="k", Range=header)
    start = 10 - len(expected) if "=-" in header else int(header[6])
    assert answer["ContentRange"] == f"bytes {start}-{start + len(expected) - 1}/10"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206 and answer["Body"].read() == expected
    head = s3.head_object(Bucket=bucket, Key="k", Range=header)
    assert head["ContentLength"] == len(expected)


def test_ranges_that_mean_the_whole(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    for header in ("bytes=0-1,3-4", "lines=1-2", "bytes=5-2", "bytes=-"):
        answer = s3.get_object(Bucket=bucket, Key="k", Range=header)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200 and len(answer["Body"].read()) == 10


def test_ranges_that_do_not_exist(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    for key, header in (("k", "bytes=10-"), ("k", "bytes=-0"), ("empty", "bytes=0-"), ("empty", "bytes=-1")):
        assert code(s3.get_object, Bucket=bucket, Key=key, Range=header) == ("InvalidRange", 416)


def test_conditional_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    earlier = modified.replace(year=modified.year - 1)
    get = {"Bucket": bucket, "Key": "k"}
    assert read(s3, bucket, "k", IfMatch=etag) == b"x"
    assert code(s3.get_object, **get, IfMatch='"no"') == ("PreconditionFailed", 412)
    assert code(s3.get_object, **get, IfNoneMatch=etag) == ("304", 304)
    assert read(s3, bucket, "k", IfNoneMatch='"no"') == b"x"
    assert code(s3.get_object, **get, IfModifiedSince=modified) == ("304", 304)
    assert read(s3, bucket, "k", IfModifiedSince=earlier) == b"x"
    assert code(s3.get_object, **get, IfUnmodifiedSince=earlier) == ("PreconditionFailed", 412)
    assert read(s3, bucket, "k", IfMatch=etag, IfUnmodifiedSince=earlier) == b"x"
    assert read(s3, bucket, "k", IfNoneMatch='"no"', IfModifiedSince=modified) == b"x"
    assert code(s3.head_object, **get, IfMatch='"no"') == ("412", 412)


def test_conditional_writes(s3, bucket):
    put = {"Bucket": bucket, "Key": "k"}
    assert code(s3.put_object, **put, Body=b"1", IfMatch='"no"') == ("NoSuchKey", 404)
    etag = s3.put_object(**put, Body=b"1", IfNoneMatch="*")["ETag"]
    assert code(s3.put_object, **put, Body=b"2", IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert code(s3.put_object, **put, Body=b"2", IfMatch='"no"') == ("PreconditionFailed", 412)
    assert code(s3.put_object, **put, Body=b"2", IfNoneMatch=etag) == ("NotImplemented", 501)
    assert read(s3, bucket, "k") == b"1"
    s3.put_object(**put, Body=b"3", IfMatch=etag)
    assert code(s3.delete_object, **put, IfMatch=etag) == ("PreconditionFailed", 412)
    assert read(s3, bucket, "k") == b"3"


def test_answer_headers_can_be_overridden(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/csv", CacheControl="private")
    answer = s3.get_object(
        Bucket=bucket, Key="k", ResponseContentType="text/plain", ResponseCacheControl="no-store",
        ResponseContentDisposition="attachment; filename=a.csv",
    )  # fmt: skip
    assert answer["ContentType"] == "text/plain" and answer["CacheControl"] == "no-store"
    assert answer["ContentDisposition"] == "attachment; filename=a.csv"


def test_delete_many(s3, bucket):
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x")
    some = {"Objects": [{"Key": "k0"}, {"Key": "k1"}, {"Key": "absent"}]}
    assert [row["Key"] for row in s3.delete_objects(Bucket=bucket, Delete=some)["Deleted"]] == [
        "k0",
        "k1",
        "absent",
    ]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k2"}], "Quiet": True})
    assert "Deleted" not in quiet and "Errors" not in quiet
    failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k3", "ETag": '"no"'}]})["Errors"]
    assert [(row["Key"], row["Code"]) for row in failed] == [("k3", "PreconditionFailed")]
    assert keys(s3.list_objects_v2(Bucket=bucket)) == ["k3", "k4"]
    many = {"Objects": [{"Key": str(number)} for number in range(1001)]}
    assert code(s3.delete_objects, Bucket=bucket, Delete=many) == ("MalformedXML", 400)


def test_delete_many_needs_a_digest(account, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    document = b"<Delete><Object><Key>k</Key></Object></Delete>"
    status, _, body = account.raw("POST", f"/{bucket}?delete", document)
    assert status == 400 and b"Content-MD5" in body and keys(s3.list_objects_v2(Bucket=bucket)) == ["k"]
    md5 = {"Content-MD5": base64.b64encode(hashlib.md5(document).digest()).decode()}
    assert account.raw("POST", f"/{bucket}?delete", document, md5)[0] == 200
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []


def test_object_tags(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]
    tags = [{"Key": "b", "Value": "two"}]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    eleven = {"TagSet": [{"Key": str(number), "Value": ""} for number in range(11)]}
    assert code(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=eleven) == ("BadRequest", 400)
    bad = {"TagSet": [{"Key": "a<", "Value": ""}]}
    assert code(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=bad) == ("InvalidTag", 400)
    system = {"TagSet": [{"Key": "aws:x", "Value": ""}]}
    assert code(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=system) == ("InvalidTag", 400)
    assert code(s3.get_object_tagging, Bucket=bucket, Key="no") == ("NoSuchKey", 404)
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"", Tagging="a=1&a=2") == ("InvalidTag", 400)


def test_copy(s3, bucket):
    s3.put_object(
        Bucket=bucket, Key="a", Body=b"x", ContentType="text/csv", Metadata={"m": "1"}, Tagging="t=1"
    )
    here = {"Bucket": bucket, "Key": "a"}
    etag = s3.head_object(**here)["ETag"]
    copied = s3.copy_object(Bucket=bucket, Key="b", CopySource=here)["CopyObjectResult"]
    assert copied["ETag"] == etag and "LastModified" in copied
    head = s3.head_object(Bucket=bucket, Key="b")
    assert head["ContentType"] == "text/csv" and head["Metadata"] == {"m": "1"} and head["TagCount"] == 1
    s3.copy_object(
        Bucket=bucket, Key="c", CopySource=here, MetadataDirective="REPLACE", Metadata={"n": "2"},
        TaggingDirective="REPLACE", Tagging="u=2", ContentType="text/plain",
    )  # fmt: skip
    head = s3.head_object(Bucket=bucket, Key="c")
    assert head["ContentType"] == "text/plain" and head["Metadata"] == {"n": "2"}
    assert s3.get_object_tagging(Bucket=bucket, Key="c")["TagSet"] == [{"Key": "u", "Value": "2"}]
    assert code(s3.copy_object, **here, CopySource=here) == ("InvalidRequest", 400)
    s3.copy_object(**here, CopySource=here, MetadataDirective="REPLACE", Metadata={"new": "yes"})
    assert s3.head_object(**here)["Metadata"] == {"new": "yes"} and read(s3, bucket, "a") == b"x"
    summed = s3.copy_object(Bucket=bucket, Key="d", CopySource=here, ChecksumAlgorithm="SHA256")
    expected = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    assert summed["CopyObjectResult"]["ChecksumSHA256"] == expected
    s3.delete_object(**here)
    assert read(s3, bucket, "b") == read(s3, bucket, "c") == b"x"


def test_copy_that_is_refused(account, s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"x")["ETag"]
    here, to = {"Bucket": bucket, "Key": "a"}, {"Bucket": bucket, "Key": "b"}
    nothing, nowhere = {"Bucket": bucket, "Key": "no"}, {"Bucket": "nowhere", "Key": "no"}
    assert code(s3.copy_object, **to, CopySource=nothing) == ("NoSuchKey", 404)
    assert code(s3.copy_object, **to, CopySource=nowhere) == ("NoSuchBucket", 404)
    assert code(s3.copy_object, Bucket="nowhere", Key="k", CopySource=here) == ("NoSuchBucket", 404)
    assert code(s3.copy_object, **to, CopySource=here, CopySourceIfMatch='"no"') == (
        "PreconditionFailed",
        412,
    )
    assert code(s3.copy_object, **to, CopySource=here, CopySourceIfNoneMatch=etag) == (
        "PreconditionFailed",
        412,
    )
    assert code(s3.copy_object, **here, CopySource=here, MetadataDirective="X") == ("InvalidArgument", 400)
    assert account.raw("PUT", f"/{bucket}/b", headers={"x-amz-copy-source": "nokey"})[0] == 400
    assert keys(s3.list_objects_v2(Bucket=bucket)) == ["a"]


# ---- bodies


def test_digests_are_checked(account, s3, bucket):
    put = {"Bucket": bucket, "Key": "k", "Body": b"x"}
    before = len(account.files())
    other = base64.b64encode(hashlib.md5(b"y").digest()).decode()
    assert code(s3.put_object, **put, ContentMD5=other) == ("BadDigest", 400)
    assert code(s3.put_object, **put, ContentMD5="not base64") == ("InvalidDigest", 400)
    assert code(s3.put_object, **put, ChecksumCRC32="AAAAAA==") == ("BadDigest", 400)
    assert code(s3.put_object, **put, ChecksumSHA1=base64.b64encode(bytes(20)).decode()) == ("BadDigest", 400)
    assert code(s3.put_object, **put, ChecksumSHA256="short") == ("InvalidRequest", 400)
    headers = {"x-amz-content-sha256": hashlib.sha256(b"y").hexdigest()}
    status, _, body = account.raw("PUT", f"/{bucket}/k", b"x", headers)
    assert status == 400 and b"XAmzContentSHA256Mismatch" in body
    assert keys(s3.list_objects_v2(Bucket=bucket)) == [] and len(account.files()) == before
    good = base64.b64encode(hashlib.sha1(b"x").digest()).decode()
    assert s3.put_object(**put, ChecksumSHA1=good)["ChecksumSHA1"] == good


def chunked(body: bytes, size: int, trailer: bytes = b"", signed: bool = False) -> bytes:
    """``body`` in the aws-chunked coding."""
    mark = b";chunk-signature=" + b"0" * 64 if signed else b""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    coded = b"".join(b"%x" % len(piece) + mark + b"\r\n" + piece + b"\r\n" for piece in pieces)
    return coded + b"0" + mark + b"\r\n" + trailer + b"\r\n"


def crc(body: bytes) -> bytes:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big"))


@pytest.mark.parametrize("size", [1, 3000, 65536, 5 * MIB])
def test_aws_chunked_with_a_trailer(account, s3, bucket, size):
    body = os.urandom(2 * MIB + 17)[: size * 100]
    trailer = b"x-amz-checksum-crc32:" + crc(body) + b"\r\n"
    headers = {
        "Content-Encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(len(body)),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    status, answer, text = account.raw("PUT", f"/{bucket}/k", chunked(body, size, trailer), headers)
    assert status == 200, text
    assert answer["x-amz-checksum-crc32"] == crc(body).decode()
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body and "ContentEncoding" not in got
    wrong = b"x-amz-checksum-crc32:" + crc(body + b"!") + b"\r\n"
    status, _, text = account.raw("PUT", f"/{bucket}/wrong", chunked(body, size, wrong), headers)
    assert status == 400 and b"BadDigest" in text
    status, _, text = account.raw("PUT", f"/{bucket}/wrong", chunked(body, size), headers)
    assert status == 400 and b"MalformedTrailerError" in text
    assert keys(s3.list_objects_v2(Bucket=bucket)) == ["k"]


def test_aws_chunked_with_signatures(account, s3, bucket):
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
        assert account.raw("PUT", f"/{bucket}/{kind}", coded, headers)[0] == 200
        got = s3.get_object(Bucket=bucket, Key=kind)
        assert got["Body"].read() == body and got["ContentEncoding"] == "gzip"


def test_aws_chunked_bodies_that_lie(account, s3, bucket):
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
        status, _, text = account.raw("PUT", f"/{bucket}/k", coded, headers)
        assert status == 400 and b"<Code>" + error in text, coded[:40]
    del headers["x-amz-decoded-content-length"]
    assert account.raw("PUT", f"/{bucket}/k", chunked(b"1", 1), headers)[0] == 411
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []


def test_length_must_be_said(account, bucket):
    assert account.raw("PUT", f"/{bucket}/k", iter([b"x"]))[0] == 501  # Transfer-Encoding: chunked
    with socket.create_connection(("127.0.0.1", account.port), timeout=20) as raw:
        raw.sendall(f"PUT /{bucket}/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert b" 411 " in answer and b"MissingContentLength" in answer
    headers = {"Content-Length": str((5 << 30) + 1)}
    status, _, text = account.raw("PUT", f"/{bucket}/k", b"", headers)
    assert status == 400 and b"EntityTooLarge" in text


def wait_for(truth):
    for _ in range(1000):
        if truth():
            return
        time.sleep(0.01)
    raise AssertionError("never became true")


def test_body_cut_short_leaves_nothing(account, s3, bucket):
    before = set(account.files())
    raw = socket.create_connection(("127.0.0.1", account.port))
    raw.sendall(f"PUT /{bucket}/cut HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n".encode())
    raw.sendall(bytes(3 * MIB))
    wait_for(lambda: set(account.files()) - before)
    raw.close()
    wait_for(lambda: set(account.files()) == before)
    assert code(s3.get_object, Bucket=bucket, Key="cut") == ("NoSuchKey", 404)


def test_download_of_an_object_that_is_overwritten(account, s3, bucket):
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
    assert not [path for path in account.files() if path.stat().st_size == 24 * MIB]


# ---- listings


def test_list_version_one(s3, bucket):
    for key in ("a", "b/1", "b/2", "c", "d/1"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    seen, marker = [], ""
    for _ in range(4):
        page = s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=1, Marker=marker)
        seen += keys(page) + [row["Prefix"] for row in page.get("CommonPrefixes", [])]
        if not page["IsTruncated"]:
            break
        marker = page["NextMarker"]
    assert seen == ["a", "b/", "c", "d/"]
    assert keys(s3.list_objects(Bucket=bucket, Marker="b/1")) == ["b/2", "c", "d/1"]
    assert s3.list_objects(Bucket=bucket)["Contents"][0]["Owner"]["ID"]


def test_list_details(account, s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="a b", Body=b"xyz")["ETag"]
    page = s3.list_objects_v2(Bucket=bucket, FetchOwner=True)
    (row,) = page["Contents"]
    assert (
        row["Size"] == 3 and row["ETag"] == etag and row["StorageClass"] == "STANDARD" and row["Owner"]["ID"]
    )
    assert row["LastModified"] == s3.head_object(Bucket=bucket, Key="a b")["LastModified"]
    assert page["KeyCount"] == 1 and page["MaxKeys"] == 1000 and page["Name"] == bucket
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert b"<Key>a%20b</Key>" in account.raw("GET", f"/{bucket}?list-type=2&encoding-type=url")[2]
    assert b"<Key>a b</Key>" in account.raw("GET", f"/{bucket}?list-type=2")[2]
    none = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert none["KeyCount"] == 0 and not none["IsTruncated"]
    assert code(s3.list_objects_v2, Bucket=bucket, ContinuationToken="?") == ("InvalidArgument", 400)
    assert code(s3.list_objects_v2, Bucket=bucket, MaxKeys=-1) == ("InvalidArgument", 400)
    assert account.raw("GET", f"/{bucket}?list-type=2&max-keys=many")[0] == 400


def naive(stored, prefix, delimiter, after):
    """S3's listing, by its definition: (keys, common prefixes), each in the order of UTF-8 bytes."""
    found, prefixes = [], []
    for key in sorted(stored, key=str.encode):
        if not key.startswith(prefix) or key.encode() <= after.encode():
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            found.append(key)
        elif key[: cut + len(delimiter)] not in [*prefixes, after]:
            prefixes.append(key[: cut + len(delimiter)])
    return found, prefixes


ALPHABET = st.sampled_from(
    ["a", "b", "/", "//", "é", "\ud7ff", "\ue000", "\U0001f600", "\U0010ffff", "A", "%", "+", " "]
)
TEXT = st.lists(ALPHABET, max_size=4).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    stored=st.sets(st.lists(ALPHABET, min_size=1, max_size=5).map("".join), max_size=25),
    prefix=TEXT, delimiter=st.sampled_from(["", "/", "a", "//", "\U0010ffff"]), after=TEXT,
    limit=st.integers(1, 8),
)  # fmt: skip
def test_list_agrees_with_its_definition(account, stored, prefix, delimiter, after, limit):
    s3 = account.client
    name = f"model-{time.monotonic_ns()}"
    s3.create_bucket(Bucket=name)
    for key in stored:
        with account.s3.new_file() as path:
            path.write_bytes(b"")
            account.s3.put_file(name, key, path)
    ask = {"Bucket": name, "Prefix": prefix, "Delimiter": delimiter, "MaxKeys": limit}
    found, prefixes, more = [], [], {"StartAfter": after}
    expected = naive(stored, prefix, delimiter, after)
    while True:
        page = s3.list_objects_v2(**ask, **more)
        found += keys(page)
        prefixes += [row["Prefix"] for row in page.get("CommonPrefixes", [])]
        assert page["KeyCount"] <= limit
        if not page["IsTruncated"]:
            break
        assert page["KeyCount"] == limit
        more = {"ContinuationToken": page["NextContinuationToken"]}
    assert (found, prefixes) == expected
    assert [obj.key for obj in account.s3.objects(name, prefix)] == naive(stored, prefix, "", "")[0]


# ---- multipart


def test_transfer_manager(account, s3, bucket, tmp_path):
    body = os.urandom(20 * MIB + 5)
    config = TransferConfig(multipart_threshold=6 * MIB, multipart_chunksize=6 * MIB, max_concurrency=4)
    s3.upload_fileobj(io.BytesIO(body), bucket, "big", ExtraArgs={"Metadata": {"a": "b"}}, Config=config)
    parts = [body[start : start + 6 * MIB] for start in range(0, len(body), 6 * MIB)]
    expected = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
    head = s3.head_object(Bucket=bucket, Key="big", ChecksumMode="ENABLED")
    assert (
        head["ETag"] == f'"{expected}-4"'
        and head["ContentLength"] == len(body)
        and head["Metadata"] == {"a": "b"}
    )
    crcs = b"".join(zlib.crc32(part).to_bytes(4, "big") for part in parts)
    assert head["ChecksumCRC32"] == crc(crcs).decode() + "-4" and head["ChecksumType"] == "COMPOSITE"
    s3.download_file(bucket, "big", str(tmp_path / "got"), Config=config)
    assert (tmp_path / "got").read_bytes() == body
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copied", Config=config)
    assert read(s3, bucket, "copied") == body
    whole = s3.copy_object(Bucket=bucket, Key="whole", CopySource={"Bucket": bucket, "Key": "big"})
    assert whole["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    s3.delete_object(Bucket=bucket, Key="copied")
    assert len([path for path in account.files() if path.stat().st_size >= 6 * MIB]) == 2  # no part is left


@pytest.fixture
def upload(s3, bucket):
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", ContentType="text/csv", Tagging="a=1")
    return {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}


def listed(*parts):
    return {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in parts]}


def test_multipart_life(s3, upload):
    first = s3.upload_part(**upload, PartNumber=2, Body=b"old")["ETag"]
    first = s3.upload_part(**upload, PartNumber=2, Body=bytes(5 * MIB))["ETag"]
    last = s3.upload_part(**upload, PartNumber=10000, Body=b"end")["ETag"]
    unused = s3.upload_part(**upload, PartNumber=5, Body=b"unused")["ETag"]
    rows = s3.list_parts(**upload)["Parts"]
    assert [(row["PartNumber"], row["Size"], row["ETag"]) for row in rows] == [
        (2, 5 * MIB, first), (5, 6, unused), (10000, 3, last)]  # fmt: skip
    page = s3.list_parts(**upload, MaxParts=1, PartNumberMarker=2)
    assert [row["PartNumber"] for row in page["Parts"]] == [5] and page["IsTruncated"]
    assert page["NextPartNumberMarker"] == 5
    assert code(s3.get_object, Bucket=upload["Bucket"], Key="k") == ("NoSuchKey", 404)
    done = s3.complete_multipart_upload(**upload, MultipartUpload=listed((2, first), (10000, last)))
    assert done["Key"] == "k" and done["ETag"].endswith('-2"')
    got = s3.get_object(Bucket=upload["Bucket"], Key="k")
    assert got["Body"].read() == bytes(5 * MIB) + b"end" and got["ContentType"] == "text/csv"
    assert got["TagCount"] == 1
    assert code(s3.list_parts, **upload) == ("NoSuchUpload", 404)
    assert code(s3.upload_part, **upload, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)


def test_multipart_that_is_refused(account, s3, bucket, upload):
    one = s3.upload_part(**upload, PartNumber=1, Body=b"one")["ETag"]
    two = s3.upload_part(**upload, PartNumber=2, Body=b"two")["ETag"]

    def complete(*parts, **more):
        return s3.complete_multipart_upload(**upload, MultipartUpload=listed(*parts), **more)

    assert code(complete, (2, two), (1, one)) == ("InvalidPartOrder", 400)
    assert code(complete, (1, one), (1, one)) == ("InvalidPartOrder", 400)
    assert code(complete, (1, two)) == ("InvalidPart", 400)
    assert code(complete, (3, one)) == ("InvalidPart", 400)
    assert code(complete) == ("MalformedXML", 400)
    small = refusal(complete, (1, one), (2, two)).response["Error"]
    assert (
        small["Code"] == "EntityTooSmall"
        and small["PartNumber"] == "1"
        and small["MinSizeAllowed"] == "5242880"
    )
    target = f"/{bucket}/k?uploadId={upload['UploadId']}"
    assert b"MalformedXML" in account.raw("POST", target, b"<CompleteMultipartUpload><Part>")[2]
    assert b"MalformedXML" in account.raw("POST", target, b"<!DOCTYPE a><CompleteMultipartUpload/>")[2]
    assert code(s3.upload_part, **upload, PartNumber=0, Body=b"") == ("InvalidArgument", 400)
    assert code(s3.upload_part, **upload, PartNumber=10001, Body=b"") == ("InvalidArgument", 400)
    other = {**upload, "Key": "another"}
    assert code(s3.upload_part, **other, PartNumber=1, Body=b"") == ("NoSuchUpload", 404)
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    assert code(complete, (1, one), IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert read(s3, bucket, "k") == b"there"
    complete((1, one))
    assert read(s3, bucket, "k") == b"one"


def test_multipart_abort(account, s3, upload):
    before = len(account.files())
    s3.upload_part(**upload, PartNumber=1, Body=b"one")
    assert len(account.files()) == before + 1
    s3.abort_multipart_upload(**upload)
    assert len(account.files()) == before
    assert code(s3.abort_multipart_upload, **upload) == ("NoSuchUpload", 404)
    assert code(s3.complete_multipart_upload, **upload, MultipartUpload=listed((1, "x"))) == (
        "NoSuchUpload",
        404,
    )


def test_multipart_checksum_of_the_whole(s3, bucket):
    made = s3.create_multipart_upload(
        Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT"
    )
    upload = {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}
    body = bytes(5 * MIB) + b"end"
    parts = [
        (1, s3.upload_part(**upload, PartNumber=1, Body=body[: 5 * MIB])["ETag"]),
        (2, s3.upload_part(**upload, PartNumber=2, Body=body[5 * MIB :])["ETag"]),
    ]
    wrong = {"ChecksumCRC32": "AAAAAA==", "ChecksumType": "FULL_OBJECT"}
    failed = code(s3.complete_multipart_upload, **upload, MultipartUpload=listed(*parts), **wrong)
    assert failed == ("BadDigest", 400)
    done = s3.complete_multipart_upload(**upload, MultipartUpload=listed(*parts))
    assert done["ChecksumCRC32"] == crc(body).decode() and done["ChecksumType"] == "FULL_OBJECT"
    again = {"Bucket": bucket, "Key": "k", "ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"}
    assert code(s3.create_multipart_upload, **again) == ("InvalidRequest", 400)


def test_multipart_copy(s3, bucket, upload):
    source = {"Bucket": bucket, "Key": "source"}
    s3.put_object(**source, Body=b"0123456789")
    whole = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)["CopyPartResult"]["ETag"]
    assert whole == f'"{hashlib.md5(b"0123456789").hexdigest()}"'
    part = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source, CopySourceRange="bytes=2-4")
    done = listed((1, part["CopyPartResult"]["ETag"]))
    for header in ("bytes=5-10", "bytes=5-", "bytes=5-4"):
        failed = code(s3.upload_part_copy, **upload, PartNumber=1, CopySource=source, CopySourceRange=header)
        assert failed == ("InvalidArgument", 400)
    s3.complete_multipart_upload(**upload, MultipartUpload=done)
    assert read(s3, bucket, "k") == b"234"


def test_list_multipart_uploads(s3, bucket):
    made = [
        (key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"])
        for key in ("a", "b/1", "b/2", "c", "c", "d é")
    ]
    assert [(u["Key"], u["UploadId"]) for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == made
    assert s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    ).build_full_result()["Uploads"] == s3.list_multipart_uploads(Bucket=bucket)["Uploads"]  # fmt: skip
    page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", MaxUploads=2)
    assert [u["Key"] for u in page["Uploads"]] == ["a"] and page["CommonPrefixes"] == [{"Prefix": "b/"}]
    assert page["IsTruncated"] and page["NextKeyMarker"] == "b/"
    rest = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", KeyMarker="b/")
    assert [u["UploadId"] for u in rest["Uploads"]] == [upload for _, upload in made[3:]]
    some = s3.list_multipart_uploads(Bucket=bucket, Prefix="b/")
    assert [u["Key"] for u in some["Uploads"]] == ["b/1", "b/2"]


# ---- what is not implemented


def test_what_is_not_implemented_says_so(account, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    here = {"Bucket": bucket}
    for call, named in (
        (lambda: s3.get_bucket_acl(**here), "acl"),
        (lambda: s3.get_bucket_policy(**here), "policy"),
        (lambda: s3.get_bucket_versioning(**here), "versioning"),
        (lambda: s3.list_object_versions(**here), "versions"),
        (lambda: s3.get_bucket_lifecycle_configuration(**here), "lifecycle"),
        (lambda: s3.get_bucket_encryption(**here), "encryption"),
        (lambda: s3.get_bucket_cors(**here), "cors"),
        (lambda: s3.get_public_access_block(**here), "publicAccessBlock"),
        (lambda: s3.get_object_acl(**here, Key="k"), "acl"),
        (lambda: s3.get_object_attributes(**here, Key="k", ObjectAttributes=["ETag"]), "attributes"),
        (lambda: s3.restore_object(**here, Key="k", RestoreRequest={"Days": 1}), "restore"),
        (lambda: s3.get_object(**here, Key="k", PartNumber=1), "partNumber"),
        (lambda: s3.put_object(**here, Key="k", Body=b"", StorageClass="GLACIER"), "GLACIER"),
        (lambda: s3.put_object(**here, Key="k", Body=b"", WebsiteRedirectLocation="/x"), "website-redirect"),
        (lambda: s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True), "object-lock"),
    ):
        error = refusal(call).response
        assert error["Error"]["Code"] == "NotImplemented" and named in error["Error"]["Message"]
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert b"form" in account.raw("POST", f"/{bucket}", b"x", {"Content-Type": "multipart/form-data"})[2]
    assert account.raw("PUT", "/")[0] == 405
    assert account.raw("GET", f"/{bucket}/k?unheard-of")[0] == 501
    assert account.raw("GET", f"/{bucket}/k?x-id=GetObject&X-Amz-Date=x&Signature=s&Expires=1")[0] == 200
    assert read(s3, bucket, "k") == b"x"


def test_what_is_refused_otherwise(account, s3, bucket):
    put = {"Bucket": bucket, "Key": "k", "Body": b"x"}
    assert code(s3.put_object, **put, ACL="public-read") == ("AccessControlListNotSupported", 400)
    assert code(s3.put_object, **put, StorageClass="WARM") == ("InvalidStorageClass", 400)
    assert code(s3.put_object, **put, Metadata={"m": "x" * 2048}) == ("MetadataTooLarge", 400)
    assert code(s3.put_object, **put, ExpectedBucketOwner="999999999999") == ("AccessDenied", 403)
    assert code(s3.get_object, Bucket=bucket, Key="k", VersionId="v1") == ("InvalidArgument", 400)
    s3.put_object(**put, ACL="bucket-owner-full-control", ServerSideEncryption="aws:kms")
    assert "ServerSideEncryption" not in s3.head_object(Bucket=bucket, Key="k")


# ---- the door for jobs, and what lasts


@pytest.fixture
def store(tmp_path):
    store = S3(tmp_path / "state" / "s3", "us-east-1", "123456789012")
    store.create_bucket("jobs")
    yield store
    store.close()


def test_door_for_jobs(store, tmp_path):
    made = tmp_path / "model.tar.gz"
    made.write_bytes(b"model")
    obj = store.put_file("jobs", "out/model.tar.gz", made, "application/gzip")
    assert not made.exists() and obj == store.object("jobs", "out/model.tar.gz")
    assert (obj.size, obj.etag, obj.content_type) == (
        5,
        hashlib.md5(b"model").hexdigest(),
        "application/gzip",
    )
    target = tmp_path / "opt/ml/input/data/train/model.tar.gz"
    assert store.link(obj, target) == obj
    assert target.read_bytes() == b"model" and target.stat().st_mode & 0o777 == 0o444
    assert target.samefile(obj.path)
    assert [found.key for found in store.objects("jobs", "out/")] == ["out/model.tar.gz"]
    assert (
        store.objects("jobs", "none") == [] and store.bucket_exists("jobs") and not store.bucket_exists("no")
    )
    for call, expected in (
        (lambda: store.object("jobs", "no"), "NoSuchKey"),
        (lambda: store.object("no", "no"), "NoSuchBucket"),
        (lambda: store.objects("no", ""), "NoSuchBucket"),
    ):
        with pytest.raises(AwsError) as caught:
            call()
        assert caught.value.code == expected
    other = tmp_path / "other"
    other.write_bytes(b"newer")
    with pytest.raises(AwsError):
        store.put_file("no", "k", other)
    assert other.read_bytes() == b"newer"
    store.put_file("jobs", "out/model.tar.gz", other)
    assert target.read_bytes() == b"model"
    newer = store.link(obj, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b"newer" and newer.size == 5 and newer.etag != obj.etag


def test_file_behind_a_link_is_copied(store, tmp_path):
    (tmp_path / "real").write_bytes(b"real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    obj = store.put_file("jobs", "k", tmp_path / "link")
    assert not obj.path.is_symlink() and obj.path.read_bytes() == b"real"
    assert (tmp_path / "real").read_bytes() == b"real" and not (tmp_path / "link").is_symlink()


def test_links_and_moves_across_devices(store, tmp_path):
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second device here")
    away = memory / f"course-{os.getpid()}"
    away.mkdir()
    try:
        (away / "made").write_bytes(b"made")
        obj = store.put_file("jobs", "k", away / "made")
        store.link(obj, away / "linked")
        assert not (away / "made").exists() and (away / "linked").read_bytes() == b"made"
        assert (away / "linked").stat().st_mode & 0o777 == 0o444
    finally:
        shutil.rmtree(away)


def test_reopened_after_an_upload_was_abandoned(tmp_path):
    account = Account(tmp_path)
    s3 = account.client
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"Tags": [{"Key": "a", "Value": "1"}]})
    s3.put_object(Bucket="kept", Key="k", Body=b"x", Metadata={"a": "b"})
    made = s3.create_multipart_upload(Bucket="kept", Key="m")
    upload = {"Bucket": "kept", "Key": "m", "UploadId": made["UploadId"]}
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
    known = set(account.files())
    raw = socket.create_connection(("127.0.0.1", account.port))
    raw.sendall(b"PUT /kept/k HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n" + bytes(2 * MIB))
    wait_for(lambda: set(account.files()) - known)
    again = Account(tmp_path)  # as after a crash: nothing of the first was closed
    try:
        assert set(again.files()) == known
        assert read(again.client, "kept", "k") == b"x"
        assert again.client.get_bucket_tagging(Bucket="kept")["TagSet"] == [{"Key": "a", "Value": "1"}]
        again.client.complete_multipart_upload(**upload, MultipartUpload=listed((1, etag)))
        assert read(again.client, "kept", "m") == b"part"
    finally:
        raw.close()
        again.stop()
        account.stop()


def test_what_was_answered_outlives_kill_9(tmp_path):
    script = """
import os, signal, sys
from pathlib import Path
from utils.local_aws.s3 import S3
store = S3(Path(sys.argv[1]), "us-east-1", "123456789012")
store.create_bucket("kept")
for number in range(20):
    with store.new_file() as path:
        path.write_text(str(number))
        store.put_file("kept", f"{number:02}", path)
with store.new_file() as path:
    path.write_text("nobody's")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT)
    assert ended.returncode == -9
    assert len(list((tmp_path / "data").glob("*/*"))) == 21
    store = S3(tmp_path, "us-east-1", "123456789012")
    found = store.objects("kept", "")
    assert [(obj.key, obj.path.read_text()) for obj in found] == [(f"{n:02}", str(n)) for n in range(20)]
    assert len(list((tmp_path / "data").glob("*/*"))) == 20
    store.close()


def test_objects_without_their_index_are_not_taken_for_rubbish(tmp_path):
    store = S3(tmp_path, "us-east-1", "000000000000")
    store.create_bucket("bucket")
    with store.new_file() as path:
        path.write_bytes(b"precious")
        store.put_file("bucket", "key", path)
    store.close()
    index = (tmp_path / "index.sqlite").read_bytes()
    for file in tmp_path.glob("index.sqlite*"):
        file.unlink()
    with pytest.raises(StateError, match="index.sqlite, which names them, is gone"):
        S3(tmp_path, "us-east-1", "000000000000")
    (tmp_path / "index.sqlite").write_bytes(index)
    store = S3(tmp_path, "us-east-1", "000000000000")
    assert store.object("bucket", "key").path.read_bytes() == b"precious"
    store.close()


def test_state_that_is_no_database(tmp_path):
    (tmp_path / "index.sqlite").write_text("not a database, " * 100)
    with pytest.raises(StateError, match="not a database") as caught:
        S3(tmp_path, "us-east-1", "123456789012")
    assert caught.value.path == tmp_path / "index.sqlite"
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError):
        S3(tmp_path / "file" / "below", "us-east-1", "123456789012")


def test_database_transactions(tmp_path):
    database = open_database(tmp_path / "a" / "x.sqlite", "CREATE TABLE IF NOT EXISTS t (n INTEGER)")
    with database.write() as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(KeyError), database.write() as cursor:
        cursor.execute("INSERT INTO t VALUES (2)")
        raise KeyError
    assert [row["n"] for row in database.read("SELECT n FROM t WHERE n >= ?", (0,))] == [1]
    database.close()


def test_query_keys_are_read_as_utf_8(account, s3, bucket):
    s3.put_object(Bucket=bucket, Key="é/1", Body=b"x")
    prefix = urllib.parse.quote("é/")
    assert b"<KeyCount>1</KeyCount>" in account.raw("GET", f"/{bucket}?list-type=2&prefix={prefix}")[2]


def test_presigned_query_carries_headers(account, s3, bucket):
    target = f"/{bucket}/k?x-amz-meta-a_b=c&x-amz-tagging=t%3D1&content-type=text%2Fcsv&Signature=s&Expires=1"
    assert account.raw("PUT", target, b"x")[0] == 200
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["Metadata"] == {"a_b": "c"} and head["TagCount"] == 1
    crc_of_y = urllib.parse.quote(crc(b"y"))
    assert account.raw("PUT", f"/{bucket}/k?x-amz-checksum-crc32={crc_of_y}", b"x")[0] == 400


def test_refusal_before_the_body_keeps_the_connection_usable(s3, bucket):
    for _ in range(3):  # boto3 waits for 100 Continue, and is refused instead
        assert code(s3.put_object, Bucket="nowhere", Key="k", Body=b"x" * 1000) == ("NoSuchBucket", 404)
        assert keys(s3.list_objects_v2(Bucket=bucket)) == []
