"""RetryStrategy: a training job that an internal error has interrupted begins anew, and none that has failed itself."""

from __future__ import annotations

import pytest

from support.account import Place, until
from support.training import ENDLESS, channel, csv, definition, ended, name, table, wait_until

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
BUCKET = "a-bucket"
# A program that waits for ever the first time, and ends well the second time.
SECOND_TIME = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: None)
flag, model = pathlib.Path(sys.argv[1]), pathlib.Path("/opt/ml/model/model.txt")
if flag.exists():
    model.write_text("made")
else:
    flag.touch()
    time.sleep(1000)
"""


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path / "account")
    place.start()
    place.client("s3").create_bucket(Bucket=BUCKET)
    place.client("s3").put_object(Bucket=BUCKET, Key="data.csv", Body=csv(*table()))
    yield place
    place.close()


def program(account, job: str, code: str, *arguments: str, attempts: int | None = 1) -> dict:
    """The CreateTrainingJob of a Python program."""
    spec = {
        "TrainingImage": SKLEARN, "TrainingInputMode": "File",
        "ContainerEntrypoint": ["python3", "-c", code, *arguments],
    }  # fmt: skip
    members = {"AlgorithmSpecification": spec, "HyperParameters": {}}
    members |= {"RetryStrategy": {"MaximumRetryAttempts": attempts}} if attempts else {}
    train = channel(f"s3://{BUCKET}/data.csv")
    return definition(account, job, train, bucket=BUCKET) | members


def at_work(client, job: str) -> None:
    wait_until(lambda: client.describe_training_job(TrainingJobName=job)["SecondaryStatus"], "Training".__eq__, job)


def phases(body: dict) -> list[str]:
    return [each["Status"] for each in body["SecondaryStatusTransitions"]]


def test_a_job_begins_anew_when_its_account_has_ended_under_it(place, tmp_path):
    account, client = place.running(), place.client("sagemaker")
    wanted = {"stopping": 1, "again": 1, "at-once": 30, "never": None}
    for job, attempts in wanted.items():
        client.create_training_job(**program(account, job, SECOND_TIME, str(tmp_path / job), attempts=attempts))
        if job in ("stopping", "again"):  # two are at work, the others may wait for a processor
            until((tmp_path / job).exists)
    endless = {"RetryStrategy": {"MaximumRetryAttempts": 1}, "HyperParameters": ENDLESS}
    train = channel(f"s3://{BUCKET}/data.csv")
    client.create_training_job(**definition(account, "endless", train, bucket=BUCKET) | endless)
    client.stop_training_job(TrainingJobName="stopping")
    first = client.describe_training_job(TrainingJobName="again")
    assert first["RetryStrategy"] == {"MaximumRetryAttempts": 1}
    place.kill()
    for job in wanted:
        (tmp_path / job).touch()
    place.start()
    client = place.client("sagemaker")
    for job in ("again", "at-once"):
        body = ended(client, job)
        assert body["TrainingJobStatus"] == "Completed" and "FailureReason" not in body, body
        assert phases(body).count("Starting") == 2 and phases(body)[-1] == "Completed"
        ends = [each["EndTime"] for each in body["SecondaryStatusTransitions"]]
        assert ends == sorted(ends) and body["CreationTime"] <= body["TrainingStartTime"] <= body["TrainingEndTime"]
        key = body["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/")
        assert place.client("s3").head_object(Bucket=BUCKET, Key=key)["ContentLength"]
    assert first["CreationTime"] == client.describe_training_job(TrainingJobName="again")["CreationTime"]
    for job in ("never", "stopping"):
        body = ended(client, job)
        assert body["TrainingJobStatus"] == "Failed" and phases(body).count("Starting") == 1
        assert body["FailureReason"].startswith("InternalServerError: We encountered an internal error")
    # The second interruption is one more than the endless job may have.
    at_work(client, "endless")
    place.kill()
    place.start()
    body = ended(place.client("sagemaker"), "endless")
    assert phases(body).count("Starting") == 2 and body["FailureReason"].startswith("InternalServerError")


def test_a_job_whose_input_is_gone_is_not_tried_again(place):
    account, client = place.running(), place.client("sagemaker")
    client.create_training_job(**program(account, "waits", "import time; time.sleep(1000)"))
    at_work(client, "waits")
    place.client("s3").delete_object(Bucket=BUCKET, Key="data.csv")
    place.kill()
    place.start()
    body = ended(place.client("sagemaker"), "waits")
    assert body["TrainingJobStatus"] == "Failed" and body["FailureReason"].startswith("InternalServerError")


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "import os; os.kill(os.getpid(), 9)"])
def test_a_job_that_has_failed_itself_is_not_tried_again(sagemaker, account, s3, bucket, code):
    s3.put_object(Bucket=bucket, Key="retries/data.csv", Body=csv(*table()))
    job = name("fails")
    params = program(account, job, code, attempts=3) | {
        "InputDataConfig": [channel(f"s3://{bucket}/retries/data.csv")],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
    }
    sagemaker.create_training_job(**params)
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Failed" and phases(body).count("Starting") == 1
    assert body["RetryStrategy"] == {"MaximumRetryAttempts": 3}
