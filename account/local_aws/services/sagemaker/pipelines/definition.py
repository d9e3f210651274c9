"""PipelineDefinition: its parameters and their values, its steps, and which others each of them waits for.

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
from .expressions import PROPERTY_FILE, bad, check_condition, expressions, is_path, json_array, json_object, need
from .retries import check_retries
from .step import Step

VERSION = "2020-12-01"
MAX_STEPS = 50
STEP_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
EXECUTION_VARIABLES = ("StartDateTime", "CurrentDateTime", "PipelineName", "PipelineArn", "PipelineExecutionId",
                       "PipelineExecutionArn", "TrainingJobName", "ProcessingJobName")  # fmt: skip
PARAMETER_TYPES: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
}
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
    body = json_object(body, "Expecting start of Json Object.")
    need(body.get("Version") == VERSION, f"Version must be '{VERSION}', not {json.dumps(body.get('Version'))}.")
    parameters: dict[str, dict[str, Any]] = {}
    for parameter in json_array(body.get("Parameters") or [], "Parameters"):
        need(isinstance(parameter, dict) and isinstance(parameter.get("Name"), str), "A parameter needs a Name.")
        name = parameter["Name"]
        need(name not in parameters, f"Duplicate parameter name '{name}'.")
        need(str(parameter.get("Type")) in PARAMETER_TYPES, f"The Type of parameter '{name}' is not one of {TYPES}.")
        json_array(parameter.get("EnumValues") or [], f"EnumValues of parameter '{name}'")
        if "DefaultValue" in parameter:
            _check_value(parameter, parameter["DefaultValue"])
        parameters[name] = parameter
    steps: dict[str, Step] = {}
    for step_body in json_array(body.get("Steps"), "Steps"):
        _add(step_body, None, steps)
    need(0 < len(steps) <= MAX_STEPS, f"A pipeline has 1 to {MAX_STEPS} steps, this one {len(steps)}.")
    for step in steps.values():
        _connect(step, steps, parameters)
        check_references(step, steps, parameters)
    _refuse_cycles(steps)
    return Definition(parameters, steps)


def _add(body: object, branch: tuple[str, bool] | None, steps: dict[str, Step]) -> None:
    """Put a step, and those in its branches, among ``steps``."""
    body = json_object(body, "Expecting start of Json Object in Steps.")
    name, step_type = body.get("Name"), body.get("Type")
    if not isinstance(name, str) or STEP_NAME.fullmatch(name) is None:
        raise bad(f"Invalid step name {json.dumps(name)}.")
    need(name not in steps, f"Duplicate step name '{name}': step names must be unique within a pipeline.")
    if not isinstance(step_type, str) or step_type not in (*CALLS, "Condition", "Fail"):
        done = ", ".join((*CALLS, "Condition", "Fail"))
        raise not_implemented(f"A pipeline step of the type {step_type} (step '{name}'; types that run here: {done})")
    sentence = f"Expecting start of Json Object in the Arguments of step '{name}'."
    arguments = json_object(body.get("Arguments") or {}, sentence)
    check_cache(name, step_type, body.get("CacheConfig"))
    check_retries(name, step_type, body.get("RetryPolicies"))
    for file in json_array(body.get("PropertyFiles") or [], f"PropertyFiles of step '{name}'"):
        need(isinstance(file, dict), f"Expecting start of Json Object in PropertyFiles of step '{name}'.")
        for member in ("PropertyFileName", "OutputName", "FilePath"):
            need(isinstance(file.get(member), str), f"A property file of step '{name}' has no {member}.")
    steps[name] = Step(name, step_type, arguments, body, branch_of=branch)
    if step_type == "Condition":
        for member, outcome in (("IfSteps", True), ("ElseSteps", False)):
            for nested in json_array(arguments.get(member) or [], f"{member} of step '{name}'"):
                _add(nested, (name, outcome), steps)
        json_array(arguments.get("Conditions"), f"Conditions of step '{name}'")
    elif step_type == "Fail":
        need("ErrorMessage" in arguments, f"The Fail step '{name}' has no ErrorMessage.")
    else:
        check_arguments(steps[name])


def _connect(step: Step, steps: dict[str, Step], parameters: dict[str, dict[str, Any]]) -> None:
    """Find the steps that ``step`` waits for; refuse names of steps, parameters and properties that do not exist."""
    for name in json_array(step.body.get("DependsOn") or [], f"DependsOn of step '{step.name}'"):
        exists = isinstance(name, str) and name in steps
        need(exists, f"The step '{step.name}' depends on the step {json.dumps(name)}, which does not exist.")
        step.waits_for.add(name)
    if step.branch_of:
        step.waits_for.add(step.branch_of[0])
    if step.type == "Condition":
        for condition in step.arguments["Conditions"]:
            check_condition(condition, step.name)
    for expression in expressions(step.own_arguments):
        where = f"{json.dumps(expression)} in step '{step.name}'"
        if "Get" in expression:
            _check_get(expression["Get"], where, step, steps, parameters)
        elif "Std:Join" in expression:
            join = expression["Std:Join"]
            need(isinstance(join, dict) and isinstance(join.get("Values"), list), f"{where} has no list of Values.")
        else:
            json_get = expression["Std:JsonGet"]
            need(isinstance(json_get, dict) and isinstance(json_get.get("Path"), str), f"{where} has no Path.")
            need(
                ("PropertyFile" in json_get) != ("S3Uri" in json_get),
                f"{where} needs either a PropertyFile or an S3Uri.",
            )
            need(is_path(json_get["Path"]), f"{where}: the Path is not one such as A.B[0].")
            if "PropertyFile" in json_get:
                file = json_get["PropertyFile"]
                reference = file.get("Get") if isinstance(file, dict) else None
                valid = isinstance(reference, str) and PROPERTY_FILE.fullmatch(reference)
                need(bool(valid), f"{where}: the PropertyFile is no Get of Steps.STEP.PropertyFiles.NAME.")


def _check_get(
    get: object, where: str, step: Step, steps: dict[str, Step], parameters: dict[str, dict[str, Any]]
) -> None:
    path = get if isinstance(get, str) else ""
    head, _, rest = path.partition(".")
    if head == "Parameters":
        need(rest in parameters, f"{where}: there is no parameter '{rest}'.")
    elif head == "Execution":
        need(rest in EXECUTION_VARIABLES, f"{where}: there is no execution variable '{rest}'.")
    elif head == "Steps":
        name, _, member = rest.partition(".")
        need(name in steps, f"{where}: there is no step '{name}'.")
        step.waits_for.add(name)
        source = steps[name]
        if reference := PROPERTY_FILE.fullmatch(path):
            property_file(source, reference[2], where)
        elif source.type in CALLS:
            exists = property_shape(source, member) is not None
            need(exists, f"{where}: a {source.type} step has no such property.")
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
    file: dict[str, Any] | None = next((file for file in files if file.get("PropertyFileName") == name), None)
    if file is None:
        raise bad(f"{where}: the step '{step.name}' has no property file '{name}'.")
    outputs = (step.arguments.get("ProcessingOutputConfig") or {}).get("Outputs")
    outputs = outputs if isinstance(outputs, list) else []
    need(
        any(isinstance(output, dict) and output.get("OutputName") == file["OutputName"] for output in outputs),
        f"{where}: the output '{file['OutputName']}' of property file '{name}' is not one of step '{step.name}'.",
    )
    return file


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


def parameter_values(definition: Definition, parameters: list[dict[str, Any]]) -> dict[str, object]:
    """The parameters' values of an execution, in their types: its PipelineParameters (as texts), else the defaults.

    Raises AwsError for a parameter that is unknown, has no value, or has one of another type.
    """
    texts = {parameter["Name"]: parameter["Value"] for parameter in parameters}
    if len(texts) < len(parameters):
        raise AwsError("ValidationException", "A parameter is given more than once.")
    unknown = sorted(set(texts) - set(definition.parameters))
    if unknown:
        raise AwsError(
            "ValidationException", f"Parameters [{', '.join(unknown)}] are not defined in the pipeline definition."
        )
    values: dict[str, object] = {}
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
    types = PARAMETER_TYPES[parameter["Type"]]
    if isinstance(value, bool) != (bool in types) or not isinstance(value, types):
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
