"""S3: multipart uploads."""

from __future__ import annotations

import hashlib
import io
import os
import zlib

import pytest
from boto3.s3.transfer import TransferConfig

from support.s3_over_http import MIB, code, crc, listed, read, refusal


def test_transfer_manager(s3_server, s3, bucket, tmp_path):
    body = os.urandom(20 * MIB + 5)
    config = TransferConfig(multipart_threshold=6 * MIB, multipart_chunksize=6 * MIB, max_concurrency=4)
    s3.upload_fileobj(io.BytesIO(body), bucket, "big", ExtraArgs={"Metadata": {"a": "b"}}, Config=config)
    parts = [body[start : start + 6 * MIB] for start in range(0, len(body), 6 * MIB)]
    expected = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
    head = s3.head_object(Bucket=bucket, Key="big", ChecksumMode="ENABLED")
    assert head["ETag"] == f'"{expected}-4"' and head["ContentLength"] == len(body) and head["Metadata"] == {"a": "b"}
    crcs = b"".join(zlib.crc32(part).to_bytes(4, "big") for part in parts)
    assert head["ChecksumCRC32"] == crc(crcs).decode() + "-4" and head["ChecksumType"] == "COMPOSITE"
    s3.download_file(bucket, "big", str(tmp_path / "got"), Config=config)
    assert (tmp_path / "got").read_bytes() == body
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copied", Config=config)
    assert read(s3, bucket, "copied") == body
    whole = s3.copy_object(Bucket=bucket, Key="whole", CopySource={"Bucket": bucket, "Key": "big"})
    assert whole["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    s3.delete_object(Bucket=bucket, Key="copied")
    assert len([path for path in s3_server.files() if path.stat().st_size >= 6 * MIB]) == 2  # no part is left


@pytest.fixture
def upload(s3, bucket):
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", ContentType="text/csv", Tagging="a=1")
    return {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}


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


def test_multipart_that_is_refused(s3_server, s3, bucket, upload):
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
    assert small["Code"] == "EntityTooSmall" and small["PartNumber"] == "1" and small["MinSizeAllowed"] == "5242880"
    target = f"/{bucket}/k?uploadId={upload['UploadId']}"
    assert b"MalformedXML" in s3_server.raw("POST", target, b"<CompleteMultipartUpload><Part>")[2]
    assert b"MalformedXML" in s3_server.raw("POST", target, b"<!DOCTYPE a><CompleteMultipartUpload/>")[2]
    assert code(s3.upload_part, **upload, PartNumber=0, Body=b"") == ("InvalidArgument", 400)
    assert code(s3.upload_part, **upload, PartNumber=10001, Body=b"") == ("InvalidArgument", 400)
    other = {**upload, "Key": "another"}
    assert code(s3.upload_part, **other, PartNumber=1, Body=b"") == ("NoSuchUpload", 404)
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    assert code(complete, (1, one), IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert read(s3, bucket, "k") == b"there"
    complete((1, one))
    assert read(s3, bucket, "k") == b"one"


def test_multipart_abort(s3_server, s3, upload):
    before = len(s3_server.files())
    s3.upload_part(**upload, PartNumber=1, Body=b"one")
    assert len(s3_server.files()) == before + 1
    s3.abort_multipart_upload(**upload)
    assert len(s3_server.files()) == before
    assert code(s3.abort_multipart_upload, **upload) == ("NoSuchUpload", 404)
    assert code(s3.complete_multipart_upload, **upload, MultipartUpload=listed((1, "x"))) == (
        "NoSuchUpload",
        404,
    )


def test_multipart_checksum_of_the_whole(s3, bucket):
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
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
