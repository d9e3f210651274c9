"""One execution of a pipeline at work: steps started when what they wait for is done, watched, and ended.

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
from .expressions import PROPERTY_FILE, Undefined, as_text, holds, pick, resolved
from .retries import Retries
from .step import Step

POLL = 0.05  # seconds
FAILED = "Step failure: One or multiple steps failed."
# For each type of step what it makes, and under which name the step's metadata tell of it.
MADE = {
    "Processing": (PROCESSING_JOB, "ProcessingJob"),
    "Training": (TRAINING_JOB, "TrainingJob"),
    "Tuning": (TUNING_JOB, "TuningJob"),
    "Transform": (TRANSFORM_JOB, "TransformJob"),
    "Model": (MODEL, "Model"),
    "RegisterModel": (MODEL_PACKAGE, "RegisterModel"),
}
JOBS = ("Processing", "Training", "Tuning", "Transform")  # what goes on when its Create has answered
LETTERS = string.ascii_letters + string.digits
TOP_JOBS = 50  # training jobs of a tuning job that are among its properties, the best first


class PipelineRun(JobRun):
    """One execution of a pipeline at work."""

    def __init__(
        self,
        jobs: Jobs,
        name: str,
        definition: Definition,
        parameters: dict[str, object],
        call: Callable[[str, dict[str, Any]], dict],
        executions: Callable[[str], list[Record]],
    ) -> None:
        """``call`` does an operation of the account's, ``executions`` are those of the pipeline of a name."""
        super().__init__(jobs, name)
        self.call = call
        self.executions = executions
        self.definition = definition
        self.parameters = parameters
        body = jobs.resources.get(PIPELINE_EXECUTION, name)
        self.pipeline, _, self.identity = name.partition("/execution/")
        self.variables = {
            "StartDateTime": _iso(body["CreationTime"]),
            "PipelineName": self.pipeline,
            "PipelineArn": body["PipelineArn"],
            "PipelineExecutionId": self.identity,
            "PipelineExecutionArn": body["PipelineExecutionArn"],
        }
        self.parallel = body.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps", math.inf)
        self.steps: dict[str, dict[str, Any]] = {}  # what is told of each step that has begun, by its name
        self.made: dict[str, str] = {}  # the name of what each step has made
        self.signatures: dict[str, str] = {}  # of each step that may be cached, by which its runs are told apart
        self.retries: dict[str, Retries] = {}  # of each step that has begun
        self.again: dict[str, float] = {}  # when the steps that wait to be tried again begin, by the steady clock
        self.skipped: set[str] = set()  # steps of a branch that was not taken, and those that wait for them

    def live(self) -> None:
        while not self.abandoned:
            working = self._look_after()
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
            outcome = self._outcome(step.branch_of[0]) if step.branch_of else None
            if step.waits_for & self.skipped or (outcome is not None and outcome != step.branch_of[1]):
                self.skipped.add(step.name)
                return self._ready()  # others may wait for it
            if all(self.steps.get(name, {}).get("StepStatus") == "Succeeded" for name in step.waits_for):
                ready.append(step)
        return ready

    def _outcome(self, condition: str) -> bool | None:
        """What a Condition step has decided, None if it has not yet."""
        said = self.steps.get(condition, {}).get("Metadata", {}).get("Condition")
        return said["Outcome"] == "True" if said else None

    def _start(self, step: Step) -> None:
        told = {
            "StepName": step.name,
            "StepDisplayName": step.body.get("DisplayName"),
            "StepDescription": step.body.get("Description"),
            "StartTime": now(),
            "StepStatus": "Executing",
            "AttemptCount": 1,
        }
        self.steps[step.name] = {key: value for key, value in told.items() if value is not None}
        self.retries[step.name] = Retries(step.type, step.body.get("RetryPolicies") or [])
        self._change(step, "Executing")
        self._try(step)

    def _try(self, step: Step) -> None:
        """Do what a step does, for the first time or once more."""
        try:
            if step.type == "Condition":
                conditions = step.arguments["Conditions"]
                outcome = all([holds(each, self._evaluate) for each in conditions])
                self._change(step, "Succeeded", Metadata={"Condition": {"Outcome": str(outcome)}})
            elif step.type == "Fail":
                message = as_text(resolved(step.arguments["ErrorMessage"], self._evaluate))
                self._change(step, "Failed", message, Metadata={"Fail": {"ErrorMessage": message}})
            else:
                self._call(step)
        except Undefined as error:
            self._change(step, "Failed", f"ClientError: {error}")

    def _call(self, step: Step) -> None:
        """Do what the step is: a call of an operation of the account's."""
        operation, (kind, title) = CALLS[step.type][0], MADE[step.type]
        named = f"{kind.name}Name"
        name = self._new_name(step, resolved(step.arguments.get(named), self._evaluate))
        own = {f"{each}JobName": name for each in ("Training", "Processing") if step.type == each}

        def evaluate(expression: dict[str, Any]) -> object:
            return self._evaluate(expression, own)

        params = resolved(step.arguments, evaluate)
        if source := self._cached(step, params):
            self._take(step, *source)
            return
        if step.type != "RegisterModel" or "ModelPackageGroupName" not in params:
            params[named] = name
        else:
            self._need_group(params["ModelPackageGroupName"])
        try:
            answer = self.call(operation, params)
        except AwsError as error:
            reason = f"ClientError: Failed to invoke sagemaker:{operation}. Error Details: {error.message}"
            self._fail(step, reason, code=error.code)
            return
        arn = answer[f"{kind.name}Arn"]
        self.made[step.name] = arn if step.type == "RegisterModel" else name
        status = "Executing" if step.type in JOBS else "Succeeded"
        self._change(step, status, Metadata={title: {"Arn": arn}})

    def _cached(self, step: Step, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        """The newest earlier run of a step that may stand for this one: its execution's ARN, and what is told of it."""
        mine = signature(step.type, arguments)
        if mine is None:
            return None
        self.signatures[step.name] = mine
        age = longest_age(step.body.get("CacheConfig"))
        if age is None:
            return None
        oldest = now() - age
        found = [
            (execution.body["PipelineExecutionArn"], told)
            for execution in self.executions(self.pipeline)
            if execution.internal.get("StepSignatures", {}).get(step.name) == mine
            for told in execution.internal["Steps"]
            if told["StepName"] == step.name
            and told["StepStatus"] == "Succeeded"
            and told["EndTime"] >= oldest
            and "CacheHitResult" not in told  # which has done nothing itself
            and self.jobs.resources.find(MADE[step.type][0], _made(step, told)) is not None
        ]
        return max(found, key=lambda each: each[1]["EndTime"], default=None)

    def _take(self, step: Step, execution: str, told: dict[str, Any]) -> None:
        """Let what an earlier run of a step has made be what this one makes."""
        self.made[step.name] = _made(step, told)
        source = {"SourcePipelineExecutionArn": execution}
        self._change(step, "Succeeded", Metadata=told["Metadata"], CacheHitResult=source)

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
            return f"{self.identity}-{step.name[:7].strip('-_')}-{suffix}".replace("_", "-")
        beginning = f"{prefix}-{self.identity}" if prefix else f"pipelines-{self.identity}-{step.name}"
        return f"{beginning[:52].rstrip('-_')}-{suffix}".replace("_", "-")

    def _look_after(self) -> list[Step]:
        """The steps whose jobs are at work, once those whose jobs have ended are ended too."""
        working = []
        for name, told in self.steps.items():
            if told["StepStatus"] != "Executing":
                continue
            step = self.definition.steps[name]
            if name in self.again:
                if self.stop_wanted.is_set():
                    self._change(step, "Stopped")
                    continue
                if time.monotonic() >= self.again[name]:
                    del self.again[name]
                    told["AttemptCount"] += 1
                    self._try(step)
                if told["StepStatus"] == "Executing":
                    working.append(step)
                continue
            kind = MADE[step.type][0]
            body = self.jobs.resources.find(kind, self.made[name]) or {
                f"{kind.name}Status": "Failed",
                "FailureReason": f"The {kind.noun} {self.made[name]} was deleted.",
            }
            status = body[f"{kind.name}Status"]
            if status not in ENDED:
                working.append(step)
            elif status == "Completed":
                self._change(step, "Succeeded")
            elif status == "Stopped" and self.stop_wanted.is_set():
                self._change(step, "Stopped")
            else:
                why = body.get("FailureReason") or f"The {kind.noun} {self.made[name]} was stopped."
                self._fail(step, f"ClientError: {why}", why=why)
                if told["StepStatus"] == "Executing":
                    working.append(step)
        return working

    def _fail(self, step: Step, reason: str, code: str = "", why: str = "") -> None:
        """A step's call was refused with ``code``, or its job has failed and says ``why``: try it again, or end it."""
        at = None if self.stop_wanted.is_set() else self.retries[step.name].next(code, why)
        if at is None:
            self._change(step, "Failed", reason)
            return
        self.again[step.name] = at
        self._change(step, "Executing")

    def _stop_all(self, working: list[Step]) -> None:
        for step in working:
            if step.name in self.again:
                continue
            kind = MADE[step.type][0]
            try:
                self.call(f"Stop{kind.name}", {f"{kind.name}Name": self.made[step.name]})
            except AwsError:  # it has ended by itself, or is stopping already
                pass
        while self._look_after() and not self.abandoned:
            time.sleep(POLL)
        if not self.abandoned:
            self.end("Stopped")

    def _evaluate(self, expression: dict[str, Any], own: dict[str, str] | None = None) -> object:
        """What an expression is worth now; ``own`` are variables of the step that asks."""
        if "Std:Join" in expression:
            join = expression["Std:Join"]
            glue = resolved(join.get("On", ""), lambda each: self._evaluate(each, own))
            return as_text(glue).join(as_text(self._value(each, own)) for each in join["Values"])
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
        return resolved(value, lambda each: self._evaluate(each, own))

    def _properties(self, name: str) -> dict[str, Any]:
        """What the Describe of what a step has made answers."""
        step, made = self.definition.steps[name], self.made[name]
        if step.type == "Tuning":
            asked = {"HyperParameterTuningJobName": made}
            best = asked | {"SortBy": "FinalObjectiveMetricValue", "MaxResults": TOP_JOBS}
            body = self.call("DescribeHyperParameterTuningJob", asked)
            kind = body["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["Type"]
            best["SortOrder"] = "Descending" if kind == "Maximize" else "Ascending"
            return body | self.call("ListTrainingJobsForHyperParameterTuningJob", best)
        if step.type == "RegisterModel":
            return self.call("DescribeModelPackage", {"ModelPackageName": made})
        return self.jobs.resources.get(MADE[step.type][0], made)

    def _json_get(self, asked: dict[str, Any], own: dict[str, str] | None) -> object:
        """What lies at a path of a JSON file in S3: a step's property file, or one by its address."""
        if "PropertyFile" in asked:
            named = PROPERTY_FILE.fullmatch(asked["PropertyFile"]["Get"])
            file = property_file(self.definition.steps[named[1]], named[2], "Std:JsonGet")
            outputs = self._properties(named[1])["ProcessingOutputConfig"]["Outputs"]
            output = next(each for each in outputs if each["OutputName"] == file["OutputName"])
            uri = f"{output['S3Output']['S3Uri'].rstrip('/')}/{file['FilePath'].lstrip('/')}"
        else:
            uri = as_text(self._value(asked["S3Uri"], own))
        try:
            text = self.jobs.objects.object(*split_uri(uri)).path.read_bytes()
        except AwsError as error:
            raise Undefined(f"The file {uri} cannot be read: {error.message}") from None
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise Undefined(f"The file {uri} is not JSON.") from None
        try:
            return pick(document, asked["Path"])
        except Undefined:
            raise Undefined(f"The file {uri} has nothing at the path '{asked['Path']}'.") from None

    def _change(self, step: Step, status: str, reason: str | None = None, **changes: object) -> None:
        """Tell what has become of a step."""
        told = self.steps[step.name]
        told |= {"StepStatus": status, **changes}
        if status != "Executing":
            told["EndTime"] = now()
        if reason:
            told["FailureReason"] = reason[:MAX_REASON]
        with self.state:
            self.jobs.resources.update(
                PIPELINE_EXECUTION,
                self.job,
                internal={"Steps": list(self.steps.values()), "StepSignatures": self.signatures},
                LastModifiedTime=now(),
            )

    def end(self, status: str, reason: str | None = None, **changes: object) -> None:
        with self.state:
            if self.stop_wanted.is_set():  # whatever the steps had come to
                status, reason = "Stopped", None
            self.jobs.finish(self.job, status, reason, **changes)


def _made(step: Step, told: dict[str, Any]) -> str:
    """The name of the job that a step has made, by what is told of the step."""
    return told["Metadata"][MADE[step.type][1]]["Arn"].rpartition("/")[2]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
