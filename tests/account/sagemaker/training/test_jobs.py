"""The life of training jobs, by boto3: states, times, metrics, logs, artifacts, lists, tags, stops."""

from __future__ import annotations

import gzip
import os
import time

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError
from sagemaker.amazon.amazon_estimator import upload_numpy_to_s3_shards

from local_aws.algorithms.linear_learner import METRIC_DEFINITIONS
from local_aws.algorithms.recordio import write_features
from support.training import (
    ENDLESS,
    QUICK,
    channel,
    checked,
    coefficients,
    csv,
    definition,
    ended,
    members,
    name,
    refusal,
    table,
    wait_until,
)

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
PHASES = ["Starting", "Downloading", "Training", "Uploading", "Completed"]


@pytest.fixture(scope="module")
def uri(s3, bucket):
    """A channel of two CSV files."""
    x, y = table()
    s3.put_object(Bucket=bucket, Key="lines/train/part-0", Body=csv(x[:25], y[:25]))
    s3.put_object(Bucket=bucket, Key="lines/train/more/part-1", Body=csv(x[25:], y[25:]))
    return f"s3://{bucket}/lines/train/"


@pytest.fixture(scope="module")
def job(account, sagemaker, bucket, uri):
    """The description of a job that has completed, with tags, a validation channel and an environment."""
    job = name("Whole-Life")
    params = definition(
        account,
        job,
        channel(uri),
        channel(uri, "validation"),
        bucket=bucket,
        hyperparameters=QUICK | {"epochs": "3"},
        Tags=[{"Key": "owner", "Value": "tests"}],
        Environment={
            "SOME_VARIABLE": "some value",
            "PYTHONPATH": "/nowhere",
            "SAGEMAKER_BASE_DIR": "/nowhere",
        },
    )
    params["OutputDataConfig"]["S3OutputPath"] += "/"
    created = sagemaker.create_training_job(**params)
    first = sagemaker.describe_training_job(TrainingJobName=job)
    assert first["TrainingJobStatus"] == "InProgress"
    assert not {"TrainingEndTime", "BillableTimeInSeconds", "FinalMetricDataList"} & set(first)
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName=job, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    body = checked(sagemaker, "DescribeTrainingJob", TrainingJobName=job)
    assert body["TrainingJobArn"] == created["TrainingJobArn"] == first["TrainingJobArn"]
    return body | {"Request": params}


def test_what_was_asked_for_is_described(job):
    asked = dict(job["Request"])
    assert asked.pop("Tags") and "Tags" not in job
    for nested in ("AlgorithmSpecification", "OutputDataConfig"):
        assert asked[nested].items() <= job[nested].items()
        del asked[nested]
    assert {member: job[member] for member in asked} == asked
    assert job["OutputDataConfig"]["KmsKeyId"] == ""  # the SDK's attach reads it
    assert job["AlgorithmSpecification"]["MetricDefinitions"] == METRIC_DEFINITIONS
    assert job["EnableManagedSpotTraining"] is False


def test_phases_follow_each_other(job):
    phases = job["SecondaryStatusTransitions"]
    assert [phase["Status"] for phase in phases] == PHASES
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    times = [time for phase in phases for time in (phase["StartTime"], phase["EndTime"])]
    assert times == sorted(times)
    assert phases[0]["StartTime"] == job["CreationTime"] <= job["TrainingStartTime"]
    assert phases[-1]["EndTime"] == job["TrainingEndTime"] == job["LastModifiedTime"]
    assert [phase["StatusMessage"] for phase in phases] == [
        "Preparing the instances for training",
        "Downloading the training image",
        "Training image download completed. Training in progress.",
        "Uploading generated training model",
        "Training job completed",
    ]
    took = (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds()
    assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"] == max(1, round(took))
    assert "FailureReason" not in job


def test_the_artifact_lies_where_the_job_says(job, bucket, s3):
    uri = f"s3://{bucket}/models/{job['TrainingJobName']}/output/model.tar.gz"
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": uri}
    assert list(members(s3, uri)) == ["model_algo-1"]
    below = s3.list_objects_v2(Bucket=bucket, Prefix=f"models/{job['TrainingJobName']}/")["Contents"]
    assert [each["Key"] for each in below] == [uri.removeprefix(f"s3://{bucket}/")]  # and no output.tar.gz


def events(job):
    logs = boto3.client("logs")
    streams = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job['TrainingJobName']}/")
    (stream,) = streams["logStreams"]
    begun = int(stream["logStreamName"].removeprefix(f"{job['TrainingJobName']}/algo-1-"))
    assert int(job["TrainingStartTime"].timestamp()) <= begun <= job["TrainingEndTime"].timestamp()
    found = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream["logStreamName"], startFromHead=True)[
        "events"
    ]
    assert stream["firstEventTimestamp"] == found[0]["timestamp"]
    assert stream["lastEventTimestamp"] == found[-1]["timestamp"]
    return found


def test_the_log_is_the_program_s_output(job):
    found = events(job)
    lines = [event["message"] for event in found]
    assert lines[0] == "Docker entrypoint called with argument(s): train"
    assert sum("#progress_metric" in line for line in lines) == 3
    times = [event["timestamp"] / 1000 for event in found]
    assert times == sorted(times)
    assert job["TrainingStartTime"].timestamp() - 0.01 <= times[0]
    assert times[-1] <= job["TrainingEndTime"].timestamp() + 0.01


def test_final_metrics_are_the_last_ones_of_the_log(job):
    lines = [event["message"] for event in events(job)]
    final = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert final["train:progress"] == 100.0
    for metric, mark in (
        ("validation:objective_loss:final", "algo-1, validation mse_objective <loss>="),
        ("validation:mse", "validation mse <loss>="),
        ("validation:rmse", "validation rmse <loss>="),
        ("train:objective_loss", "epoch=2, train mse_objective <loss>="),
    ):
        value = next(line.partition(mark)[2] for line in reversed(lines) if mark in line)
        assert final[metric] == pytest.approx(float(value), rel=1e-6), metric  # botocore's shape is a float
    assert set(final) <= {each["Name"] for each in METRIC_DEFINITIONS}


def test_training_job_analytics_reads_the_metrics(job, account):
    from sagemaker import Session
    from sagemaker.analytics import TrainingJobAnalytics

    session = Session(boto3.Session(region_name="us-east-1"))
    frame = TrainingJobAnalytics(job["TrainingJobName"], sagemaker_session=session).dataframe()
    final = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert set(frame.metric_name) == set(final)
    assert frame.query("metric_name == 'validation:mse'").value.iloc[-1] == pytest.approx(final["validation:mse"])
    chosen = TrainingJobAnalytics(job["TrainingJobName"], ["train:progress"], session).dataframe()
    assert set(chosen.metric_name) == {"train:progress"} and chosen.value.between(33, 100).all()


def test_names_are_taken_in_any_case(job, sagemaker):
    for taken in (job["TrainingJobName"], job["TrainingJobName"].upper()):
        code, message = refusal(sagemaker.create_training_job, **job["Request"] | {"TrainingJobName": taken})
        assert code == "ResourceInUse" and job["TrainingJobArn"] in message
        described = sagemaker.describe_training_job(TrainingJobName=taken)
        assert described["TrainingJobName"] == job["TrainingJobName"]


def test_a_spot_job_runs_to_its_end_at_the_full_price(account, sagemaker, bucket, uri):
    job, limits = name("spot"), {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}
    request = definition(account, job, channel(uri), bucket=bucket, StoppingCondition=limits)
    sagemaker.create_training_job(**request, EnableManagedSpotTraining=True)
    body = ended(sagemaker, job)
    assert (body["TrainingJobStatus"], body["EnableManagedSpotTraining"]) == ("Completed", True)
    assert body["StoppingCondition"] == limits and body["BillableTimeInSeconds"] == body["TrainingTimeInSeconds"]


def test_a_manifest_trains_as_the_prefix_does(account, sagemaker, s3, bucket, uri):
    """recordIO as the SDK's record_set uploads it: the same rows, so the same numbers."""
    x, y = table()
    order = [*range(25, 40), *range(25)]  # keys are read in order, and "more/part-1" comes before "part-0"
    manifest = upload_numpy_to_s3_shards(1, boto3.resource("s3"), bucket, "records/", x[order], y[order])
    models = []
    for each in (channel(manifest, kind="ManifestFile", content_type=None), channel(uri)):
        job = name("manifest")
        sagemaker.create_training_job(
            **definition(account, job, each, bucket=bucket, hyperparameters=QUICK | {"epochs": "5"})
        )
        body = ended(sagemaker, job)
        assert body["TrainingJobStatus"] == "Completed", body
        models.append(coefficients(s3, body["ModelArtifacts"]["S3ModelArtifacts"]))
    np.testing.assert_array_equal(models[0][0], models[1][0])
    assert models[0][1] == models[1][1]


def test_the_outcome_of_a_job_on_aws(account, sagemaker, s3, bucket, public_tables):
    """Weights that AWS's own job has given for this table (linear-learner documentation of the project)."""
    body = (public_tables / "management_experience.csv").read_bytes()
    s3.put_object(Bucket=bucket, Key="management/train.csv", Body=body)
    job = name("management")
    asked = {"predictor_type": "regressor", "mini_batch_size": "4"}
    place = channel(f"s3://{bucket}/management/train.csv")
    sagemaker.create_training_job(**definition(account, job, place, bucket=bucket, hyperparameters=asked))
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Completed", body
    weights, bias = coefficients(s3, body["ModelArtifacts"]["S3ModelArtifacts"])
    assert weights == pytest.approx([8.2192345], rel=5e-7)
    assert bias == pytest.approx(881.39258, rel=5e-7)


def test_an_uncompressed_artifact(account, sagemaker, s3, bucket, uri):
    job = name("uncompressed")
    params = definition(account, job, channel(uri), bucket=bucket)
    params["OutputDataConfig"]["CompressionType"] = "NONE"
    sagemaker.create_training_job(**params)
    place = f"models/{job}/output/model/"
    assert ended(sagemaker, job)["ModelArtifacts"] == {"S3ModelArtifacts": f"s3://{bucket}/{place}"}
    assert s3.get_object(Bucket=bucket, Key=place + "model_algo-1")["Body"].read()[:2] == b"PK"


@pytest.mark.parametrize(("member", "printed"), [("init_scale", "nan"), ("learning_rate", "inf")])
def test_metrics_that_are_no_numbers_are_left_out(account, sagemaker, bucket, uri, member, printed):
    """A model that diverges prints what CloudWatch does not take; its log is whole all the same."""
    job = name("diverges")
    hyperparameters = QUICK | {member: "1e300"}
    sagemaker.create_training_job(
        **definition(account, job, channel(uri), bucket=bucket, hyperparameters=hyperparameters)
    )
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Failed" and "diverged" in body["FailureReason"]
    lines = [event["message"] for event in events(body)]
    assert any(line.endswith(f"train mse_objective <loss>={printed}") for line in lines), lines
    assert any("ERROR" in line and "diverged" in line for line in lines[-4:])
    metrics = {metric["MetricName"] for metric in body.get("FinalMetricDataList", [])}
    assert not metrics & {"train:objective_loss", "train:objective_loss:final"}


def test_metric_definitions_of_a_built_in_algorithm_are_fixed(account, sagemaker, bucket, uri):
    job = name("own-metrics")
    params = definition(account, job, channel(uri), bucket=bucket)
    params["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "mine", "Regex": "x=(.*)"}]
    assert refusal(sagemaker.create_training_job, **params) == (
        "ValidationException",
        "You can't override the metric definitions for Amazon SageMaker algorithms. Please retry the request "
        "without specifying metric definitions.",
    )
    assert refusal(sagemaker.describe_training_job, TrainingJobName=job) == (
        "ValidationException",
        "Requested resource not found.",
    )


# Stops


def running(job: str) -> list[int]:
    """The processes of a job: those that were started in its folder."""
    found = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():
        try:
            if entry.isdigit() and f"/jobs/{job}" in os.readlink(f"/proc/{entry}/cwd"):
                found.append(int(entry))
        except OSError:
            continue
    return found


def begun(sagemaker, job: str) -> None:
    """Wait for the first epoch of a job."""
    wait_until(
        lambda: sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatus"],
        lambda status: status == "Training",
        job,
    )


def test_a_job_is_stopped(account, sagemaker, bucket, uri):
    job = name("stopped")
    sagemaker.create_training_job(**definition(account, job, channel(uri), bucket=bucket, hyperparameters=ENDLESS))
    begun(sagemaker, job)
    if os.path.isdir("/proc"):
        wait_until(lambda: running(job), bool, "the job's process")
    sagemaker.stop_training_job(TrainingJobName=job)
    stopping = sagemaker.describe_training_job(TrainingJobName=job)
    assert stopping["TrainingJobStatus"] in ("Stopping", "Stopped")
    body = ended(sagemaker, job)
    assert (body["TrainingJobStatus"], body["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert [phase["Status"] for phase in body["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Stopping",
        "Stopped",
    ]
    assert body["SecondaryStatusTransitions"][-2]["StatusMessage"] == "Stopping the training job"
    assert body["BillableTimeInSeconds"] >= 1 and "FailureReason" not in body
    assert running(job) == []
    code, message = refusal(sagemaker.stop_training_job, TrainingJobName=job)
    assert (code, message) == (
        "ValidationException",
        "The request was rejected because the training job is in status Stopped.",
    )
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=job)


def test_a_job_that_is_stopped_at_once_never_trains(account, sagemaker, bucket, uri):
    jobs = [name("at-once") for _ in range(6)]
    for job in jobs:
        sagemaker.create_training_job(**definition(account, job, channel(uri), bucket=bucket, hyperparameters=ENDLESS))
    for job in reversed(jobs):
        sagemaker.stop_training_job(TrainingJobName=job)
    for job in jobs:
        body = ended(sagemaker, job)
        assert (body["TrainingJobStatus"], body["SecondaryStatus"]) == ("Stopped", "Stopped")
        phases = [phase["Status"] for phase in body["SecondaryStatusTransitions"]]
        assert phases[-2:] == ["Stopping", "Stopped"] and phases.count("Stopping") == 1
        checked(sagemaker, "DescribeTrainingJob", TrainingJobName=job)


def test_a_stop_at_the_end_leaves_a_job_ended(account, sagemaker, bucket, uri):
    """However the stop and the job's own end fall, the job does not stay Stopping."""
    for delay in (0.1, 0.2, 0.3, 0.4):
        job = name("race")
        sagemaker.create_training_job(**definition(account, job, channel(uri), bucket=bucket))
        time.sleep(delay)
        try:
            sagemaker.stop_training_job(TrainingJobName=job)
            expected = "Stopped"
        except ClientError as error:
            assert "is in status Completed" in str(error)
            expected = "Completed"
        assert ended(sagemaker, job)["TrainingJobStatus"] == expected


def test_the_time_limit_is_kept(account, sagemaker, bucket, uri):
    job = name("too-long")
    sagemaker.create_training_job(
        **definition(account, job, channel(uri), bucket=bucket, hyperparameters=ENDLESS)
        | {"StoppingCondition": {"MaxRuntimeInSeconds": 1}}
    )
    body = ended(sagemaker, job)
    assert (body["TrainingJobStatus"], body["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    last = body["SecondaryStatusTransitions"][-1]
    assert last["StatusMessage"] == "Training job runtime exceeded MaxRuntimeInSeconds provided"
    assert running(job) == []


def test_unknown_jobs(sagemaker):
    for call in (sagemaker.describe_training_job, sagemaker.stop_training_job):
        code, message = refusal(call, TrainingJobName="no-such-job")
        assert (code, message) == ("ValidationException", "Requested resource not found.")


# Tags


def test_tags(job, sagemaker):
    arn = job["TrainingJobArn"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "owner", "Value": "tests"}]
    added = [{"Key": f"key-{number:02d}", "Value": str(number)} for number in range(12)]
    answer = checked(sagemaker, "AddTags", ResourceArn=arn, Tags=[*added, {"Key": "owner", "Value": "nobody"}])
    assert {"Key": "owner", "Value": "nobody"} in answer["Tags"]
    pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
    found = [tag for page in pages for tag in page["Tags"]]
    assert found == [{"Key": "owner", "Value": "nobody"}, *added]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=[tag["Key"] for tag in added] + ["not-there"])
    assert checked(sagemaker, "ListTags", ResourceArn=arn)["Tags"] == [{"Key": "owner", "Value": "nobody"}]


def test_tags_that_cannot_be(job, sagemaker):
    arn = job["TrainingJobArn"]
    for tags in ([("same", "1"), ("same", "2")], [("Same", "1"), ("same", "2")]):
        code, message = refusal(
            sagemaker.add_tags, ResourceArn=arn, Tags=[{"Key": key, "Value": value} for key, value in tags]
        )
        assert code == "ValidationException" and message.startswith("Duplicate tag keys found.")
    many = [{"Key": f"n{number}", "Value": ""} for number in range(50)]
    assert refusal(sagemaker.add_tags, ResourceArn=arn, Tags=many)[0] == "ResourceLimitExceeded"
    for call, more in (
        (sagemaker.list_tags, {}),
        (sagemaker.add_tags, {"Tags": many[:1]}),
        (sagemaker.delete_tags, {"TagKeys": ["a"]}),
    ):
        code, message = refusal(call, ResourceArn=arn + "-not", **more)
        assert code == "ValidationException" and arn + "-not" in message
    assert refusal(sagemaker.list_tags, ResourceArn=arn, NextToken="NQ==")[0] == "ValidationException"


# Lists


# Compressed channels


@pytest.fixture(scope="module")
def compressed(account, sagemaker, s3, bucket):
    """Run a job on a gzip channel of two objects and return its description and its name."""

    def run(*bodies: bytes, content_type="text/csv"):
        job = name("gzip")
        for number, body in enumerate(bodies):
            s3.put_object(Bucket=bucket, Key=f"{job}/part-{number}.gz", Body=body)
        place = channel(f"s3://{bucket}/{job}/", content_type=content_type) | {"CompressionType": "Gzip"}
        sagemaker.create_training_job(**definition(account, job, place, bucket=bucket))
        for number, body in enumerate(bodies):
            assert s3.get_object(Bucket=bucket, Key=f"{job}/part-{number}.gz")["Body"].read() == body
        return ended(sagemaker, job)

    return run


@pytest.mark.parametrize("content_type", ["text/csv", "application/x-recordio-protobuf"])
def test_a_gzip_channel_trains_as_the_plain_one(compressed, account, sagemaker, s3, bucket, content_type):
    x, y = table()
    write = csv if content_type == "text/csv" else write_features
    parts = [write(x[:25], y[:25]), write(x[25:], y[25:])]
    job = name("plain")
    for number, body in enumerate(parts):
        s3.put_object(Bucket=bucket, Key=f"{job}/part-{number}", Body=body)
    place = channel(f"s3://{bucket}/{job}/", content_type=content_type)
    sagemaker.create_training_job(**definition(account, job, place, bucket=bucket))
    plain = ended(sagemaker, job)
    packed = compressed(*map(gzip.compress, parts), content_type=content_type)
    assert (plain["TrainingJobStatus"], packed["TrainingJobStatus"]) == ("Completed", "Completed")
    assert packed["InputDataConfig"][0]["CompressionType"] == "Gzip"
    files = [members(s3, body["ModelArtifacts"]["S3ModelArtifacts"]) for body in (plain, packed)]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("damage", "words"),
    [(lambda body: b"1,2,3\n", "Not a gzipped file"), (lambda body: body[:-20], "ended before"),
     (lambda body: body[:30] + b"\xff" * 30 + body[60:], "")],
)  # fmt: skip
def test_what_is_no_gzip_file_fails_the_job_by_name(compressed, damage, words):
    good = gzip.compress(csv(*table()))
    body = compressed(good, damage(good))
    assert (body["TrainingJobStatus"], body["SecondaryStatus"]) == ("Failed", "Failed")
    reason = body["FailureReason"]
    assert reason.startswith("ClientError: Data download failed: s3://") and words in reason
    assert "part-1.gz in the channel 'train': " in reason and "/tmp" not in reason


def test_a_profilers_rules_are_taken_and_not_evaluated(account, sagemaker, s3, bucket):
    """As versions 2.20 to 2.130 of the SDK send them with every job."""
    s3.put_object(Bucket=bucket, Key="profiled/train.csv", Body=csv(*table()))
    rule = {
        "RuleConfigurationName": "ProfilerReport-1612345678",
        "RuleEvaluatorImage": "503895931360.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules:latest",
        "RuleParameters": {"rule_to_invoke": "ProfilerReport"},
    }
    job, config = name("profiled"), {"S3OutputPath": f"s3://{bucket}/"}
    hook = {"S3OutputPath": f"s3://{bucket}/", "CollectionConfigurations": []}
    sent = {"ProfilerRuleConfigurations": [rule], "ProfilerConfig": config, "DebugHookConfig": hook}
    sagemaker.create_training_job(**definition(account, job, channel(f"s3://{bucket}/profiled"), bucket=bucket, **sent))
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Completed" and {member: body[member] for member in sent} == sent
    body = checked(sagemaker, "DescribeTrainingJob", TrainingJobName=job)
    (status,) = body["ProfilerRuleEvaluationStatuses"]
    assert status["RuleConfigurationName"] == rule["RuleConfigurationName"]
    assert (status["RuleEvaluationStatus"], body["ProfilingStatus"]) == ("Stopped", "Disabled")
    assert "was not evaluated" in status["StatusDetails"] and "RuleEvaluationJobArn" not in status
    assert "DebugRuleEvaluationStatuses" not in body
    # Debugger's rules can stop a job: one that they look after is not run without them.
    debugged = definition(account, name("d"), channel(f"s3://{bucket}/profiled"), bucket=bucket)
    _, message = refusal(sagemaker.create_training_job, **debugged, DebugRuleConfigurations=[rule])
    assert "DebugRuleConfigurations" in message and "is not implemented" in message
