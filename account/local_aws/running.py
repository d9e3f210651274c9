"""What costs money as long as it runs: endpoints, jobs and executions of pipelines, and their end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.exceptions import ClientError

from .services.sagemaker.kinds import ENDPOINT, KINDS, PIPELINE_EXECUTION, Kind


class Running(NamedTuple):
    """Something that runs; ``name`` of an execution is its ARN's end, and ``end`` deletes or stops it."""

    kind: Kind
    name: str
    status: str
    end: Callable[[], object]

    def __str__(self) -> str:
        return f"{self.kind.noun} {self.name}"


def running(sagemaker: Any) -> list[Running]:
    """What runs in the account of a boto3 client of SageMaker; what starts jobs comes before them."""
    pipelines = sagemaker.get_paginator("list_pipelines").paginate()
    work = [
        Running(
            PIPELINE_EXECUTION,
            execution["PipelineExecutionArn"].partition("/")[2],
            execution["PipelineExecutionStatus"],
            partial(sagemaker.stop_pipeline_execution, PipelineExecutionArn=execution["PipelineExecutionArn"]),
        )
        for page in pipelines
        for pipeline in page["PipelineSummaries"]
        for page in sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=pipeline["PipelineName"])
        for execution in page["PipelineExecutionSummaries"]
        if execution["PipelineExecutionStatus"] in ("Executing", "Stopping")
    ]
    jobs = sorted((kind for kind in KINDS.values() if kind.is_job), key=lambda kind: "Tuning" not in kind.name)
    for kind in jobs:
        verb = xform_name(kind.name)
        for status in ("InProgress", "Stopping"):
            for page in sagemaker.get_paginator(f"list_{verb}s").paginate(StatusEquals=status):
                for job in page[f"{kind.name}Summaries"]:
                    name = job[f"{kind.name}Name"]
                    stop = partial(getattr(sagemaker, f"stop_{verb}"), **{f"{kind.name}Name": name})
                    work.append(Running(kind, name, status, stop))
    return work + [
        Running(
            ENDPOINT,
            endpoint["EndpointName"],
            endpoint["EndpointStatus"],
            partial(sagemaker.delete_endpoint, EndpointName=endpoint["EndpointName"]),
        )
        for page in sagemaker.get_paginator("list_endpoints").paginate()
        for endpoint in page["Endpoints"]
        if endpoint["EndpointStatus"] != "Deleting"
    ]


def end(work: list[Running]) -> None:
    """Delete or stop what ``running`` found; what has ended meanwhile, or cannot be ended yet, is passed over."""
    for one in work:
        with contextlib.suppress(ClientError):
            one.end()
