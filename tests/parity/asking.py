"""Requests of SageMaker's that are in order but for what a question changes in them."""

from __future__ import annotations

import io
import os
import re
import tarfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import There

ROWS = b"".join(b"%d,%d,%d\n" % (3 * n + 7, n, n % 5) for n in range(40))  # label first
ONES = b"".join(b"%d,%d,%d\n" % (n % 7 < 3, n, n % 5) for n in range(40))  # labels 0 and 1
NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
REGRESSOR = {"predictor_type": "regressor", "num_models": "1", "epochs": "1", "mini_batch_size": "4"}


def image(there: There, name: str, version: str = "1", **more: str) -> str:
    """The address of one of AWS's images in the account's region."""
    from sagemaker import image_uris

    if name != "linear-learner":
        more = {"version": version, "py_version": "py3", "instance_type": "ml.m5.large"} | more
    found = image_uris.retrieve(name, there.region, **more)
    there.names[found] = f"<{name}>"
    return found


def xgboost(there: There, beginning: str, body: bytes, version: str = "3.0-5", **hyperparameters: str) -> dict:
    """Run a training job of XGBoost; what Describe says of it in the end."""
    uri = there.put(f"{beginning}/data.csv", body)
    job = training(there, beginning, uri, HyperParameters={"num_round": "2"} | hyperparameters)
    job["AlgorithmSpecification"] = {"TrainingImage": image(there, "xgboost", version), "TrainingInputMode": "File"}
    job["InputDataConfig"] = [channel(uri), channel(uri, "validation")]
    return trained(there, job)


def rows(there: There) -> str:
    """The folder in S3 of a table that can be learned from."""
    return there.put("rows/train.csv", ROWS).rpartition("/")[0] + "/"


def channel(uri: str, name: str = "train", **members: object) -> dict:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}} | members


def training(there: There, beginning: str, uri: str, **members: object) -> dict:
    """The members of a CreateTrainingJob of a Linear Learner."""
    return {
        "TrainingJobName": there.name(beginning),
        "AlgorithmSpecification": {"TrainingImage": image(there, "linear-learner"), "TrainingInputMode": "File"},
        "RoleArn": there.role,
        "InputDataConfig": [channel(uri)],
        "OutputDataConfig": {"S3OutputPath": f"s3://{there.bucket}/course/parity/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 300},
        "HyperParameters": REGRESSOR,
    } | members


def finished(there: There, job: dict) -> dict:
    """What Describe says of a training job that was asked for, in the end."""
    name = job["TrainingJobName"]
    return there.ended(there.sagemaker.describe_training_job, "TrainingJobStatus", TrainingJobName=name)


def trained(there: There, job: dict) -> dict:
    """Run a training job; what Describe says of it in the end."""
    there.sagemaker.create_training_job(**job)
    return finished(there, job)


def outcome(described: dict) -> dict:
    """How a training job ended, and why."""
    return {"status": described["TrainingJobStatus"], "reason": described.get("FailureReason")}


def tried(there: There, job: dict) -> dict:
    """A training job's refusal, or how it ended."""
    said = there.said(there.sagemaker.create_training_job, **job)
    return outcome(finished(there, job)) if "accepted" in said else said


def artifact(there: There, described: dict) -> dict[str, bytes]:
    """The files in the artifact of a training job that Describe describes."""
    bucket, _, key = described["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    body = there.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


def served_by(there: There, uri: str) -> dict:
    """The container of a model of Linear Learner's, by its artifact's URI."""
    return {"Image": image(there, "linear-learner"), "ModelDataUrl": uri}


def packed(name: str, text: str) -> bytes:
    """A .tar.gz of one file."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
    return made.getvalue()


def served_script(there: There, beginning: str, code: str) -> dict:
    """The container of a model that a script of scikit-learn's image serves, by one process."""
    return {
        "Image": image(there, "sklearn", "1.2-1"),
        "ModelDataUrl": there.put(f"{beginning}/model.tar.gz", packed("code/inference.py", code)),
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        },
    }


def sharded(uri: str) -> dict:
    """The channel ``train``, each of whose objects goes to one of a job's hosts."""
    found = channel(uri)
    found["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
    return found


def on_two_hosts(there: There, job: dict) -> dict:
    """Run a training job on two instances; skips the question if the account's quota is below two."""
    job["ResourceConfig"] = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5}
    try:
        return trained(there, job)
    except there.sagemaker.exceptions.ResourceLimitExceeded as error:
        if os.environ.get("PARITY") != "aws":  # the embedded account has the quota
            raise
        pytest.skip(f"{error}")


def script(there: There, beginning: str, code: str, uri: str, **members: object) -> dict:
    """The members of a CreateTrainingJob that runs a script in scikit-learn's image."""
    source = there.put(f"{beginning}/sourcedir.tar.gz", packed("train.py", code))
    hyperparameters = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": f'"{source}"'}
    found = training(there, beginning, uri, HyperParameters=hyperparameters)
    found["AlgorithmSpecification"]["TrainingImage"] = image(there, "sklearn", "1.2-1")
    return found | members


def processing(there: There, beginning: str, code: str, *inputs: dict, **members: object) -> dict:
    """The members of a CreateProcessingJob that runs a script in scikit-learn's image."""
    source = there.put(f"{beginning}/script.py", code.encode())
    app = {
        "ImageUri": image(there, "sklearn", "1.2-1"),
        "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/script.py"],
    }
    machine = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
    return {
        "ProcessingJobName": there.name(beginning),
        "AppSpecification": app,
        "ProcessingInputs": [taken(source, "code", "/opt/ml/processing/input/code"), *inputs],
        "ProcessingResources": {"ClusterConfig": machine},
        "RoleArn": there.role,
        "StoppingCondition": {"MaxRuntimeInSeconds": 300},
    } | members


def taken(uri: str, name: str, path: str) -> dict:
    """One of a processing job's inputs."""
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}


def given(there: There, name: str, path: str) -> dict:
    """One of a processing job's outputs."""
    place = {"S3Uri": f"s3://{there.bucket}/course/parity/out", "LocalPath": path, "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "S3Output": place}
