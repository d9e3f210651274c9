"""Training jobs that say themselves what their container runs, as those of version 3 of the SageMaker SDK do."""

from __future__ import annotations

import concurrent.futures

import boto3
import pytest
from botocore.client import Config

from support.training import ENDLESS, IMAGE, channel, csv, definition, ended, members, name, refusal, table

SCIKIT_LEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
# What the SDK's drivers do: a shell's script runs a program that writes paths for the shell, and then reads them.
DRIVER = """#!/bin/bash
set -e
python3 /opt/ml/input/data/sm_drivers/scripts/environment.py
source /opt/ml/input/variables.env
cd /opt/ml/input/data/code
command -v pip3 > /dev/null
. ./train.sh
"""
ENVIRONMENT = """
with open("/opt/ml/input/variables.env", "w") as file:
    file.write("export SM_MODEL_DIR='/opt/ml/model'\\n")
"""
RUN = "/opt/ml/input/data/sm_drivers/run.sh"
BASH = {"ContainerEntrypoint": ["/bin/bash"], "ContainerArguments": ["-c", f"chmod +x {RUN} && {RUN}"]}


@pytest.fixture
def run(account, sagemaker, s3, bucket):
    """The description of a job, once it has ended, of a shell's script ``train.sh``."""

    def start(script: str, image: str = SCIKIT_LEARN, own: dict = BASH) -> dict:
        job = name("own")
        files = {"sm_drivers/run.sh": DRIVER, "sm_drivers/scripts/environment.py": ENVIRONMENT, "code/train.sh": script}
        for path, text in files.items():
            s3.put_object(Bucket=bucket, Key=f"{job}/{path}", Body=text.encode())
        # The SDK names these folders without a slash at the end.
        channels = [channel(f"s3://{bucket}/{job}/{each}", each, content_type=None) for each in ("code", "sm_drivers")]
        spec = {"TrainingImage": image, "TrainingInputMode": "File", **own}
        body = definition(account, job, *channels, bucket=bucket, AlgorithmSpecification=spec, HyperParameters={})
        sagemaker.create_training_job(**body)
        return ended(sagemaker, job)

    return start


def test_the_entry_point_finds_its_channels_and_leaves_a_model(run, s3):
    body = run('cp train.sh "$SM_MODEL_DIR/kept"; echo more > /opt/ml/model/more')
    assert body["TrainingJobStatus"] == "Completed", body
    assert body["AlgorithmSpecification"]["ContainerArguments"] == BASH["ContainerArguments"]
    kept = members(s3, body["ModelArtifacts"]["S3ModelArtifacts"])
    assert sorted(kept) == ["kept", "more"] and kept["more"] == b"more\n"


def test_what_it_writes_of_its_failure_is_the_jobs(run):
    body = run("echo no luck > /opt/ml/output/failure; exit 3")
    assert body["TrainingJobStatus"] == "Failed"
    assert body["FailureReason"] == "AlgorithmError: no luck\n, exit code: 3"


def test_a_program_that_is_not_there(run):
    body = run("", own={"ContainerEntrypoint": ["/opt/program"]})
    assert body["TrainingJobStatus"] == "Failed"
    assert body["FailureReason"] == "AlgorithmError: CannotStartContainerError: exec: '/opt/program': not found."


def test_an_argument_that_no_program_can_have(run):
    body = run("", own={"ContainerEntrypoint": ["python3"], "ContainerArguments": ["-c", "print('\0')"]})
    assert body["FailureReason"] == "AlgorithmError: CannotStartContainerError: exec: 'python3': invalid argument."


@pytest.mark.parametrize(
    ("image", "own"), [(IMAGE, BASH), (SCIKIT_LEARN, {"ContainerArguments": ["train"]})], ids=["algorithm", "arguments"]
)
def test_what_is_refused(run, image, own):
    code, text = refusal(run, "", image, own)
    assert code == "ValidationException" and f"{sorted(own)[-1]} with the image {image} is not implemented" in text


def test_a_client_that_would_sleep_is_told_when_there_is_news(account, sagemaker, s3, bucket):
    """Version 3's second question after a job is held, for 5 s at most: it does not hear that all is as it was."""
    s3.put_object(Bucket=bucket, Key="patience.csv", Body=csv(*table()))
    job = name("patience")
    data = channel(f"s3://{bucket}/patience.csv")
    sagemaker.create_training_job(**definition(account, job, data, bucket=bucket, hyperparameters=ENDLESS))
    sdk = boto3.Session().client("sagemaker", config=Config(user_agent_extra="lib/AWS-SageMakerCore#2.27.0"))
    assert sdk.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "InProgress"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        held = pool.submit(sdk.describe_training_job, TrainingJobName=job)
        plain = sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobStatus"]
        sagemaker.stop_training_job(TrainingJobName=job)
        assert plain == "InProgress"
        assert held.result()["TrainingJobStatus"] in ("Stopping", "Stopped")
