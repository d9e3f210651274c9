"""Pipelines."""

from __future__ import annotations

import json

import pytest
from asking import image, processing, rows, training


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
    return ["-".join(part if part in ("pipelines", step["StepName"]) else "x" for part in each) for each in parts]


def run(there, name: str) -> dict:
    """An execution, ended: its state, and its steps in the order in which they are listed."""
    arn = there.sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    found = there.ended(
        there.sagemaker.describe_pipeline_execution, "PipelineExecutionStatus", PipelineExecutionArn=arn
    )
    steps = there.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return {
        "status": found["PipelineExecutionStatus"],
        "reason": found.get("FailureReason"),
        "steps": [[each["StepName"], each["StepStatus"], each.get("FailureReason"), made(each)] for each in steps],
    }


def test_definitions_that_are_refused(there, pipeline, answers):
    fail = step("Ends", "Fail", {"ErrorMessage": "ended"})
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
    })  # fmt: skip


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


def test_a_condition_and_what_waits_for_it(there, pipeline, answers):
    works = job(processing(there, "step", "print('works')\n"))
    decides = {
        "Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}],
        "IfSteps": [step("Taken", "Processing", works)],
        "ElseSteps": [step("NotTaken", "Processing", works)],
    }
    found = run(there, pipeline(step("Decides", "Condition", decides))["name"])
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
