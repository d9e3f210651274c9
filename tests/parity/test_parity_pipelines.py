"""Pipelines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from parity.asking import image, processing, rows, training


@pytest.fixture
def pipeline(there):
    """Makes pipelines of steps; gone afterwards."""
    made = []

    def make(*steps: dict, **members: object) -> dict:
        name = there.name("pipeline")
        definition = {"Version": "2020-12-01", "Parameters": [], "Steps": list(steps)} | members
        said = there.said(
            there.sagemaker.create_pipeline,
            PipelineName=name,
            PipelineDefinition=json.dumps(definition),
            RoleArn=there.role,
            ClientRequestToken=there.run * 3,
        )
        if "accepted" in said:
            made.append(name)
            said["name"] = name
        return said

    yield make
    for name in made:
        there.sagemaker.delete_pipeline(PipelineName=name, ClientRequestToken=there.run * 3)


def step(name: str, kind: str, arguments: dict, **members: object) -> dict:
    return {"Name": name, "Type": kind, "Arguments": arguments} | members


def job(request: dict) -> dict:
    """A request as a step's arguments: without the job's name."""
    return {member: value for member, value in request.items() if not member.endswith("JobName")}


def made(step: dict) -> list[str]:
    """The names of what a step has made, without their random parts."""
    found = [each["Arn"].rpartition("/")[2] for each in step.get("Metadata", {}).values() if "Arn" in each]
    parts = [each.split("-") for each in found]
    known = ("pipelines", "given", step["StepName"])
    return ["-".join(part if part in known else "x" for part in each) for each in parts]


def reason(step: dict) -> str | None:
    """Why a step failed, if it did, without the random parts of its job's name."""
    said = step.get("FailureReason")
    return said and re.sub(rf"pipelines-\w+-{step['StepName']}-\w+", f"<{step['StepName']}>", said)


def run(there, name: str, meanwhile: Callable[[], None] = lambda: None) -> dict:
    """An execution, ended: its state, and its steps in the order in which they are listed."""
    arn = there.sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    meanwhile()
    found = there.ended(
        there.sagemaker.describe_pipeline_execution, "PipelineExecutionStatus", PipelineExecutionArn=arn
    )
    steps = there.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return {
        "status": found["PipelineExecutionStatus"],
        "reason": found.get("FailureReason"),
        "steps": [[each["StepName"], each["StepStatus"], reason(each), made(each)] for each in steps],
    }


def test_definitions_that_are_refused(there, pipeline, answers):
    fail = step("Ends", "Fail", {"ErrorMessage": "ended"})
    trains = job(training(there, "step", rows(there)))
    answers({
        "no JSON": there.said(
            there.sagemaker.create_pipeline, PipelineName=there.name("pipeline"), PipelineDefinition="{",
            RoleArn=there.role, ClientRequestToken=there.run * 3,
        ),
        "steps that are no list": pipeline(Steps={}),
        "no steps": pipeline(),
        "a name twice": pipeline(fail, fail),
        "unknown type": pipeline(step("Ends", "Nothing", {})),
        "reference to nothing": pipeline(step("Ends", "Fail", {"ErrorMessage": {"Get": "Parameters.Nothing"}})),
        "circle": pipeline(
            step("A", "Training", {}, DependsOn=["B"]), step("B", "Training", {}, DependsOn=["A"])
        ),
        "condition of an unknown type": pipeline(
            step("Decides", "Condition", {
                "Conditions": [{"Type": "Nothing", "LeftValue": 1, "RightValue": 1}], "IfSteps": [], "ElseSteps": []
            })
        ),
        "argument that is none": pipeline(step("A", "Training", trains | {"Nothing": 1})),
        "argument of another form": pipeline(step("A", "Training", trains | {"InputDataConfig": {}})),
    })  # fmt: skip


def test_references_of_other_types(there, pipeline, answers):
    """Parameters, properties and functions in the place of arguments of each type; none of it is run."""
    parameters = [
        {"Name": "String", "Type": "String", "DefaultValue": "s"},
        {"Name": "Integer", "Type": "Integer", "DefaultValue": 1},
        {"Name": "Float", "Type": "Float", "DefaultValue": 0.5},
        {"Name": "Boolean", "Type": "Boolean", "DefaultValue": True},
    ]
    place = f"s3://{there.bucket}/{there.run}"
    batch = {
        "ModelName": "a-model",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{place}/rows/"}}},
        "TransformOutput": {"S3OutputPath": f"{place}/scores/"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    properties = ("TransformJobArn", "CreationTime", "MaxConcurrentTransforms", "ModelClientConfig", "Environment")
    references = {each["Name"]: {"Get": f"Parameters.{each['Name']}"} for each in parameters}
    references |= {each: {"Get": f"Steps.Before.{each}"} for each in properties}
    references |= {
        "start": {"Get": "Execution.StartDateTime"},
        "join": {"Std:Join": {"On": "", "Values": ["1"]}},
        "file": {"Std:JsonGet": {"S3Uri": f"{place}/file.json", "Path": "a"}},
    }

    def made(member: str, value: object) -> dict:
        steps = step("Before", "Transform", batch), step("A", "Transform", batch | {member: value})
        said = pipeline(*steps, Parameters=parameters)
        return {key: value for key, value in said.items() if key != "name"}

    seen = {}
    for name, value in references.items():
        seen[f"{name} for a string"] = made("Environment", {"N": value})
        seen[f"{name} for a number"] = made("MaxConcurrentTransforms", value)
        seen[f"{name} for a boolean"] = made("DataCaptureConfig", {"GenerateInferenceId": value})
        seen[f"{name} for a list"] = made("Tags", value)
        seen[f"{name} for a map"] = made("Environment", value)
        seen[f"{name} for a structure"] = made("ModelClientConfig", value)
    seen["an experiment"] = made("ExperimentConfig", {"ExperimentName": "e"})
    seen["a number for a string"] = made("Environment", {"N": 1})
    answers(seen)


def test_a_step_that_fails(there, pipeline, answers):
    """Its job fails; another is independent of it; a third waits for it, and never begins."""
    fails = processing(there, "fails", "import sys\nsys.exit(3)\n")
    works = processing(there, "step", "print('works')\n")
    made = pipeline(
        step("Fails", "Processing", job(fails)),
        step("Works", "Processing", job(works)),
        step("Waits", "Processing", job(works), DependsOn=["Fails"]),
    )
    found = run(there, made["name"])
    found["steps"].sort()
    answers(found)


def test_a_call_that_is_refused(there, pipeline, answers):
    """A step whose job cannot even be made."""
    request = job(training(there, "step", rows(there) + "nothing/"))
    answers(run(there, pipeline(step("Refused", "Training", request))["name"]))


def test_a_value_that_its_step_cannot_take(there, pipeline, answers):
    """A parameter that is known when the execution begins, and is no size of a disk."""
    request = job(processing(there, "step", "print('works')\n"))
    request["ProcessingResources"]["ClusterConfig"]["VolumeSizeInGB"] = {"Get": "Parameters.Size"}
    parameters = [{"Name": "Size", "Type": "Integer", "DefaultValue": 0}]
    answers(run(there, pipeline(step("Refused", "Processing", request), Parameters=parameters)["name"]))


def test_a_step_whose_job_is_stopped(there, pipeline, answers):
    """For its time, and by somebody else."""
    waits = "import time\nprint('waits', flush=True)\ntime.sleep(1000)\n"
    late = job(processing(there, "late", waits, StoppingCondition={"MaxRuntimeInSeconds": 5}))
    stopped = job(processing(there, "stopped", waits))
    name = pipeline(step("Late", "Processing", late), step("Stopped", "Processing", stopped))["name"]

    def running() -> list[str]:
        jobs = there.sagemaker.list_processing_jobs(NameContains="-Stopped-", StatusEquals="InProgress")
        names = [each["ProcessingJobName"] for each in jobs["ProcessingJobSummaries"]]
        return [name for name in names if there.streams("/aws/sagemaker/ProcessingJobs", name)]

    def stop() -> None:
        (name,) = there.soon(running)
        there.sagemaker.stop_processing_job(ProcessingJobName=name)

    found = run(there, name, stop)
    found["steps"].sort()
    answers(found)


def test_names_of_what_steps_make(there, pipeline, answers):
    """Of a training job that is given a name, of one that is not, and of a tuning job."""
    uri = rows(there)
    trains = job(training(there, "step", uri))
    tunes = {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "train:objective_loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "wd", "MinValue": "0.1", "MaxValue": "0.2"}]},
        },
        "TrainingJobDefinition": {
            name: trains[name] for name in trains if name != "HyperParameters"
        } | {"StaticHyperParameters": trains["HyperParameters"]},
    }  # fmt: skip
    found = run(there, pipeline(
        step("Trains", "Training", trains),
        step("Named", "Training", trains | {"TrainingJobName": "given"}),
        step("Tunes", "Tuning", tunes),
    )["name"])  # fmt: skip
    found["steps"].sort()
    answers(found)


def test_a_condition_and_what_waits_for_it(there, pipeline, answers):
    """One step waits for the decision, another for a step in the branch that is not taken."""
    works = job(processing(there, "step", "print('works')\n"))
    decides = {
        "Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}],
        "IfSteps": [step("Taken", "Processing", works)],
        "ElseSteps": [step("NotTaken", "Processing", works)],
    }
    found = run(there, pipeline(
        step("Decides", "Condition", decides),
        step("Afterwards", "Processing", works, DependsOn=["Decides"]),
        step("Never", "Processing", works, DependsOn=["NotTaken"]),
    )["name"])  # fmt: skip
    answers(found)


def test_a_step_that_says_that_it_fails(there, pipeline, answers):
    answers(run(there, pipeline(step("Ends", "Fail", {"ErrorMessage": "as it should"}))["name"]))


def test_a_group_that_a_step_makes(there, pipeline, answers):
    group, container = there.name("group"), {"Image": image(there, "linear-learner")}
    container["ModelDataUrl"] = there.put("registered/model.tar.gz", b"x")
    inference = {"Containers": [container], "SupportedContentTypes": ["text/csv"],
                 "SupportedResponseMIMETypes": ["text/csv"]}  # fmt: skip
    request = {"ModelPackageGroupName": group, "InferenceSpecification": inference}
    found = run(there, pipeline(step("Registers", "RegisterModel", request))["name"])
    del found["steps"][0][3]
    arn = there.said(there.sagemaker.describe_model_package_group, ModelPackageGroupName=group)
    if "accepted" in arn:
        shown = there.sagemaker.describe_model_package_group(ModelPackageGroupName=group)
        found["tags"] = len(there.sagemaker.list_tags(ResourceArn=shown["ModelPackageGroupArn"])["Tags"])
        for each in there.sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]:
            there.sagemaker.delete_model_package(ModelPackageName=each["ModelPackageArn"])
        there.sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    answers(found)


def test_a_step_that_is_cached(there, pipeline, answers):
    """A run without caching, then two with it; what AWS says to durations, and to steps that it cannot cache."""
    name = there.name("pipeline")
    work = job(processing(there, "step", "print('works')\n"))
    found, arns = [], []
    for enabled in (False, True, True):
        config = {"Enabled": enabled, "ExpireAfter": "P1D"}
        definition = {"Version": "2020-12-01", "Steps": [step("Works", "Processing", work, CacheConfig=config)]}
        members = {"PipelineName": name, "PipelineDefinition": json.dumps(definition)}
        if arns:
            there.sagemaker.update_pipeline(**members)
        else:
            there.sagemaker.create_pipeline(**members, RoleArn=there.role, ClientRequestToken=there.run * 3)
        arns.append(there.sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"])
        there.ended(
            there.sagemaker.describe_pipeline_execution, "PipelineExecutionStatus", PipelineExecutionArn=arns[-1]
        )
        (told,) = there.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arns[-1])["PipelineExecutionSteps"]
        hit = told.get("CacheHitResult", {}).get("SourcePipelineExecutionArn")
        found.append({
            "status": told["StepStatus"],
            "attempts": told.get("AttemptCount"),
            "members": sorted(told),
            "its source": f"execution {arns.index(hit) + 1}" if hit in arns else hit,
        })  # fmt: skip
    there.sagemaker.delete_pipeline(PipelineName=name, ClientRequestToken=there.run * 3)
    seen = {"executions": found}
    for config in (
        {"Enabled": True},
        *({"Enabled": True, "ExpireAfter": each} for each in ("30d", "P1S", "P", "1 day")),
    ):
        said = pipeline(step("Batch", "Transform", {}, CacheConfig=config))
        seen[json.dumps(config)] = {key: value for key, value in said.items() if key != "name"}
    said = pipeline(step("Makes", "Model", {}, CacheConfig={"Enabled": True, "ExpireAfter": "P1D"}))
    answers(seen | {"a Model step": {key: value for key, value in said.items() if key != "name"}})


def test_policies_that_are_refused(there, pipeline, answers):
    """Of the retries of a step; none of it is run."""
    limit = {"ExceptionType": ["SageMaker.RESOURCE_LIMIT"]}
    seen = {}
    for policy in (
        limit,
        {"ExceptionType": ["SageMaker.CAPACITY_ERROR", "SageMaker.JOB_CAPACITY_ERROR"]},
        {"ExceptionType": "SageMaker.RESOURCE_LIMIT"},
        {"ExceptionType": ["SageMaker.NOTHING"]},
        limit | {"MaxAttempts": 21},
        limit | {"IntervalSeconds": 43201},
        limit | {"BackoffRate": 0},
        limit | {"MaxAttempts": 1, "ExpireAfterMin": 1},
    ):
        said = pipeline(step("Batch", "Transform", {}, RetryPolicies=[policy]))
        seen[json.dumps(policy)] = {key: value for key, value in said.items() if key != "name"}
    said = pipeline(step("Ends", "Fail", {"ErrorMessage": "ended"}, RetryPolicies=[limit]))
    answers(seen | {"a Fail step": {key: value for key, value in said.items() if key != "name"}})
