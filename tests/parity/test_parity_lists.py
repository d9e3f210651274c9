"""What a list shows and where it goes on; what is deleted from it, or expires."""

from __future__ import annotations

import time

from parity.asking import finished, rows, served_by, trained, training

HYPERPARAMETER = {"Name": "learning_rate", "MinValue": "0.01", "MaxValue": "0.1"}


def test_lists_that_are_filtered(there, answers):
    """What a page of one shows when the newest does not pass its filter; and tokens of another list."""
    sagemaker, container = there.sagemaker, served_by(there, there.put("lists/model.tar.gz", b"x"))
    old, _ = names = [there.name("old"), there.name("new")]
    for name in names:
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=there.role, PrimaryContainer=container)
        variant = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])

    def page(call, member: str, **asked: object) -> dict:
        found = call(NameContains=old, MaxResults=1, **asked)
        return {"shown": len(found[member]), "more": "NextToken" in found}

    token = sagemaker.list_models(MaxResults=1)["NextToken"]
    try:
        answers({
            "models": page(sagemaker.list_models, "Models"),
            "configurations": page(sagemaker.list_endpoint_configs, "EndpointConfigs"),
            "a token of models for configurations": there.said(sagemaker.list_endpoint_configs, NextToken=token),
            "a token in another order": there.said(sagemaker.list_models, NextToken=token, SortOrder="Ascending"),
            "a token by another field": there.said(sagemaker.list_models, NextToken=token, SortBy="Name"),
            "a token that was changed": there.said(
                sagemaker.list_models, NextToken=token[:-6] + ("A" if token[-6] != "A" else "B") + token[-5:]
            ),
        })  # fmt: skip
    finally:
        for name in names:
            sagemaker.delete_endpoint_config(EndpointConfigName=name)
            sagemaker.delete_model(ModelName=name)


def test_a_deleted_training_job(there, answers):
    """While it is at work; once it has ended; and in which order it was listed."""
    sagemaker, uri = there.sagemaker, rows(there)
    other, job = training(there, "other", uri), training(there, "deleted", uri)
    trained(there, other)
    name = {"TrainingJobName": job["TrainingJobName"]}
    sagemaker.create_training_job(**job)
    said = there.said(sagemaker.delete_training_job, **name)
    arn = finished(there, job)["TrainingJobArn"]
    pages = sagemaker.get_paginator("list_training_jobs").paginate(NameContains=there.run)  # of this run alone
    names = [each["TrainingJobName"] for page in pages for each in page["TrainingJobSummaries"]]
    order = {each["TrainingJobName"]: names.index(each["TrainingJobName"]) for each in (other, job) if
             each["TrainingJobName"] in names}  # fmt: skip
    answers({
        "at work": said,
        "the oldest first": list(order) == [other["TrainingJobName"], job["TrainingJobName"]]
        and order[other["TrainingJobName"]] < order[job["TrainingJobName"]],
        "ended": there.said(sagemaker.delete_training_job, **name),
        "described": there.said(sagemaker.describe_training_job, **name),
        "again": there.said(sagemaker.delete_training_job, **name),
        "its tags": there.said(sagemaker.list_tags, ResourceArn=arn),
        "a processing job that is not there": there.said(sagemaker.delete_processing_job, ProcessingJobName="none"),
    })  # fmt: skip


def test_a_deleted_tuning_job(there, answers):
    sagemaker, uri = there.sagemaker, rows(there)
    job = training(there, "tuned", uri)
    name = {"HyperParameterTuningJobName": there.name("t")}
    there.names[name["HyperParameterTuningJobName"]] = "<tuning>"
    params = name | {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "train:objective_loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"ContinuousParameterRanges": [HYPERPARAMETER]},
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": job["HyperParameters"],
            **{member: job[member] for member in ("AlgorithmSpecification", "RoleArn", "InputDataConfig",
                                                  "OutputDataConfig", "ResourceConfig", "StoppingCondition")},
        },
    }  # fmt: skip
    sagemaker.create_hyper_parameter_tuning_job(**params)
    said = there.said(sagemaker.delete_hyper_parameter_tuning_job, **name)
    if "accepted" in said:
        answers({"at work": said})
        return
    there.ended(sagemaker.describe_hyper_parameter_tuning_job, "HyperParameterTuningJobStatus", **name)
    (child,) = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(**name)["TrainingJobSummaries"]
    answers({
        "at work": said,
        "ended": there.said(sagemaker.delete_hyper_parameter_tuning_job, **name),
        "its training job": there.said(sagemaker.describe_training_job, TrainingJobName=child["TrainingJobName"]),
        "its training jobs": there.said(sagemaker.list_training_jobs_for_hyper_parameter_tuning_job, **name),
        "again": there.said(sagemaker.delete_hyper_parameter_tuning_job, **name),
    })  # fmt: skip


def test_log_events_that_expire(there, answers):
    """Retentions that there are not; events that are too old for the one of their group."""
    logs, group = there.logs, {"logGroupName": f"/course/parity/{there.name('group')}"}
    logs.create_log_group(**group)
    try:
        logs.create_log_stream(**group, logStreamName="s")
        now, day = round(time.time() * 1000), 24 * 3600 * 1000
        before = there.said(logs.delete_retention_policy, **group)
        said = there.said(logs.put_retention_policy, **group, retentionInDays=2)
        logs.put_retention_policy(**group, retentionInDays=3)
        events = [{"timestamp": now - age * day, "message": f"{age} days"} for age in (5, 4)]
        put = logs.put_log_events(**group, logStreamName="s", logEvents=events)
        answers({"none to delete": before, "two days": said, "too old": put.get("rejectedLogEventsInfo")})
    finally:
        logs.delete_log_group(**group)


def test_versions_where_there_are_none(there, answers):
    """How a page ends that ends with a common prefix; what is said of the version ``null`` where it is read."""
    s3 = there.s3
    for key in ("versions/a/1", "versions/b"):
        uri = there.put(key, b"x")
    where = {"Bucket": there.bucket, "Key": uri.removeprefix(f"s3://{there.bucket}/")}
    prefix = where["Key"].removesuffix("b")
    page = s3.list_object_versions(Bucket=there.bucket, Prefix=prefix, Delimiter="/", MaxKeys=1)
    answers({
        "a page": {name: page.get(name) for name in ("NextKeyMarker", "NextVersionIdMarker", "VersionIdMarker")},
        "read": s3.get_object(**where, VersionId="null").get("VersionId"),
        "deleted": s3.delete_object(**where, VersionId="null").get("VersionId"),
        "an empty marker": there.said(
            s3.list_object_versions, Bucket=there.bucket, KeyMarker="a", VersionIdMarker=""
        ),
    })  # fmt: skip
