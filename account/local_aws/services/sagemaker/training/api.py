"""CreateTrainingJob, DescribeTrainingJob and their siblings: what a caller sees of training jobs.

``run.py`` is a job at work.  Reference: the API reference of
CreateTrainingJob, DescribeTrainingJob, ListTrainingJobs and StopTrainingJob.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import regex
from starlette.requests import Request

from local_aws.containers.image import Image, missing_image, own_image
from local_aws.containers.own_images.registry import MissingImage, OwnImages
from local_aws.containers.script_mode.environment import user_entry_point
from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.images import find_image
from local_aws.services.cloudwatch import Metrics
from local_aws.services.logs import Logs
from local_aws.services.quotas import INSTANCES_OF_A_TRAINING_JOB, limit_exceeded
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.s3.uris import split_uri
from local_aws.services.sagemaker.jobs.inputs import S3_DATA_TYPES, InputFile, find_objects
from local_aws.services.sagemaker.jobs.job import DEFAULT_MAX_RUNTIME, Jobs
from local_aws.services.sagemaker.kinds import TRAINING_JOB
from local_aws.services.sagemaker.resources import Record, Resources, now
from local_aws.wire.operation import operation
from local_aws.wire.refusals import not_implemented, refuse

from .metrics import OBJECTIVE
from .run import PIPE, TOO_LONG, TrainingRun, attempts, input_mode, next_phase, start_again

# What CreateTrainingJob takes and this account cannot do.
REFUSED = (
    "AlgorithmSpecification.AlgorithmName",
    "AlgorithmSpecification.TrainingImageConfig",
    "CheckpointConfig",
    "DebugRuleConfigurations",
    "ExperimentConfig",
    "ModelPackageConfig",
    "ResourceConfig.InstanceGroups",
    "ResourceConfig.InstancePlacementConfig",
    "ResourceConfig.KeepAlivePeriodInSeconds",
    "ResourceConfig.TrainingPlanArn",
    "ServerlessJobConfig",
    "TensorBoardOutputConfig",
    "VpcConfig",
)


class TrainingJobs(Jobs):
    """The training jobs of an account."""

    kind = TRAINING_JOB

    def __init__(
        self,
        folder: Path,
        account: Account,
        resources: Resources,
        objects: ObjectStore,
        logs: Logs,
        metrics: Metrics,
        own_images: OwnImages,
    ) -> None:
        super().__init__(folder / "jobs", account, resources, objects, logs)
        self.metrics = metrics
        self.own_images = own_images

    def cluster(self, body: dict[str, Any]) -> dict[str, Any]:
        """The ResourceConfig of a job."""
        cluster: dict[str, Any] = body["ResourceConfig"]
        return cluster

    def ending(self, record: Record, last: dict[str, Any]) -> dict[str, Any]:
        """The last phase, and the seconds that AWS bills."""
        body = record.body
        secondary, ended = last.get("SecondaryStatus", last["TrainingJobStatus"]), last["LastModifiedTime"]
        message = {
            "Completed": "Training job completed",
            "Stopped": "Training job stopped",
            TOO_LONG: "Training job runtime exceeded MaxRuntimeInSeconds provided",
        }.get(secondary, last["FailureReason"])
        transitions = next_phase(body, secondary, message, ended)
        transitions[-1]["EndTime"] = ended
        changes = {"SecondaryStatus": secondary, "SecondaryStatusTransitions": transitions}
        if "TrainingStartTime" in body:
            # Whole seconds, and at least one: no job of AWS's is free.
            seconds = max(1, round(ended - body["TrainingStartTime"]))
            changes |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
        return changes

    def retry(self, name: str) -> bool:
        """Begin an interrupted job anew if its RetryStrategy allows one more attempt and its input is still there."""
        body = self.resources.get(TRAINING_JOB, name)
        max_retries = body.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
        # A tuning job does not outlive the account's process, and neither does what it has launched.
        if body["TrainingJobStatus"] != self.working or attempts(body) > max_retries or "TuningJobArn" in body:
            return False
        try:
            image = self._image(body)
            channels = self._channels(body, image)
        except AwsError:  # its input is gone
            return False
        start_again(self.resources, name)
        self.begin(TrainingRun(self, name, image, channels, self.metrics))
        return True

    @operation("CreateTrainingJob", executes=True)
    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        """Begin a training job; AwsError, in AWS's words, for one that cannot be trained here."""
        run = self.launch(params)
        return {"TrainingJobArn": self.resources.arn(TRAINING_JOB, run.job)}

    def check(self, params: dict[str, Any]) -> tuple[Image, dict[str, list[InputFile]]]:
        """The image of a CreateTrainingJob and its channels' files; AwsError, in AWS's words, if it cannot be done."""
        name, spec = params["TrainingJobName"], params["AlgorithmSpecification"]
        refuse("CreateTrainingJob", params, REFUSED)
        if "TrainingImage" not in spec:
            raise AwsError(
                "ValidationException",
                "You must provide one of AlgorithmName or TrainingImage in the AlgorithmSpecification.",
            )
        image = self._image(params)
        own = [member for member in ("ContainerEntrypoint", "ContainerArguments") if member in spec]
        if own and not (image.script_mode and ("ContainerEntrypoint" in own or image.own)):
            raise not_implemented(f"CreateTrainingJob's {own[0]} with the image {spec['TrainingImage']}")
        if not image.train:
            raise not_implemented(f"Training with the image {spec['TrainingImage']}")
        self.resources.check_role(params["RoleArn"], TRAINING_JOB, name)
        cluster = params.get("ResourceConfig", {})
        for member in ("InstanceType", "InstanceCount", "VolumeSizeInGB"):
            if member not in cluster:
                raise AwsError("ValidationException", f"ResourceConfig.{member} is required for a training job.")
        if cluster["InstanceCount"] < 1:
            raise AwsError("ValidationException", "ResourceConfig.InstanceCount must be at least 1.")
        if cluster["InstanceCount"] > 1 and not image.distributed:
            raise not_implemented(
                f"A training job of {spec['TrainingImage']} on more than one instance (ResourceConfig.InstanceCount)"
            )
        if cluster["InstanceCount"] > INSTANCES_OF_A_TRAINING_JOB:
            quota = f"{cluster['InstanceType']} for training job usage"
            raise limit_exceeded(quota, INSTANCES_OF_A_TRAINING_JOB, 0, cluster["InstanceCount"])
        self.resources.need_free(TRAINING_JOB, name)
        _check_spot(params)
        self.check_quota(cluster)
        channels = self._channels(params, image)
        split_uri(params["OutputDataConfig"]["S3OutputPath"])
        if image.script_mode:
            _check_metrics(spec.get("MetricDefinitions", []))
        elif spec.get("MetricDefinitions"):
            raise AwsError(
                "ValidationException",
                "You can't override the metric definitions for Amazon SageMaker algorithms. Please retry the "
                "request without specifying metric definitions.",
            )
        return image, channels

    def _image(self, params: dict[str, Any]) -> Image:
        """The image of a CreateTrainingJob, or of a job that one has made."""
        spec = params["AlgorithmSpecification"]
        if self.own_images.owns(spec["TrainingImage"]):
            try:
                return own_image(self.own_images.find(spec["TrainingImage"]))
            except MissingImage:
                return missing_image(spec["TrainingImage"])  # the job will fail, as on AWS
        program = user_entry_point(params.get("HyperParameters", {}), params.get("Environment", {}))
        return find_image(spec["TrainingImage"], program is not None or "ContainerEntrypoint" in spec)

    def launch(
        self, params: dict[str, Any], tuning_job: str | None = None, objective: str | None = None
    ) -> TrainingRun:
        """Store a training job and begin it; ``params`` are those of CreateTrainingJob.  Raises AwsError as ``check``.

        One of a tuning job (its ARN) has that job's metric ``objective`` as its ObjectiveMetric too.
        """
        image, channels = self.check(params)
        name, spec = params["TrainingJobName"], params["AlgorithmSpecification"]
        output = {"CompressionType": "GZIP", "KmsKeyId": "", **params["OutputDataConfig"]}
        artifact = "model/" if output["CompressionType"] == "NONE" else "model.tar.gz"
        definitions = metric_definitions(image, spec)
        tuned = [{**metric, "Name": OBJECTIVE} for metric in definitions if metric["Name"] == objective]
        created = now()
        body = {key: value for key, value in params.items() if key not in ("TrainingJobName", "Tags")}
        body |= {
            "AlgorithmSpecification": {
                "EnableSageMakerMetricsTimeSeries": False,
                **spec,
                "MetricDefinitions": [*definitions, *tuned],
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
            "EnableManagedSpotTraining": params.get("EnableManagedSpotTraining", False),
            "CreationTime": created,
            "LastModifiedTime": created,
        }
        if "ProfilerConfig" in params or "ProfilerRuleConfigurations" in params:
            body["ProfilingStatus"] = "Disabled"
        if rules := params.get("ProfilerRuleConfigurations"):
            body["ProfilerRuleEvaluationStatuses"] = [_not_evaluated(rule, created) for rule in rules]
        if tuning_job:
            body["TuningJobArn"] = tuning_job
        self.resources.add(TRAINING_JOB, name, body, params.get("Tags"))
        run = TrainingRun(self, name, image, channels, self.metrics)
        self.begin(run)
        return run

    @operation("DescribeTrainingJob", wants_request=True)
    async def describe(self, params: dict[str, Any], request: Request) -> dict[str, Any]:
        """A job's description; the SDK's request is held while the job is at work."""
        return await super().describe(params, request)

    @operation("StopTrainingJob", executes=True)
    def stop(self, params: dict[str, Any]) -> None:
        """Ask a job to stop: its containers get SIGTERM, and SIGKILL 120 s later; AwsError if it is not InProgress."""
        super().stop(params)

    @operation("DeleteTrainingJob")
    async def delete(self, params: dict[str, Any]) -> None:
        """Delete a job that has ended; AwsError ResourceInUse for another one."""
        await super().delete(params)

    @operation("ListTrainingJobs")
    def list_jobs(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of the jobs, the oldest first; a page may have fewer than MaxResults that pass the filters."""
        if params.get("WarmPoolStatusEquals") or params.get("TrainingPlanArnEquals"):
            raise not_implemented("ListTrainingJobs' warm pools and training plans")
        members = (
            "TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingEndTime", "LastModifiedTime",
            "TrainingJobStatus", "SecondaryStatus",
        )  # fmt: skip
        # The API reference says it of StatusEquals; for NameContains see https://github.com/boto/boto3/issues/2838.
        jobs, token = self.resources.page(
            TRAINING_JOB,
            params,
            lambda body: {key: body.get(key) for key in members},
            order="Ascending",
            counted_first=True,
        )
        return {"TrainingJobSummaries": jobs, "NextToken": token}

    def _channels(self, params: dict[str, Any], image: Image) -> dict[str, list[InputFile]]:
        """For each channel its objects, with the path that each gets below ``input/data/<channel>``."""
        channels: dict[str, list[InputFile]] = {}
        for channel in params.get("InputDataConfig", []):
            name, source = channel["ChannelName"], channel["DataSource"].get("S3DataSource")
            if name in channels:
                raise AwsError("ValidationException", f"Duplicate channel name '{name}' in InputDataConfig.")
            mode = input_mode(channel, params)
            if mode == PIPE and not image.pipes:
                raise not_implemented(f"The input mode Pipe of {image.name} (channel '{name}')")
            if source is None:
                raise not_implemented(f"A data source other than S3DataSource (channel '{name}')")
            if source["S3DataType"] not in S3_DATA_TYPES:
                raise not_implemented(f"The S3DataType {source['S3DataType']} (channel '{name}')")
            if channel.get("ShuffleConfig"):
                raise not_implemented(f"A channel's ShuffleConfig (channel '{name}')")
            if channel.get("RecordWrapperType", "None") != "None" and mode != PIPE:
                raise AwsError(
                    "ValidationException",
                    f"RecordWrapperType is for the input mode Pipe; the channel '{name}' has {mode}.",
                )
            channels[name] = find_objects(self.objects, source, self.account.region, params["RoleArn"])
        return channels


def metric_definitions(image: Image, spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics of a job's AlgorithmSpecification: the algorithm's own, or the user's of a script."""
    return list(spec.get("MetricDefinitions", []) if image.script_mode else image.metric_definitions)


def _not_evaluated(rule: dict[str, Any], at: float) -> dict[str, Any]:
    """What Describe tells of a profiler's rule: it only looks on, and here nobody profiles."""
    return {
        "RuleConfigurationName": rule["RuleConfigurationName"],
        "RuleEvaluationStatus": "Stopped",
        "StatusDetails": "The embedded AWS account profiles no job: this rule was not evaluated.",
        "LastModifiedTime": at,
    }


def _check_spot(params: dict[str, Any]) -> None:
    condition = params.get("StoppingCondition", {})
    max_runtime = condition.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME)
    if params.get("EnableManagedSpotTraining") and condition.get("MaxWaitTimeInSeconds", 0) < max_runtime:
        raise AwsError(
            "ValidationException",
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
        )


def _check_metrics(definitions: list[dict[str, Any]]) -> None:
    for metric in definitions:
        try:
            groups = regex.compile(metric["Regex"]).groups
        except (regex.error, OverflowError, RecursionError) as error:
            raise AwsError(
                "ValidationException", f"The regex of the metric '{metric['Name']}' cannot be used: {error}."
            ) from None
        if groups < 1:
            raise AwsError(
                "ValidationException",
                f"The regex of the metric '{metric['Name']}' must have a capturing group, which holds the value.",
            )
