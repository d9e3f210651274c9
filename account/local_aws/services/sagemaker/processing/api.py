"""CreateProcessingJob, DescribeProcessingJob and their siblings: what a caller sees of processing jobs.

``run.py`` is a job at work.  Reference: the API reference of
CreateProcessingJob, DescribeProcessingJob, ListProcessingJobs and StopProcessingJob.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

from starlette.requests import Request

from local_aws.containers.own_images.build import OwnImage
from local_aws.containers.own_images.registry import MissingImage, OwnImages
from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.images import check_processing_image
from local_aws.services.logs import Logs
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.s3.uris import split_uri
from local_aws.services.sagemaker.jobs.inputs import InputFile, find_objects
from local_aws.services.sagemaker.jobs.job import DEFAULT_MAX_RUNTIME, Jobs
from local_aws.services.sagemaker.kinds import PROCESSING_JOB
from local_aws.services.sagemaker.resources import Resources, now
from local_aws.wire.operation import operation
from local_aws.wire.refusals import not_implemented, refuse

from .run import ProcessingRun

LOCAL_ROOT = "/opt/ml/processing"
# What CreateProcessingJob takes and this account cannot do.
REFUSED = (
    "ExperimentConfig",
    "NetworkConfig.EnableNetworkIsolation",
    "NetworkConfig.VpcConfig",
    "ProcessingResources.ClusterConfig.InstancePreferences",
)


class ProcessingJobs(Jobs):
    """The processing jobs of an account."""

    kind = PROCESSING_JOB

    def __init__(
        self,
        folder: Path,
        account: Account,
        resources: Resources,
        objects: ObjectStore,
        logs: Logs,
        own_images: OwnImages,
    ) -> None:
        super().__init__(folder / "processing", account, resources, objects, logs)
        self.own_images = own_images

    def cluster(self, body: dict[str, Any]) -> dict[str, Any]:
        """The ClusterConfig of a job."""
        cluster: dict[str, Any] = body["ProcessingResources"]["ClusterConfig"]
        return cluster

    @operation("CreateProcessingJob", executes=True)
    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        """Begin a processing job; AwsError, in AWS's words, for one that cannot be run here."""
        name, app = params["ProcessingJobName"], params["AppSpecification"]
        refuse("CreateProcessingJob", params, REFUSED)
        image = self._image(app)
        for member in ("ContainerEntrypoint", "ContainerArguments"):
            if "" in app.get(member, []):
                raise AwsError(
                    "ValidationException",
                    f"Found null or empty string in {member} at index {app[member].index('')}. "
                    "ContainerArguments and ContainerEntrypoint may not contain null or empty strings.",
                )
        self.resources.check_role(params["RoleArn"], PROCESSING_JOB, name)
        cluster = params["ProcessingResources"]["ClusterConfig"]
        for member in ("InstanceType", "InstanceCount"):
            if member not in cluster:
                raise AwsError("ValidationException", f"ClusterConfig.{member} is required for a processing job.")
        if cluster["InstanceCount"] > 1:
            raise not_implemented("A processing job on more than one instance (ClusterConfig.InstanceCount)")
        self.resources.need_free(PROCESSING_JOB, name)
        self.check_quota(cluster)
        outputs = params.get("ProcessingOutputConfig", {}).get("Outputs", [])
        _check_outputs(outputs)
        _check_paths(params.get("ProcessingInputs", []), outputs)
        inputs = self._inputs(params)
        created = now()
        body = {key: value for key, value in params.items() if key not in ("ProcessingJobName", "Tags")}
        body |= {
            "StoppingCondition": params.get("StoppingCondition", {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME}),
            "ProcessingJobStatus": "InProgress",
            "CreationTime": created,
            "LastModifiedTime": created,
        }
        arn = self.resources.add(PROCESSING_JOB, name, body, params.get("Tags"))
        self.begin(ProcessingRun(self, name, inputs, image))
        return {"ProcessingJobArn": arn}

    @operation("DescribeProcessingJob", wants_request=True)
    async def describe(self, params: dict[str, Any], request: Request) -> dict[str, Any]:
        """A job's description; the SDK's request is held while the job is at work."""
        return await super().describe(params, request)

    @operation("StopProcessingJob", executes=True)
    def stop(self, params: dict[str, Any]) -> None:
        """Ask a job to stop: its program gets SIGTERM, and SIGKILL 120 s later; AwsError if it is not InProgress."""
        super().stop(params)

    @operation("DeleteProcessingJob")
    async def delete(self, params: dict[str, Any]) -> None:
        """Delete a job that has ended; AwsError ResourceInUse for another one."""
        await super().delete(params)

    @operation("ListProcessingJobs")
    def list_jobs(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of the jobs, the oldest first unless the request says otherwise."""
        members = (
            "ProcessingJobName", "ProcessingJobArn", "CreationTime", "ProcessingEndTime", "LastModifiedTime",
            "ProcessingJobStatus", "FailureReason", "ExitMessage",
        )  # fmt: skip
        jobs, token = self.resources.page(
            PROCESSING_JOB, params, lambda body: {key: body.get(key) for key in members}, order="Ascending"
        )
        return {"ProcessingJobSummaries": jobs, "NextToken": token}

    def _image(self, app: dict[str, Any]) -> OwnImage | MissingImage | None:
        """The image of a job if it is one of the user's own; AwsError for one that cannot run here."""
        if self.own_images.owns(app["ImageUri"]):
            try:
                return self.own_images.find(app["ImageUri"])
            except MissingImage as missing:
                return missing  # the job will fail, as on AWS
        check_processing_image(app["ImageUri"])
        if not app.get("ContainerEntrypoint"):
            raise not_implemented(f"The entry point of {app['ImageUri']} (AppSpecification has no ContainerEntrypoint)")
        return None

    def _inputs(self, params: dict[str, Any]) -> dict[str, list[InputFile]]:
        """For each input's local path its objects, with the path that each gets below it."""
        inputs: dict[str, list[InputFile]] = {}
        for job_input in params.get("ProcessingInputs", []):
            name, source = job_input["InputName"], job_input.get("S3Input")
            if job_input.get("AppManaged"):
                raise not_implemented(f"AppManaged (input '{name}')")
            if job_input.get("DatasetDefinition"):
                raise not_implemented(f"A DatasetDefinition, of Athena or Redshift (input '{name}')")
            if source is None:
                raise AwsError("ValidationException", f"The input '{name}' has neither S3Input nor DatasetDefinition.")
            if source.get("S3InputMode", "File") != "File":
                raise not_implemented(f"The S3InputMode {source['S3InputMode']} (input '{name}')")
            if source.get("S3CompressionType", "None") != "None":
                raise not_implemented(f"The S3CompressionType {source['S3CompressionType']} (input '{name}')")
            inputs[source["LocalPath"]] = find_objects(self.objects, source, self.account.region, params["RoleArn"])
        return inputs


def _check_outputs(outputs: list[dict[str, Any]]) -> None:
    for output in outputs:
        name, target = output["OutputName"], output.get("S3Output")
        for member in ("AppManaged", "FeatureStoreOutput"):
            if output.get(member):
                raise not_implemented(f"{member} (output '{name}')")
        if target is None:
            raise AwsError("ValidationException", f"The output '{name}' has no S3Output.")
        if target["S3UploadMode"] != "EndOfJob":
            raise not_implemented(f"The S3UploadMode {target['S3UploadMode']} (output '{name}')")
        split_uri(target["S3Uri"])


def _check_paths(inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> None:
    """Refuse a name that is there twice, and a LocalPath that is no folder of its own below ``/opt/ml/processing``."""
    seen: set[str] = set()
    for direction, members in (("Input", inputs), ("Output", outputs)):
        names = [member[f"{direction}Name"] for member in members]
        for member in members:
            name = member[f"{direction}Name"]
            if names.count(name) > 1:
                raise AwsError("ValidationException", f"Duplicate {direction}Name '{name}'.")
            if f"S3{direction}" not in member:
                continue
            path = member[f"S3{direction}"].get("LocalPath", "")
            place = posixpath.normpath(path)
            if not place.startswith(LOCAL_ROOT + "/"):
                raise AwsError(
                    "ValidationException",
                    f"LocalPath '{path}' of {direction.lower()} '{name}' is invalid: it must be below {LOCAL_ROOT}/.",
                )
            if place in seen:
                raise AwsError(
                    "ValidationException",
                    f"LocalPath '{path}' of {direction.lower()} '{name}' is used more than once: inputs and outputs "
                    "need folders of their own.",
                )
            seen.add(place)
