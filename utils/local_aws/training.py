"""Training jobs: what may be asked for, and what is told of them.

Here is what a caller sees of them; ``training_run.py`` is a job at work.  Reference: the API reference of
CreateTrainingJob, DescribeTrainingJob, ListTrainingJobs and StopTrainingJob.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
import time
from pathlib import Path

from starlette.requests import Request

from .errors import AwsError
from .images import find_image
from .logs import Logs
from .metrics import Metrics
from .protocols import not_implemented
from .resources import TRAINING_JOB, Resources, now
from .s3 import S3, S3Object
from .state import Account
from .training_run import LOST, TrainingRun, finish
from .uris import split_uri

ENDED = ("Completed", "Failed", "Stopped")
DEFAULT_MAX_RUNTIME = 86_400  # seconds
# What CreateTrainingJob takes and this account cannot do: refused, since a job that ignores it would lie.
REFUSED = (
    "AlgorithmSpecification.AlgorithmName",
    "AlgorithmSpecification.ContainerEntrypoint",
    "AlgorithmSpecification.ContainerArguments",
    "AlgorithmSpecification.TrainingImageConfig",
    "CheckpointConfig",
    "DebugRuleConfigurations",
    "EnableManagedSpotTraining",
    "ExperimentConfig",
    "ModelPackageConfig",
    "ProfilerRuleConfigurations",
    "ResourceConfig.InstanceGroups",
    "ResourceConfig.InstancePlacementConfig",
    "ResourceConfig.KeepAlivePeriodInSeconds",
    "ResourceConfig.TrainingPlanArn",
    "RetryStrategy",
    "ServerlessJobConfig",
    "TensorBoardOutputConfig",
)
# The SDK waits 5 s before it first asks and 30 s before it asks again; holding its question until the job
# ends spares the wait.  Others get their answer at once.
HOLD_FOR = "AWS-SageMaker-Python-SDK"
HOLD_AFTER = 4.0  # seconds since the job's last Describe, or its creation
HOLD_AT_MOST = 50.0  # seconds; botocore gives up reading at 60


class TrainingJobs:
    """The training jobs of an account."""

    def __init__(
        self,
        folder: Path,
        account: Account,
        resources: Resources,
        objects: S3,
        logs: Logs,
        metrics: Metrics,
    ) -> None:
        self.folder = folder / "jobs"
        self.account = account
        self.resources = resources
        self.objects = objects
        self.logs = logs
        self.metrics = metrics
        self.running: dict[str, TrainingRun] = {}
        # As many at once as there are processors; further ones wait for their instance, as on AWS.
        self.instances = threading.Semaphore(max(os.cpu_count() or 1, 1))
        self._asked: dict[str, float] = {}
        self.operations = {
            "CreateTrainingJob": self.create,
            "DescribeTrainingJob": self.describe,
            "ListTrainingJobs": self.list,
            "StopTrainingJob": self.stop,
        }

    def recover(self) -> None:
        """End the jobs that ran when the account's process ended, and remove their folders."""
        for body, _ in self.resources.all(TRAINING_JOB):
            if body["TrainingJobStatus"] not in ENDED:
                finish(self.resources, body["TrainingJobName"], "Failed", "Failed", LOST)
        shutil.rmtree(self.folder, ignore_errors=True)

    def shut_down(self) -> None:
        """Kill what runs; ``recover`` says at the next start what became of it."""
        for run in list(self.running.values()):
            run.abandon()

    def create(self, params: dict) -> dict:
        name, spec = params["TrainingJobName"], params["AlgorithmSpecification"]
        for path in REFUSED:
            if _value_at(params, path):
                raise not_implemented(f"CreateTrainingJob's {path}")
        if "TrainingImage" not in spec:
            raise AwsError(
                "ValidationException",
                "You must provide one of AlgorithmName or TrainingImage in the AlgorithmSpecification.",
            )
        image = find_image(spec["TrainingImage"])
        self.resources.check_role(params["RoleArn"])
        cluster = params.get("ResourceConfig", {})
        for member in ("InstanceType", "InstanceCount", "VolumeSizeInGB"):
            if member not in cluster:
                raise AwsError("ValidationException", f"ResourceConfig.{member} is required for a training job.")
        if cluster["InstanceCount"] < 1:
            raise AwsError("ValidationException", "ResourceConfig.InstanceCount must be at least 1.")
        if cluster["InstanceCount"] > 1:
            raise not_implemented("A training job on more than one instance (ResourceConfig.InstanceCount)")
        if self.resources.find(TRAINING_JOB, name):
            raise AwsError(
                "ResourceInUse",
                "Training job names must be unique within an AWS account and region, and a training job with this "
                f"name already exists ({self.resources.arn(TRAINING_JOB, name)})",
            )
        channels = self._channels(params)
        output = {"CompressionType": "GZIP", "KmsKeyId": "", **params["OutputDataConfig"]}
        split_uri(output["S3OutputPath"])
        artifact = "model/" if output["CompressionType"] == "NONE" else "model.tar.gz"
        if spec.get("MetricDefinitions"):
            raise AwsError(
                "ValidationException",
                "You can't override the metric definitions for Amazon SageMaker algorithms. Please retry the "
                "request without specifying metric definitions.",
            )
        created = now()
        body = {key: value for key, value in params.items() if key not in ("TrainingJobName", "Tags")}
        body |= {
            "AlgorithmSpecification": {
                "EnableSageMakerMetricsTimeSeries": False,
                **spec,
                "MetricDefinitions": image.metric_definitions,
            },
            "OutputDataConfig": output,
            # Where the artifact will lie; a job that fails has the address too, and nothing is there.
            "ModelArtifacts": {"S3ModelArtifacts": f"{output['S3OutputPath'].rstrip('/')}/{name}/output/{artifact}"},
            "StoppingCondition": {
                "MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME,
                **params.get("StoppingCondition", {}),
            },
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "SecondaryStatusTransitions": [
                {"Status": "Starting", "StartTime": created, "StatusMessage": "Starting the training job"}
            ],
            "EnableNetworkIsolation": params.get("EnableNetworkIsolation", False),
            "EnableInterContainerTrafficEncryption": params.get("EnableInterContainerTrafficEncryption", False),
            "EnableManagedSpotTraining": False,
            "CreationTime": created,
            "LastModifiedTime": created,
        }
        arn = self.resources.add(TRAINING_JOB, name, body, params.get("Tags"))
        self._asked[name] = time.monotonic()
        run = TrainingRun(self, name, image.train, channels)
        self.running[name] = run
        run.start()
        return {"TrainingJobArn": arn}

    async def describe(self, params: dict, request: Request) -> dict:
        name = params["TrainingJobName"]
        body = self.resources.get(TRAINING_JOB, name)
        name = body["TrainingJobName"]
        waited = time.monotonic() - self._asked.get(name, 0.0)
        if name in self.running and HOLD_FOR in request.headers.get("user-agent", "") and waited > HOLD_AFTER:
            until = time.monotonic() + HOLD_AT_MOST
            while name in self.running and time.monotonic() < until and not await request.is_disconnected():
                await asyncio.sleep(0.05)
            body = self.resources.get(TRAINING_JOB, name)
        if body["TrainingJobStatus"] in ENDED:
            self._asked.pop(name, None)
        else:
            self._asked[name] = time.monotonic()
        return body

    def list(self, params: dict) -> dict:
        if params.get("WarmPoolStatusEquals") or params.get("TrainingPlanArnEquals"):
            raise not_implemented("ListTrainingJobs' warm pools and training plans")
        shown = (
            "TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingEndTime", "LastModifiedTime",
            "TrainingJobStatus", "SecondaryStatus",
        )  # fmt: skip
        jobs, token = self.resources.page(
            TRAINING_JOB, params, lambda body: {key: body.get(key) for key in shown}, order="Ascending"
        )
        return {"TrainingJobSummaries": jobs, "NextToken": token}

    def stop(self, params: dict) -> None:
        body = self.resources.get(TRAINING_JOB, params["TrainingJobName"])
        run = self.running.get(body["TrainingJobName"])
        status = run.stop() if run else body["TrainingJobStatus"]
        if status != "InProgress":
            raise AwsError(
                "ValidationException",
                f"The request was rejected because the training job is in status {status}.",
            )

    def _channels(self, params: dict) -> dict[str, list[tuple[S3Object, str]]]:
        """For each channel its objects, with the path that each gets below ``input/data/<channel>``."""
        channels: dict[str, list[tuple[S3Object, str]]] = {}
        for channel in params.get("InputDataConfig", []):
            name, source = channel["ChannelName"], channel["DataSource"].get("S3DataSource")
            if name in channels:
                raise AwsError("ValidationException", f"Duplicate channel name '{name}' in InputDataConfig.")
            mode = channel.get("InputMode") or params["AlgorithmSpecification"]["TrainingInputMode"]
            if mode != "File":
                raise not_implemented(f"The input mode {mode} (channel '{name}')")
            if source is None:
                raise not_implemented(f"A data source other than S3DataSource (channel '{name}')")
            if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
                raise not_implemented(f"The S3DataType {source['S3DataType']} (channel '{name}')")
            for member, plain in (("RecordWrapperType", "None"), ("ShuffleConfig", None)):
                if channel.get(member, plain) != plain:
                    raise not_implemented(f"A channel's {member} (channel '{name}')")
            channels[name] = self._objects(source, params["RoleArn"])
        return channels

    def _objects(self, source: dict, role: str) -> list[tuple[S3Object, str]]:
        uri = source["S3Uri"]
        bucket, key = split_uri(uri)
        found: list[tuple[S3Object, str]] = []
        try:
            if source["S3DataType"] == "ManifestFile":
                found = self._manifest(bucket, key)
            else:
                # What follows the last slash of the prefix is the file's path in the channel.
                base = key.rfind("/") + 1
                found = [
                    (each, each.key[base:]) for each in self.objects.objects(bucket, key) if not each.key.endswith("/")
                ]
        except AwsError as error:
            if error.code not in ("NoSuchBucket", "NoSuchKey"):
                raise
        if not found:
            raise AwsError(
                "ValidationException",
                f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the '
                f"bucket exists in the selected region ({self.account.region}), that objects exist under that S3 "
                f'prefix, and that the role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".',
            )
        return found

    def _manifest(self, bucket: str, key: str) -> list[tuple[S3Object, str]]:
        """The objects of a manifest: ``[{"prefix": "s3://…/"}, "relative/key", …]``."""
        try:
            prefix, *names = json.loads(self.objects.object(bucket, key).path.read_text())
            source, base = split_uri(prefix["prefix"])
            return [(self.objects.object(source, base + name), name) for name in names]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise AwsError(
                "ValidationException",
                f'The manifest "s3://{bucket}/{key}" must be a JSON list: {{"prefix": "s3://BUCKET/PREFIX/"}} '
                "followed by the objects' names below the prefix.",
            ) from None


def _value_at(params: dict, path: str):
    value: object = params
    for member in path.split("."):
        value = value.get(member) if isinstance(value, dict) else None
    return value
