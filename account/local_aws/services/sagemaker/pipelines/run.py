"""A PipelineExecution at work: steps started when what they wait for is done, watched, and ended.

A step is a call of one of the account's own operations, with the request that the step's arguments come to.
Reference: the developer guide, "Pipelines steps"; the names of jobs are those that pipelines on AWS give.
"""

from __future__ import annotations

import json
import math
import secrets
import string
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from local_aws.core import clock
from local_aws.core.errors import AwsError
from local_aws.services.s3.uris import split_uri
from local_aws.services.sagemaker.jobs.job import ENDED, MAX_REASON, JobRun, Jobs
from local_aws.services.sagemaker.kinds import (
    MODEL,
    MODEL_PACKAGE,
    MODEL_PACKAGE_GROUP,
    PIPELINE_EXECUTION,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TUNING_JOB,
)
from local_aws.services.sagemaker.resources import Record, now

from .arguments import CALLS
from .cache import longest_age, signature
from .definition import Definition, property_file
from .expressions import Undefined, as_text, holds, pick, resolved
from .retries import Retries
from .step import Step

POLL = 0.05  # seconds
FAILED = "Step failure: One or multiple steps failed."
# For each type of step the kind of resource that it creates, and the member of the step's Metadata that tells of it.
CREATED = {
    "Processing": (PROCESSING_JOB, "ProcessingJob"),
    "Training": (TRAINING_JOB, "TrainingJob"),
    "Tuning": (TUNING_JOB, "TuningJob"),
    "Transform": (TRANSFORM_JOB, "TransformJob"),
    "Model": (MODEL, "Model"),
    "RegisterModel": (MODEL_PACKAGE, "RegisterModel"),
}
JOB_STEPS = ("Processing", "Training", "Tuning", "Transform")  # what goes on when its Create has answered
LETTERS = string.ascii_letters + string.digits
TOP_TRAINING_JOBS = 50  # training jobs of a tuning job that are among its properties, the best first


class PipelineRun(JobRun):
    """One execution of a pipeline at work."""

    def __init__(
        self,
        jobs: Jobs,
        name: str,
        definition: Definition,
        parameters: dict[str, object],
        call: Callable[[str, dict[str, Any]], dict[str, Any]],
        executions: Callable[[str], list[Record]],
    ) -> None:
        """``call`` does an operation of the account's, ``executions`` are those of the pipeline of a name."""
        super().__init__(jobs, name)
        self.call = call
        self.executions = executions
        self.definition = definition
        self.parameters = parameters
        body = jobs.resources.get(PIPELINE_EXECUTION, name)
        self.pipeline, _, self.execution_id = name.partition("/execution/")
        self.variables = {
            "StartDateTime": _iso(body["CreationTime"]),
            "PipelineName": self.pipeline,
            "PipelineArn": body["PipelineArn"],
            "PipelineExecutionId": self.execution_id,
            "PipelineExecutionArn": body["PipelineExecutionArn"],
        }
        self.parallel = body.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps", math.inf)
        self.steps: dict[str, dict[str, Any]] = {}  # the PipelineExecutionStep of each step that has begun, by its name
        self.created: dict[str, str] = {}  # the name of the resource that each step has created
        self.signatures: dict[str, str] = {}  # of each step that may be cached, by which its runs are told apart
        self.retries: dict[str, Retries] = {}  # of each step that has begun
        self.retry_times: dict[str, float] = {}  # when the steps that wait to be tried again begin, by the steady clock
        self.skipped: set[str] = set()  # steps of a branch that was not taken, and those that wait for them

    def live(self) -> None:
        """Start the steps that may begin, and follow those at work, until all are done or one has failed."""
        while not self.abandoned:
            working = self._update_steps()
            if self.stop_wanted.is_set():
                self._stop_all(working)
                return
            failed = any(step["StepStatus"] == "Failed" for step in self.steps.values())
            ready = [] if failed else self._ready()
            for step in ready[: max(0, int(min(self.parallel - len(working), len(ready))))]:
                self._start(step)
            if not ready and not working:
                self.end("Failed" if failed else "Succeeded", FAILED if failed else None)
                return
            if working or not ready:
                time.sleep(POLL)

    def _ready(self) -> list[Step]:
        """The steps that may begin: what they wait for has succeeded, and their branch was taken."""
        ready = []
        for step in self.definition.steps.values():
            if step.name in self.steps or step.name in self.skipped:
                continue
            branch = step.branch_of
            if step.waits_for & self.skipped or (branch and self._outcome(branch[0]) not in (None, branch[1])):
                self.skipped.add(step.name)
                return self._ready()  # others may wait for it
            if all(self.steps.get(name, {}).get("StepStatus") == "Succeeded" for name in step.waits_for):
                ready.append(step)
        return ready

    def _outcome(self, condition: str) -> bool | None:
        """What a Condition step has decided, None if it has not yet."""
        decided = self.steps.get(condition, {}).get("Metadata", {}).get("Condition")
        return decided["Outcome"] == "True" if decided else None

    def _start(self, step: Step) -> None:
        execution_step = {
            "StepName": step.name,
            "StepDisplayName": step.body.get("DisplayName"),
            "StepDescription": step.body.get("Description"),
            "StartTime": now(),
            "StepStatus": "Executing",
            "AttemptCount": 1,
        }
        self.steps[step.name] = {key: value for key, value in execution_step.items() if value is not None}
        self.retries[step.name] = Retries(step.type, step.body.get("RetryPolicies") or [])
        self._change(step, "Executing")
        self._try(step)

    def _try(self, step: Step) -> None:
        """Do what a step does, for the first time or once more."""
        try:
            if step.type == "Condition":
                # All of them are evaluated: one that is undefined fails the step, whatever the others decide.
                outcomes = [holds(condition, self._evaluate) for condition in step.arguments["Conditions"]]
                self._change(step, "Succeeded", Metadata={"Condition": {"Outcome": str(all(outcomes))}})
            elif step.type == "Fail":
                message = as_text(resolved(step.arguments["ErrorMessage"], self._evaluate))
                self._change(step, "Failed", message, Metadata={"Fail": {"ErrorMessage": message}})
            else:
                self._call(step)
        except Undefined as error:
            self._change(step, "Failed", f"ClientError: {error}")

    def _call(self, step: Step) -> None:
        """Do what the step is: a call of an operation of the account's."""
        operation, (kind, title) = CALLS[step.type][0], CREATED[step.type]
        name_member = f"{kind.name}Name"
        name = self._new_name(step, resolved(step.arguments.get(name_member), self._evaluate))
        own = {f"{step.type}JobName": name} if step.type in ("Training", "Processing") else {}

        def evaluate(expression: dict[str, Any]) -> object:
            return self._evaluate(expression, own)

        params: dict[str, Any] = resolved(step.arguments, evaluate)
        if source := self._cached(step, params):
            self._take_cached(step, *source)
            return
        if step.type != "RegisterModel" or "ModelPackageGroupName" not in params:
            params[name_member] = name
        else:
            self._need_group(params["ModelPackageGroupName"])
        try:
            answer = self.call(operation, params)
        except AwsError as error:
            reason = f"ClientError: Failed to invoke sagemaker:{operation}. Error Details: {error.message}"
            self._fail(step, reason, code=error.code)
            return
        arn = answer[f"{kind.name}Arn"]
        self.created[step.name] = arn if step.type == "RegisterModel" else name
        status = "Executing" if step.type in JOB_STEPS else "Succeeded"
        self._change(step, status, Metadata={title: {"Arn": arn}})

    def _cached(self, step: Step, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        """The newest earlier run that may stand for a step's: its execution's ARN, and its PipelineExecutionStep."""
        own_signature = signature(step.type, arguments)
        if own_signature is None:
            return None
        self.signatures[step.name] = own_signature
        age = longest_age(step.body.get("CacheConfig"))
        if age is None:
            return None
        oldest = now() - age
        runs = [
            (execution.body["PipelineExecutionArn"], execution_step)
            for execution in self.executions(self.pipeline)
            if execution.internal.get("StepSignatures", {}).get(step.name) == own_signature
            for execution_step in execution.internal["Steps"]
            if execution_step["StepName"] == step.name
            and execution_step["StepStatus"] == "Succeeded"
            and execution_step["EndTime"] >= oldest
            and "CacheHitResult" not in execution_step  # which has done nothing itself
            and self.jobs.resources.find(CREATED[step.type][0], _created_name(step, execution_step)) is not None
        ]
        return max(runs, key=lambda run: run[1]["EndTime"], default=None)

    def _take_cached(self, step: Step, execution: str, execution_step: dict[str, Any]) -> None:
        """Let what an earlier run of a step has created be what this one creates."""
        self.created[step.name] = _created_name(step, execution_step)
        source = {"SourcePipelineExecutionArn": execution}
        self._change(step, "Succeeded", Metadata=execution_step["Metadata"], CacheHitResult=source)

    def _need_group(self, group: str) -> None:
        """A pipeline makes the group that it registers its model in, if it is not there."""
        try:
            self.jobs.resources.record_named(MODEL_PACKAGE_GROUP, group)
        except AwsError:
            with suppress(AwsError):  # what is wrong with it, CreateModelPackage says
                self.call("CreateModelPackageGroup", {"ModelPackageGroupName": group})

    def _new_name(self, step: Step, prefix: object) -> str:
        """A name for what the step makes; ``prefix`` is a name that the step's arguments give."""
        suffix = "".join(secrets.choice(LETTERS) for _ in range(10))
        if step.type == "Tuning":  # whose names have 32 characters at most
            return f"{self.execution_id}-{step.name[:7].strip('-_')}-{suffix}".replace("_", "-")
        beginning = f"{prefix}-{self.execution_id}" if prefix else f"pipelines-{self.execution_id}-{step.name}"
        return f"{beginning[:52].rstrip('-_')}-{suffix}".replace("_", "-")

    def _update_steps(self) -> list[Step]:
        """The steps whose jobs are at work, once those whose jobs have ended are ended too."""
        working = []
        for name, execution_step in self.steps.items():
            if execution_step["StepStatus"] != "Executing":
                continue
            step = self.definition.steps[name]
            if name in self.retry_times:
                if self.stop_wanted.is_set():
                    self._change(step, "Stopped")
                    continue
                if time.monotonic() >= self.retry_times[name]:
                    del self.retry_times[name]
                    execution_step["AttemptCount"] += 1
                    self._try(step)
                if execution_step["StepStatus"] == "Executing":
                    working.append(step)
                continue
            kind = CREATED[step.type][0]
            body = self.jobs.resources.find(kind, self.created[name]) or {
                f"{kind.name}Status": "Failed",
                "FailureReason": f"The {kind.noun} {self.created[name]} was deleted.",
            }
            status = body[f"{kind.name}Status"]
            if status not in ENDED:
                working.append(step)
            elif status == "Completed":
                self._change(step, "Succeeded")
            elif status == "Stopped" and self.stop_wanted.is_set():
                self._change(step, "Stopped")
            else:
                why = body.get("FailureReason") or f"The {kind.noun} {self.created[name]} was stopped."
                self._fail(step, f"ClientError: {why}", why=why)
                if execution_step["StepStatus"] == "Executing":
                    working.append(step)
        return working

    def _fail(self, step: Step, reason: str, code: str = "", why: str = "") -> None:
        """A step's call was refused with ``code``, or its job has failed and says ``why``: try it again, or end it."""
        at = None if self.stop_wanted.is_set() else self.retries[step.name].next(code, why)
        if at is None:
            self._change(step, "Failed", reason)
            return
        self.retry_times[step.name] = at
        self._change(step, "Executing")

    def _stop_all(self, working: list[Step]) -> None:
        for step in working:
            if step.name in self.retry_times:
                continue
            kind = CREATED[step.type][0]
            with suppress(AwsError):  # it has ended by itself, or is stopping already
                self.call(f"Stop{kind.name}", {f"{kind.name}Name": self.created[step.name]})
        while self._update_steps() and not self.abandoned:
            time.sleep(POLL)
        if not self.abandoned:
            self.end("Stopped")

    def _evaluate(self, expression: dict[str, Any], own: dict[str, str] | None = None) -> object:
        """What an expression is worth now; ``own`` are variables of the step that asks."""
        if "Std:Join" in expression:
            join = expression["Std:Join"]
            glue = self._value(join.get("On", ""), own)
            return as_text(glue).join(as_text(self._value(value, own)) for value in join["Values"])
        if "Std:JsonGet" in expression:
            return self._json_get(expression["Std:JsonGet"], own)
        path = expression["Get"]
        head, _, rest = path.partition(".")
        if head == "Parameters":
            return self.parameters[rest]
        if head == "Execution":
            variables = {**self.variables, "CurrentDateTime": _iso(clock.now()), **(own or {})}
            if rest not in variables:
                raise Undefined(f"The execution variable {path} is undefined in this step.")
            return variables[rest]
        name, _, member = rest.partition(".")
        if self.definition.steps[name].type == "Condition":
            return str(self._outcome(name))
        try:
            return pick(self._properties(name), member)
        except (Undefined, AwsError) as error:
            raise Undefined(f"The property {path} is undefined: {error}") from None

    def _value(self, value: object, own: dict[str, str] | None) -> object:
        return resolved(value, lambda expression: self._evaluate(expression, own))

    def _properties(self, name: str) -> dict[str, Any]:
        """What the Describe of the resource that a step has created answers."""
        step, created = self.definition.steps[name], self.created[name]
        if step.type == "Tuning":
            params = {"HyperParameterTuningJobName": created}
            best = params | {"SortBy": "FinalObjectiveMetricValue", "MaxResults": TOP_TRAINING_JOBS}
            body = self.call("DescribeHyperParameterTuningJob", params)
            objective_type = body["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["Type"]
            best["SortOrder"] = "Descending" if objective_type == "Maximize" else "Ascending"
            return body | self.call("ListTrainingJobsForHyperParameterTuningJob", best)
        if step.type == "RegisterModel":
            return self.call("DescribeModelPackage", {"ModelPackageName": created})
        return self.jobs.resources.get(CREATED[step.type][0], created)

    def _json_get(self, json_get: dict[str, Any], own: dict[str, str] | None) -> object:
        """What lies at a path of a JSON file in S3: a step's property file, or one by its address."""
        if "PropertyFile" in json_get:
            _, step_name, _, file_name = json_get["PropertyFile"]["Get"].split(".", 3)  # Steps.STEP.PropertyFiles.NAME
            file = property_file(self.definition.steps[step_name], file_name, "Std:JsonGet")
            outputs = self._properties(step_name)["ProcessingOutputConfig"]["Outputs"]
            output = next(output for output in outputs if output["OutputName"] == file["OutputName"])
            uri = f"{output['S3Output']['S3Uri'].rstrip('/')}/{file['FilePath'].lstrip('/')}"
        else:
            uri = as_text(self._value(json_get["S3Uri"], own))
        try:
            text = self.jobs.objects.object(*split_uri(uri)).path.read_bytes()
        except AwsError as error:
            raise Undefined(f"The file {uri} cannot be read: {error.message}") from None
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise Undefined(f"The file {uri} is not JSON.") from None
        try:
            return pick(document, json_get["Path"])
        except Undefined:
            raise Undefined(f"The file {uri} has nothing at the path '{json_get['Path']}'.") from None

    def _change(self, step: Step, status: str, reason: str | None = None, **changes: object) -> None:
        """Give a step a status and a FailureReason, and keep that."""
        execution_step = self.steps[step.name]
        execution_step |= {"StepStatus": status, **changes}
        if status != "Executing":
            execution_step["EndTime"] = now()
        if reason:
            execution_step["FailureReason"] = reason[:MAX_REASON]
        with self.state:
            self.jobs.resources.update(
                PIPELINE_EXECUTION,
                self.job,
                internal={"Steps": list(self.steps.values()), "StepSignatures": self.signatures},
                LastModifiedTime=now(),
            )

    def end(self, status: str, reason: str | None = None, **changes: object) -> None:
        """Give the execution its last state, as ``Jobs.finish``; one that is to stop is Stopped, whatever its steps
        did.
        """
        with self.state:
            if self.stop_wanted.is_set():  # whatever the steps had come to
                status, reason = "Stopped", None
            self.jobs.finish(self.job, status, reason, **changes)


def _created_name(step: Step, execution_step: dict[str, Any]) -> str:
    """The name of the job that a step has created, by its PipelineExecutionStep."""
    arn: str = execution_step["Metadata"][CREATED[step.type][1]]["Arn"]
    return arn.rpartition("/")[2]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
