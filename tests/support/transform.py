"""Transform jobs as tests ask for them, follow them, and read what they have written."""

from __future__ import annotations

import re

import boto3

from support.training import name, wait_until

GROUP = "/aws/sagemaker/TransformJobs"


def transform_definition(model: str, uri: str, bucket: str, **members) -> dict:
    source, output = members.pop("source", {}), members.pop("output", {})
    kind = members.pop("kind", "S3Prefix")
    return {
        "TransformJobName": name("transform"),
        "ModelName": model,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        }
        | source,
        "TransformOutput": {"S3OutputPath": f"s3://{bucket}/{name('transform/out')}"} | output,
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    } | members


def finished(client, job: str) -> dict:
    return wait_until(
        lambda: client.describe_transform_job(TransformJobName=job),
        lambda body: body["TransformJobStatus"] in ("Completed", "Failed", "Stopped"),
        job,
    )


def outputs(s3, path: str) -> dict[str, str]:
    bucket, _, prefix = path.removeprefix("s3://").partition("/")
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix + "/").get("Contents", [])
    return {
        each["Key"].removeprefix(prefix + "/"): s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode()
        for each in found
    }


def logged(job: str, data_log: bool) -> list[str]:
    """The messages of a job's container, or of its data-log."""
    client = boto3.client("logs")
    streams = client.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{job}/")["logStreams"]
    (stream,) = [each["logStreamName"] for each in streams if each["logStreamName"].endswith("/data-log") == data_log]
    found = client.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)
    return [event["message"] for event in found["events"]]


def said(job: str) -> list[str]:
    """The data-log without its stamps."""
    lines = logged(job, data_log=True)
    pattern = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}:\[sagemaker logs\]: (.*)")
    matches = [pattern.fullmatch(line) for line in lines]
    assert all(matches), lines
    return [match[1] for match in matches if match]
