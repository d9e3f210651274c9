"""A pipeline's definition: its parameters and their values, its steps, and on which others each of them waits.

Reference: the JSON schema of the pipeline definition (version 2020-12-01, sagemaker-model-building-pipeline-
definition-JSON-schema) and the SageMaker SDK, which writes such definitions (``sagemaker/workflow``).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from local_aws.core.errors import AwsError
from local_aws.wire.refusals import not_implemented

from .arguments import CALLS, check_arguments, check_references, property_shape
from .cache import check_cache
from .expressions import PROPERTY_FILE, bad, check_condition, expressions, is_path, list_in, need
from .retries import check_retries
from .step import Step

VERSION = "2020-12-01"
MAX_STEPS = 50
STEP_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
EXECUTION_VARIABLES = ("StartDateTime", "CurrentDateTime", "PipelineName", "PipelineArn", "PipelineExecutionId",
                       "PipelineExecutionArn", "TrainingJobName", "ProcessingJobName")  # fmt: skip
PARAMETER_TYPES = {"String": (str,), "Integer": (int,), "Float": (int, float), "Boolean": (bool,)}
TYPES = ", ".join(PARAMETER_TYPES)


@dataclass
class Definition:
    """A pipeline's definition that has been checked: its parameters by name, its steps in their order."""

    parameters: dict[str, dict[str, Any]]
    steps: dict[str, Step]


def read(text: str) -> Definition:
    """The definition that ``text`` is; AwsError, with the place and the reason, if it is none or cannot be done."""
    try:
        body = json.loads(text)
    except ValueError as error:
        raise bad(f"It is not JSON: {error}") from None
    except RecursionError:
        raise bad("It is nested too deeply.") from None
    try:
        return _read(body)
    except RecursionError:
        raise bad("It is nested too deeply.") from None


def _read(body: object) -> Definition:
    need(isinstance(body, dict), "Expecting start of Json Object.")
    need(body.get("Version") == VERSION, f"Version must be '{VERSION}', not {json.dumps(body.get('Version'))}.")
    parameters = {}
    for each in list_in(body.get("Parameters") or [], "Parameters"):
        need(isinstance(each, dict) and isinstance(each.get("Name"), str), "A parameter needs a Name.")
        name = each["Name"]
        need(name not in parameters, f"Duplicate parameter name '{name}'.")
        need(str(each.get("Type")) in PARAMETER_TYPES, f"The Type of parameter '{name}' is not one of {TYPES}.")
        list_in(each.get("EnumValues") or [], f"EnumValues of parameter '{name}'")
        if "DefaultValue" in each:
            _check_value(each, each["DefaultValue"])
        parameters[name] = each
    steps: dict[str, Step] = {}
    for each in list_in(body.get("Steps"), "Steps"):
        _add(each, None, steps)
    need(0 < len(steps) <= MAX_STEPS, f"A pipeline has 1 to {MAX_STEPS} steps, this one {len(steps)}.")
    for step in steps.values():
        _connect(step, steps, parameters)
        check_references(step, steps, parameters)
    _refuse_cycles(steps)
    return Definition(parameters, steps)


def _add(body: object, branch: tuple[str, bool] | None, steps: dict[str, Step]) -> None:
    """Put a step, and those in its branches, among ``steps``."""
    need(isinstance(body, dict), "Expecting start of Json Object in Steps.")
    name, kind, arguments = body.get("Name"), body.get("Type"), body.get("Arguments") or {}
    need(isinstance(name, str) and STEP_NAME.fullmatch(name) is not None, f"Invalid step name {json.dumps(name)}.")
    need(name not in steps, f"Duplicate step name '{name}': step names must be unique within a pipeline.")
    if str(kind) not in (*CALLS, "Condition", "Fail"):
        done = ", ".join((*CALLS, "Condition", "Fail"))
        raise not_implemented(f"A pipeline step of the type {kind} (step '{name}'; types that run here: {done})")
    need(isinstance(arguments, dict), f"Expecting start of Json Object in the Arguments of step '{name}'.")
    check_cache(name, kind, body.get("CacheConfig"))
    check_retries(name, kind, body.get("RetryPolicies"))
    for each in list_in(body.get("PropertyFiles") or [], f"PropertyFiles of step '{name}'"):
        need(isinstance(each, dict), f"Expecting start of Json Object in PropertyFiles of step '{name}'.")
        for member in ("PropertyFileName", "OutputName", "FilePath"):
            need(isinstance(each.get(member), str), f"A property file of step '{name}' has no {member}.")
    steps[name] = Step(name, kind, arguments, body, branch_of=branch)
    if kind == "Condition":
        for member, outcome in (("IfSteps", True), ("ElseSteps", False)):
            for each in list_in(arguments.get(member) or [], f"{member} of step '{name}'"):
                _add(each, (name, outcome), steps)
        list_in(arguments.get("Conditions"), f"Conditions of step '{name}'")
    elif kind == "Fail":
        need("ErrorMessage" in arguments, f"The Fail step '{name}' has no ErrorMessage.")
    else:
        check_arguments(steps[name])


def _connect(step: Step, steps: dict[str, Step], parameters: dict[str, dict[str, Any]]) -> None:
    """Find the steps that ``step`` waits for; refuse what it names and is not there."""
    for name in list_in(step.body.get("DependsOn") or [], f"DependsOn of step '{step.name}'"):
        there = isinstance(name, str) and name in steps
        need(there, f"The step '{step.name}' depends on the step {json.dumps(name)}, which does not exist.")
        step.waits_for.add(name)
    if step.branch_of:
        step.waits_for.add(step.branch_of[0])
    if step.type == "Condition":
        for each in step.said:
            check_condition(each, step.name)
    for each in expressions(step.said):
        where = f"{json.dumps(each)} in step '{step.name}'"
        if "Get" in each:
            _check_get(each["Get"], where, step, steps, parameters)
        elif "Std:Join" in each:
            join = each["Std:Join"]
            need(isinstance(join, dict) and isinstance(join.get("Values"), list), f"{where} has no list of Values.")
        else:
            get = each["Std:JsonGet"]
            need(isinstance(get, dict) and isinstance(get.get("Path"), str), f"{where} has no Path.")
            need(("PropertyFile" in get) != ("S3Uri" in get), f"{where} needs either a PropertyFile or an S3Uri.")
            need(is_path(get["Path"]), f"{where}: the Path is not one such as A.B[0].")
            if "PropertyFile" in get:
                reference = get["PropertyFile"].get("Get") if isinstance(get["PropertyFile"], dict) else None
                named = isinstance(reference, str) and PROPERTY_FILE.fullmatch(reference)
                need(bool(named), f"{where}: the PropertyFile is no Get of Steps.STEP.PropertyFiles.NAME.")


def _check_get(
    path: object, where: str, step: Step, steps: dict[str, Step], parameters: dict[str, dict[str, Any]]
) -> None:
    head, _, rest = path.partition(".") if isinstance(path, str) else ("", "", "")
    if head == "Parameters":
        need(rest in parameters, f"{where}: there is no parameter '{rest}'.")
    elif head == "Execution":
        need(rest in EXECUTION_VARIABLES, f"{where}: there is no execution variable '{rest}'.")
    elif head == "Steps":
        name, _, member = rest.partition(".")
        need(name in steps, f"{where}: there is no step '{name}'.")
        step.waits_for.add(name)
        source = steps[name]
        if named := PROPERTY_FILE.fullmatch(path):
            property_file(source, named[2], where)
        elif source.type in CALLS:
            found = property_shape(source, member)
            need(found is not None, f"{where}: a {source.type} step has no such property.")
        else:
            need(
                source.type == "Condition" and member == "Outcome",
                f"{where}: a {source.type} step has no such property.",
            )
    else:
        raise bad(f"{where}: it must begin with Parameters, Execution or Steps.")


def property_file(step: Step, name: str, where: str) -> dict[str, Any]:
    """A Processing step's property file; AwsError if there is none, or none of the outputs that it names."""
    files = step.body.get("PropertyFiles") or []
    found = next((each for each in files if each.get("PropertyFileName") == name), None)
    need(found is not None, f"{where}: the step '{step.name}' has no property file '{name}'.")
    outputs = (step.arguments.get("ProcessingOutputConfig") or {}).get("Outputs")
    outputs = outputs if isinstance(outputs, list) else []
    need(
        any(each.get("OutputName") == found["OutputName"] for each in outputs),
        f"{where}: the output '{found['OutputName']}' of property file '{name}' is not one of step '{step.name}'.",
    )
    return found


def _refuse_cycles(steps: dict[str, Step]) -> None:
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> None:
        if name in way:
            circle = " -> ".join([*way[way.index(name) :], name])
            raise AwsError("ValidationException", f"Pipeline definition has a cycle between its steps: {circle}.")
        if name not in done:
            for other in sorted(steps[name].waits_for):
                visit(other, [*way, name])
            done.add(name)

    for name in steps:
        visit(name, [])


def parameter_values(definition: Definition, given: list[dict[str, Any]]) -> dict[str, object]:
    """The parameters' values of an execution, in their types: those given (as text), else the defaults."""
    texts = {each["Name"]: each["Value"] for each in given}
    if len(texts) < len(given):
        raise AwsError("ValidationException", "A parameter is given more than once.")
    unknown = sorted(set(texts) - set(definition.parameters))
    if unknown:
        raise AwsError(
            "ValidationException", f"Parameters [{', '.join(unknown)}] are not defined in the pipeline definition."
        )
    values = {}
    for name, parameter in definition.parameters.items():
        if name not in texts:
            if "DefaultValue" not in parameter:
                sentence = f"Parameter [{name}] has no default value and no value was given."
                raise AwsError("ValidationException", sentence)
            values[name] = parameter["DefaultValue"]
            continue
        text = texts[name]
        if parameter["Type"] == "String":
            values[name] = text
        else:
            try:
                values[name] = json.loads(text.lower() if parameter["Type"] == "Boolean" else text)
            except (ValueError, RecursionError):
                values[name] = text  # which is of no other type, and refused for it
        _check_value(parameter, values[name])
    return values


def _check_value(parameter: dict[str, Any], value: object) -> None:
    """Refuse a value that is not of its parameter's type, or not among its EnumValues."""
    wanted = PARAMETER_TYPES[parameter["Type"]]
    if isinstance(value, bool) != (bool in wanted) or not isinstance(value, wanted):
        raise AwsError(
            "ValidationException",
            f"Parameter [{parameter['Name']}] is of type {parameter['Type']}: {json.dumps(value)} is not.",
        )
    if parameter.get("EnumValues") and value not in parameter["EnumValues"]:
        raise AwsError(
            "ValidationException",
            f"Parameter [{parameter['Name']}] must be one of [{', '.join(map(str, parameter['EnumValues']))}], "
            f"not {json.dumps(value)}.",
        )
