"""Public buckets of others, mounted from a folder: read like any bucket, changed by nobody."""

from __future__ import annotations

import hashlib

import pytest
from botocore.exceptions import ClientError

from support.account import Place
from support.training import channel, csv, definition, ended, table

SAMPLES = "sagemaker-sample-files"


def refused(call, **arguments) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def everything(folder) -> dict:
    return {
        path.relative_to(folder): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """A folder of two buckets, one of them with a table of 60 rows below ``datasets/tabular/``."""
    folder = tmp_path_factory.mktemp("buckets")
    x, y = table(60)
    tables = folder / SAMPLES / "datasets" / "tabular"
    tables.mkdir(parents=True)
    (tables / "lines.csv").write_bytes(csv(x, y))
    (tables / "é.txt").write_text("accents\n")
    (tables / ".DS_Store").write_text("not for a channel\n")
    (folder / SAMPLES / "datasets.txt").write_text("sorts before datasets/\n")
    (folder / "another-bucket").mkdir()
    (folder / "notes.txt").write_text("no bucket\n")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory, samples):
    place = Place(tmp_path_factory.mktemp("account") / "state")
    place.start(LOCAL_AWS_BUCKETS=str(samples))
    yield place
    place.close()


def test_a_public_bucket_is_read_like_any(place, samples, tmp_path):
    s3 = place.client("s3")
    s3.head_bucket(Bucket=SAMPLES)
    found = s3.list_objects_v2(Bucket=SAMPLES)
    keys = ["datasets.txt", "datasets/tabular/lines.csv", "datasets/tabular/é.txt"]
    assert [row["Key"] for row in found["Contents"]] == keys
    top = s3.list_objects_v2(Bucket=SAMPLES, Delimiter="/")
    assert [row["Key"] for row in top["Contents"]] == keys[:1]
    assert [row["Prefix"] for row in top["CommonPrefixes"]] == ["datasets/"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=SAMPLES, PaginationConfig={"PageSize": 1})
    assert [row["Key"] for page in pages for row in page["Contents"]] == keys

    s3.download_file(SAMPLES, keys[1], str(tmp_path / "lines.csv"))
    whole = (samples / SAMPLES / keys[1]).read_bytes()
    assert (tmp_path / "lines.csv").read_bytes() == whole
    part = s3.get_object(Bucket=SAMPLES, Key=keys[1], Range="bytes=10-19")
    assert part["Body"].read() == whole[10:20] and part["ContentLength"] == 10
    head = s3.head_object(Bucket=SAMPLES, Key=keys[1])
    assert head["ETag"] == found["Contents"][1]["ETag"] and head["ContentLength"] == len(whole)

    assert refused(s3.get_object, Bucket=SAMPLES, Key="datasets/tabular") == ("NoSuchKey", 404)
    assert refused(s3.get_object, Bucket=SAMPLES, Key="datasets/tabular/.DS_Store") == ("NoSuchKey", 404)
    assert refused(s3.get_object, Bucket="notes.txt", Key="x") == ("NoSuchBucket", 404)
    # It is another account's: a list of one's own buckets does not show it.
    assert SAMPLES not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize("key", ["../notes.txt", "datasets/../../notes.txt", "/notes.txt", "datasets//x", "."])
def test_a_key_is_no_way_out_of_its_folder(place, key):
    assert refused(place.client("s3").get_object, Bucket=SAMPLES, Key=key) == ("NoSuchKey", 404)


def test_what_lies_in_the_folder_now_is_what_the_bucket_holds(place, samples):
    s3 = place.client("s3")
    path = samples / "another-bucket" / "new.txt"
    assert "Contents" not in s3.list_objects_v2(Bucket="another-bucket")
    path.write_text("first")
    first = s3.get_object(Bucket="another-bucket", Key="new.txt")
    assert first["Body"].read() == b"first"
    path.write_text("second, and longer")
    second = s3.get_object(Bucket="another-bucket", Key="new.txt")
    assert second["Body"].read() == b"second, and longer" and second["ETag"] != first["ETag"]
    path.unlink()
    assert refused(s3.get_object, Bucket="another-bucket", Key="new.txt") == ("NoSuchKey", 404)


def test_nobody_changes_a_public_bucket(place, samples):
    s3, before = place.client("s3"), everything(samples)
    denied = ("AccessDenied", 403)
    key = "datasets/tabular/lines.csv"
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    assert refused(s3.put_object, Bucket=SAMPLES, Key="new", Body=b"x") == denied
    assert refused(s3.put_object, Bucket=SAMPLES, Key=key, Body=b"x") == denied
    assert refused(s3.delete_object, Bucket=SAMPLES, Key=key) == denied
    assert refused(s3.delete_objects, Bucket=SAMPLES, Delete={"Objects": [{"Key": key}]}) == denied
    assert refused(s3.create_multipart_upload, Bucket=SAMPLES, Key="new") == denied
    assert refused(s3.put_object_tagging, Bucket=SAMPLES, Key=key, Tagging=tags) == denied
    assert refused(s3.put_bucket_tagging, Bucket=SAMPLES, Tagging=tags) == denied
    assert refused(s3.delete_bucket, Bucket=SAMPLES) == denied
    assert refused(s3.create_bucket, Bucket=SAMPLES) == ("BucketAlreadyExists", 409)
    assert everything(samples) == before


def test_a_copy_has_bytes_of_its_own(place, samples):
    s3, key = place.client("s3"), "datasets/tabular/lines.csv"
    s3.create_bucket(Bucket="mine")
    s3.copy_object(Bucket="mine", Key="copy", CopySource={"Bucket": SAMPLES, "Key": key})
    body = (samples / SAMPLES / key).read_bytes()
    copy = s3.get_object(Bucket="mine", Key="copy")
    assert copy["Body"].read() == body
    assert copy["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    before = everything(samples)
    s3.delete_object(Bucket="mine", Key="copy")
    assert everything(samples) == before


def test_a_job_trains_on_a_public_bucket(place, samples):
    before, s3, sagemaker = everything(samples), place.client("s3"), place.client("sagemaker")
    s3.create_bucket(Bucket="results")
    lines = channel(f"s3://{SAMPLES}/datasets/tabular/lines.csv")
    sagemaker.create_training_job(**definition(place.running(), "on-samples", lines, bucket="results"))
    job = ended(sagemaker, "on-samples")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert everything(samples) == before


def test_the_folder_must_be_there_and_may_be_relative(tmp_path, samples):
    place = Place(tmp_path / "state")
    done = place.command("start", LOCAL_AWS_BUCKETS=str(tmp_path / "nowhere"))
    assert done.returncode != 0 and "LOCAL_AWS_BUCKETS: names" in done.stderr and "not a folder" in done.stderr
    try:
        place.checkout = samples.parent
        place.start(LOCAL_AWS_BUCKETS=samples.name)
        assert place.client("s3").list_objects_v2(Bucket=SAMPLES)["KeyCount"] == 3
    finally:
        place.close()


def test_a_running_account_with_other_buckets_is_not_taken_for_the_one_asked_for(tmp_path, samples):
    place = Place(tmp_path / "state")
    try:
        place.start()
        done = place.command("start", LOCAL_AWS_BUCKETS=str(samples))
        assert done.returncode != 0
        assert f"LOCAL_AWS_BUCKETS: is {samples}, but the embedded account runs already with none" in done.stderr
        place.command("stop")
        place.start(LOCAL_AWS_BUCKETS=str(samples))
        # Whoever asks for nothing takes it as it is.
        place.start()
        place.client("s3").head_bucket(Bucket=SAMPLES)
    finally:
        place.close()


def test_a_bucket_of_ones_own_is_not_hidden(tmp_path):
    place = Place(tmp_path / "state")
    try:
        place.start()
        place.client("s3").create_bucket(Bucket="taken")
        place.command("stop")
        (tmp_path / "buckets" / "taken").mkdir(parents=True)
        done = place.command("start", LOCAL_AWS_BUCKETS=str(tmp_path / "buckets"))
        assert done.returncode != 0 and "the account has one of that name" in done.stderr
        place.start()
        place.client("s3").head_bucket(Bucket="taken")
    finally:
        place.close()
