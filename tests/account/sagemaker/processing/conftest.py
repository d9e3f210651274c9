"""Processing jobs that run to their end."""

from __future__ import annotations

import boto3
import pytest

from support.processing import definition, ended, files, log
from support.training import name


@pytest.fixture
def process(sagemaker, s3, bucket):
    """Run a script to its end: (its description, its log, its output's files)."""

    def run(script: str, **members):
        job = name("job")
        sagemaker.create_processing_job(**definition(s3, bucket, job, script, **members))
        body = ended(sagemaker, job)
        lines = log(job) if boto3.client("logs").describe_log_groups()["logGroups"] else []
        return body, lines, files(s3, bucket, f"{job}/out/")

    return run
