"""Definitions of pipelines as tests write them: JSON of version 2020-12-01; and what became of an execution."""

from __future__ import annotations

import json

from support.training import wait_until


def get(path: str) -> dict:
    return {"Get": path}


def fails(step: str, message: object = "no", **members) -> dict:
    return {"Name": step, "Type": "Fail", "Arguments": {"ErrorMessage": message}} | members


def decides(step: str, *conditions: dict, yes=(), no=(), **members) -> dict:
    arguments = {"Conditions": list(conditions), "IfSteps": list(yes), "ElseSteps": list(no)}
    return {"Name": step, "Type": "Condition", "Arguments": arguments} | members


def compares(kind: str, left: object, right: object) -> dict:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def whole(*steps: dict, parameters=(), **members) -> str:
    return json.dumps({"Version": "2020-12-01", "Parameters": list(parameters), "Steps": list(steps)} | members)


def finished(client, arn: str) -> tuple[dict, dict[str, dict]]:
    """An execution's description, once it has ended, and its steps by their names, the first one first."""
    body = wait_until(
        lambda: client.describe_pipeline_execution(PipelineExecutionArn=arn),
        lambda body: body["PipelineExecutionStatus"] not in ("Executing", "Stopping"),
        arn,
    )
    steps = client.list_pipeline_execution_steps(PipelineExecutionArn=arn, SortOrder="Ascending")
    return body, {step["StepName"]: step for step in steps["PipelineExecutionSteps"]}
