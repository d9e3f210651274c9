"""Training jobs: their whole life, from CreateTrainingJob to the artifact in S3.

A job runs as a thread of the account that watches a container (``containers.py``): input is laid
out as AWS lays it out, output becomes log events and metrics as it appears, ``model/`` becomes
``model.tar.gz``.  Reference: the API reference of CreateTrainingJob and DescribeTrainingJob, and the
developer guide, "How Amazon SageMaker Provides Training Information".
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import re
import shutil
import tarfile
import threading
import time
from pathlib import Path

from starlette.requests import Request

from .containers import Container
from .errors import AwsError
from .images import find_image
from .logs import Logs
from .metrics import Metrics
from .protocols import not_implemented
from .resources import TRAINING_JOB, Resources, now
from .s3 import S3, S3Object
from .state import Account
from .uris import split_uri

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
NAMESPACE = "/aws/sagemaker/TrainingJobs"
ENDED = ("Completed", "Failed", "Stopped")
STOP_GRACE = 120  # seconds between SIGTERM and SIGKILL, AWS's own
MAX_REASON = 1024  # characters of a FailureReason
DEFAULT_MAX_RUNTIME = 86_400  # seconds
INTERNAL = "InternalServerError: We encountered an internal error. Please try again. "
LOST = INTERNAL + "(The embedded account's process ended while this job ran.)"
BROKEN = INTERNAL + "('python -m utils.local_aws logs' shows what happened.)"
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

log = logging.getLogger("local_aws")


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
                _finish(self.resources, body["TrainingJobName"], "Failed", "Failed", LOST)
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
            "ModelArtifacts": {
                "S3ModelArtifacts": f"{output['S3OutputPath'].rstrip('/')}/{name}/output/{artifact}"
            },
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
            for member, plain in (
                ("CompressionType", "None"),
                ("RecordWrapperType", "None"),
                ("ShuffleConfig", None),
            ):
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
                    (each, each.key[base:])
                    for each in self.objects.objects(bucket, key)
                    if not each.key.endswith("/")
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


class TrainingRun(threading.Thread):
    """One training job at work."""

    def __init__(
        self,
        jobs: TrainingJobs,
        name: str,
        command: tuple[str, ...],
        channels: dict[str, list[tuple[S3Object, str]]],
    ) -> None:
        super().__init__(name=f"training job {name}", daemon=True)
        self.jobs = jobs
        self.job = name
        self.command = command
        self.channels = channels
        self.root = jobs.folder / name
        self.base = self.root / "opt" / "ml"
        body = jobs.resources.get(TRAINING_JOB, name)
        self.limit = body["StoppingCondition"]["MaxRuntimeInSeconds"]
        self.patterns = [
            (each["Name"], re.compile(each["Regex"]))
            for each in body["AlgorithmSpecification"]["MetricDefinitions"]
        ]
        self.final_metrics: dict[str, tuple[float, float]] = {}
        self._stop_wanted = threading.Event()
        # Held from reading the job's state to writing it: StopTrainingJob comes from another thread.
        self._state = threading.Lock()
        self._abandoned = False
        self._container: Container | None = None

    def stop(self) -> str:
        """Ask the job to stop, as StopTrainingJob does: it becomes Stopping now and Stopped in a while.

        Returns the status it was in; one that was not InProgress is left as it is.
        """
        with self._state:
            body = self.jobs.resources.get(TRAINING_JOB, self.job)
            if body["TrainingJobStatus"] == "InProgress":
                self._stop_wanted.set()
                self.jobs.resources.update(
                    TRAINING_JOB,
                    self.job,
                    TrainingJobStatus="Stopping",
                    SecondaryStatus="Stopping",
                    SecondaryStatusTransitions=_next_phase(body, "Stopping", "Stopping the training job"),
                    LastModifiedTime=now(),
                )
        return body["TrainingJobStatus"]

    def abandon(self) -> None:
        """Kill the job's program without a word of it: the account is going down."""
        self._abandoned = True
        if self._container:
            self._container.stop(0)

    def run(self) -> None:
        try:
            self._live()
        except Exception:  # the job must end, whatever went wrong
            if not self._abandoned:
                log.exception("training job %s", self.job)
                self._end("Failed", "Failed", BROKEN)
        finally:
            self.jobs.running.pop(self.job, None)
            if not self._abandoned:
                shutil.rmtree(self.root, ignore_errors=True)

    def _live(self) -> None:
        self._message("Preparing the instances for training")
        while not self.jobs.instances.acquire(timeout=0.1):
            if self._stop_wanted.is_set():
                return self._end("Stopped", "Stopped", None)
        try:
            body = self.jobs.resources.update(TRAINING_JOB, self.job, TrainingStartTime=now())
            self._enter("Downloading", "Downloading input data")
            try:
                self._lay_out(body)
            except ValueError as error:
                return self._end("Failed", "Failed", f"ClientError: Data download failed: {error}")
            self._message("Downloading the training image")
            if self._stop_wanted.is_set():
                return self._end("Stopped", "Stopped", None)
            self._enter("Training", "Training image download completed. Training in progress.")
            status, secondary, reason = self._train(body)
            if self._abandoned:
                return
            # A stopped job keeps what it had saved, as on AWS.
            saved = any((self.base / "model").iterdir())
            if status == "Completed" or (status == "Stopped" and saved):
                self._enter("Uploading", "Uploading generated training model")
                failure = self._upload(body)
                if failure:
                    status, secondary, reason = "Failed", "Failed", failure
            self._end(status, secondary, reason)
        finally:
            self.jobs.instances.release()

    def _lay_out(self, body: dict) -> None:
        for folder in ("input/config", "input/data", "model", "output/data"):
            (self.base / folder).mkdir(parents=True)
        configuration = {
            "hyperparameters": body.get("HyperParameters", {}),
            "inputdataconfig": {
                channel["ChannelName"]: {
                    "TrainingInputMode": "File",
                    "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                        "S3DataDistributionType", "FullyReplicated"
                    ),
                    "RecordWrapperType": "None",
                    **({"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}),
                }
                for channel in body.get("InputDataConfig", [])
            },
            "resourceconfig": {
                "current_host": "algo-1",
                "current_instance_type": body["ResourceConfig"]["InstanceType"],
                "current_group_name": "homogeneousCluster",
                "hosts": ["algo-1"],
                "instance_groups": [
                    {
                        "instance_group_name": "homogeneousCluster",
                        "instance_type": body["ResourceConfig"]["InstanceType"],
                        "hosts": ["algo-1"],
                    }
                ],
                "network_interface_name": "eth0",
            },
        }
        for name, content in configuration.items():
            (self.base / "input" / "config" / f"{name}.json").write_text(json.dumps(content))
        for channel, files in self.channels.items():
            folder = self.base / "input" / "data" / channel
            folder.mkdir(parents=True)
            for each, name in files:
                place = f"s3://{each.bucket}/{each.key} in the channel '{channel}'"
                target = Path(os.path.normpath(folder / name.lstrip("/")))
                if folder not in target.parents:
                    raise ValueError(f"{place}: its file would lie outside the channel's folder.")
                try:
                    self.jobs.objects.link(each, target)
                except (OSError, AwsError) as error:
                    raise ValueError(f"{place}: {getattr(error, 'strerror', None) or error}.") from None

    def _train(self, body: dict) -> tuple[str, str, str | None]:
        """Run the container; the job's status, secondary status and FailureReason."""
        stream = f"{self.job}/algo-1-{int(time.time())}"

        def keep(lines: list[tuple[float, str]]) -> None:
            self.jobs.logs.write(LOG_GROUP, stream, lines)
            self._read_metrics(lines)

        self._container = Container(
            self.command,
            self.root,
            {
                **body.get("Environment", {}),
                "SAGEMAKER_BASE_DIR": str(self.base),
                "AWS_REGION": self.jobs.account.region,
                "TRAINING_JOB_NAME": self.job,
                "TRAINING_JOB_ARN": body["TrainingJobArn"],
            },
            keep,
        )
        deadline = time.monotonic() + self.limit
        while (code := self._container.wait(0.05)) is None:
            if self._stop_wanted.is_set():
                self._container.stop(STOP_GRACE)
                return "Stopped", "Stopped", None
            if time.monotonic() > deadline:
                self._container.stop(STOP_GRACE)
                return "Stopped", "MaxRuntimeExceeded", None
        if code == 0:
            return "Completed", "Completed", None
        failure = self.base / "output" / "failure"
        if failure.is_file():
            return "Failed", "Failed", failure.read_text(errors="replace")
        how = f"exit code: {code}" if code > 0 else f"signal {-code}"
        return (
            "Failed",
            "Failed",
            f"AlgorithmError: The algorithm's process ended with {how}; its log says why.",
        )

    def _read_metrics(self, lines: list[tuple[float, str]]) -> None:
        points = []
        for at, line in lines:
            for name, pattern in self.patterns:
                found = pattern.search(line)
                try:
                    value = float(found.group(1)) if found else math.nan
                except ValueError:
                    continue
                if math.isfinite(value):  # CloudWatch takes nothing else; AWS passes over the rest in silence
                    points.append((name, at, value))
        if points:
            self.jobs.metrics.write(NAMESPACE, {"TrainingJobName": self.job}, points)
            self.jobs.metrics.write(NAMESPACE, {"TrainingJobName": self.job, "Host": "algo-1"}, points)
            self.final_metrics |= {name: (value, at) for name, at, value in points}

    def _upload(self, body: dict) -> str | None:
        """Put the artifact (and ``output/data``, if any) into S3; a FailureReason if that cannot be done."""
        bucket, key = split_uri(body["ModelArtifacts"]["S3ModelArtifacts"])
        prefix = key.removesuffix("model.tar.gz").removesuffix("model/")
        kinds = [("model.tar.gz", self.base / "model"), ("output.tar.gz", self.base / "output" / "data")]
        try:
            for name, folder in kinds:
                if not any(folder.iterdir()):
                    continue
                if body["OutputDataConfig"]["CompressionType"] == "NONE":
                    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                        relative = path.relative_to(folder).as_posix()
                        self.jobs.objects.put_file(bucket, f"{prefix}{name.partition('.')[0]}/{relative}", path)
                else:
                    archive = self.root / name
                    _pack(folder, archive)
                    self.jobs.objects.put_file(bucket, prefix + name, archive)
        except AwsError as error:
            return f"ClientError: Artifact upload failed: {error.code} ({error.status}): {error.message}"
        return None

    def _message(self, message: str) -> None:
        """Replace the message of the phase that the job is in."""
        with self._state:
            if self._stop_wanted.is_set():
                return
            body = self.jobs.resources.get(TRAINING_JOB, self.job)
            body["SecondaryStatusTransitions"][-1]["StatusMessage"] = message
            self.jobs.resources.update(
                TRAINING_JOB, self.job, SecondaryStatusTransitions=body["SecondaryStatusTransitions"]
            )

    def _enter(self, status: str, message: str) -> None:
        """Let the job enter its next phase; a job that is Stopping enters Uploading only."""
        with self._state:
            if self._stop_wanted.is_set() and status != "Uploading":
                return
            body = self.jobs.resources.get(TRAINING_JOB, self.job)
            changes = {
                "SecondaryStatusTransitions": _next_phase(body, status, message),
                "LastModifiedTime": now(),
            }
            if not self._stop_wanted.is_set():
                changes["SecondaryStatus"] = status
            self.jobs.resources.update(TRAINING_JOB, self.job, **changes)

    def _end(self, status: str, secondary: str, reason: str | None) -> None:
        metrics = [
            {"MetricName": name, "Value": value, "Timestamp": at}
            for name, (value, at) in self.final_metrics.items()
        ]
        with self._state:
            if status == "Completed" and self._stop_wanted.is_set():
                status = secondary = "Stopped"
            _finish(self.jobs.resources, self.job, status, secondary, reason, FinalMetricDataList=metrics or None)


def _finish(
    resources: Resources, name: str, status: str, secondary: str, reason: str | None, **changes: object
) -> None:
    """Give a job its last state, with the times and seconds that AWS bills by."""
    body = resources.get(TRAINING_JOB, name)
    ended = now()
    reason = reason[:MAX_REASON] if reason else None
    message = {
        "Completed": "Training job completed",
        "Stopped": "Training job stopped",
        "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    }.get(secondary, reason)
    started = body.get("TrainingStartTime")
    if started is not None:
        # Whole seconds, and at least one: no job of AWS's is free.
        seconds = max(1, round(ended - started))
        changes |= {
            "TrainingEndTime": ended,
            "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": seconds,
        }
    transitions = _next_phase(body, secondary, message)
    transitions[-1]["EndTime"] = ended
    resources.update(
        TRAINING_JOB,
        name,
        TrainingJobStatus=status,
        SecondaryStatus=secondary,
        SecondaryStatusTransitions=transitions,
        FailureReason=reason,
        LastModifiedTime=ended,
        **changes,
    )


def _next_phase(body: dict, status: str, message: str | None) -> list[dict]:
    transitions = body["SecondaryStatusTransitions"]
    at = now()
    transitions[-1]["EndTime"] = at
    return [*transitions, {"Status": status, "StartTime": at, "StatusMessage": message}]


def _value_at(params: dict, path: str):
    value: object = params
    for member in path.split("."):
        value = value.get(member) if isinstance(value, dict) else None
    return value


def _pack(folder: Path, archive: Path) -> None:
    """A gzipped tar of a folder's content as AWS makes it: relative names, owner root."""

    def as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name, filter=as_root)
