"""Jobs that are deleted: which can be, what is lost with them, and what stays."""

from __future__ import annotations

import boto3
import pytest

from support import processing
from support.account import Place
from support.training import ENDLESS, IMAGE, QUICK, channel, csv, definition, ended, name, refusal, table
from support.tuning import finished


@pytest.fixture(scope="module")
def uri(s3, bucket):
    s3.put_object(Bucket=bucket, Key="deleted/train.csv", Body=csv(*table()))
    return f"s3://{bucket}/deleted/train.csv"


def found(sagemaker, job: str) -> list[dict]:
    """What Search knows of a training job."""
    condition = {"Name": "TrainingJobName", "Operator": "Equals", "Value": job}
    return sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": [condition]})["Results"]


def listed(sagemaker) -> list[str]:
    pages = sagemaker.get_paginator("list_training_jobs").paginate()
    return [each["TrainingJobName"] for page in pages for each in page["TrainingJobSummaries"]]


def test_a_training_job(account, sagemaker, s3, bucket, uri):
    job = name("Deleted")
    tags = [{"Key": "owner", "Value": "tests"}]
    params = definition(account, job, channel(uri), bucket=bucket, Tags=tags)
    sagemaker.create_training_job(**params)
    body = ended(sagemaker, job)
    assert found(sagemaker, job) and job in listed(sagemaker)
    assert sagemaker.delete_training_job(TrainingJobName=job.upper())["ResponseMetadata"]["HTTPStatusCode"] == 200
    missing = ("ValidationException", "Requested resource not found.")
    assert refusal(sagemaker.describe_training_job, TrainingJobName=job) == missing
    assert refusal(sagemaker.stop_training_job, TrainingJobName=job) == missing
    assert found(sagemaker, job) == [] and job not in listed(sagemaker)
    assert refusal(sagemaker.list_tags, ResourceArn=body["TrainingJobArn"])[0] == "ValidationException"
    # Its metadata alone: what it has written is the user's.
    artifact = body["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{bucket}/")
    assert s3.head_object(Bucket=bucket, Key=artifact)["ContentLength"]
    logs = boto3.client("logs").filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{job}/"
    )
    assert logs["events"]
    with pytest.raises(sagemaker.exceptions.ResourceNotFound, match=r"Requested resource not found."):
        sagemaker.delete_training_job(TrainingJobName=job)
    # The name is free at once, again and again.
    for _ in range(3):
        sagemaker.create_training_job(**params | {"Tags": []})
        again = ended(sagemaker, job)
        assert again["TrainingJobStatus"] == "Completed" and again["CreationTime"] > body["CreationTime"]
        assert sagemaker.list_tags(ResourceArn=again["TrainingJobArn"])["Tags"] == []
        sagemaker.delete_training_job(TrainingJobName=job)


def test_a_training_job_that_has_not_ended(account, sagemaker, bucket, uri):
    job = name("at-work")
    sagemaker.create_training_job(**definition(account, job, channel(uri), bucket=bucket, hyperparameters=ENDLESS))
    with pytest.raises(sagemaker.exceptions.ResourceInUse, match="InProgress"):
        sagemaker.delete_training_job(TrainingJobName=job)
    sagemaker.stop_training_job(TrainingJobName=job)
    if sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "Stopping":
        with pytest.raises(sagemaker.exceptions.ResourceInUse):
            sagemaker.delete_training_job(TrainingJobName=job)
    assert ended(sagemaker, job)["TrainingJobStatus"] == "Stopped"
    sagemaker.delete_training_job(TrainingJobName=job)
    assert job not in listed(sagemaker)


def test_a_processing_job(account, sagemaker, s3, bucket):
    job = name("processed")
    params = processing.definition(s3, bucket, job, processing.ENDLESS)
    sagemaker.create_processing_job(**params)
    with pytest.raises(sagemaker.exceptions.ResourceInUse, match="InProgress"):
        sagemaker.delete_processing_job(ProcessingJobName=job)
    sagemaker.stop_processing_job(ProcessingJobName=job)
    processing.ended(sagemaker, job)
    sagemaker.delete_processing_job(ProcessingJobName=job)
    sentence = f"Could not find requested job with name: {job}"
    assert refusal(sagemaker.describe_processing_job, ProcessingJobName=job) == ("ValidationException", sentence)
    assert refusal(sagemaker.delete_processing_job, ProcessingJobName=job) == ("ResourceNotFound", sentence)
    sagemaker.create_processing_job(**processing.definition(s3, bucket, job, "print('again')"))
    assert processing.ended(sagemaker, job)["ProcessingJobStatus"] == "Completed"


def test_a_tuning_job(account, sagemaker, bucket, uri):
    """Its own entry alone is deleted, and one of the same name does not take its training jobs for its own."""
    job = name("t").replace("-", "")[-30:]
    params = {
        "HyperParameterTuningJobName": job,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:objective_loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.01", "MaxValue": "0.1"}]
            },
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": QUICK,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": account.account.role_arn,
            "InputDataConfig": [channel(uri), channel(uri, "validation")],
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
    }
    mine = {"HyperParameterTuningJobName": job}

    def children() -> set[str]:
        answer = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(**mine)
        return {each["TrainingJobName"] for each in answer["TrainingJobSummaries"]}

    sagemaker.create_hyper_parameter_tuning_job(**params)
    assert refusal(sagemaker.delete_hyper_parameter_tuning_job, **mine)[0] == "ResourceInUse"
    finished(sagemaker, job)
    first = children()
    sagemaker.delete_hyper_parameter_tuning_job(**mine)
    for call in (sagemaker.describe_hyper_parameter_tuning_job, sagemaker.delete_hyper_parameter_tuning_job):
        assert refusal(call, **mine)[0] == "ResourceNotFound"
    assert len(first) == 2 and first <= set(listed(sagemaker))
    sagemaker.create_hyper_parameter_tuning_job(**params)
    body, second = finished(sagemaker, job), children()
    assert len(second) == 2 and not first & second and body["TrainingJobStatusCounters"]["Completed"] == 2
    # One of its training jobs less: it is counted no more.
    sagemaker.delete_training_job(TrainingJobName=body["BestTrainingJob"]["TrainingJobName"])
    body = sagemaker.describe_hyper_parameter_tuning_job(**mine)
    assert body["TrainingJobStatusCounters"]["Completed"] == 1
    assert {body["BestTrainingJob"]["TrainingJobName"]} == children() < second


def test_it_stays_deleted(tmp_path):
    """What was acknowledged holds when the account's process is killed and begins again."""
    place = Place(tmp_path / "state")
    try:
        running = place.start()
        s3, sagemaker = place.client("s3"), place.client("sagemaker")
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="rows.csv", Body=csv(*table()))
        for job in ("gone", "stays"):
            sagemaker.create_training_job(**definition(running, job, channel("s3://kept/rows.csv"), bucket="kept"))
            ended(sagemaker, job)
        sagemaker.delete_training_job(TrainingJobName="gone")
        logs = place.client("logs")
        logs.put_retention_policy(logGroupName="/aws/sagemaker/TrainingJobs", retentionInDays=7)
        place.kill()
        place.start()
        assert listed(place.client("sagemaker")) == ["stays"]
        (group,) = place.client("logs").describe_log_groups()["logGroups"]
        assert group["retentionInDays"] == 7
    finally:
        place.close()
