"""Requests for processing jobs, and what became of them."""

from __future__ import annotations

import json

import boto3

from support.training import wait_until

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
ROLE = "arn:aws:iam::000000000000:role/service-role/AmazonSageMaker-ExecutionRole-Local"
ENDED = ("Completed", "Failed", "Stopped")
TABLE = b"age,charges\n19,1.5\n33,2.5\n64,9.5\n"
ENDLESS = "import os, time\nprint('process', os.getpid())\nwhile True: time.sleep(0.1)\n"
NOT_HERE = "is not implemented in the embedded AWS account"


def definition(s3, bucket: str, job: str, script: str, **members) -> dict:
    """The members of a CreateProcessingJob of a script, which is uploaded."""
    s3.put_object(Bucket=bucket, Key=f"{job}/code/script.py", Body=script.encode())
    s3.put_object(Bucket=bucket, Key=f"{job}/table.csv", Body=TABLE)
    entry = ["python3", "/opt/ml/processing/input/code/script.py"]
    return {
        "ProcessingJobName": job,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": entry},
        "ProcessingInputs": [
            source("code", f"s3://{bucket}/{job}/code/script.py", "/opt/ml/processing/input/code"),
            source("table", f"s3://{bucket}/{job}/table.csv", "/opt/ml/processing/input/table"),
        ],
        "ProcessingOutputConfig": {"Outputs": [target("out", f"s3://{bucket}/{job}/out", "/opt/ml/processing/out")]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
        },
    } | members


def source(input_name: str, uri: str, path: str, **members) -> dict:
    return {"InputName": input_name, "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix"} | members}


def target(output_name: str, uri: str, path: str, **members) -> dict:
    described = {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"}
    return {"OutputName": output_name, "S3Output": described | members}


def ended(client, job: str) -> dict:
    """A processing job's description, once it has ended."""
    return wait_until(
        lambda: client.describe_processing_job(ProcessingJobName=job),
        lambda body: body["ProcessingJobStatus"] in ENDED,
        job,
    )


def log(job: str, client=None) -> list[str]:
    """The lines that a job has logged."""
    client = client or boto3.client("logs")
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/")
    return [event["message"] for page in pages for event in page["events"]]


def files(s3, bucket: str, prefix: str) -> dict[str, bytes]:
    """What lies below a prefix, by the rest of the key."""
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {
        each["Key"].removeprefix(prefix): s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found
    }


def changed(params: dict, path: str, value) -> dict:
    """``params`` with another value at a path such as ``A.0.B``."""
    params = json.loads(json.dumps(params))
    *way, last = [int(each) if each.isdigit() else each for each in path.split(".")]
    place = params
    for each in way:
        place = place.setdefault(each, {}) if isinstance(place, dict) else place[each]
    place[last] = value
    return params
