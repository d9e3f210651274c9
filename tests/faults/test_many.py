"""Many of everything, and one that is very large."""

from __future__ import annotations

import re
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.account import Place
from support.training import IMAGE, channel, csv, definition, ended, table

BUCKET = "many"
GIGABYTE = 1 << 30


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path / "state")
    place.start()
    place.client("s3").create_bucket(Bucket=BUCKET)
    place.client("s3").put_object(Bucket=BUCKET, Key="rows.csv", Body=csv(*table()))
    yield place
    place.close()


def resident(place: Place) -> int:
    """The most memory that the account's process has had, in bytes; 0 where the system does not tell."""
    status = Path(f"/proc/{place.running().pid}/status")
    return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024 if status.exists() else 0


def test_two_hundred_invocations_of_twenty_endpoints_at_once(place):
    sagemaker, role = place.client("sagemaker"), place.running().account.role_arn
    models = []
    for seed in range(2):
        place.client("s3").put_object(Bucket=BUCKET, Key=f"{seed}/rows.csv", Body=csv(*table(seed=seed)))
        rows = channel(f"s3://{BUCKET}/{seed}/")
        sagemaker.create_training_job(**definition(place.running(), f"job-{seed}", rows, bucket=BUCKET))
        artifact = ended(sagemaker, f"job-{seed}")["ModelArtifacts"]["S3ModelArtifacts"]
        sagemaker.create_model(
            ModelName=f"model-{seed}",
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact},
            ExecutionRoleArn=role,
        )
        variant = {"VariantName": "all", "ModelName": f"model-{seed}", "InitialInstanceCount": 1}
        variant |= {"InstanceType": "ml.m5.large"}
        sagemaker.create_endpoint_config(EndpointConfigName=f"config-{seed}", ProductionVariants=[variant])
        models.append(f"config-{seed}")
    names = [f"endpoint-{number}" for number in range(20)]
    for number, name in enumerate(names):
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=models[number % 2])
    for name in names:
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 300}
        )
    runtime = place.client("sagemaker-runtime", max_pool_connections=200)

    def ask(number: int) -> bytes:
        answer = runtime.invoke_endpoint(EndpointName=names[number % 20], ContentType="text/csv", Body=b"50,50")
        return answer["Body"].read()

    alone = [ask(number) for number in range(2)]
    assert alone[0] != alone[1]
    with ThreadPoolExecutor(200) as threads:
        begun = time.perf_counter()
        answers = list(threads.map(ask, range(1000)))
        print(f"\n1,000 invocations by 200 clients: {time.perf_counter() - begun:.1f} s")
    assert answers == [alone[number % 2] for number in range(1000)]
    for name in names:
        sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.soak
def test_ten_thousand_objects(place):
    s3 = place.client("s3", max_pool_connections=8)
    keys = [f"{number % 100:02}/{number:05}" for number in range(10_000)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode()), keys))
    begun = time.perf_counter()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    listed = [row["Key"] for page in pages for row in page["Contents"]]
    whole = time.perf_counter() - begun
    assert listed == sorted([*keys, "rows.csv"])
    begun = time.perf_counter()
    top = s3.list_objects_v2(Bucket=BUCKET, Delimiter="/")
    assert len(top["CommonPrefixes"]) == 100
    print(f"\n10,000 objects listed in {whole:.2f} s, their 100 folders in {time.perf_counter() - begun:.2f} s")
    place.kill()
    begun = time.perf_counter()
    place.start()
    print(f"the account was there again after {time.perf_counter() - begun:.2f} s")
    assert place.client("s3").get_object(Bucket=BUCKET, Key=keys[-1])["Body"].read() == keys[-1].encode()


@pytest.mark.soak
def test_a_thousand_jobs(place):
    sagemaker, rows = place.client("sagemaker"), channel(f"s3://{BUCKET}/rows.csv")
    names = [f"job-{number:04}" for number in range(1000)]
    for name in names:
        sagemaker.create_training_job(**definition(place.running(), name, rows, bucket=BUCKET))
        sagemaker.describe_training_job(TrainingJobName=name)
    for name in names:
        until = time.monotonic() + 3600
        while sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "InProgress":
            assert time.monotonic() < until
            time.sleep(0.1)
    begun = time.perf_counter()
    pages = sagemaker.get_paginator("list_training_jobs").paginate(StatusEquals="Completed", SortBy="Name")
    found = [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]
    print(f"\n1,000 jobs listed by tens in {time.perf_counter() - begun:.2f} s")
    assert sorted(found) == names


@pytest.mark.soak
def test_five_gigabytes_in_bounded_memory(place):
    s3, before = place.client("s3"), resident(place)
    with tempfile.TemporaryFile() as file:
        file.truncate(5 * GIGABYTE)
        file.seek(3 * GIGABYTE)
        file.write(b"in the middle")
        file.seek(0)
        s3.upload_fileobj(file, BUCKET, "huge")
    assert s3.head_object(Bucket=BUCKET, Key="huge")["ContentLength"] == 5 * GIGABYTE
    part = s3.get_object(Bucket=BUCKET, Key="huge", Range=f"bytes={3 * GIGABYTE}-{3 * GIGABYTE + 12}")
    assert part["Body"].read() == b"in the middle"
    size = sum(len(block) for block in s3.get_object(Bucket=BUCKET, Key="huge")["Body"].iter_chunks(1 << 20))
    grown = resident(place) - before
    print(f"\n5 GB there and back: the account's memory grew by {grown / 1e6:.0f} MB")
    assert size == 5 * GIGABYTE and grown < 100_000_000
