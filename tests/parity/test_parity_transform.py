"""Batch transform."""

from __future__ import annotations

import pytest
from asking import NUMBER, rows, served_by, served_script, trained, training

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


# Fails once at what it will then do, and always at what it will not; one process, which remembers.
HESITATES = """
import time
from sagemaker_containers.beta.framework import worker

def model_fn(folder):
    return set()

def transform_fn(seen, body, content_type, accept):
    text = body.decode() if isinstance(body, bytes) else body
    print("asked to " + text.split()[0])
    if text.startswith("never") or (text.startswith("later") and text not in seen):
        seen.add(text)
        raise ValueError("not now")
    if text.startswith("refuse"):
        return worker.Response("never", status=404)
    if text.startswith("rest"):
        time.sleep(20)
    return "done", "text/plain"
"""


def test_what_a_batch_asks_again(there, answers):
    """How often a model is asked that fails once, that always fails, that refuses, and that takes too long."""
    seen, name = {}, there.name("again")
    container = served_script(there, "again", HESITATES)
    there.sagemaker.create_model(ModelName=name, ExecutionRoleArn=there.role, PrimaryContainer=container)
    try:
        for word, client in (
            ("later", None), ("never", None), ("refuse", None), ("never", {"InvocationsMaxRetries": 1}),
            ("rest", {"InvocationsMaxRetries": 0, "InvocationsTimeoutInSeconds": 1}),
        ):  # fmt: skip
            members = {"ModelClientConfig": client} if client else {}
            job = batch(there, name, f"again-{word}", word.encode(), **members)
            found = run(there, job)
            lines = there.lines("/aws/sagemaker/TransformJobs", job["TransformJobName"])
            seen[f"{word} {client or ''}".strip()] = {member: found[member] for member in ("status", "reason")} | {
                "asked": lines.count(f"asked to {word}"),
                "log": [line.partition("rows.csv: ")[2] for line in lines if "rows.csv: " in line],
            }
        answers(seen)
    finally:
        there.sagemaker.delete_model(ModelName=name)


# Says how it is to be asked; and what it is asked, to the next container.
PASSES = """
import json

def model_fn(folder):
    return None

def execution_parameters_fn():
    return json.dumps({"MaxConcurrentTransforms": NUMBER, "MaxPayloadInMB": NUMBER, "BatchStrategy": "SINGLE_RECORD"})

def transform_fn(model, body, content_type, accept):
    return body, "text/csv"
"""


def test_a_pipeline_that_says_how_a_batch_is_sent(there, answers):
    """Two containers that say otherwise."""
    name = there.name("sent")
    containers = [served_script(there, f"sent-{number}", PASSES.replace("NUMBER", number)) for number in ("2", "3")]
    there.sagemaker.create_model(ModelName=name, ExecutionRoleArn=there.role, Containers=containers)
    try:
        job = batch(there, name, "sent", BATCH)
        found = run(there, job)
        lines = there.lines("/aws/sagemaker/TransformJobs", job["TransformJobName"])
        asked = [line.partition("[sagemaker logs]: ")[2] for line in lines if "MaxPayloadInMB=" in line]
        answers({"asked": asked} | {member: found[member] for member in ("status", "reason")})
    finally:
        there.sagemaker.delete_model(ModelName=name)


def test_batches_that_are_refused(there, model, answers):
    create = there.sagemaker.create_transform_job
    nothing = batch(there, model, "nothing", BATCH)
    nothing["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] += "-nothing/"
    answers({
        "no input": there.said(create, **nothing),
        "no model": there.said(create, **batch(there, "course-parity-nothing", "no-model", BATCH)),
        "described": there.said(there.sagemaker.describe_transform_job, TransformJobName="course-parity-nothing"),
    })  # fmt: skip
