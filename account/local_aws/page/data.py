"""What the page shows of jobs, endpoints and other resources, with their logs, metrics and costs, and of buckets.

Each view is JSON, read from the account's own tables.  Times are seconds since the epoch.
"""

from __future__ import annotations

from typing import Any

from local_aws import prices
from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.services.cloudwatch import Metrics
from local_aws.services.logs import Logs
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.sagemaker.kinds import (
    ENDPOINT,
    ENDPOINT_CONFIG,
    KINDS,
    PIPELINE_EXECUTION,
    TRAINING_JOB,
    TUNING_JOB,
    Kind,
)
from local_aws.services.sagemaker.resources import Resources
from local_aws.services.sagemaker.training.metrics import NAMESPACE
from local_aws.wire.protocols import pruned
from local_aws.wire.service import JsonService

# Every kind that the account has; endpoints first, since they are what costs money while nobody looks.
SHOWN = {ENDPOINT.name: ENDPOINT} | KINDS
BUSY = ("Pending", "Creating", "InProgress", "Executing", "Stopping", "Updating", "RollingBack", "Deleting")
FEW, MANY = 5, 100  # resources of a kind on the overview, and on a page of their own
LINES = 500  # of a log at once
POINTS = 500  # of a metric in one chart
KEYS = 200  # of a bucket on one page
CHARGED = ("InService", "Updating", "RollingBack", "SystemUpdating")


class PageData:
    """What an account holds, as the page shows it."""

    def __init__(
        self,
        account: Account,
        resources: Resources,
        objects: ObjectStore,
        logs: Logs,
        metrics: Metrics,
        sagemaker: JsonService,
    ) -> None:
        self.account = account
        self.resources = resources
        self.objects = objects
        self.logs = logs
        self.metrics = metrics
        self.sagemaker = sagemaker

    def overview(self) -> dict[str, Any]:
        """The newest resources of every kind, and how much S3 holds."""
        usage = self.objects.usage().values()
        return {
            "account": self.account.account_id,
            "region": self.account.region,
            "prices": {"date": prices.PRICED, "source": prices.SOURCE},
            "kinds": [self.list_resources(name, FEW, 0) for name in SHOWN],
            "storage": {
                "buckets": len(self.objects.buckets()),
                "objects": sum(count for count, _ in usage),
                "bytes": sum(size for _, size in usage),
            },
        }

    def list_resources(self, kind_name: str, max_items: int, skipped: int) -> dict[str, Any]:
        """At most ``max_items`` resources of a kind, the newest first, after the first ``skipped`` ones."""
        kind = _kind(kind_name)
        return {
            "kind": kind.name,
            "noun": kind.noun,
            "arn": kind.arn,
            "count": self.resources.count(kind),
            "skipped": skipped,
            "items": [
                self._summary(kind, name, body) for name, body in self.resources.latest(kind, max_items, skipped)
            ],
        }

    def resource(self, kind_name: str, name: str) -> dict[str, Any]:
        """All that is known of a resource but its log; AwsError if there is none."""
        kind = _kind(kind_name)
        record = self.resources.record(kind, name)
        name, body = record.name, record.body  # an ARN has the name in lower case
        parts = [
            body[f"{part.name}Arn"]
            for part in KINDS.values()
            if part.part_of is kind
            for body, _ in reversed(self.resources.all(part, f"{name}/"))
        ]
        return self._summary(kind, name, body) | {
            "body": self._describe(kind, name, body),
            "tags": self.resources.tags(body[f"{kind.name}Arn"]),
            "metrics": self._metrics(kind, name, body),
            "jobs": self._training_jobs(body) if kind is TUNING_JOB else [],
            "steps": self._steps(body) if kind is PIPELINE_EXECUTION else [],
            "parts": parts[:MANY],
        }

    def log(self, kind_name: str, name: str, after: int) -> dict[str, Any]:
        """The lines of a resource's log behind the event ``after``, its last ones if they are many."""
        kind = _kind(kind_name)
        rows = self.logs.tail(*kind.log(name), after, LINES) if kind.log_group else []
        return {
            "full": len(rows) == LINES,
            "last": rows[-1]["id"] if rows else after,
            "lines": [[row["timestamp"] / 1000, row["stream"], row["message"]] for row in rows],
        }

    def buckets(self) -> dict[str, Any]:
        """All buckets, with the number and size of their objects."""
        usage = self.objects.usage()
        return {
            "buckets": [
                {"name": name, "created": created, "objects": usage.get(name, (0, 0))[0]}
                | {"bytes": usage.get(name, (0, 0))[1]}
                for name, created in self.objects.buckets()
            ]
        }

    def keys(self, bucket: str, prefix: str, start: str) -> dict[str, Any]:
        """What lies in a bucket below a prefix, from the key ``start`` on; a slash parts folders."""
        page = self.objects.page(bucket, prefix, "/", start, KEYS)
        return {
            "bucket": bucket,
            "prefix": prefix,
            "folders": page.prefixes,
            "objects": [
                {"key": item.key, "bytes": item.size, "modified": item.modified, "type": item.content_type}
                for item in page.objects
            ],
            "next": page.following,
        }

    def _summary(self, kind: Kind, name: str, body: dict[str, Any]) -> dict[str, Any]:
        status = body.get(f"{kind.name}Status")
        return {
            "kind": kind.name,
            "noun": kind.noun,
            "name": name,
            "status": status,
            "phase": body.get("SecondaryStatus"),
            "busy": status in BUSY,
            "created": body.get("CreationTime"),
            "ended": body.get(kind.end_time) if kind.end_time else None,
            "cost": self._cost(body) if kind is ENDPOINT else None,
        }

    def _describe(self, kind: Kind, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """What Describe answers: some members are worked out only when it is asked, and some it keeps to itself.

        Not asked where it wants the request: such a Describe may hold its answer back, and counts who asked last.
        """
        operation = f"Describe{kind.name}"
        describe = self.sagemaker.operations.get(operation)
        if describe is None or describe.wants_request:
            return body
        arn = body[f"{kind.name}Arn"]
        required = self.sagemaker.model.operation_model(operation).input_shape.required_members
        params = {member: arn if member.endswith("Arn") or "/" in name else name for member in required}
        description: dict[str, Any] = pruned(describe(params))
        return description

    def _cost(self, endpoint: dict[str, Any]) -> dict[str, Any] | None:
        """What an endpoint costs on AWS: dollars an hour (None if a price is not known), and since when."""
        if endpoint["EndpointStatus"] not in CHARGED:
            return None
        config = self.resources.find(ENDPOINT_CONFIG, endpoint["EndpointConfigName"])
        if config is None:
            return {"hourly": None, "why": "its configuration, which names the instance type, is deleted"}
        counts = {
            variant["VariantName"]: variant.get("CurrentInstanceCount") for variant in endpoint["ProductionVariants"]
        }
        hourly, terms = 0.0, []
        for variant in config["ProductionVariants"]:
            if "InstanceType" not in variant:
                return {"hourly": None, "why": "it is billed by request, not by the hour"}
            instance_type = variant["InstanceType"]
            count = counts.get(variant["VariantName"]) or variant["InitialInstanceCount"]
            if instance_type not in prices.HOSTING:
                return {"hourly": None, "why": f"no price of {instance_type} is known here"}
            hourly += count * prices.HOSTING[instance_type]
            terms.append(f"{count} × {instance_type}")
        return {"hourly": hourly, "since": endpoint["CreationTime"], "terms": ", ".join(terms)}

    def _metrics(self, kind: Kind, name: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        series: list[tuple[str, dict[str, str]]] = []
        if kind is TRAINING_JOB:
            series = [(NAMESPACE, {"TrainingJobName": name})]
        elif kind is ENDPOINT:
            variants = [variant["VariantName"] for variant in body.get("ProductionVariants", [])]
            series = [("AWS/SageMaker", {"EndpointName": name, "VariantName": variant}) for variant in variants]
        return [
            metric | {"of": dimensions.get("VariantName")}
            for namespace, dimensions in series
            for metric in self.metrics.series(namespace, dimensions, POINTS)
        ]

    def _training_jobs(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The training jobs of a tuning job."""
        operation = self.sagemaker.operations["ListTrainingJobsForHyperParameterTuningJob"]
        params = {"HyperParameterTuningJobName": body["HyperParameterTuningJobName"], "MaxResults": MANY}
        summaries: list[dict[str, Any]] = operation(params)["TrainingJobSummaries"]
        return summaries

    def _steps(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The steps of a pipeline's execution, the first one first."""
        operation = self.sagemaker.operations["ListPipelineExecutionSteps"]
        params = {"PipelineExecutionArn": body["PipelineExecutionArn"], "SortOrder": "Ascending", "MaxResults": MANY}
        steps: list[dict[str, Any]] = pruned(operation(params)["PipelineExecutionSteps"])
        return steps


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise AwsError("ValidationException", f"There is no kind of resource named '{name}'.", 404)
    return KINDS[name]
