"""Definitions of pipelines as tests write them: JSON of version 2020-12-01."""

from __future__ import annotations

import json


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
