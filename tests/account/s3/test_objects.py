"""S3: objects, whole and in part, their tags and copies."""

from __future__ import annotations

import base64
import hashlib
import time
import zlib

import pytest

from support.s3_over_http import code, keys, read, refusal


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


def test_keys_that_are_no_keys(s3_server, s3, bucket):
    assert code(s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"") == ("KeyTooLongError", 400)
    assert s3_server.raw("PUT", f"/{bucket}/%ff", b"x")[0] == 400
    assert s3_server.raw("GET", "//key")[0] == 400


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


def test_delete_many_needs_a_digest(s3_server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    document = b"<Delete><Object><Key>k</Key></Object></Delete>"
    status, _, body = s3_server.raw("POST", f"/{bucket}?delete", document)
    assert status == 400 and b"Content-MD5" in body and keys(s3.list_objects_v2(Bucket=bucket)) == ["k"]
    md5 = {"Content-MD5": base64.b64encode(hashlib.md5(document).digest()).decode()}
    assert s3_server.raw("POST", f"/{bucket}?delete", document, md5)[0] == 200
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
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ContentType="text/csv", Metadata={"m": "1"}, Tagging="t=1")
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


def test_copy_that_is_refused(s3_server, s3, bucket):
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
    assert s3_server.raw("PUT", f"/{bucket}/b", headers={"x-amz-copy-source": "nokey"})[0] == 400
    assert keys(s3.list_objects_v2(Bucket=bucket)) == ["a"]
