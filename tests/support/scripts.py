"""Scripts of the user's: their archives, their images, their logs."""

from __future__ import annotations

import io
import json
import tarfile
import textwrap

import boto3
import pytest

from support.training import definition, name

REGISTRIES = {"sagemaker-scikit-learn": "683313688378", "sagemaker-xgboost": "683313688378"}


TAGS = {
    "sagemaker-scikit-learn": "1.2-1-cpu-py3",
    "sagemaker-xgboost": "3.0-5",
    "pytorch-training": "2.3.0-cpu-py311",
    "tensorflow-training": "2.19-cpu-py312",
}


LOG_GROUP = "/aws/sagemaker/TrainingJobs"


def image(repository: str) -> str:
    registry = REGISTRIES.get(repository, "763104351884")
    return f"{registry}.dkr.ecr.us-east-1.amazonaws.com/{repository}:{TAGS.get(repository, '1')}"


def packed(files: dict[str, str | bytes]) -> bytes:
    """A sourcedir.tar.gz."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        for path, content in files.items():
            content = textwrap.dedent(content).encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return body.getvalue()


@pytest.fixture
def train(account, sagemaker, s3, bucket):
    """Start a job of a script, or of several files: ``train("print(1)", alpha=0.5)``."""

    def start(
        code,
        *channels,
        repository="sagemaker-scikit-learn",
        program="train.py",
        metrics=(),
        seconds=60,
        raw=(),
        **hps,
    ):
        job = name("script")
        files = code if isinstance(code, dict) else {program: code}
        s3.put_object(Bucket=bucket, Key=f"{job}/sourcedir.tar.gz", Body=packed(files))
        hyperparameters = {
            "sagemaker_program": program,
            "sagemaker_submit_directory": f"s3://{bucket}/{job}/sourcedir.tar.gz",
            "sagemaker_container_log_level": 20,
            "sagemaker_job_name": job,
            "sagemaker_region": "us-east-1",
            **hps,
        }
        spec = {"TrainingImage": image(repository), "TrainingInputMode": "File", "MetricDefinitions": list(metrics)}
        body = definition(
            account, job, *channels, bucket=bucket,
            AlgorithmSpecification=spec,
            StoppingCondition={"MaxRuntimeInSeconds": seconds},
            HyperParameters={key: json.dumps(value) for key, value in hyperparameters.items()} | dict(raw),
        )  # fmt: skip
        if not channels:
            del body["InputDataConfig"]
        sagemaker.create_training_job(**body)
        return job

    return start


def logged(group: str, **which) -> list[str]:
    """The lines of a log group, which is there from its first line on."""
    client = boto3.client("logs")
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=group, **which)
    try:
        return [event["message"] for page in pages for event in page["events"]]
    except client.exceptions.ResourceNotFoundException:
        return []


def log(job: str) -> list[str]:
    return logged(LOG_GROUP, logStreamNamePrefix=f"{job}/")
