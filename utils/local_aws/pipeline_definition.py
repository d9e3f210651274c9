"""A pipeline's definition: what it may say, what its expressions are worth, what its conditions decide.

Reference: the JSON schema of the pipeline definition (version 2020-12-01, sagemaker-model-building-pipeline-
definition-JSON-schema) and the SageMaker SDK, which writes such definitions (``sagemaker/workflow``).
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from botocore.model import Shape

from .errors import AwsError
from .protocols import not_implemented, service_model

VERSION = "2020-12-01"
MAX_STEPS = 50
STEP_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
EXECUTION_VARIABLES = ("StartDateTime", "CurrentDateTime", "PipelineName", "PipelineArn", "PipelineExecutionId",
                       "PipelineExecutionArn", "TrainingJobName", "ProcessingJobName")  # fmt: skip
PARAMETER_TYPES = {"String": (str,), "Integer": (int,), "Float": (int, float), "Boolean": (bool,)}
TYPES = ", ".join(PARAMETER_TYPES)
# For each type of step that is a call of SageMaker's: the operation, and the shapes of its properties.
CALLS = {
    "Processing": ("CreateProcessingJob", ("DescribeProcessingJobResponse",)),
    "Training": ("CreateTrainingJob", ("DescribeTrainingJobResponse",)),
    "Tuning": (
        "CreateHyperParameterTuningJob",
        ("DescribeHyperParameterTuningJobResponse", "ListTrainingJobsForHyperParameterTuningJobResponse"),
    ),
    "Transform": ("CreateTransformJob", ("DescribeTransformJobResponse",)),
    "Model": ("CreateModel", ("DescribeModelOutput",)),
    "RegisterModel": ("CreateModelPackage", ("DescribeModelPackageOutput",)),
}
COMPARISONS: dict[str, Callable] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
PROPERTY_FILE = re.compile(r"Steps\.([^.]+)\.PropertyFiles\.(.+)")
PATH = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\['([^']+)'\]|\[\"([^\"]+)\"\]")


class Undefined(Exception):
    """An expression has no value, or one that cannot be used; the sentence says why."""


@dataclass
class Step:
    """One step: what it calls, on which steps it waits, and in which branch of which Condition step it stands."""

    name: str
    type: str
    arguments: dict
    body: dict
    waits_for: set[str] = field(default_factory=set)
    branch_of: tuple[str, bool] | None = None


@dataclass
class Definition:
    """A pipeline's definition that has been checked: its parameters by name, its steps in their order."""

    parameters: dict[str, dict]
    steps: dict[str, Step]


def read(text: str) -> Definition:
    """The definition that ``text`` is; AwsError, with the place and the reason, if it is none or cannot be done."""
    try:
        return _read(json.loads(text))
    except ValueError as error:
        raise _bad(f"It is not JSON: {error}") from None
    except RecursionError:
        raise _bad("It is nested too deeply.") from None


def _read(body: object) -> Definition:
    _need(isinstance(body, dict), "Expecting start of Json Object.")
    _need(body.get("Version") == VERSION, f"Version must be '{VERSION}', not {json.dumps(body.get('Version'))}.")
    parameters = {}
    for each in _list(body.get("Parameters") or [], "Parameters"):
        _need(isinstance(each, dict) and isinstance(each.get("Name"), str), "A parameter needs a Name.")
        name = each["Name"]
        _need(name not in parameters, f"Duplicate parameter name '{name}'.")
        _need(str(each.get("Type")) in PARAMETER_TYPES, f"The Type of parameter '{name}' is not one of {TYPES}.")
        _list(each.get("EnumValues") or [], f"EnumValues of parameter '{name}'")
        if "DefaultValue" in each:
            _check_value(each, each["DefaultValue"])
        parameters[name] = each
    steps: dict[str, Step] = {}
    for each in _list(body.get("Steps"), "Steps"):
        _add(each, None, steps)
    _need(0 < len(steps) <= MAX_STEPS, f"A pipeline has 1 to {MAX_STEPS} steps, this one {len(steps)}.")
    for step in steps.values():
        _connect(step, steps, parameters)
    _refuse_cycles(steps)
    return Definition(parameters, steps)


def _add(body: object, branch: tuple[str, bool] | None, steps: dict[str, Step]) -> None:
    """Put a step, and those in its branches, among ``steps``."""
    _need(isinstance(body, dict), "Expecting start of Json Object in Steps.")
    name, kind, arguments = body.get("Name"), body.get("Type"), body.get("Arguments") or {}
    _need(isinstance(name, str) and STEP_NAME.fullmatch(name) is not None, f"Invalid step name {json.dumps(name)}.")
    _need(name not in steps, f"Duplicate step name '{name}': step names must be unique within a pipeline.")
    if str(kind) not in (*CALLS, "Condition", "Fail"):
        done = ", ".join((*CALLS, "Condition", "Fail"))
        raise not_implemented(f"A pipeline step of the type {kind} (step '{name}'; types that run here: {done})")
    _need(isinstance(arguments, dict), f"Expecting start of Json Object in the Arguments of step '{name}'.")
    if body.get("CacheConfig") not in (None, {}, {"Enabled": False}):
        raise not_implemented(f"The caching of steps (CacheConfig of step '{name}')")
    if body.get("RetryPolicies"):
        raise not_implemented(f"The retrying of steps (RetryPolicies of step '{name}')")
    for each in _list(body.get("PropertyFiles") or [], f"PropertyFiles of step '{name}'"):
        _need(isinstance(each, dict), f"Expecting start of Json Object in PropertyFiles of step '{name}'.")
        for member in ("PropertyFileName", "OutputName", "FilePath"):
            _need(isinstance(each.get(member), str), f"A property file of step '{name}' has no {member}.")
    steps[name] = Step(name, kind, arguments, body, branch_of=branch)
    if kind == "Condition":
        for member, outcome in (("IfSteps", True), ("ElseSteps", False)):
            for each in _list(arguments.get(member) or [], f"{member} of step '{name}'"):
                _add(each, (name, outcome), steps)
        _list(arguments.get("Conditions"), f"Conditions of step '{name}'")
    elif kind == "Fail":
        _need("ErrorMessage" in arguments, f"The Fail step '{name}' has no ErrorMessage.")
    else:
        shape = service_model("sagemaker").operation_model(CALLS[kind][0]).input_shape
        _check_arguments(arguments, shape, f"Arguments of step '{name}'")


def _connect(step: Step, steps: dict[str, Step], parameters: dict[str, dict]) -> None:
    """Find the steps that ``step`` waits for; refuse what it names and is not there."""
    for name in _list(step.body.get("DependsOn") or [], f"DependsOn of step '{step.name}'"):
        there = isinstance(name, str) and name in steps
        _need(there, f"The step '{step.name}' depends on the step {json.dumps(name)}, which does not exist.")
        step.waits_for.add(name)
    if step.branch_of:
        step.waits_for.add(step.branch_of[0])
    said = step.arguments
    if step.type == "Condition":
        said = step.arguments["Conditions"]
        for each in said:
            _check_condition(each, step.name)
    for each in _expressions(said):
        where = f"{json.dumps(each)} in step '{step.name}'"
        if "Get" in each:
            _check_get(each["Get"], where, step, steps, parameters)
        elif "Std:Join" in each:
            join = each["Std:Join"]
            _need(isinstance(join, dict) and isinstance(join.get("Values"), list), f"{where} has no list of Values.")
        else:
            get = each["Std:JsonGet"]
            _need(isinstance(get, dict) and isinstance(get.get("Path"), str), f"{where} has no Path.")
            _need(("PropertyFile" in get) != ("S3Uri" in get), f"{where} needs either a PropertyFile or an S3Uri.")
            _need(_is_path(get["Path"]), f"{where}: the Path is not one such as A.B[0].")
            if "PropertyFile" in get:
                reference = get["PropertyFile"].get("Get") if isinstance(get["PropertyFile"], dict) else None
                named = isinstance(reference, str) and PROPERTY_FILE.fullmatch(reference)
                _need(bool(named), f"{where}: the PropertyFile is no Get of Steps.STEP.PropertyFiles.NAME.")


def _check_get(path: object, where: str, step: Step, steps: dict[str, Step], parameters: dict[str, dict]) -> None:
    head, _, rest = path.partition(".") if isinstance(path, str) else ("", "", "")
    if head == "Parameters":
        _need(rest in parameters, f"{where}: there is no parameter '{rest}'.")
    elif head == "Execution":
        _need(rest in EXECUTION_VARIABLES, f"{where}: there is no execution variable '{rest}'.")
    elif head == "Steps":
        name, _, member = rest.partition(".")
        _need(name in steps, f"{where}: there is no step '{name}'.")
        step.waits_for.add(name)
        source = steps[name]
        if named := PROPERTY_FILE.fullmatch(path):
            property_file(source, named[2], where)
        elif source.type in CALLS:
            shapes = [service_model("sagemaker").shape_for(each) for each in CALLS[source.type][1]]
            _need(any(_has(shape, member) for shape in shapes), f"{where}: a {source.type} step has no such property.")
        else:
            _need(
                source.type == "Condition" and member == "Outcome",
                f"{where}: a {source.type} step has no such property.",
            )
    else:
        raise _bad(f"{where}: it must begin with Parameters, Execution or Steps.")


def property_file(step: Step, name: str, where: str) -> dict:
    """A Processing step's property file; AwsError if there is none, or none of the outputs that it names."""
    files = step.body.get("PropertyFiles") or []
    found = next((each for each in files if each.get("PropertyFileName") == name), None)
    _need(found is not None, f"{where}: the step '{step.name}' has no property file '{name}'.")
    outputs = (step.arguments.get("ProcessingOutputConfig") or {}).get("Outputs")
    outputs = outputs if isinstance(outputs, list) else []
    _need(
        any(each.get("OutputName") == found["OutputName"] for each in outputs),
        f"{where}: the output '{found['OutputName']}' of property file '{name}' is not one of step '{step.name}'.",
    )
    return found


def _has(shape: Shape, path: str) -> bool:
    """Whether a shape has the property ``path`` (``A.B[0]['c']``)."""
    for name in parts(path) if _is_path(path) else [""]:
        if shape.type_name == "structure" and name in shape.members:
            shape = shape.members[name]
        elif shape.type_name == "list":  # by number, or (as of a processing job's outputs) by name
            shape = shape.member
        elif shape.type_name == "map":
            shape = shape.value
        else:
            return False
    return True


def _is_path(text: str) -> bool:
    try:
        return bool(parts(text))
    except Undefined:
        return False


def parts(path: str) -> list[str | int]:
    """``A.B[0]['c']`` as ``["A", "B", 0, "c"]``; Undefined if it is no such path."""
    found, end = [], 0
    for match in PATH.finditer(path):
        if match.start() != end:
            break
        end = match.end()
        found.append(int(match[2]) if match[2] else match[1] or match[3] or match[4])
    if end != len(path) or not path:
        raise Undefined(f"'{path}' is not a path such as A.B[0].")
    return found


def pick(document: object, path: str) -> object:
    """What lies at a path of a JSON document; Undefined if nothing does.

    A list may also be asked by the name of an item, as ``Outputs['train']``: its member that ends in ``Name``.
    """
    for part in parts(path):
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            document = document[part]
        elif isinstance(document, list):
            named = [
                item
                for item in document
                if isinstance(item, dict) and any(key.endswith("Name") and value == part for key, value in item.items())
            ]
            if not named:
                raise Undefined(f"'{path}' is undefined.")
            document = named[0]
        else:
            raise Undefined(f"'{path}' is undefined.")
    return document


def is_expression(value: object) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("Get", "Std:Join", "Std:JsonGet")


def _expressions(value: object) -> Iterator[dict]:
    """Every expression within a value, those within expressions too."""
    if is_expression(value):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _expressions(each)


def resolved(value: object, evaluate: Callable[[dict], object]) -> object:
    """A value with each expression exchanged for what ``evaluate`` says it is worth."""
    if is_expression(value):
        return evaluate(value)
    if isinstance(value, dict):
        return {key: resolved(item, evaluate) for key, item in value.items()}
    return [resolved(item, evaluate) for item in value] if isinstance(value, list) else value


def as_text(value: object) -> str:
    """A value as Std:Join writes it."""
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value)
    return str(value)


def holds(condition: dict, evaluate: Callable[[dict], object]) -> bool:
    """What a condition decides; Undefined if its sides cannot be compared."""
    kind = condition["Type"]
    if kind == "Not":
        return not holds(condition["Condition"], evaluate)
    if kind == "Or":
        return any([holds(each, evaluate) for each in condition["Conditions"]])
    if kind == "In":
        value = resolved(condition["QueryValue"], evaluate)
        return any(_same(value, each) for each in resolved(condition["Values"], evaluate))
    left, right = (resolved(condition[side], evaluate) for side in ("LeftValue", "RightValue"))
    if kind == "Equals":
        return _same(left, right)
    if not (_number(left) and _number(right)) and not (isinstance(left, str) and isinstance(right, str)):
        raise Undefined(f"{json.dumps(left)} and {json.dumps(right)} cannot be compared ({kind}).")
    return COMPARISONS[kind](left, right)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(left: object, right: object) -> bool:
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _check_condition(condition: object, name: str) -> None:
    where = f"A condition of step '{name}'"
    _need(isinstance(condition, dict), f"{where} is not a Json Object.")
    kind = condition.get("Type")
    members = {"Not": ("Condition",), "Or": ("Conditions",), "In": ("QueryValue", "Values")}.get(
        kind, ("LeftValue", "RightValue")
    )
    _need(kind in (*COMPARISONS, "Not", "Or", "In"), f"{where} has the unknown Type {json.dumps(kind)}.")
    for member in members:
        _need(member in condition, f"{where} ({kind}) has no {member}.")
    if kind == "Not":
        _check_condition(condition["Condition"], name)
    for each in _list(condition["Conditions"], f"the Conditions of step '{name}'") if kind == "Or" else ():
        _check_condition(each, name)
    if kind == "In":
        _list(condition["Values"], f"the Values of a condition of step '{name}'")


def _check_arguments(value: object, shape: Shape, where: str) -> None:
    """Refuse members that the operation has not and values of another form; expressions are looked at when they run."""
    if is_expression(value) or value is None:
        return
    if shape.type_name == "structure":
        _need(isinstance(value, dict), f"Expecting start of Json Object in {where}.")
        for name, item in value.items():
            _need(name in shape.members, f"Unknown member '{name}' in {where}.")
            _check_arguments(item, shape.members[name], f"{name} in {where}")
    elif shape.type_name == "list":
        for item in _list(value, where):
            _check_arguments(item, shape.member, where)
    elif shape.type_name == "map":
        _need(isinstance(value, dict), f"Expecting start of Json Object in {where}.")
        for item in value.values():
            _check_arguments(item, shape.value, where)


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


def parameter_values(definition: Definition, given: list[dict]) -> dict[str, object]:
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


def _check_value(parameter: dict, value: object) -> None:
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


def _list(value: object, where: str) -> list:
    _need(isinstance(value, list), f"Expecting start of Json Array in {where}.")
    return value


def _need(condition: bool, sentence: str) -> None:
    if not condition:
        raise _bad(sentence)


def _bad(sentence: str) -> AwsError:
    return AwsError("ValidationException", f"Unable to parse pipeline definition. {sentence}")
