"""S3: a bucket whose versions were never switched on, as S3 itself answers for it."""

from __future__ import annotations

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.s3_over_http import code, read, refusal

KEYS = ["a.csv", "dir/b.csv", "dir/c d.csv", "dir/deep/e.csv", "z.csv", "ü.csv"]  # in the order of their bytes


@pytest.fixture
def filled(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ChecksumAlgorithm="CRC32")
    return bucket


def versions(answer) -> list[str]:
    return [row["Key"] for row in answer.get("Versions", [])]


def test_versions_are_off(s3_server, s3, bucket):
    answer = s3.get_bucket_versioning(Bucket=bucket)
    assert set(answer) == {"ResponseMetadata"}
    status, _, body = s3_server.raw("GET", f"/{bucket}?versioning")
    empty = b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></VersioningConfiguration>'
    assert status == 200 and body.endswith(empty)
    assert code(s3.get_bucket_versioning, Bucket="none-such") == ("NoSuchBucket", 404)
    enabled = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Enabled"}}
    assert refusal(s3.put_bucket_versioning, **enabled).response["Error"]["Code"] == "NotImplemented"


def test_each_object_has_one_version(s3, filled):
    answer = s3.list_object_versions(Bucket=filled)
    assert versions(answer) == KEYS and not answer["IsTruncated"] and "DeleteMarkers" not in answer
    assert (answer["Name"], answer["Prefix"], answer["KeyMarker"], answer["VersionIdMarker"]) == (filled, "", "", "")
    listed = {row["Key"]: row for row in s3.list_objects_v2(Bucket=filled, FetchOwner=True)["Contents"]}
    for row in answer["Versions"]:
        assert (row.pop("VersionId"), row.pop("IsLatest")) == ("null", True)
        assert row == listed[row["Key"]]
    assert versions(s3.list_object_versions(Bucket=filled, MaxKeys=0)) == []
    assert code(s3.list_object_versions, Bucket="none-such") == ("NoSuchBucket", 404)


def test_below_a_prefix_and_up_to_a_delimiter(s3, filled):
    answer = s3.list_object_versions(Bucket=filled, Prefix="dir/", Delimiter="/")
    assert versions(answer) == ["dir/b.csv", "dir/c d.csv"]
    assert answer["CommonPrefixes"] == [{"Prefix": "dir/deep/"}]
    answer = s3.list_object_versions(Bucket=filled, Delimiter="/", MaxKeys=2)
    assert versions(answer) == ["a.csv"] and answer["CommonPrefixes"] == [{"Prefix": "dir/"}]
    assert answer["NextKeyMarker"] == "dir/" and "NextVersionIdMarker" not in answer
    answer = s3.list_object_versions(Bucket=filled, Delimiter="/", KeyMarker="dir/")
    assert versions(answer) == ["z.csv", "ü.csv"]


def test_pages(s3, filled):
    """A page begins behind the key that is named, as a public answer of S3's shows."""
    first = s3.list_object_versions(Bucket=filled, MaxKeys=2)
    assert (first["NextKeyMarker"], first["NextVersionIdMarker"]) == ("dir/b.csv", "null") and first["IsTruncated"]
    for more in ({}, {"VersionIdMarker": "null"}):
        second = s3.list_object_versions(Bucket=filled, MaxKeys=2, KeyMarker="dir/b.csv", **more)
        assert versions(second) == KEYS[2:4] and second["KeyMarker"] == "dir/b.csv"
    for size in (1, 2, 3, 100):
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=filled, PaginationConfig={"PageSize": size})
        assert [key for page in pages for key in versions(page)] == KEYS


def test_markers_that_are_none(s3, filled):
    for asked, sentence in (
        ({"VersionIdMarker": "null"}, "A version-id marker cannot be specified without a key marker."),
        ({"KeyMarker": "a", "VersionIdMarker": ""}, "A version-id marker cannot be empty."),
        ({"KeyMarker": "a", "VersionIdMarker": "v1"}, "Invalid version id specified"),
    ):
        error = refusal(s3.list_object_versions, Bucket=filled, **asked).response["Error"]
        assert (error["Code"], error["Message"], error["ArgumentName"]) == (
            "InvalidArgument", sentence, "version-id-marker"
        )  # fmt: skip


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    prefix=st.sampled_from(["", "d", "dir/", "x"]),
    delimiter=st.sampled_from(["", "/", ".", "d"]),
    size=st.integers(1, 4),
)
def test_as_the_list_of_objects(s3, filled, prefix, delimiter, size):
    """Whatever is asked: the same keys and common prefixes on the same pages."""
    asked = {"Bucket": filled, "Prefix": prefix, "Delimiter": delimiter, "PaginationConfig": {"PageSize": size}}

    def pages(operation, member):
        return [
            ([row["Key"] for row in page.get(member, [])], page.get("CommonPrefixes"), page["IsTruncated"])
            for page in s3.get_paginator(operation).paginate(**asked)
        ]

    assert pages("list_object_versions", "Versions") == pages("list_objects_v2", "Contents")


def test_the_version_null(s3, filled):
    where = {"Bucket": filled, "Key": "a.csv", "VersionId": "null"}
    assert s3.get_object(**where)["Body"].read() == b"a.csv" and s3.head_object(**where)["ContentLength"] == 5
    s3.put_object_tagging(**where, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    assert s3.get_object_tagging(**where)["TagSet"] == [{"Key": "k", "Value": "v"}]
    s3.copy_object(Bucket=filled, Key="copy", CopySource=where)
    assert read(s3, filled, "copy") == b"a.csv"
    s3.delete_object(**where)
    assert code(s3.get_object, **where) == ("NoSuchKey", 404)


def test_all_versions_are_deleted(s3_server, s3, filled):
    """As people empty a bucket with boto3's resources."""
    client = s3_server.client.meta
    bucket = boto3.resource(
        "s3", endpoint_url=client.endpoint_url, config=client.config,
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1",
    ).Bucket(filled)  # fmt: skip
    assert {(each.object_key, each.id) for each in bucket.object_versions.all()} == {(key, "null") for key in KEYS}
    assert bucket.Versioning().status is None
    (deleted,) = bucket.object_versions.delete()
    assert {(each["Key"], each["VersionId"]) for each in deleted["Deleted"]} == {(key, "null") for key in KEYS}
    assert versions(s3.list_object_versions(Bucket=filled)) == []
    bucket.delete()
