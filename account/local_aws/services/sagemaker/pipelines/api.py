"""CreatePipeline, StartPipelineExecution and their siblings: what a caller sees of pipelines, executions and steps.

``definition.py`` reads a definition, ``run.py`` is an execution at work.  Reference: the API reference of
CreatePipeline, StartPipelineExecution and of the operations beside them.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request

from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.services.logs import Logs
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.sagemaker.jobs.job import Jobs
from local_aws.services.sagemaker.kinds import PIPELINE, PIPELINE_EXECUTION, Kind
from local_aws.services.sagemaker.resources import Record, Resources, now
from local_aws.wire.operation import Operation, operation
from local_aws.wire.protocols import service_model
from local_aws.wire.refusals import not_implemented, refuse
from local_aws.wire.validation import validate

from .definition import parameter_values, read
from .expressions import as_text
from .run import PipelineRun

# What CreatePipeline, UpdatePipeline and StartPipelineExecution take and this account cannot do.
REFUSED = ("PipelineVersionAliases", "PipelineDefinitionS3Location.VersionId")
REFUSED_OF_START = ("SelectiveExecutionConfig", "PipelineVersionId", "PipelineVersionAlias", "MlflowExperimentName")
REFUSED_OF_DESCRIBE = ("PipelineVersionId", "PipelineVersionAlias")
STEP = Kind("Step", "", "step")  # no resource of its own: its execution holds it
PARAMETER = Kind("Parameter", "", "parameter")
ALPHABET = string.ascii_lowercase + string.digits
ID_LENGTH = 12  # of an execution's id
MAX_RESULTS = 100


class Pipelines(Jobs):
    """The pipelines of an account, and their executions.

    ``calls`` are the account's operations by name: a step does what it does by calling one.
    """

    kind = PIPELINE_EXECUTION
    working, ended = "Executing", ("Succeeded", "Failed", "Stopped")

    def __init__(
        self,
        folder: Path,
        account: Account,
        resources: Resources,
        objects: ObjectStore,
        logs: Logs,
        calls: Mapping[str, Operation],
    ) -> None:
        super().__init__(folder / "pipelines", account, resources, objects, logs)
        self.calls = calls

    def ending(self, record: Record, last: dict[str, Any]) -> dict[str, Any]:
        """A step that is still at work ends as its execution does."""
        changes = {"StepStatus": last["PipelineExecutionStatus"], "EndTime": last["LastModifiedTime"]}
        if last["FailureReason"]:
            changes["FailureReason"] = last["FailureReason"]
        steps = [step | changes if step["StepStatus"] == "Executing" else step for step in record.internal["Steps"]]
        return {"internal": {"Steps": steps}}

    def call(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        """Do an operation of the account's, its request checked as one that comes over the wire.

        From the thread of an execution: ``JsonService`` says what that asks of operations.
        """
        validate(params, service_model("sagemaker").operation_model(name).input_shape)
        return self.calls[name](params)

    # Pipelines

    @operation("CreatePipeline")
    def create_pipeline(self, params: dict[str, Any]) -> dict[str, Any]:
        """Store a pipeline; AwsError if its definition cannot be done here, or if SageMaker cannot assume its role."""
        name = params["PipelineName"]
        refuse("CreatePipeline", params, REFUSED)
        self.resources.check_role(params["RoleArn"], PIPELINE, name)
        definition = self._definition(params)
        if definition is None:
            raise AwsError(
                "ValidationException", "Either PipelineDefinition or PipelineDefinitionS3Location must be provided."
            )
        self.resources.need_free(PIPELINE, name)
        created = now()
        body = {
            "PipelineDisplayName": params.get("PipelineDisplayName", name),
            "PipelineDefinition": definition,
            "PipelineDescription": params.get("PipelineDescription"),
            "RoleArn": params["RoleArn"],
            "PipelineStatus": "Active",
            "CreationTime": created,
            "LastModifiedTime": created,
            "CreatedBy": {},
            "LastModifiedBy": {},
            "ParallelismConfiguration": params.get("ParallelismConfiguration"),
        }
        return {"PipelineArn": self.resources.add(PIPELINE, name, body, params.get("Tags"))}

    @operation("UpdatePipeline")
    def update_pipeline(self, params: dict[str, Any]) -> dict[str, Any]:
        """Change a pipeline; executions that are at work go on by the definition that they began with."""
        body = self._pipeline(params["PipelineName"])
        refuse("UpdatePipeline", params, REFUSED)
        if "RoleArn" in params:
            self.resources.check_role(params["RoleArn"], PIPELINE, body["PipelineName"])
        members = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
        changes = {key: params[key] for key in members if key in params}
        definition = self._definition(params)
        if definition is not None:
            changes["PipelineDefinition"] = definition
        self.resources.update(PIPELINE, body["PipelineName"], LastModifiedTime=now(), **changes)
        return {"PipelineArn": body["PipelineArn"]}

    @operation("DescribePipeline")
    def describe_pipeline(self, params: dict[str, Any]) -> dict[str, Any]:
        """A pipeline by its name or ARN, with its definition; AwsError if there is none."""
        refuse("DescribePipeline", params, REFUSED_OF_DESCRIBE)
        return self._pipeline(params["PipelineName"])

    @operation("ListPipelines")
    def list_pipelines(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of the pipelines whose names begin with PipelineNamePrefix, the newest first."""
        if params.get("ManagedBy") == "AWS":
            raise not_implemented("ListPipelines' ManagedBy AWS")
        members = ("PipelineArn", "PipelineName", "PipelineDisplayName", "PipelineDescription", "RoleArn",
                   "CreationTime", "LastModifiedTime")  # fmt: skip
        prefix = params.get("PipelineNamePrefix", "")
        pipelines, token = self.resources.page(
            PIPELINE,
            _times(params),
            lambda body: {key: body.get(key) for key in members} | {"LastExecutionTime": body.get("LastRunTime")},
            bodies=[body for body, _ in self.resources.all(PIPELINE, prefix)],
        )
        return {"PipelineSummaries": pipelines, "NextToken": token}

    @operation("DeletePipeline")
    def delete_pipeline(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete a pipeline and its executions; AwsError ConflictException while one of them is at work."""
        pipeline = self._pipeline(params["PipelineName"])
        executions = self.executions(pipeline["PipelineName"])
        if any(execution.body["PipelineExecutionStatus"] not in self.ended for execution in executions):
            raise AwsError(
                "ConflictException",
                f"Pipeline '{pipeline['PipelineArn']}' cannot be deleted while an execution of it runs. Stop it first.",
            )
        for execution in executions:
            self.resources.delete(PIPELINE_EXECUTION, execution.name)
        self.resources.delete(PIPELINE, pipeline["PipelineName"])
        return {"PipelineArn": pipeline["PipelineArn"]}

    # Executions

    @operation("StartPipelineExecution", executes=True)
    def start_execution(self, params: dict[str, Any]) -> dict[str, Any]:
        """Begin an execution; the same ClientRequestToken again gives the execution that it has begun.

        Raises AwsError for parameters that do not fit the definition.
        """
        pipeline = self._pipeline(params["PipelineName"])
        refuse("StartPipelineExecution", params, REFUSED_OF_START)
        role = params.get("RoleArn", pipeline["RoleArn"])
        self.resources.check_role(role, PIPELINE, pipeline["PipelineName"])
        token = params.get("ClientRequestToken")
        for execution in self.executions(pipeline["PipelineName"]):
            if execution.internal.get("ClientRequestToken") == token:  # the same request, sent again
                return {"PipelineExecutionArn": execution.body["PipelineExecutionArn"]}
        definition = read(pipeline["PipelineDefinition"])
        values = parameter_values(definition, params.get("PipelineParameters", []))
        execution_id, created = "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH)), now()
        name = f"{pipeline['PipelineName']}/execution/{execution_id}"
        body = {
            "PipelineArn": pipeline["PipelineArn"],
            "PipelineExecutionDisplayName": params.get(
                "PipelineExecutionDisplayName", f"execution-{round(created * 1000)}"
            ),
            "PipelineExecutionDescription": params.get("PipelineExecutionDescription"),
            "PipelineExecutionStatus": "Executing",
            "CreationTime": created,
            "LastModifiedTime": created,
            "CreatedBy": {},
            "LastModifiedBy": {},
            "ParallelismConfiguration": params.get(
                "ParallelismConfiguration", pipeline.get("ParallelismConfiguration")
            ),
            "RoleArn": role,
        }
        internal = {
            "PipelineDefinition": pipeline["PipelineDefinition"],
            "Parameters": values,
            "Steps": [],
            "ClientRequestToken": token,
        }
        arn = self.resources.add(PIPELINE_EXECUTION, name, body, None, internal)
        self.resources.update(PIPELINE, pipeline["PipelineName"], LastRunTime=created)
        self.begin(PipelineRun(self, name, definition, values, self.call, self.executions))
        return {"PipelineExecutionArn": arn}

    @operation("DescribePipelineExecution", wants_request=True)
    async def describe_execution(self, params: dict[str, Any], request: Request) -> dict[str, Any]:
        """An execution by its ARN, held while a waiter of the SDK's waits; AwsError if there is none."""
        name = self._execution(params).name
        await self.long_polling.hold(name, request, lambda: name in self.running)
        return self._execution(params).body

    @operation("ListPipelineExecutions")
    def list_executions(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of a pipeline's executions, the newest first."""
        pipeline = self._pipeline(params["PipelineName"])
        refuse("ListPipelineExecutions", params, ("PipelineVersionAlias",))

        def summary(body: dict[str, Any]) -> dict[str, Any]:
            members = ("PipelineExecutionArn", "PipelineExecutionStatus", "PipelineExecutionDescription",
                       "PipelineExecutionDisplayName")  # fmt: skip
            reason = {"PipelineExecutionFailureReason": body.get("FailureReason")}
            return {key: body.get(key) for key in members} | {"StartTime": body["CreationTime"]} | reason

        executions = self.executions(pipeline["PipelineName"])
        bodies = [{**execution.body, "PipelineExecutionName": execution.name} for execution in executions]
        summaries, token = self.resources.page(
            PIPELINE_EXECUTION, _times(params), summary, bodies=bodies, within=pipeline["PipelineName"]
        )
        return {"PipelineExecutionSummaries": summaries, "NextToken": token}

    @operation("ListPipelineExecutionSteps")
    def list_steps(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of an execution's steps that have begun, the latest first; MAX_RESULTS of them by default."""
        execution = self._execution(params)
        steps, token = self.resources.page(
            STEP,
            {"MaxResults": MAX_RESULTS, **params},
            lambda step: {key: value for key, value in step.items() if key != "CreationTime"},
            # Kept in the order of their beginning, which the clock cannot tell of two that begin at once.
            bodies=[{**step, "CreationTime": place} for place, step in enumerate(execution.internal["Steps"])],
            within=execution.name,
        )
        return {"PipelineExecutionSteps": steps, "NextToken": token}

    @operation("ListPipelineParametersForExecution")
    def list_parameters(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of an execution's parameters with their values, as texts."""
        execution = self._execution(params)
        parameters, token = self.resources.page(
            PARAMETER,
            {"MaxResults": MAX_RESULTS, **params},
            lambda parameter: {"Name": parameter["ParameterName"], "Value": parameter["Value"]},
            order="Ascending",
            sort_by="Name",
            bodies=[
                {"ParameterName": key, "Value": as_text(value), "CreationTime": 0}
                for key, value in execution.internal["Parameters"].items()
            ],
            within=execution.name,
        )
        return {"PipelineParameters": parameters, "NextToken": token}

    @operation("DescribePipelineDefinitionForExecution")
    def describe_definition(self, params: dict[str, Any]) -> dict[str, Any]:
        """The definition that an execution was begun with."""
        execution = self._execution(params)
        definition = execution.internal["PipelineDefinition"]
        return {"PipelineDefinition": definition, "CreationTime": execution.body["CreationTime"]}

    @operation("StopPipelineExecution", executes=True)
    def stop_execution(self, params: dict[str, Any]) -> dict[str, Any]:
        """Ask an execution to stop, and the jobs of its steps with it; AwsError if it is not Executing."""
        execution = self._execution(params)
        self.stop({"PipelineExecutionName": execution.name})
        return {"PipelineExecutionArn": execution.body["PipelineExecutionArn"]}

    def _pipeline(self, name_or_arn: str) -> dict[str, Any]:
        return self.resources.get_named(PIPELINE, name_or_arn)

    def _execution(self, params: dict[str, Any]) -> Record:
        return self.resources.record_named(PIPELINE_EXECUTION, params.get("PipelineExecutionArn", ""))

    def executions(self, pipeline: str) -> list[Record]:
        """The executions of the pipeline of this name, the oldest first."""
        return self.resources.records(PIPELINE_EXECUTION, f"{pipeline}/execution/")

    def _definition(self, params: dict[str, Any]) -> str | None:
        """The text of the definition that a request brings, checked; None if it brings none."""
        text, place = params.get("PipelineDefinition"), params.get("PipelineDefinitionS3Location")
        if text is not None and place is not None:
            raise AwsError(
                "ValidationException", "PipelineDefinition and PipelineDefinitionS3Location cannot both be provided."
            )
        if place is not None:
            try:
                text = self.objects.object(place["Bucket"], place["ObjectKey"]).path.read_text()
            except (AwsError, UnicodeDecodeError) as error:
                why = error.message if isinstance(error, AwsError) else "it is not text in UTF-8."
                raise AwsError(
                    "ValidationException",
                    f"The pipeline definition at s3://{place['Bucket']}/{place['ObjectKey']} cannot be read: {why}",
                ) from None
        if text is not None:
            read(text)
        return text


def _times(params: dict[str, Any]) -> dict[str, Any]:
    """A List's parameters with its times named as other Lists name them."""
    names = {"CreatedAfter": "CreationTimeAfter", "CreatedBefore": "CreationTimeBefore"}
    return {names.get(key, key): value for key, value in params.items()}
