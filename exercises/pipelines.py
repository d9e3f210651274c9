"""What the account knows of a learner's pipelines, for checks: recipes, runs, versions, and what an endpoint serves."""

import io
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from utils.check import Unreadable
from utils.course import Course

WORKING = ("Executing", "Stopping")


@dataclass(frozen=True)
class Run:
    """An execution of a pipeline: its status, when it began, and its steps by name."""

    status: str
    reason: str
    began: datetime
    steps: dict[str, dict[str, Any]]

    @property
    def at_work(self) -> str | None:
        """Its status, while it is at work."""
        return self.status if self.status in WORKING else None

    @property
    def failure(self) -> str | None:
        """In which step it failed, and why; None if it has succeeded."""
        if self.status == "Succeeded":
            return None
        failed = [f"{name}: {step['FailureReason']}" for name, step in self.steps.items() if step.get("FailureReason")]
        return " ".join("; ".join(failed or [self.reason or self.status]).split())[:300].rstrip(".")


@dataclass(frozen=True)
class Recipe:
    """A pipeline as the account keeps it: its definition, when it was last sent, and its newest run."""

    definition: dict[str, Any]
    sent: datetime
    newest: Run | None

    @property
    def condition(self) -> dict[str, Any] | None:
        """The arguments of its condition step."""
        found = [step["Arguments"] for step in self.definition["Steps"] if step["Type"] == "Condition"]
        return found[0] if found else None


def recipe(answer: Any, course: Course) -> Recipe:
    """The pipeline that ``answer`` stands for.  Raises Unreadable."""
    if not hasattr(answer, "upsert") or isinstance(answer, type):
        raise Unreadable("The pipeline itself was expected: the object whose upsert you called.")
    client = course.session.sagemaker_client
    names = client.list_pipelines(PipelineNamePrefix=answer.name)["PipelineSummaries"]
    if answer.name not in [each["PipelineName"] for each in names]:
        raise Unreadable(f"The account has no pipeline {answer.name}: send the recipe by upsert.")
    found = client.describe_pipeline(PipelineName=answer.name)
    runs = client.list_pipeline_executions(PipelineName=answer.name, SortBy="CreationTime", SortOrder="Descending")
    newest = runs["PipelineExecutionSummaries"][:1]
    return Recipe(
        json.loads(found["PipelineDefinition"]),
        found["LastModifiedTime"],
        _run(client, newest[0]["PipelineExecutionArn"]) if newest else None,
    )


def run(answer: Any, course: Course) -> Run:
    """The run that ``answer``, what ``start`` returned, stands for.  Raises Unreadable."""
    if hasattr(answer, "upsert"):
        raise Unreadable("That is the pipeline: the run is what its start returns.")
    if not isinstance(arn := getattr(answer, "arn", None), str) or isinstance(answer, type):
        raise Unreadable("A run was expected: what the pipeline's start returns.")
    return _run(course.session.sagemaker_client, arn)


def _run(client: Any, arn: str) -> Run:
    found = client.describe_pipeline_execution(PipelineExecutionArn=arn)
    steps = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return Run(
        found["PipelineExecutionStatus"],
        found.get("FailureReason", ""),
        found["CreationTime"],
        {step["StepName"]: step for step in reversed(steps)},
    )


def rows_given(run: Run, step: str, folder: str, course: Course) -> pd.DataFrame:
    """The table that a run's processing step was given in a folder of its machine, as ``input`` or ``input/bills``."""
    job = run.steps[step]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    sent = course.session.sagemaker_client.describe_processing_job(ProcessingJobName=job)
    inputs = {each["S3Input"]["LocalPath"]: each["S3Input"]["S3Uri"] for each in sent["ProcessingInputs"]}
    address, s3 = urlsplit(inputs[f"/opt/ml/processing/{folder}"]), course.session.boto_session.client("s3")
    (first, *_) = s3.list_objects_v2(Bucket=address.netloc, Prefix=address.path.lstrip("/"), MaxKeys=1)["Contents"]
    return pd.read_csv(io.BytesIO(s3.get_object(Bucket=address.netloc, Key=first["Key"])["Body"].read()))


def version(answer: Any, course: Course) -> dict[str, Any]:
    """The version of a group of models that ``answer``, its ARN, stands for.  Raises Unreadable."""
    if not isinstance(answer, str) or ":model-package/" not in answer:
        raise Unreadable("The version's ARN was expected, a text that has model-package in it.")
    return course.session.sagemaker_client.describe_model_package(ModelPackageName=answer)


@dataclass(frozen=True)
class Served:
    """What an endpoint is doing: its description, the version that it serves, and all versions by number."""

    endpoint: dict[str, Any]
    version: int | None  # None: its model was made of no version
    versions: dict[int, dict[str, Any]]


def served(answer: Any, course: Course) -> Served:
    """What serves behind the predictor ``answer``.  Raises Unreadable."""
    if not isinstance(name := getattr(answer, "endpoint_name", None), str) or isinstance(answer, type):
        raise Unreadable("The predictor was expected, the object whose update_endpoint you called.")
    client = course.session.sagemaker_client
    if name not in [each["EndpointName"] for each in client.list_endpoints(NameContains=name)["Endpoints"]]:
        raise Unreadable(f"The account has no endpoint {name}: run the cells above, which deploy it.")
    endpoint = client.describe_endpoint(EndpointName=name)
    config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    model = client.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    container = model.get("PrimaryContainer") or model["Containers"][0]  # the SDK sends either
    arn = container.get("ModelPackageName", "")
    group = arn.rpartition(":model-package/")[2].partition("/")[0]
    listed = client.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"] if group else []
    versions = {each["ModelPackageVersion"]: each for each in listed}
    return Served(endpoint, int(arn.rpartition("/")[2]) if group else None, versions)
