"""S3: buckets."""

from __future__ import annotations

import pytest

from support.s3_over_http import S3Server, code, refusal


def test_bucket_life(s3_server, s3):
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
def test_bucket_names_are_refused(s3_server, name):
    status, _, body = s3_server.raw("PUT", f"/{name}")
    assert status == 400 and b"<Code>InvalidBucketName</Code>" in body


@pytest.mark.parametrize("name", ["abc", "a" * 63, "my.bucket", "sagemaker-us-east-1-123456789012", "1a-b.c9"])
def test_bucket_names_are_accepted(s3_server, name):
    assert s3_server.raw("PUT", f"/{name}")[0] == 200


def test_location_in_us_east_1(s3):
    where = {"LocationConstraint": "eu-west-1"}
    failed = code(s3.create_bucket, Bucket="elsewhere", CreateBucketConfiguration=where)
    assert failed == ("InvalidLocationConstraint", 400)


def test_location_in_another_region(tmp_path):
    s3_server = S3Server(tmp_path, "eu-west-1")
    try:
        s3, here = s3_server.client, {"LocationConstraint": "eu-west-1"}
        s3.create_bucket(Bucket="here", CreateBucketConfiguration=here)
        assert s3.get_bucket_location(Bucket="here")["LocationConstraint"] == "eu-west-1"
        again = code(s3.create_bucket, Bucket="here", CreateBucketConfiguration=here)
        assert again == ("BucketAlreadyOwnedByYou", 409)
        assert s3_server.raw("PUT", "/unsaid")[0] == 400
        there = {"LocationConstraint": "eu-west-2"}
        failed = code(s3.create_bucket, Bucket="there", CreateBucketConfiguration=there)
        assert failed == ("IllegalLocationConstraintException", 400)
    finally:
        s3_server.stop()


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
