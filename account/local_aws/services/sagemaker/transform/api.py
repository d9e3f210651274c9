"""CreateTransformJob, DescribeTransformJob and their siblings: what a caller sees of batch transform jobs.

``run.py`` is a job at work.  Reference: the API reference of
CreateTransformJob, DescribeTransformJob, ListTransformJobs and StopTransformJob.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.requests import Request

from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.images import ModelImages
from local_aws.services.logs import Logs
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.s3.uris import split_uri
from local_aws.services.sagemaker.jobs.inputs import S3_DATA_TYPES, find_objects
from local_aws.services.sagemaker.jobs.job import Jobs
from local_aws.services.sagemaker.kinds import MODEL, TRANSFORM_JOB
from local_aws.services.sagemaker.resources import Resources, now
from local_aws.wire.operation import operation
from local_aws.wire.refusals import not_implemented, refuse

from .data import CSV, JSON, JSON_LINES, DataProcessing
from .jsonpath import OPERATORS, JsonPath, unexpected
from .run import TransformRun

# What CreateTransformJob takes and this account cannot do.
REFUSED = ("DataCaptureConfig", "ExperimentConfig", "TransformResources.TransformAmiVersion")
MAX_PAYLOAD = 100  # MB, of one request and of all concurrent ones together


class TransformJobs(Jobs):
    """The batch transform jobs of an account."""

    kind = TRANSFORM_JOB

    def __init__(
        self,
        folder: Path,
        account: Account,
        resources: Resources,
        objects: ObjectStore,
        logs: Logs,
        images: ModelImages,
    ) -> None:
        super().__init__(folder / "transform", account, resources, objects, logs)
        self.images = images

    def cluster(self, body: dict[str, Any]) -> dict[str, Any]:
        """The TransformResources of a job."""
        cluster: dict[str, Any] = body["TransformResources"]
        return cluster

    @operation("CreateTransformJob", executes=True)
    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        """Begin a transform job; AwsError, in AWS's words, for one that cannot be run here."""
        name, model = params["TransformJobName"], self.resources.get(MODEL, params["ModelName"])
        refuse("CreateTransformJob", params, REFUSED)
        if params["TransformResources"]["InstanceCount"] > 1:
            raise not_implemented("A transform job on more than one instance (TransformResources.InstanceCount)")
        self._check_payload(params)
        source = {"CompressionType": "None", "SplitType": "None", **params["TransformInput"]}
        if source["SplitType"] == "TFRecord":
            raise not_implemented("The SplitType TFRecord")
        data_source = source["DataSource"]["S3DataSource"]
        if data_source["S3DataType"] not in S3_DATA_TYPES:
            raise not_implemented(f"The S3DataType {data_source['S3DataType']}")
        output = {"AssembleWith": "None", "KmsKeyId": "", **params["TransformOutput"]}
        split_uri(output["S3OutputPath"])
        filters = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None", **params.get("DataProcessing", {})}
        processing = _processing(filters, source)
        self.resources.need_free(TRANSFORM_JOB, name)
        self.check_quota(params["TransformResources"])
        self.resources.check_role(model["ExecutionRoleArn"], TRANSFORM_JOB, name)
        inputs = find_objects(self.objects, data_source, self.account.region, model["ExecutionRoleArn"])
        created = now()
        body = {key: value for key, value in params.items() if key not in ("TransformJobName", "Tags")}
        body |= {
            "ModelName": model["ModelName"],
            "TransformInput": source,
            "TransformOutput": output,
            "DataProcessing": filters,
            "TransformJobStatus": "InProgress",
            "CreationTime": created,
            "LastModifiedTime": created,
        }
        arn = self.resources.add(TRANSFORM_JOB, name, body, params.get("Tags"))
        self.begin(TransformRun(self, name, model, inputs, processing, self.images))
        return {"TransformJobArn": arn}

    @operation("DescribeTransformJob", wants_request=True)
    async def describe(self, params: dict[str, Any], request: Request) -> dict[str, Any]:
        """A job's description; the SDK's request is held while the job is at work."""
        body = await super().describe(params, request)
        del body["LastModifiedTime"]  # this List shows it and this Describe does not
        return body

    @operation("StopTransformJob", executes=True)
    def stop(self, params: dict[str, Any]) -> None:
        """Ask a job to stop; AwsError if it is not InProgress.  A stopped job leaves nothing in S3."""
        super().stop(params)

    @operation("ListTransformJobs")
    def list_jobs(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of the jobs, the newest first unless the request says otherwise."""
        members = (
            "TransformJobName", "TransformJobArn", "CreationTime", "TransformEndTime", "LastModifiedTime",
            "TransformJobStatus", "FailureReason",
        )  # fmt: skip
        jobs, token = self.resources.page(TRANSFORM_JOB, params, lambda body: {key: body.get(key) for key in members})
        return {"TransformJobSummaries": jobs, "NextToken": token}

    @staticmethod
    def _check_payload(params: dict[str, Any]) -> None:
        payload, concurrent = params.get("MaxPayloadInMB"), params.get("MaxConcurrentTransforms") or 1
        if payload == 0:
            raise not_implemented("HTTP chunked encoding (MaxPayloadInMB of 0)")
        if payload and payload * concurrent > MAX_PAYLOAD:
            raise AwsError(
                "ValidationException",
                f"MaxPayloadInMB ({payload}), and MaxPayloadInMB times MaxConcurrentTransforms ({concurrent}), "
                f"must not exceed {MAX_PAYLOAD} MB.",
            )


def _processing(filters: dict[str, Any], source: dict[str, Any]) -> DataProcessing:
    """A job's DataProcessing; AwsError if a filter is no JSONPath or the input is neither CSV nor JSON."""
    media = source.get("ContentType", "").partition(";")[0].strip().lower()
    texts = {member: filters[member] or "$" for member in ("InputFilter", "OutputFilter")}
    join = filters["JoinSource"] == "Input"
    if (join or {*texts.values()} != {"$"}) and media not in (CSV, JSON, JSON_LINES):
        raise AwsError(
            "ValidationException",
            f"DataProcessing needs an input of the content type {CSV}, {JSON} or {JSON_LINES}, "
            f"not '{source.get('ContentType', '')}'.",
        )
    input_filter, output_filter = (_path(member, text, media) for member, text in texts.items())
    return DataProcessing(media, input_filter, output_filter, join)


def _path(member: str, text: str, media: str) -> JsonPath:
    """A filter of a job; AwsError if it is no JSONPath."""
    if character := unexpected(text):
        operators = ", ".join(f"'{operator}'" for operator in OPERATORS)
        sentence = f'Unexpected "{character}" in JsonPath. Supported operators for "{media}" are [{operators}].'
        raise AwsError("ValidationException", f'Invalid {member}: "{text}". {sentence}')
    try:
        return JsonPath(text)
    except ValueError as error:
        raise AwsError("ValidationException", f'Invalid {member}: "{text}". {error}') from None
