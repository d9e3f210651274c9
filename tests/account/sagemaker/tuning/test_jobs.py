"""Hyperparameter tuning: every job really trains, the best is the best, the same seed tries the same values."""

from __future__ import annotations

import itertools
import math
import re

import boto3
import numpy as np
import pytest

from local_aws.algorithms.linear_learner import METRIC_DEFINITIONS
from local_aws.core.errors import AwsError
from local_aws.services.sagemaker.tuning.strategies import STRATEGIES, read_ranges
from support.account import Place
from support.training import ENDLESS, IMAGE, channel, checked, csv, name, refusal, table, wait_until
from support.tuning import finished

X, Y = table(40, 2)
STATIC = {"predictor_type": "regressor", "epochs": "2", "early_stopping_patience": "100"}
OBJECTIVE = {"Type": "Minimize", "MetricName": "validation:mse"}
RATES = {"Name": "learning_rate", "MinValue": "0.0001", "MaxValue": "1", "ScalingType": "Logarithmic"}
BATCHES = {"Name": "mini_batch_size", "MinValue": "4", "MaxValue": "16"}
RANGES = {"ContinuousParameterRanges": [RATES], "IntegerParameterRanges": [BATCHES]}
# Two of these learn, two do not move: the objective is known beforehand to be better with the rate of 0.1.
GRID = {
    "CategoricalParameterRanges": [
        {"Name": "learning_rate", "Values": ["0.1", "1e-9"]},
        {"Name": "use_bias", "Values": ["true", "false"]},
    ]
}


@pytest.fixture(scope="module")
def uri(s3, bucket):
    s3.put_object(Bucket=bucket, Key="tuning/data.csv", Body=csv(X, Y))
    return f"s3://{bucket}/tuning/data.csv"


@pytest.fixture(scope="module")
def define(account, bucket, uri):
    """The members of a CreateHyperParameterTuningJob."""

    def define(strategy="Random", ranges=RANGES, jobs=2, parallel=2, static=STATIC, definition=None, **config) -> dict:
        limits = {"MaxParallelTrainingJobs": parallel} | ({"MaxNumberOfTrainingJobs": jobs} if jobs else {})
        batch = {} if any("mini_batch_size" in str(each) for each in ranges.values()) else {"mini_batch_size": "4"}
        return {
            "HyperParameterTuningJobName": name("tune").replace("-", "")[-30:],
            "HyperParameterTuningJobConfig": {
                "Strategy": strategy,
                "HyperParameterTuningJobObjective": OBJECTIVE,
                "ResourceLimits": limits,
                "ParameterRanges": ranges,
            }
            | config,
            "TrainingJobDefinition": {
                "StaticHyperParameters": static | (batch if "mini_batch_size" not in static else {}),
                "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
                "RoleArn": account.account.role_arn,
                "InputDataConfig": [channel(uri), channel(uri, "validation")],
                "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            }
            | (definition or {}),
        }

    return define


def jobs_of(client, job: str, **params) -> list[dict]:
    pages = client.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=job, **params
    )
    return [each for page in pages for each in page["TrainingJobSummaries"]]


@pytest.fixture
def run(sagemaker, define):
    """Run a tuning job to its end: its description and its training jobs."""

    def run(**members) -> tuple[dict, list[dict]]:
        params = define(**members)
        job = params["HyperParameterTuningJobName"]
        sagemaker.create_hyper_parameter_tuning_job(**params)
        return finished(sagemaker, job), jobs_of(sagemaker, job)

    return run


@pytest.fixture(scope="module")
def grid(sagemaker, define):
    """A grid job that has ended: what was asked, what it is, its training jobs."""
    params = define("Grid", GRID, None)
    params["Tags"] = [{"Key": "owner", "Value": "tests"}]
    job = params["HyperParameterTuningJobName"]
    checked(sagemaker, "CreateHyperParameterTuningJob", **params)
    finished(sagemaker, job)
    body = checked(sagemaker, "DescribeHyperParameterTuningJob", HyperParameterTuningJobName=job)
    listed = checked(sagemaker, "ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName=job)
    return params, body, listed["TrainingJobSummaries"]


# A job from its beginning to its end


def test_a_grid_tries_every_combination_once(grid):
    _, body, jobs = grid
    tried = [(each["TunedHyperParameters"]["learning_rate"], each["TunedHyperParameters"]["use_bias"]) for each in jobs]
    assert tried == list(itertools.product(["0.1", "1e-9"], ["true", "false"]))
    assert body["HyperParameterTuningJobStatus"] == "Completed" and "FailureReason" not in body
    assert body["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 4
    assert body["TrainingJobStatusCounters"] == {
        "Completed": 4, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0
    }  # fmt: skip
    assert body["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}


def test_what_was_asked_for_is_described(grid):
    params, body, _ = grid
    asked = params["TrainingJobDefinition"]
    static = asked["StaticHyperParameters"] | {"_tuning_objective_metric": "validation:mse"}
    spec = asked["AlgorithmSpecification"] | {"MetricDefinitions": METRIC_DEFINITIONS}
    assert body["TrainingJobDefinition"] == asked | {"StaticHyperParameters": static, "AlgorithmSpecification": spec}
    config = params["HyperParameterTuningJobConfig"]
    for member in ("Strategy", "ParameterRanges", "HyperParameterTuningJobObjective"):
        assert body["HyperParameterTuningJobConfig"][member] == config[member]
    assert body["HyperParameterTuningJobConfig"]["TrainingJobEarlyStoppingType"] == "Off"
    assert body["CreationTime"] <= body["HyperParameterTuningEndTime"] == body["LastModifiedTime"]


def test_the_training_jobs_are_real_ones(grid, sagemaker, s3):
    _, body, jobs = grid
    stem = body["HyperParameterTuningJobName"]
    for number, each in enumerate(jobs, 1):
        assert re.fullmatch(rf"{stem}-{number:03d}-[0-9a-f]{{8}}", each["TrainingJobName"])
        job = checked(sagemaker, "DescribeTrainingJob", TrainingJobName=each["TrainingJobName"])
        assert job["TuningJobArn"] == body["HyperParameterTuningJobArn"]
        static = body["TrainingJobDefinition"]["StaticHyperParameters"]
        assert job["HyperParameters"] == static | each["TunedHyperParameters"]
        for member in ("TrainingJobArn", "CreationTime", "TrainingStartTime", "TrainingEndTime", "TrainingJobStatus"):
            assert each[member] == job[member]
        metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
        assert metrics["ObjectiveMetric"] == metrics["validation:mse"]
        assert each["FinalHyperParameterTuningJobObjectiveMetric"] == {
            "MetricName": "validation:mse", "Value": pytest.approx(metrics["validation:mse"], rel=1e-6)
        }  # fmt: skip
        assert each["ObjectiveStatus"] == "Succeeded"
        regex = next(item["Regex"] for item in METRIC_DEFINITIONS if item["Name"] == "validation:mse")
        definitions = job["AlgorithmSpecification"]["MetricDefinitions"]
        assert definitions == [*METRIC_DEFINITIONS, {"Name": "ObjectiveMetric", "Regex": regex}]
        bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
        s3.head_object(Bucket=bucket, Key=key)
        assert sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == [{"Key": "owner", "Value": "tests"}]
    arn = body["HyperParameterTuningJobArn"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "owner", "Value": "tests"}]


def test_tuning_trains_one_model(grid):
    """With 32 models the log would have 32 lines of each epoch's training loss."""
    job = grid[2][0]["TrainingJobName"]
    logs = boto3.client("logs")
    found = logs.filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{job}/", filterPattern='"train_mse_objective"'
    )["events"]
    assert len(found) == 2 and '"model": 0' in found[0]["message"]


def test_the_best_is_the_best(grid):
    _, body, jobs = grid
    values = {each["TrainingJobName"]: objective(each) for each in jobs}
    best = body["BestTrainingJob"]
    assert best in jobs and objective(best) == min(values.values())
    assert best["TunedHyperParameters"]["learning_rate"] == "0.1"


def objective(job: dict) -> float:
    return job["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]


def test_the_list_of_training_jobs(grid, sagemaker):
    _, body, jobs = grid
    job = body["HyperParameterTuningJobName"]
    by_value = jobs_of(sagemaker, job, SortBy="FinalObjectiveMetricValue")
    assert [objective(each) for each in by_value] == sorted(map(objective, jobs))
    latest = jobs_of(sagemaker, job, SortBy="CreationTime", SortOrder="Descending", PaginationConfig={"PageSize": 1})
    assert latest == jobs[::-1]
    assert jobs_of(sagemaker, job, StatusEquals="Failed") == []


def test_the_list_of_tuning_jobs(grid, sagemaker, run):
    _, body, _ = grid
    other, _ = run(jobs=1)
    names = sorted(each["HyperParameterTuningJobName"] for each in (body, other))
    found = checked(sagemaker, "ListHyperParameterTuningJobs", CreationTimeAfter=body["CreationTime"], MaxResults=100)
    found = {each["HyperParameterTuningJobName"]: each for each in found["HyperParameterTuningJobSummaries"]}
    assert [each for each in found if each in names] == names
    summary = found[body["HyperParameterTuningJobName"]]
    assert summary["Strategy"] == "Grid" and summary["TrainingJobStatusCounters"]["Completed"] == 4
    config = body["HyperParameterTuningJobConfig"]
    assert summary.pop("Strategy") == config["Strategy"]
    assert summary.pop("ResourceLimits") == config["ResourceLimits"]
    assert summary == {member: body[member] for member in summary}


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_the_same_seed_tries_the_same(run, strategy):
    jobs = 6 if strategy == "Bayesian" else 3
    _, first = run(strategy=strategy, jobs=jobs, RandomSeed=5)
    body, again = run(strategy=strategy, jobs=jobs, RandomSeed=5)
    _, other = run(strategy=strategy, jobs=1, RandomSeed=6)
    tried = [each["TunedHyperParameters"] for each in first]
    assert tried == [each["TunedHyperParameters"] for each in again]
    assert other[0]["TunedHyperParameters"] != tried[0]
    assert body["HyperParameterTuningJobConfig"]["RandomSeed"] == 5
    assert body["HyperParameterTuningJobStatus"] == "Completed"
    for each in tried:
        assert 1e-4 <= float(each["learning_rate"]) <= 1 and 4 <= int(each["mini_batch_size"]) <= 16


def test_no_more_at_once_than_allowed(run):
    _, jobs = run(jobs=4, parallel=1)
    for earlier, later in itertools.pairwise(jobs):
        assert earlier["TrainingEndTime"] <= later["CreationTime"]


# What is tried


def one(**given) -> object:
    kind = given.pop("kind", "Continuous")
    (found,) = read_ranges({f"{kind}ParameterRanges": [{"Name": "p", **given}]})
    return found


@pytest.mark.parametrize(
    ("given", "middle"),
    [
        ({"MinValue": "1", "MaxValue": "9", "ScalingType": "Linear"}, 5),
        ({"MinValue": "0.01", "MaxValue": "100", "ScalingType": "Logarithmic"}, 1),
        ({"MinValue": "0", "MaxValue": "0.99", "ScalingType": "ReverseLogarithmic"}, 0.9),
        ({"MinValue": "1e-4", "MaxValue": "1", "ScalingType": "Auto"}, 1e-2),
        ({"MinValue": "1", "MaxValue": "9"}, 5),
        ({"MinValue": "-1e6", "MaxValue": "1e6"}, 0),
    ],
)
def test_scales(given, middle):
    found = one(**given)
    assert float(found.at(0.5)) == pytest.approx(middle)
    assert float(found.at(0.0)) == pytest.approx(float(given["MinValue"]))
    assert float(found.at(1.0)) == pytest.approx(float(given["MaxValue"]))
    for position in (0.1, 0.6):
        assert found.coordinates(found.at(position)) == [pytest.approx(position)]


def test_integers_have_equal_shares():
    found = one(kind="Integer", MinValue="1", MaxValue="4", ScalingType="Linear")
    drawn = [found.at(position) for position in np.linspace(0, 1, 4001)[:-1] + 1 / 8000]
    assert {value: drawn.count(value) for value in set(drawn)} == {"1": 1000, "2": 1000, "3": 1000, "4": 1000}
    many = one(kind="Integer", MinValue="1", MaxValue="1000", ScalingType="Logarithmic")
    assert many.at(0.5) == "22" and many.at(0.0) == "1" and many.at(1.0) == "1000"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"MinValue": "a", "MaxValue": "2"}, "MinValue 'a', which is not a number"),
        ({"MinValue": "0", "MaxValue": "inf"}, "MaxValue 'inf', which is not a number"),
        ({"MinValue": "nan", "MaxValue": "1"}, "MinValue 'nan', which is not a number"),
        ({"MinValue": "2", "MaxValue": "1"}, "must have a MinValue (2) below its MaxValue (1)"),
        ({"MinValue": "1", "MaxValue": "1"}, "must have a MinValue (1) below its MaxValue (1)"),
        ({"kind": "Integer", "MinValue": "1.5", "MaxValue": "3"}, "MinValue '1.5', which is not an integer"),
        ({"kind": "Integer", "MinValue": "1", "MaxValue": "9" * 250 + "9" * 150}, "which is not an integer"),
        ({"MinValue": "0", "MaxValue": "1", "ScalingType": "Logarithmic"}, "greater than 0 for logarithmic"),
        ({"MinValue": "0", "MaxValue": "1", "ScalingType": "ReverseLogarithmic"}, "within 0 <= x < 1.0"),
        ({"MinValue": "-1e308", "MaxValue": "1e308"}, "too wide"),
        ({"MinValue": "1e16", "MaxValue": "10000000000000002", "ScalingType": "Logarithmic"}, "too narrow"),
        ({"kind": "Categorical", "Values": ["a", "a"]}, "has a value twice"),
    ],
)
def test_ranges_that_are_none(given, says):
    with pytest.raises(AwsError, match=r"hyperparameter .p. ") as caught:
        one(**given)
    assert says in caught.value.message and caught.value.code == "ValidationException"


def test_a_bayesian_search_finds_a_minimum():
    """Against a known function of three hyperparameters, and against chance over several seeds."""
    ranges = read_ranges(
        {
            "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0.0001", "MaxValue": "1"}],
            "IntegerParameterRanges": [{"Name": "n", "MinValue": "0", "MaxValue": "20"}],
            "CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "b", "d"]}],
        }
    )

    def loss(proposal):
        return (
            (math.log10(float(proposal["x"])) + 1.3) ** 2
            + ((int(proposal["n"]) - 13) / 10) ** 2
            + {"a": 1.0, "b": 0.0, "d": 0.6}[proposal["c"]]
        )

    best = {}
    for strategy in ("Random", "Bayesian"):
        found = []
        for seed in range(3):
            search, results = STRATEGIES[strategy](ranges, seed), []
            for k in range(20):
                proposal = search.propose(k, results, [])
                results.append((proposal, loss(proposal)))
            found.append(min(value for _, value in results))
        best[strategy] = np.mean(found)
    assert best["Bayesian"] < 0.05 and best["Bayesian"] < best["Random"] / 3


def test_a_pending_proposal_is_not_made_again():
    ranges = read_ranges({"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]})
    search = STRATEGIES["Bayesian"](ranges, 1)
    results = [({"x": repr(x)}, (x - 0.3) ** 2) for x in (0.05, 0.2, 0.5, 0.7, 0.95)]
    free = float(search.propose(5, results, [])["x"])
    beside = float(search.propose(5, results, [{"x": repr(free)}])["x"])
    assert abs(beside - free) > 0.01


# What fails, and what is stopped


def test_a_job_none_of_whose_training_jobs_succeeds(run):
    body, jobs = run(jobs=2, static=STATIC | {"epochs": "many"})
    assert body["HyperParameterTuningJobStatus"] == "Failed" and "BestTrainingJob" not in body
    assert body["FailureReason"].startswith("All training jobs failed. Please take a look at the training job failures")
    assert body["TrainingJobStatusCounters"]["NonRetryableError"] == 2
    assert body["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 0, "Failed": 2}
    for each in jobs:
        assert each["ObjectiveStatus"] == "Failed" and "'many'" in each["FailureReason"]
        assert "FinalHyperParameterTuningJobObjectiveMetric" not in each
    body, jobs = run(jobs=20, static=STATIC | {"epochs": "many"})
    assert body["FailureReason"].startswith(f"No training job succeeded after {len(jobs)} attempts.")
    assert 5 <= len(jobs) <= 6


def test_one_that_fails_does_not_stop_the_others(run, sagemaker):
    ranges = {"CategoricalParameterRanges": [{"Name": "learning_rate", "Values": ["-1", "0.1", "0.01"]}]}
    body, jobs = run(strategy="Grid", ranges=ranges, jobs=3)
    assert body["HyperParameterTuningJobStatus"] == "Completed"
    assert [each["ObjectiveStatus"] for each in jobs] == ["Failed", "Succeeded", "Succeeded"]
    assert body["BestTrainingJob"]["TunedHyperParameters"]["learning_rate"] != "-1"
    by_value = jobs_of(sagemaker, body["HyperParameterTuningJobName"], SortBy="FinalObjectiveMetricValue")
    assert len(by_value) == 2


def test_jobs_that_tell_no_objective(run, uri):
    body, jobs = run(jobs=1, definition={"InputDataConfig": [channel(uri)]})  # no validation channel
    assert jobs[0]["TrainingJobStatus"] == "Completed" and jobs[0]["ObjectiveStatus"] == "Failed"
    assert body["HyperParameterTuningJobStatus"] == "Failed" and "BestTrainingJob" not in body


def test_stop(sagemaker, define):
    params = define(jobs=8, static={**ENDLESS, "mini_batch_size": "4"}, ranges={"ContinuousParameterRanges": [RATES]})
    job = params["HyperParameterTuningJobName"]
    sagemaker.create_hyper_parameter_tuning_job(**params)
    jobs = wait_until(lambda: jobs_of(sagemaker, job), lambda jobs: len(jobs) == 2, job)
    assert all(each["ObjectiveStatus"] == "Pending" for each in jobs)
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=job)
    body = finished(sagemaker, job)
    assert body["HyperParameterTuningJobStatus"] == "Stopped"
    assert body["TrainingJobStatusCounters"]["Stopped"] == 2
    code, message = refusal(sagemaker.stop_hyper_parameter_tuning_job, HyperParameterTuningJobName=job)
    assert code == "ValidationException" and "status Stopped" in message


def test_early_stopping(run):
    """A job that does not learn is stopped once three that do have ended; those that learn are not."""
    rates = ["0.1", "0.09", "0.08", "1e-9"]
    ranges = {"CategoricalParameterRanges": [{"Name": "learning_rate", "Values": rates}]}
    body, jobs = run(
        strategy="Grid",
        ranges=ranges,
        jobs=4,
        parallel=1,
        static=STATIC | {"epochs": "2000", "early_stopping_patience": "2000", "use_lr_scheduler": "false"},
        TrainingJobEarlyStoppingType="Auto",
        HyperParameterTuningJobObjective={"Type": "Minimize", "MetricName": "validation:objective_loss"},
    )
    assert [each["TrainingJobStatus"] for each in jobs] == ["Completed"] * 3 + ["Stopped"]
    assert jobs[3]["ObjectiveStatus"] == "Succeeded" and objective(jobs[3]) > objective(body["BestTrainingJob"])
    assert body["TrainingJobStatusCounters"]["Stopped"] == 1
    assert body["HyperParameterTuningJobStatus"] == "Completed"


def test_input_that_is_gone(sagemaker, s3, bucket, define):
    s3.put_object(Bucket=bucket, Key="tuning/soon-gone.csv", Body=csv(X, Y))
    here = f"s3://{bucket}/tuning/soon-gone.csv"
    definition = {"InputDataConfig": [channel(here), channel(here, "validation")]}
    params = define(
        jobs=8, parallel=1, static={**ENDLESS, "mini_batch_size": "4"}, definition=definition,
        ranges={"ContinuousParameterRanges": [RATES]},
    )  # fmt: skip
    job = params["HyperParameterTuningJobName"]
    sagemaker.create_hyper_parameter_tuning_job(**params)
    (first,) = wait_until(lambda: jobs_of(sagemaker, job), lambda jobs: jobs and "TrainingStartTime" in jobs[0], job)
    wait_until(
        lambda: sagemaker.describe_training_job(TrainingJobName=first["TrainingJobName"])["SecondaryStatus"],
        "Training".__eq__,
        job,
    )
    s3.delete_object(Bucket=bucket, Key="tuning/soon-gone.csv")
    sagemaker.stop_training_job(TrainingJobName=first["TrainingJobName"])
    body = finished(sagemaker, job)
    assert body["HyperParameterTuningJobStatus"] == "Failed"
    assert body["FailureReason"].startswith("ClientError: No S3 objects found")


def test_what_cannot_be_asked_for(sagemaker, define):
    here = "is not implemented in the embedded AWS account"

    def refused(code="ValidationException", top=None, **members) -> str:
        params = define(**members)
        found, message = refusal(sagemaker.create_hyper_parameter_tuning_job, **params | (top or {}))
        assert found == code
        return message

    parent = {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "a"}]}
    parent["WarmStartType"] = "TransferLearning"
    criteria = {"TargetObjectiveMetricValue": 1.0}
    for members, what in (
        ({"strategy": "Hyperband"}, "Hyperband"),
        ({"top": {"WarmStartConfig": parent}}, "WarmStartConfig"),
        ({"top": {"Autotune": {"Mode": "Enabled"}}}, "Autotune"),
        ({"TuningJobCompletionCriteria": criteria}, "TuningJobCompletionCriteria"),
        ({"ranges": RANGES | {"AutoParameters": [{"Name": "wd", "ValueHint": "1"}]}}, "AutoParameters"),
    ):
        message = refused(**members)
        assert what in message and here in message
    bad = {"Type": "Minimize", "MetricName": "validation:nothing"}
    assert refused(HyperParameterTuningJobObjective=bad) == (
        "The objective metric for the hyperparameter tuning job, [validation:nothing], isn't valid for the "
        f"[{IMAGE}] algorithm. Choose a valid objective metric."
    )
    turned = {"Type": "Maximize", "MetricName": "validation:mse"}
    assert "The objective metric type, [Maximize]" in refused(HyperParameterTuningJobObjective=turned)
    epochs = {"IntegerParameterRanges": [{"Name": "epochs", "MinValue": "1", "MaxValue": "2"}]}
    assert "has the following untunable hyperparameters: [epochs]" in refused(ranges=epochs)
    wrong = {"ContinuousParameterRanges": [{"Name": "mini_batch_size", "MinValue": "1", "MaxValue": "2"}]}
    assert "takes a range of the type Integer, not Continuous" in refused(ranges=wrong)
    assert "is among the StaticHyperParameters" in refused(static=STATIC | {"learning_rate": "1"})
    assert "has more than one range" in refused(ranges={"ContinuousParameterRanges": [RATES, RATES]})
    assert "at least one hyperparameter range" in refused(ranges={})
    assert "categorical hyperparameter ranges only" in refused(strategy="Grid")
    assert "distinct categorical combinations (4)" in refused(strategy="Grid", ranges=GRID, jobs=3)
    assert "You must provide MaxNumberOfTrainingJobs" in refused(jobs=None)
    assert "MaxNumberOfTrainingJobs" in refused("ResourceLimitExceeded", jobs=751)
    assert "No S3 objects found" in refused(definition={"InputDataConfig": [channel("s3://no-such-bucket-here/a")]})
    own = {"TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": [{"Name": "a", "Regex": "b"}]}
    assert "can't override the metric definitions" in refused(definition={"AlgorithmSpecification": own})
    lone = define()
    del lone["TrainingJobDefinition"]
    assert "TrainingJobDefinition" in refusal(sagemaker.create_hyper_parameter_tuning_job, **lone)[1]


def test_a_name_that_is_taken(grid, sagemaker, define):
    params, body, _ = grid
    code, message = refusal(sagemaker.create_hyper_parameter_tuning_job, **params)
    taken = body["HyperParameterTuningJobName"]
    assert (code, message) == (
        "ResourceInUse",
        f"A hyperparameter tuning job with the name, {taken}, already exists. Choose a different name.",
    )


def test_unknown_jobs(sagemaker):
    for call in (
        sagemaker.describe_hyper_parameter_tuning_job,
        sagemaker.stop_hyper_parameter_tuning_job,
        sagemaker.list_training_jobs_for_hyper_parameter_tuning_job,
    ):
        code, message = refusal(call, HyperParameterTuningJobName="no-such-job")
        assert (code, message) == (
            "ResourceNotFound",
            "Amazon SageMaker can't find a tuning job called no-such-job. Type another name.",
        )


# The SDK, and the end of the account's process


def test_the_sdk(account, bucket):
    from sagemaker import LinearLearner
    from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter

    from local_aws.client.session import open_session

    session, role = open_session()
    learner = LinearLearner(
        role, 1, "ml.m5.large", predictor_type="regressor", epochs=10, output_path=f"s3://{bucket}/sdk",
        sagemaker_session=session,
    )  # fmt: skip
    tuner = HyperparameterTuner(
        learner,
        "validation:rmse",
        {
            "learning_rate": ContinuousParameter(1e-3, 1, "Logarithmic"),
            "wd": ContinuousParameter(1e-7, 1),
            "mini_batch_size": IntegerParameter(4, 16),
        },
        objective_type="Minimize",
        max_jobs=3,
        max_parallel_jobs=2,
        random_seed=1,
    )
    records = [learner.record_set(X[:30], Y[:30]), learner.record_set(X[30:], Y[30:], channel="validation")]
    tuner.fit(records, job_name=name("sdk")[-32:].strip("-"))  # the SDK's own names are the same for a minute
    frame = tuner.analytics().dataframe()
    assert len(frame) == 3 and set(frame.TrainingJobStatus) == {"Completed"}
    best = frame.loc[frame.FinalObjectiveValue.idxmin()]
    assert tuner.best_training_job() == best.TrainingJobName
    attached = HyperparameterTuner.attach(tuner.latest_tuning_job.name, sagemaker_session=session)
    assert attached.best_training_job() == best.TrainingJobName and attached.max_jobs == 3
    estimator = tuner.best_estimator()
    assert estimator.learning_rate == pytest.approx(best.learning_rate)
    predictor = estimator.deploy(1, "ml.m5.large", wait=False)
    try:
        session.wait_for_endpoint(predictor.endpoint_name)
        records = predictor.predict(X[30:])
        got = np.array([record.label["score"].float32_tensor.values[0] for record in records])
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()
    rmse = math.sqrt(np.mean((got - Y[30:]) ** 2))
    assert rmse == pytest.approx(best.FinalObjectiveValue, rel=1e-4)


def test_a_grid_by_the_sdk(account, bucket, uri):
    from sagemaker.estimator import Estimator
    from sagemaker.inputs import TrainingInput
    from sagemaker.tuner import CategoricalParameter, HyperparameterTuner

    from local_aws.client.session import open_session

    session, role = open_session()
    estimator = Estimator(
        IMAGE, role, 1, "ml.m5.large", output_path=f"s3://{bucket}/sdk", sagemaker_session=session,
        hyperparameters=STATIC | {"mini_batch_size": 4},
    )  # fmt: skip
    tuner = HyperparameterTuner(
        estimator, "validation:mse", {"wd": CategoricalParameter([0.1, 100])}, strategy="Grid",
        objective_type="Minimize", max_jobs=2, max_parallel_jobs=2,
    )  # fmt: skip
    source = TrainingInput(uri, content_type="text/csv")
    tuner.fit({"train": source, "validation": source}, job_name=name("sdk")[-32:].strip("-"))
    assert sorted(tuner.analytics().dataframe().wd) == [0.1, 100]
    assert session.sagemaker_client.describe_training_job(TrainingJobName=tuner.best_training_job())["TuningJobArn"]


@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_a_job_whose_account_ends(end, tmp_path, define):
    place = Place(tmp_path / "account")
    try:
        place.start()
        client, store = place.client("sagemaker"), place.client("s3")
        store.create_bucket(Bucket="here")
        store.put_object(Bucket="here", Key="data.csv", Body=csv(X, Y))
        definition = {"InputDataConfig": [channel("s3://here/data.csv"), channel("s3://here/data.csv", "validation")]}
        definition["RetryStrategy"] = {"MaximumRetryAttempts": 2}  # for an error within the tuning job, not for its end
        params = define(
            definition=definition, static={**ENDLESS, "mini_batch_size": "4"},
            ranges={"ContinuousParameterRanges": [RATES]},
        )  # fmt: skip
        job = params["HyperParameterTuningJobName"]
        client.create_hyper_parameter_tuning_job(**params)
        wait_until(lambda: jobs_of(client, job), lambda jobs: len(jobs) == 2, job)
        assert f"Tuning jobs in progress: {job}\n" in place.command("status").stdout
        if end == "killed":
            place.kill()
        else:
            assert place.command("stop").returncode == 0
        place.start()
        body = place.client("sagemaker").describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=job)
        assert body["HyperParameterTuningJobStatus"] == "Failed"
        assert body["FailureReason"].startswith("InternalServerError: ")
        assert body["TrainingJobStatusCounters"]["RetryableError"] == 2
    finally:
        place.close()
