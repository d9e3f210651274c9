"""Cached steps of pipelines: which earlier run stands for a step, and which arguments tell two runs apart."""

from __future__ import annotations

import json

import pytest

from support.account import Place
from support.pipelines import compares, decides, fails, finished, get, whole
from support.processing import definition as processing_definition
from support.training import ENDLESS, IMAGE, QUICK, channel, csv, definition, ended, name, refusal, table, wait_until

DAY = {"Enabled": True, "ExpireAfter": "P1D"}
COUNTS = "import json\njson.dump({'n': 7}, open('/opt/ml/processing/out/e.json', 'w'))\n"
X, Y = table(20, 2)


def cached(kind: str, arguments: dict, step: str = "A", config: object = DAY, **members) -> dict:
    """A step whose runs may stand for one another."""
    arguments = {key: value for key, value in arguments.items() if not key.endswith("JobName")}
    return {"Name": step, "Type": kind, "Arguments": arguments, "CacheConfig": config} | members


@pytest.fixture(scope="module")
def works(s3, bucket) -> dict:
    """The arguments of a Processing step that leaves a number in a file."""
    return processing_definition(s3, bucket, "cached", COUNTS)


@pytest.fixture(scope="module")
def trains(account, s3, bucket) -> dict:
    """The arguments of a Training step of Linear Learner."""
    s3.put_object(Bucket=bucket, Key="cached/data.csv", Body=csv(X, Y))
    s3.put_object(Bucket=bucket, Key="cached/again.csv", Body=csv(X, Y))
    return definition(account, "job", channel(f"s3://{bucket}/cached/data.csv"), bucket=bucket)


@pytest.fixture
def pipeline(sagemaker, account):
    """Runs definitions as one pipeline, one after another: what became of each execution, and its steps."""
    pipeline = name("Cached")

    def run(text: str) -> tuple[dict, dict[str, dict]]:
        try:
            sagemaker.update_pipeline(PipelineName=pipeline, PipelineDefinition=text)
        except sagemaker.exceptions.ResourceNotFound:
            role = account.account.role_arn
            sagemaker.create_pipeline(PipelineName=pipeline, PipelineDefinition=text, RoleArn=role)
        return finished(sagemaker, sagemaker.start_pipeline_execution(PipelineName=pipeline)["PipelineExecutionArn"])

    return run


def source(step: dict) -> str | None:
    """The execution whose run stands for a step, None if the step has run itself."""
    return step.get("CacheHitResult", {}).get("SourcePipelineExecutionArn")


def test_an_earlier_run_stands_for_a_step(pipeline, works, sagemaker):
    report = {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "e.json"}
    number = {"Std:JsonGet": {"PropertyFile": get("Steps.A.PropertyFiles.Report"), "Path": "n"}}
    told = {"Std:Join": {"On": " ", "Values": [number, get("Steps.A.ProcessingJobArn")]}}
    text = whole(
        cached("Processing", works, PropertyFiles=[report]), decides("If", compares("Equals", number, 7)),
        fails("Tell", told, DependsOn=["If"]),
    )  # fmt: skip
    first, steps = pipeline(text)
    job = steps["A"]["Metadata"]["ProcessingJob"]["Arn"]
    assert source(steps["A"]) is None and "CacheHitResult" not in steps["A"]
    jobs = len(sagemaker.list_processing_jobs(MaxResults=100)["ProcessingJobSummaries"])
    for _ in range(2):  # the second time too it is the first run that stands for it, and no hit
        again, steps = pipeline(text)
        assert source(steps["A"]) == first["PipelineExecutionArn"] != again["PipelineExecutionArn"]
        assert steps["A"]["StepStatus"] == "Succeeded" and steps["A"]["Metadata"] == {"ProcessingJob": {"Arn": job}}
        assert first["LastModifiedTime"] <= steps["A"]["StartTime"] <= steps["A"]["EndTime"]
        assert steps["If"]["Metadata"]["Condition"]["Outcome"] == "True"
        assert steps["Tell"]["FailureReason"] == f"7 {job}"
    assert len(sagemaker.list_processing_jobs(MaxResults=100)["ProcessingJobSummaries"]) == jobs


# The developer guide's lists: what of a step's arguments counts, and some of what does not.


def test_what_counts_of_a_processing_step(pipeline, works, sagemaker, bucket):
    script = works["AppSpecification"]
    counts = [
        {"AppSpecification": script | {"ContainerArguments": ["--n", "1"]}},
        {"Environment": {"A": "b"}},
        {"ProcessingInputs": works["ProcessingInputs"][:1]},
    ]
    counts_not = [
        {"ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1,
                                                   "VolumeSizeInGB": 6}}},
        {"ProcessingOutputConfig": {"Outputs": []}},
        {"StoppingCondition": {"MaxRuntimeInSeconds": 60}},
        {"Tags": [{"Key": "a", "Value": "b"}]},
    ]  # fmt: skip
    held(pipeline, "Processing", works, counts, counts_not)


def test_what_counts_of_a_training_step(pipeline, trains, bucket):
    counts = [
        {"AlgorithmSpecification": trains["AlgorithmSpecification"] | {"EnableSageMakerMetricsTimeSeries": True}},
        {"Environment": {"A": "b"}},
        {"HyperParameters": QUICK | {"epochs": "2"}},
        {"InputDataConfig": [channel(f"s3://{bucket}/cached/again.csv")]},
    ]
    counts_not = [
        {"OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/elsewhere"}},
        {"ResourceConfig": trains["ResourceConfig"] | {"VolumeSizeInGB": 6}},
        {"StoppingCondition": {"MaxRuntimeInSeconds": 60}},
        {"RetryStrategy": {"MaximumRetryAttempts": 1}},
        {"Tags": [{"Key": "a", "Value": "b"}]},
    ]
    held(pipeline, "Training", trains, counts, counts_not)


def test_what_counts_of_a_transform_step(pipeline, trains, account, sagemaker, s3, bucket):
    job = name("for-cached")
    sagemaker.create_training_job(**trains | {"TrainingJobName": job})
    container = {"Image": IMAGE, "ModelDataUrl": ended(sagemaker, job)["ModelArtifacts"]["S3ModelArtifacts"]}
    for model in (job, f"{job}-2"):
        sagemaker.create_model(ModelName=model, ExecutionRoleArn=account.account.role_arn, PrimaryContainer=container)
    s3.put_object(Bucket=bucket, Key="cached/x.csv", Body=csv(X[:, :1], X[:, 1]))
    place = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/cached/x.csv"}}
    batch = {
        "ModelName": job,
        "TransformInput": {"DataSource": place, "ContentType": "text/csv"},
        "TransformOutput": {"S3OutputPath": f"s3://{bucket}/cached/scores"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    counts = [
        {"ModelName": f"{job}-2"},
        {"TransformInput": batch["TransformInput"] | {"SplitType": "Line"}},
        {"Environment": {"A": "b"}},
        {"DataProcessing": {"JoinSource": "None"}},
    ]
    counts_not = [
        {"TransformOutput": {"S3OutputPath": f"s3://{bucket}/cached/others"}},
        {"TransformResources": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1}},
        {"MaxConcurrentTransforms": 2},
        {"BatchStrategy": "SingleRecord"},
    ]
    held(pipeline, "Transform", batch, counts, counts_not)


def test_what_counts_of_a_tuning_step(pipeline, trains, bucket):
    data = f"s3://{bucket}/cached/data.csv"
    members = ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition", "AlgorithmSpecification")
    training = {key: trains[key] for key in members} | {
        "StaticHyperParameters": QUICK, "InputDataConfig": [channel(data), channel(data, "validation")],
    }  # fmt: skip
    config = {
        "Strategy": "Random",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:mse"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
        "ParameterRanges": {
            "ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.0001", "MaxValue": "1"}]
        },
    }
    tune = {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": training}
    counts = [
        {"HyperParameterTuningJobConfig": config | {"RandomSeed": 3}},
        {"TrainingJobDefinition": training | {"StaticHyperParameters": QUICK | {"epochs": "2"}}},
    ]
    counts_not = [
        {"TrainingJobDefinition": training | {"OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/elsewhere"}}},
        {"TrainingJobDefinition": training | {"Environment": {"A": "b"}}},
        {"Tags": [{"Key": "a", "Value": "b"}]},
    ]
    held(pipeline, "Tuning", tune, counts, counts_not)


def held(pipeline, kind: str, arguments: dict, counts: list[dict], counts_not: list[dict]) -> None:
    """Run a step, then the same step with one argument changed at a time."""
    first, steps = pipeline(whole(cached(kind, arguments)))
    assert steps["A"]["StepStatus"] == "Succeeded", steps
    for change in counts_not:
        steps = pipeline(whole(cached(kind, arguments | change)))[1]
        assert source(steps["A"]) == first["PipelineExecutionArn"], change
    for change in counts:
        steps = pipeline(whole(cached(kind, arguments | change)))[1]
        assert source(steps["A"]) is None and steps["A"]["StepStatus"] == "Succeeded", (change, steps)


# Which runs there are to choose from


def test_the_newest_run_that_succeeded_stands_for_a_step(pipeline, works, sagemaker, s3, bucket):
    text, off = whole(cached("Processing", works)), whole(cached("Processing", works, config={"Enabled": False}))
    script = {"Bucket": bucket, "Key": "cached/code/script.py"}
    s3.put_object(**script, Body=b"raise SystemExit(1)")
    try:
        assert pipeline(text)[0]["PipelineExecutionStatus"] == "Failed"
        assert source(pipeline(text)[1]["A"]) is None  # which has run, and failed again
    finally:
        s3.put_object(**script, Body=COUNTS.encode())
    # A run counts, whether it might have been one from the cache or not, and whatever became of its execution.
    failed, steps = pipeline(whole(cached("Processing", works), fails("B", DependsOn=["A"])))
    assert failed["PipelineExecutionStatus"] == "Failed" and source(steps["A"]) is None
    newest, steps = pipeline(off)
    assert source(steps["A"]) is None
    assert source(pipeline(text)[1]["A"]) == newest["PipelineExecutionArn"]


def test_a_run_of_a_stopped_execution_counts_once_it_has_succeeded(sagemaker, account, works, trains):
    pipeline, role = name("Cached"), account.account.role_arn
    arguments = trains | {"HyperParameters": ENDLESS}
    endless = cached("Training", arguments, "B", DependsOn=["A"])
    text = whole(cached("Processing", works), endless)
    sagemaker.create_pipeline(PipelineName=pipeline, PipelineDefinition=text, RoleArn=role)
    found = []
    for _ in range(2):
        arn = sagemaker.start_pipeline_execution(PipelineName=pipeline)["PipelineExecutionArn"]
        wait_until(
            lambda arn=arn: sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"],
            lambda steps: any("Metadata" in each for each in steps if each["StepName"] == "B"),
            arn,
        )
        sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
        found.append(finished(sagemaker, arn))
    (first, _), (second, steps) = found
    assert second["PipelineExecutionStatus"] == steps["B"]["StepStatus"] == "Stopped"
    assert source(steps["A"]) == first["PipelineExecutionArn"] and source(steps["B"]) is None


def test_neither_another_step_nor_another_pipeline_counts(pipeline, works, sagemaker, account):
    text = whole(cached("Processing", works))
    pipeline(text)
    steps = pipeline(whole(cached("Processing", works, "Renamed"), cached("Processing", works, "Other")))[1]
    assert source(steps["Renamed"]) is None and source(steps["Other"]) is None
    other = name("Cached")
    for _ in range(2):  # the second is a new pipeline of the same name
        sagemaker.create_pipeline(PipelineName=other, PipelineDefinition=text, RoleArn=account.account.role_arn)
        arn = sagemaker.start_pipeline_execution(PipelineName=other)["PipelineExecutionArn"]
        assert source(finished(sagemaker, arn)[1]["A"]) is None
        sagemaker.delete_pipeline(PipelineName=other)


def test_runs_are_known_after_a_restart(tmp_path):
    place = Place(tmp_path / "account")
    try:
        role = place.start().account.role_arn
        place.client("s3").create_bucket(Bucket="a-bucket")
        text = whole(cached("Processing", processing_definition(place.client("s3"), "a-bucket", "cached", COUNTS)))
        client = place.client("sagemaker")
        client.create_pipeline(PipelineName="p", PipelineDefinition=text, RoleArn=role)
        first = client.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]
        finished(client, first)
        place.kill()
        place.start()
        client = place.client("sagemaker")
        again = client.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]
        assert source(finished(client, again)[1]["A"]) == first
    finally:
        place.close()


# How a cache is asked for


@pytest.mark.parametrize(
    "text", ["30d", "5y", "T16m", "30dT5h", "p30d", "P4DT12H", "T12H", "PT1H", "P1Y2M3W4DT5H6M", "P30M", "PT0M"]
)
def test_durations(sagemaker, account, works, text):
    members = {
        "PipelineName": "durations", "RoleArn": account.account.role_arn,
        "PipelineDefinition": whole(cached("Processing", works, config={"Enabled": True, "ExpireAfter": text})),
    }  # fmt: skip
    sagemaker.create_pipeline(**members)
    sagemaker.delete_pipeline(PipelineName="durations")


BAD = ("", "P", "T", "PT", "P1DT", "1", "P1S", "PT1S", "P-1D", "P1.5D", "PT1M1H", "1 day", " P1D", "P1D\n",
       "P9999999999D", 3600, None, {}, get("Parameters.P"))  # fmt: skip


@pytest.mark.parametrize(
    ("config", "kind", "sentence"),
    [
        *(({"Enabled": True, "ExpireAfter": each}, "Processing", f"not {json.dumps(each)}, in Cache") for each in BAD),
        ({"Enabled": True}, "Training", "ExpireAfter must be an ISO 8601 duration"),
        ({"Enabled": "true", "ExpireAfter": "P1D"}, "Training", "Enabled is neither true nor false"),
        ({"Enabled": None}, "Training", "Enabled is neither true nor false"),
        ({"Enable": True}, "Training", "Unknown member 'Enable' in CacheConfig"),
        ([], "Training", "Expecting start of Json Object in CacheConfig"),
        ("P1D", "Training", "Expecting start of Json Object in CacheConfig"),
        (DAY, "Model", "A Model step cannot be cached"),
        (DAY, "RegisterModel", "A RegisterModel step cannot be cached"),
        (DAY, "Condition", "A Condition step cannot be cached"),
        (DAY, "Fail", "A Fail step cannot be cached"),
    ],
)  # fmt: skip
def test_caches_that_are_refused(sagemaker, account, config, kind, sentence):
    text = whole(cached(kind, {}, config=config))
    members = {"PipelineName": "refused", "PipelineDefinition": text, "RoleArn": account.account.role_arn}
    code, message = refusal(sagemaker.create_pipeline, **members)
    assert code == "ValidationException" and sentence in message


def test_a_cache_that_is_off(sagemaker, account, works):
    role = account.account.role_arn
    for config in (None, {}, {"Enabled": False}, {"Enabled": False, "ExpireAfter": "whenever"}, {"ExpireAfter": "P1D"}):
        text = whole(cached("Processing", works, config=config))
        sagemaker.create_pipeline(PipelineName="off", PipelineDefinition=text, RoleArn=role)
        sagemaker.delete_pipeline(PipelineName="off")
