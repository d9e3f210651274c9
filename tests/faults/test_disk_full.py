"""A disk that is full: said in so many words, nothing lost, and a deletion is still possible."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile

import pytest
from botocore.exceptions import ClientError

from support.account import Place
from support.training import IMAGE, channel, csv, definition, ended, table, wait_until

SIZE = 56  # MB of the disk; 34 of these are kept free by the account


@pytest.fixture
def small(tmp_path):
    """A small disk of its own, which only root can mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(folder)]
    if os.name != "posix" or os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    place = Place(folder / "state")
    place.start()
    yield place
    place.close()
    subprocess.run(["umount", str(folder)], check=True)


def refused(call, **arguments) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("InternalFailure", 507)
    return answer["Error"]["Message"]


def test_objects_leave_room_for_what_must_be_written_down(small):
    s3 = small.client("s3")
    s3.create_bucket(Bucket="full")
    kept = []
    for number in range(100):
        body = bytes([number]) * 3_000_000
        try:
            s3.put_object(Bucket="full", Key=f"{number}", Body=body)
        except ClientError:
            break
        kept.append(body)
    assert 3 <= len(kept) < 99
    assert "The disk of the embedded account is full" in refused(s3.put_object, Bucket="full", Key="x", Body=body)
    for number, body in enumerate(kept):
        assert s3.get_object(Bucket="full", Key=f"{number}")["Body"].read() == body
    # All else goes on: a table is small, and so are a job and its model.
    s3.delete_object(Bucket="full", Key="0")
    s3.put_object(Bucket="full", Key="rows.csv", Body=csv(*table()))
    sagemaker = small.client("sagemaker")
    rows = channel("s3://full/rows.csv")
    sagemaker.create_training_job(**definition(small.running(), "small", rows, bucket="full"))
    assert ended(sagemaker, "small")["TrainingJobStatus"] == "Completed"


def test_an_archive_that_would_fill_the_disk_is_not_unpacked(small):
    s3, sagemaker, role = small.client("s3"), small.client("sagemaker"), small.running().account.role_arn
    s3.create_bucket(Bucket="full")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for number in range(20):
            member = tarfile.TarInfo(f"zeros-{number}")
            member.size = 5_000_000
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    assert len(packed.getvalue()) < 1_000_000
    s3.put_object(Bucket="full", Key="model.tar.gz", Body=packed.getvalue())
    container = {"Image": IMAGE, "ModelDataUrl": "s3://full/model.tar.gz"}
    sagemaker.create_model(ModelName="bomb", PrimaryContainer=container, ExecutionRoleArn=role)
    variant = {"VariantName": "all", "ModelName": "bomb", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="bomb", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="bomb", EndpointConfigName="bomb")
    found = wait_until(
        lambda: sagemaker.describe_endpoint(EndpointName="bomb"),
        lambda found: found["EndpointStatus"] != "Creating",
        "the endpoint",
    )
    assert found["EndpointStatus"] == "Failed"
    assert found["FailureReason"].startswith("Failed to extract model data archive")
    s3.put_object(Bucket="full", Key="after", Body=bytes(10_000_000))  # what had been unpacked is gone


def test_not_a_byte_left(small):
    s3, sagemaker, iam = small.client("s3"), small.client("sagemaker"), small.client("iam")
    s3.create_bucket(Bucket="full")
    s3.put_object(Bucket="full", Key="rows.csv", Body=csv(*table()))
    roles = iam.list_roles()["Roles"]
    asked = definition(small.running(), "waits", channel("s3://full/rows.csv"), bucket="full")
    filler = small.folder.parent / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(4096))
    for call, arguments in (
        (s3.put_object, {"Bucket": "full", "Key": "x", "Body": b"x"}),
        (s3.create_bucket, {"Bucket": "another"}),
        (sagemaker.create_training_job, asked),
        (sagemaker.create_model_package_group, {"ModelPackageGroupName": "g"}),
        (iam.create_role, {"RoleName": "r", "AssumeRolePolicyDocument": "{}"}),
        (small.client("logs").create_log_group, {"logGroupName": "g"}),
    ):
        assert "0 MB are free" in refused(call, **arguments)
    assert s3.get_object(Bucket="full", Key="rows.csv")["Body"].read() == csv(*table())  # reading needs no room
    filler.unlink()
    assert small.client("iam").list_roles()["Roles"] == roles  # what could not be written down has not happened
    small.kill()
    small.start()
    for name in ("s3", "sagemaker", "iam"):
        small.client(name)
    assert [row["Key"] for row in small.client("s3").list_objects_v2(Bucket="full")["Contents"]] == ["rows.csv"]
    assert small.client("iam").list_roles()["Roles"] == roles
    sagemaker = small.client("sagemaker")
    assert sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    sagemaker.create_training_job(**asked)
    assert ended(sagemaker, "waits")["TrainingJobStatus"] == "Completed"
