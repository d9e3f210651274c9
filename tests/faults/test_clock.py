"""The machine's clock is set while the account is at work: nothing ends before it began, nothing is cut off or lost.

The account runs from a checkout of its own, in which ``sitecustomize`` shifts ``time.time`` of every Python by the
seconds that stand in a file: the account's process has it, its jobs' programs, and those that run a user's script.
The clients sign by the same clock, as programs on the same machine do.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock

import botocore.auth
import pytest
from botocore.exceptions import ClientError

from support import ROOT
from support.account import Place, until
from support.processing import definition as processing_definition
from support.scripts import image, packed
from support.training import ENDLESS, channel, csv, definition, ended, members, table, wait_until

BUCKET = "clock"
LIMIT = 600  # seconds that a job may take: less than the clock is set forward, more than any takes
BACK, AHEAD = -3600, 5 * 3600  # seconds by which the clock is set
SKLEARN = image("sagemaker-scikit-learn")
SHIFT = """
import time as _time
def _shifted(real, unit):
    def shifted():
        with open({file!r}) as file:
            return real() + unit(file.read())
    return shifted
if _time.time.__name__ == "time":  # this is run twice where one sitecustomize runs the next
    _time.time, _time.time_ns = _shifted(_time.time, float), _shifted(_time.time_ns, lambda text: int(text) * 10**9)
"""
# A job's program: it logs, says that it is at work, waits until the clock has been set, logs again, and leaves a file.
WAITS = """
import os, time
print('score=1;', flush=True)
open({gate!r} + '/reached', 'w').close()
while not os.path.exists({gate!r} + '/open'): time.sleep(0.02)
time.sleep(0.5)  # what follows is another line of the log, not of the same batch
print('score=2;', flush=True)
"""
LEAVES = "open(os.path.join({folder!r}, 'left.txt'), 'w').write('whole')\n"
SERVES = WAITS.replace("\n", "\n    ").replace("\n    import os", "\nimport os", 1).replace(
    "time\n    print", "time\ndef model_fn(folder):\n    print", 1
) + "return 1\ndef transform_fn(model, data, *types): return data\n"  # fmt: skip


class Shifted(Place):
    """An account, its jobs and its clients, by a clock that ``set`` sets."""

    def __init__(self, folder: Path) -> None:
        self.shift = folder / "shift"
        checkout = folder / "checkout"
        shutil.copytree(ROOT / "account", checkout / "account", ignore=shutil.ignore_patterns("__pycache__"))
        code = SHIFT.format(file=str(self.shift))
        (checkout / "sitecustomize.py").write_text(code)
        with (checkout / "account" / "local_aws" / "containers" / "rerooted" / "sitecustomize.py").open("a") as file:
            file.write(code)
        super().__init__(folder / "state", checkout)
        self.set(0)

    def set(self, seconds: int) -> None:
        """Let the clock show the true time and so many seconds."""
        coming = self.shift.with_suffix(".coming")
        coming.write_text(str(seconds))
        coming.replace(self.shift)


class Gate:
    """Where a job's program waits until the test lets it go on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def wait(self) -> None:
        until((self.folder / "reached").exists)

    def open(self) -> None:
        (self.folder / "open").touch()

    def program(self, text: str, **names: str) -> str:
        return text.format(gate=str(self.folder), **names)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Shifted(tmp_path_factory.mktemp("clock"))
    true = botocore.auth.get_current_datetime

    def shifted(**how: bool) -> datetime:
        return true(**how) + timedelta(seconds=int(place.shift.read_text()))

    with mock.patch("botocore.auth.get_current_datetime", shifted):
        place.start()
        place.client("s3").create_bucket(Bucket=BUCKET)
        place.client("s3").put_object(Bucket=BUCKET, Key="rows.csv", Body=csv(*table()))
        yield place
        place.set(0)
        place.close()


@pytest.fixture(params=[BACK, AHEAD], ids=["back", "ahead"])
def jump(request, place):
    """By how many seconds the clock is set in the middle; before it, it is right."""
    place.set(0)
    return request.param


@pytest.fixture
def gate(tmp_path):
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()


def jumped(place: Shifted, gate: Gate, jump: int, describe: Callable[[], dict], status: str) -> dict:
    """Let a job's program come to its gate, set the clock, let it go on; what is said of the job in the end."""
    gate.wait()
    place.set(jump)
    gate.open()
    return wait_until(describe, lambda body: body[status] not in ("InProgress", "Executing", "Stopping"), status)


def in_order(begun: float, took: float, *moments: datetime) -> None:
    """Moments follow each other, from the one at which the test had begun, in no more time than it took."""
    seconds = [each.timestamp() for each in moments]
    assert seconds == sorted(seconds), moments
    assert begun - 1 <= seconds[0] and seconds[-1] <= seconds[0] + took + 1, (begun, took, moments)


class Stopwatch:
    """The wall clock at the beginning, and the true seconds since."""

    def __init__(self) -> None:
        self.begun, self._at = time.time(), time.monotonic()

    def took(self) -> float:
        return time.monotonic() - self._at


def script(place: Shifted, job: str, text: str) -> dict[str, str]:
    """The hyperparameters of a job that runs a script."""
    place.client("s3").put_object(Bucket=BUCKET, Key=f"{job}/sourcedir.tar.gz", Body=packed({"train.py": text}))
    names = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{BUCKET}/{job}/sourcedir.tar.gz"}
    return {key: json.dumps(value) for key, value in names.items()}


def training(place: Shifted, job: str, text: str) -> dict:
    """A CreateTrainingJob of a script that reports its score."""
    metrics = [{"Name": "score", "Regex": "score=(.*?);"}]
    spec = {"TrainingImage": SKLEARN, "TrainingInputMode": "File", "MetricDefinitions": metrics}
    rows = channel(f"s3://{BUCKET}/rows.csv")
    hyperparameters, limit = script(place, job, text), {"MaxRuntimeInSeconds": LIMIT}
    return definition(
        place.running(), job, rows, bucket=BUCKET, hyperparameters=hyperparameters,
        AlgorithmSpecification=spec, StoppingCondition=limit,
    )  # fmt: skip


def events(place: Shifted, group: str, job: str, **which) -> list[dict]:
    """The events of a job's first stream."""
    logs = place.client("logs")
    stream = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=job)["logStreams"][0]
    asked = {"logGroupName": group, "logStreamName": stream["logStreamName"], "startFromHead": True, **which}
    found, page = [], logs.get_log_events(**asked)
    while page["events"]:
        found += page["events"]
        page = logs.get_log_events(**asked, nextToken=page["nextForwardToken"])
    return found


def milliseconds(moment: datetime) -> int:
    return math.floor(moment.timestamp() * 1000)


def check_log(place: Shifted, group: str, job: str, start: datetime) -> None:
    """A reader who asks by time, as the SDK does after the last event that it has seen, gets every line."""
    found = events(place, group, job)
    assert events(place, group, job, startTime=milliseconds(start)) == found
    (first,) = [each for each in found if each["message"] == "score=1;"]
    later = events(place, group, job, startTime=first["timestamp"])
    assert "score=2;" in [each["message"] for each in later]
    times = [each["timestamp"] for each in found]
    assert times == sorted(times)


def check_training(body: dict, watch: Stopwatch) -> None:
    """The times and seconds of a training job that has ended."""
    moments = [body["CreationTime"], body["TrainingStartTime"], body["TrainingEndTime"], body["LastModifiedTime"]]
    in_order(watch.begun, watch.took(), *moments)
    phases = [each[name] for each in body["SecondaryStatusTransitions"] for name in ("StartTime", "EndTime")]
    in_order(watch.begun, watch.took(), body["CreationTime"], *phases, body["LastModifiedTime"])
    assert 1 <= body["TrainingTimeInSeconds"] <= watch.took() + 1
    assert body["BillableTimeInSeconds"] == body["TrainingTimeInSeconds"]


def test_a_training_job(place, gate, jump):
    sagemaker, watch, job = place.client("sagemaker"), Stopwatch(), f"training{jump}"
    text = gate.program(WAITS + LEAVES, folder="/opt/ml/model")
    sagemaker.create_training_job(**training(place, job, text))
    body = jumped(
        place, gate, jump, lambda: sagemaker.describe_training_job(TrainingJobName=job), "TrainingJobStatus"
    )  # fmt: skip
    assert body["TrainingJobStatus"] == "Completed", body
    check_training(body, watch)
    assert members(place.client("s3"), body["ModelArtifacts"]["S3ModelArtifacts"]) == {"left.txt": b"whole"}
    check_log(place, "/aws/sagemaker/TrainingJobs", job, body["TrainingStartTime"])
    # The SDK looks for a job's metrics between its beginning and its end.
    (final,) = body["FinalMetricDataList"]
    in_order(watch.begun, watch.took(), body["TrainingStartTime"], final["Timestamp"], body["TrainingEndTime"])
    assert final["Value"] == 2


def test_a_built_in_algorithm_measures_its_seconds_by_no_clock_that_is_set(place, jump):
    sagemaker, watch, job = place.client("sagemaker"), Stopwatch(), f"built-in{jump}"
    # So many that an epoch takes a moment, and the log does not grow faster than it is read.
    place.client("s3").put_object(Bucket=BUCKET, Key="many.csv", Body=csv(*table(20_000, 8)))
    rows, limit = channel(f"s3://{BUCKET}/many.csv"), {"MaxRuntimeInSeconds": LIMIT}
    slow = ENDLESS | {"mini_batch_size": "50", "num_models": "1"}
    asked = definition(place.running(), job, rows, bucket=BUCKET, hyperparameters=slow, StoppingCondition=limit)
    sagemaker.create_training_job(**asked)

    def reports() -> list[dict]:
        try:
            found = events(place, "/aws/sagemaker/TrainingJobs", job)
        except (ClientError, IndexError):  # it has logged nothing yet
            return []
        return [json.loads(each["message"][9:]) for each in found if each["message"].startswith("#metrics ")]

    try:
        seen = len(until(reports))
        place.set(jump)
        until(lambda: len(reports()) > seen + 3)
    finally:  # it would take the place of others' jobs for ever
        sagemaker.stop_training_job(TrainingJobName=job)
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Stopped"
    check_training(body, watch)
    for each in reports():
        assert 0 <= each["EndTime"] - each["StartTime"] <= watch.took()
        for name, value in each["Metrics"].items():
            assert 0 <= value["min"] and (not name.endswith("time") or value["max"] <= 1000 * watch.took()), each


def test_a_processing_job(place, gate, jump):
    sagemaker, s3, watch, job = place.client("sagemaker"), place.client("s3"), Stopwatch(), f"processing{jump}"
    text = gate.program(WAITS + LEAVES, folder="/opt/ml/processing/out")
    limit = {"MaxRuntimeInSeconds": LIMIT}
    sagemaker.create_processing_job(**processing_definition(s3, BUCKET, job, text, StoppingCondition=limit))
    body = jumped(
        place, gate, jump,
        lambda: sagemaker.describe_processing_job(ProcessingJobName=job),
        "ProcessingJobStatus",
    )  # fmt: skip
    assert body["ProcessingJobStatus"] == "Completed", body
    moments = [body["CreationTime"], body["ProcessingStartTime"], body["ProcessingEndTime"], body["LastModifiedTime"]]
    in_order(watch.begun, watch.took(), *moments)
    assert s3.get_object(Bucket=BUCKET, Key=f"{job}/out/left.txt")["Body"].read() == b"whole"
    check_log(place, "/aws/sagemaker/ProcessingJobs", job, body["ProcessingStartTime"])


def model(place: Shifted, name: str, gate: Gate) -> str:
    """A model whose loading waits at the gate."""
    s3, body = place.client("s3"), packed({"code/inference.py": gate.program(SERVES)})
    s3.put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=body)
    container = {
        "Image": SKLEARN,
        "ModelDataUrl": f"s3://{BUCKET}/{name}/model.tar.gz",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    }
    role = place.running().account.role_arn
    place.client("sagemaker").create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
    return name


def test_a_batch(place, gate, jump):
    sagemaker, s3, watch, job = place.client("sagemaker"), place.client("s3"), Stopwatch(), f"batch{jump}"
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/rows.csv"}}
    sagemaker.create_transform_job(
        TransformJobName=job,
        ModelName=model(place, job, gate),
        TransformInput={"DataSource": source, "ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/{job}/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    body = jumped(
        place, gate, jump,
        lambda: sagemaker.describe_transform_job(TransformJobName=job),
        "TransformJobStatus",
    )  # fmt: skip
    assert body["TransformJobStatus"] == "Completed", body
    in_order(watch.begun, watch.took(), body["CreationTime"], body["TransformStartTime"], body["TransformEndTime"])
    assert s3.get_object(Bucket=BUCKET, Key=f"{job}/out/rows.csv.out")["Body"].read() == csv(*table())
    check_log(place, "/aws/sagemaker/TransformJobs", job, body["TransformStartTime"])


def test_a_tuning_job_and_its_training_jobs(place, gate, jump):
    sagemaker, watch, job = place.client("sagemaker"), Stopwatch(), f"tuning{jump}"
    asked = training(place, job, gate.program(WAITS + LEAVES, folder="/opt/ml/model"))
    fixed = asked.pop("HyperParameters")
    del asked["TrainingJobName"]
    rates = {"Name": "rate", "MinValue": "0.1", "MaxValue": "1", "ScalingType": "Linear"}
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=job,
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": 2,
                "MaxParallelTrainingJobs": 1,
                "MaxRuntimeInSeconds": LIMIT,
            },
            "ParameterRanges": {"ContinuousParameterRanges": [rates]},
        },
        TrainingJobDefinition=asked | {"StaticHyperParameters": fixed},
    )
    body = jumped(
        place, gate, jump,
        lambda: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=job),
        "HyperParameterTuningJobStatus",
    )  # fmt: skip
    assert body["HyperParameterTuningJobStatus"] == "Completed", body
    assert body["TrainingJobStatusCounters"]["Completed"] == 2
    asked = {"HyperParameterTuningJobName": job, "SortBy": "CreationTime", "SortOrder": "Ascending"}
    found = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(**asked)["TrainingJobSummaries"]
    moments = [each[name] for each in found for name in ("CreationTime", "TrainingStartTime", "TrainingEndTime")]
    in_order(watch.begun, watch.took(), body["CreationTime"], *moments, body["HyperParameterTuningEndTime"])
    for each in found:
        check_training(sagemaker.describe_training_job(TrainingJobName=each["TrainingJobName"]), watch)


def test_an_execution_of_a_pipeline(place, gate, jump):
    sagemaker, watch, name = place.client("sagemaker"), Stopwatch(), f"pipeline{jump}"
    text = gate.program(WAITS + LEAVES, folder="/opt/ml/processing/out")
    work = processing_definition(place.client("s3"), BUCKET, name, text)
    del work["ProcessingJobName"]
    decision = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    steps = [
        {"Name": "Work", "Type": "Processing", "Arguments": work},
        {
            "Name": "Decide",
            "Type": "Condition",
            "DependsOn": ["Work"],
            "Arguments": {"Conditions": [decision], "IfSteps": [], "ElseSteps": []},
        },
    ]
    role = place.running().account.role_arn
    body = json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": steps})
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=body, ClientRequestToken="0" * 32, RoleArn=role)
    arn = sagemaker.start_pipeline_execution(PipelineName=name, ClientRequestToken="1" * 32)["PipelineExecutionArn"]
    body = jumped(
        place, gate, jump,
        lambda: sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn),
        "PipelineExecutionStatus",
    )  # fmt: skip
    assert body["PipelineExecutionStatus"] == "Succeeded", body
    found = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, SortOrder="Ascending")
    moments = [each[at] for each in found["PipelineExecutionSteps"] for at in ("StartTime", "EndTime")]
    assert len(moments) == 4
    in_order(watch.begun, watch.took(), body["CreationTime"], *moments, body["LastModifiedTime"])


def test_a_cached_step_expires(place):
    """An hour is what a run may be old; the clock is set ahead by less, and by more."""
    sagemaker = place.client("sagemaker")
    work = processing_definition(place.client("s3"), BUCKET, "cached", "pass")
    del work["ProcessingJobName"]
    cached = {"Enabled": True, "ExpireAfter": "PT1H"}
    steps = [{"Name": "Work", "Type": "Processing", "Arguments": work, "CacheConfig": cached}]
    body = json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": steps})
    role = place.running().account.role_arn
    place.set(0)
    sagemaker.create_pipeline(PipelineName="cached", PipelineDefinition=body, ClientRequestToken="0" * 32, RoleArn=role)
    found = []
    for seconds in (0, 3000, 4000):
        place.set(seconds)
        arn = sagemaker.start_pipeline_execution(PipelineName="cached")["PipelineExecutionArn"]
        wait_until(
            lambda arn=arn: sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn),
            lambda body: body["PipelineExecutionStatus"] == "Succeeded",
            arn,
        )
        (step,) = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        found.append((arn, step.get("CacheHitResult", {}).get("SourcePipelineExecutionArn")))
    place.set(0)
    assert [source for _, source in found] == [None, found[0][0], None]


@pytest.mark.parametrize("machine", ["an instance", "serverless"])
def test_an_endpoint(place, gate, jump, machine):
    sagemaker, runtime, name = place.client("sagemaker"), place.client("sagemaker-runtime"), f"{machine[-8:]}{jump}"
    name = name.replace(" ", "")
    variant = {"VariantName": "all", "ModelName": model(place, name, gate)}
    if machine == "serverless":
        variant["ServerlessConfig"] = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
    else:
        variant |= {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    for config in (name, f"{name}-next"):
        sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def ready() -> dict:
        return wait_until(
            lambda: sagemaker.describe_endpoint(EndpointName=name),
            lambda body: body["EndpointStatus"] not in ("Creating", "Updating"),
            name,
        )

    def check(before: datetime) -> datetime:
        body = ready()
        assert body["EndpointStatus"] == "InService", body
        assert before <= body["LastModifiedTime"]
        answer = runtime.invoke_endpoint(EndpointName=name, Body=b"1,2", ContentType="text/csv", Accept="text/csv")
        assert answer["Body"].read() == b"1,2"
        return body["LastModifiedTime"]

    gate.wait()
    place.set(jump)
    gate.open()
    modified = check(sagemaker.describe_endpoint(EndpointName=name)["CreationTime"])
    place.set(2 * jump)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-next")
    check(modified)
    place.set(0)
    weights = [{"VariantName": "all", "DesiredWeight": 2}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=weights)
    check(modified)
    sagemaker.delete_endpoint(EndpointName=name)


def test_objects_and_uploads(place, jump):
    s3, key = place.client("s3"), f"objects{jump}"
    named = {"Bucket": BUCKET, "Key": key}
    parts = {"Bucket": BUCKET, "Key": f"{key}/parts"}
    s3.put_object(**named, Body=b"old")
    upload = s3.create_multipart_upload(**parts)["UploadId"]
    first = s3.upload_part(**parts, UploadId=upload, PartNumber=1, Body=bytes(5 << 20))["ETag"]
    old = s3.head_object(**named)["LastModified"]
    place.set(jump)
    (listed,) = s3.list_multipart_uploads(Bucket=BUCKET, Prefix=key)["Uploads"]
    assert listed["UploadId"] == upload
    second = s3.upload_part(**parts, UploadId=upload, PartNumber=2, Body=b"end")["ETag"]
    tags = [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]
    s3.complete_multipart_upload(**parts, UploadId=upload, MultipartUpload={"Parts": tags})
    assert s3.get_object(**parts)["Body"].read() == bytes(5 << 20) + b"end"
    assert s3.get_object(**named)["Body"].read() == b"old"
    s3.put_object(**named, Body=b"new")
    new = s3.get_object(**named)
    assert new["Body"].read() == b"new"
    assert old <= new["LastModified"]
    s3.copy_object(**named, CopySource=parts)
    assert new["LastModified"] <= s3.head_object(**named)["LastModified"]


def test_the_process_is_killed_and_begins_again_by_another_clock(place, gate, jump):
    sagemaker, job = place.client("sagemaker"), f"killed{jump}"
    sagemaker.create_training_job(**training(place, job, gate.program(WAITS)))
    gate.wait()
    place.kill()
    place.set(jump)
    place.start()
    body = place.client("sagemaker").describe_training_job(TrainingJobName=job)
    assert body["TrainingJobStatus"] == "Failed"
    times = [body["CreationTime"], body["TrainingStartTime"], body["TrainingEndTime"], body["LastModifiedTime"]]
    assert times == sorted(times)
    phases = [each[name] for each in body["SecondaryStatusTransitions"] for name in ("StartTime", "EndTime")]
    assert phases == sorted(phases)
    assert 1 <= body["BillableTimeInSeconds"] == body["TrainingTimeInSeconds"]
