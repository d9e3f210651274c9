"""Batch transform."""

from __future__ import annotations

import pytest
from asking import NUMBER, rows, served_by, trained, training

BATCH = b"1,2\n3,4\n"


@pytest.fixture(scope="module")
def model(there):
    """A regressor of two features; gone afterwards."""
    job = training(there, "batch", rows(there))
    name = job["TrainingJobName"]
    container = served_by(there, trained(there, job)["ModelArtifacts"]["S3ModelArtifacts"])
    there.sagemaker.create_model(ModelName=name, ExecutionRoleArn=there.role, PrimaryContainer=container)
    yield name
    there.sagemaker.delete_model(ModelName=name)


def batch(there, model: str, beginning: str, body: bytes, **members: object) -> dict:
    uri = there.put(f"{beginning}/in/rows.csv", body)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {
        "TransformJobName": there.name(beginning),
        "ModelName": model,
        "TransformInput": {"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": uri.rpartition("/in/")[0] + "/out", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    } | members


def run(there, job: dict) -> dict:
    """How the job ended, and the shapes of the lines it wrote: their numbers come from 40 rows, and are not asked."""
    there.sagemaker.create_transform_job(**job)
    name = {"TransformJobName": job["TransformJobName"]}
    found = there.ended(there.sagemaker.describe_transform_job, "TransformJobStatus", **name)
    bucket, _, prefix = job["TransformOutput"]["S3OutputPath"].removeprefix("s3://").partition("/")
    written = there.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    texts = [there.s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode() for each in written]
    return {
        "status": found["TransformJobStatus"],
        "reason": found.get("FailureReason"),
        "objects": [each["Key"].removeprefix(prefix) for each in written],
        "lines": [NUMBER.sub("0", line) for text in texts for line in text.split("\n")],
        "shown": {member: found.get(member) for member in ("TransformOutput", "DataProcessing")},
    }


def test_a_batch_that_asks_for_no_format(there, model, answers):
    answers(run(there, batch(there, model, "plain", BATCH)))


def test_answers_joined_with_their_records(there, model, answers):
    joined = {"DataProcessing": {"InputFilter": "$[0:2]", "JoinSource": "Input", "OutputFilter": "$"}}
    job = batch(there, model, "joined", b"1,2,9\n3,4,9\n", **joined)
    job["TransformOutput"]["Accept"] = "text/csv"
    answers(run(there, job))


def test_a_record_that_lacks_what_is_filtered(there, model, answers):
    job = batch(there, model, "lacks", BATCH, DataProcessing={"InputFilter": "$[5]"})
    found = run(there, job)
    answers({member: found[member] for member in ("status", "reason", "objects")})


def test_a_record_that_the_model_refuses(there, model, answers):
    found = run(there, batch(there, model, "refused", b"1,2\na,b\n"))
    answers({member: found[member] for member in ("status", "reason", "objects")})


def test_batches_that_are_refused(there, model, answers):
    create = there.sagemaker.create_transform_job
    nothing = batch(there, model, "nothing", BATCH)
    nothing["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] += "-nothing/"
    answers({
        "no input": there.said(create, **nothing),
        "no model": there.said(create, **batch(there, "course-parity-nothing", "no-model", BATCH)),
        "described": there.said(there.sagemaker.describe_transform_job, TransformJobName="course-parity-nothing"),
    })  # fmt: skip
