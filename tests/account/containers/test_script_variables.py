"""Names with a hyphen or a dot in a script's environment, which a shell cannot say: AWS's toolkit starts no shell.

``/bin/sh`` itself decides what is left of them below an entry point that is one of its scripts.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support import processing
from support.scripts import image, log, packed
from support.training import channel, definition, ended, name, refusal

SHOW = """
import os, sys
print(sys.argv[1], sorted((k, v[-10:]) for k, v in os.environ.items() if "-" in k or "." in k))
"""
TRAIN = f"""
import os, subprocess, sys
show = {SHOW!r}
sys.argv[1:] = ["script"]
exec(show)
for program in ("python", "python3", sys.executable):
    subprocess.run([program, "-c", show, "child"])
os.execvp("python", ["python", "-c", show, "successor"])
"""
TOLD = [
    ("SM_CHANNEL_TRAIN-DATA.V1", "train-data.v1"[-10:]),
    ("SM_HP_LEARNING-RATE", "0.1"),
    ("SM_HP_MODEL.NAME", "a b"),
]
HYPERPARAMETERS = {"learning-rate": "0.1", "model.name": "a b"}


@pytest.fixture
def job(account, sagemaker, s3, bucket):
    """The ended training job of these files, with a channel ``train-data.v1``; its name."""

    def run(files: dict, program: str, repository="sagemaker-scikit-learn", **hyperparameters: str) -> str:
        made = name("variables")
        s3.put_object(Bucket=bucket, Key=f"{made}/code.tar.gz", Body=packed(files))
        s3.put_object(Bucket=bucket, Key=f"{made}/data/x.csv", Body=b"1\n")
        code = {"sagemaker_program": program, "sagemaker_submit_directory": f"s3://{bucket}/{made}/code.tar.gz"}
        spec = {"TrainingImage": image(repository), "TrainingInputMode": "File"}
        data = channel(f"s3://{bucket}/{made}/data/", "train-data.v1")
        sagemaker.create_training_job(
            **definition(
                account, made, data, bucket=bucket, AlgorithmSpecification=spec,
                HyperParameters=code | HYPERPARAMETERS | hyperparameters,
            )
        )  # fmt: skip
        ended(sagemaker, made)
        return made

    return run


@pytest.mark.parametrize("repository", ["sagemaker-scikit-learn", "sagemaker-xgboost", "pytorch-training"])
def test_a_script_and_its_children_are_told(job, repository):
    lines = log(job({"t.py": TRAIN}, "t.py", repository))
    said = [line for line in lines if line.endswith("]") and line.split()[0] in ("script", "child", "successor")]
    assert said == [f"{who} {TOLD}" for who in ["script", *["child"] * 3, "successor"]], lines


def test_below_a_shells_entry_point_is_what_the_shell_hands_on(job):
    """Debian's ``sh`` drops such names, bash hands them on: on AWS, too, that is the shell's own doing."""
    own = {"PATH": os.environ["PATH"], **dict(TOLD)}
    command = ["/bin/sh", "-c", f"{sys.executable} -c '{SHOW}' below"]
    wanted = subprocess.run(command, env=own, capture_output=True, text=True, check=True).stdout.strip()
    lines = log(job({"t.sh": '#!/bin/sh\npython "$(dirname "$0")/show.py" below\n', "show.py": SHOW}, "t.sh"))
    assert wanted in lines


def test_a_name_that_no_variable_can_have_fails_the_job(job, sagemaker):
    reason = sagemaker.describe_training_job(TrainingJobName=job({"t.py": ""}, "t.py", **{"a=b": "1"}))["FailureReason"]
    assert reason.startswith("AlgorithmError: Framework Error: \nValueError: illegal environment variable name")


def test_the_children_of_a_processing_script_are_told(sagemaker, s3, bucket):
    made = name("variables")
    script = f"""
import os, subprocess
for program in ("python", "python3"):
    subprocess.run([program, "-c", {SHOW!r}, "child"], env=os.environ | {{"a-b.c": "1"}})
"""
    sagemaker.create_processing_job(**processing.definition(s3, bucket, made, script))
    assert processing.ended(sagemaker, made)["ProcessingJobStatus"] == "Completed"
    assert processing.log(made) == ["child [('a-b.c', '1')]"] * 2


def test_a_request_cannot_name_such_a_variable(account, sagemaker, s3, bucket):
    """The patterns of the keys of Environment, in botocore's model of training, processing and models."""
    wanted = "Member must satisfy regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*"
    odd = {"a-b": "1"}
    spec = {"TrainingImage": image("sagemaker-scikit-learn"), "TrainingInputMode": "File"}
    training = definition(account, name("no"), bucket=bucket, AlgorithmSpecification=spec, Environment=odd)
    del training["InputDataConfig"]
    script = processing.definition(s3, bucket, name("no"), "", Environment=odd)
    container = {"Image": image("sagemaker-scikit-learn"), "Environment": odd}
    model = {"ModelName": name("no"), "ExecutionRoleArn": account.account.role_arn, "PrimaryContainer": container}
    for call, params in (
        (sagemaker.create_training_job, training),
        (sagemaker.create_processing_job, script),
        (sagemaker.create_model, model),
    ):
        code, message = refusal(call, **params)
        assert code == "ValidationException" and wanted in message
