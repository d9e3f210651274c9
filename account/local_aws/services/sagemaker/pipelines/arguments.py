"""Arguments of a pipeline's steps: their members and forms, and which reference may stand in which place.

A step's arguments are the request of one of SageMaker's operations, in which an expression may stand in place of a
string, a number or a boolean.  Reference: the JSON schema of the pipeline definition (version 2020-12-01).  The
sentences for unknown members, wrong references, missing arrays and values of no enumeration are those that AWS's
CreatePipeline has answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.model import Shape

from local_aws.core.errors import AwsError
from local_aws.wire.protocols import service_model

from .expressions import PROPERTY_FILE, bad, expressions, is_expression, is_path, json_array, json_object, need, parts
from .step import Step

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
# Members of these requests that no step takes: a pipeline has an experiment of its own, and names its packages itself.
NOT_TAKEN = {"Processing": ("ExperimentConfig",), "Training": ("ExperimentConfig",), "Transform": ("ExperimentConfig",),
             "RegisterModel": ("ModelPackageName",)}  # fmt: skip
STRING = "String"
# What may be assigned to an argument of a type; one that is not here (a list, a map, a structure) takes no reference.
ASSIGNABLE = {
    STRING: (STRING,),
    "Boolean": ("Boolean",),
    "Integer": ("Integer",),
    "Long": ("Integer", "Long"),
    "Float": ("Integer", "Long", "Float", "Double"),
    "Double": ("Integer", "Long", "Float", "Double"),
}


def check_arguments(step: Step) -> None:
    """Refuse members that the step's operation has not, and values of another form than its members have.

    Expressions pass: ``check_references`` looks at them once all steps are known.
    """
    where = f"Arguments of step '{step.name}'"
    for name in NOT_TAKEN.get(step.type, ()):
        need(name not in step.arguments, f"Unknown Argument member '{name}'")
    _check(step.arguments, _request(step), where)


def _request(step: Step) -> Shape:
    return service_model("sagemaker").operation_model(CALLS[step.type][0]).input_shape


def _check(value: object, shape: Shape, where: str) -> None:
    if value is None:
        return
    if shape.type_name == "list":
        # An expression is an object, and so no list, whatever it is worth.
        for item in json_array(value, where):
            _check(item, shape.member, where)
    elif is_expression(value):
        return
    elif shape.type_name == "structure":
        for name, item in json_object(value, f"Expecting start of Json Object in {where}.").items():
            need(name in shape.members, f"Unknown Argument member '{name}'")
            _check(item, shape.members[name], f"{name} in {where}")
    elif shape.type_name == "map":
        for item in json_object(value, f"Expecting start of Json Object in {where}.").values():
            _check(item, shape.value, where)
    elif isinstance(value, (dict, list)):
        raise bad(f"Expecting a value of type [{_type(shape)}] in {where}.")
    elif isinstance(value, str) and getattr(shape, "enum", None) and value not in shape.enum:
        allowed = ", ".join(shape.enum)
        raise bad(
            f"Model Validation failed: Value '{value}' for '{shape.name}' failed to satisfy enum value set: [{allowed}]"
        )


def check_references(step: Step, steps: dict[str, Step], parameters: dict[str, dict[str, Any]]) -> None:
    """Refuse what a step refers to where a value of another type belongs; what is there was looked at before."""
    placed: list[tuple[object, str]] = []
    if step.type == "Fail":
        placed.append((step.arguments.get("ErrorMessage"), STRING))
    if step.type in CALLS:
        placed += _placed(step.arguments, _request(step))
    for expression in expressions(step.own_arguments):
        if "Std:JsonGet" in expression and "S3Uri" in expression["Std:JsonGet"]:
            placed.append((expression["Std:JsonGet"]["S3Uri"], STRING))
    for value, argument_type in placed:
        if not is_expression(value):
            continue
        name, value_type = _reference(value, steps, parameters)
        if value_type is None and argument_type in ASSIGNABLE:  # which type it has shows when it is read
            continue
        if value_type not in ASSIGNABLE.get(argument_type, ()):
            raise AwsError(
                "ValidationException",
                f"Cannot assign property reference [{name}] to argument of type [{argument_type}].",
            )


def _placed(value: object, shape: Shape) -> Iterator[tuple[dict[str, Any], str]]:
    """Each expression among the arguments, with the type of the member that it stands for."""
    if is_expression(value):
        yield value, _type(shape)
    elif isinstance(value, dict) and shape.type_name == "structure":
        for name, item in value.items():
            yield from _placed(item, shape.members[name])
    elif isinstance(value, dict) and shape.type_name == "map":
        for item in value.values():
            yield from _placed(item, shape.value)
    elif isinstance(value, list):
        for item in value:
            yield from _placed(item, shape.member)


def _reference(
    expression: dict[str, Any], steps: dict[str, Step], parameters: dict[str, dict[str, Any]]
) -> tuple[str, str | None]:
    """What an expression is called and which type it has; None if only its value can tell."""
    if "Std:Join" in expression:
        return "Std:Join", STRING
    if "Std:JsonGet" in expression:
        return "Std:JsonGet", None
    path = expression["Get"]
    head, _, rest = path.partition(".")
    if head == "Parameters":
        return path, parameters[rest]["Type"]
    if head == "Steps" and PROPERTY_FILE.fullmatch(path):
        return path, "PropertyFile"
    name, _, member = rest.partition(".")
    if head == "Steps" and steps[name].type in CALLS:
        return path, _type(property_shape(steps[name], member))
    return path, STRING  # an execution's variables, and what a condition has decided


def property_shape(step: Step, path: str) -> Shape | None:
    """The shape of a step's property (``A.B[0]['c']``); None if it has none of that name."""
    for name in CALLS[step.type][1]:
        shape = service_model("sagemaker").shape_for(name)
        for part in parts(path) if is_path(path) else [""]:
            if shape.type_name == "structure":
                shape = shape.members.get(part)
            elif shape.type_name == "list":  # by number, or (as of a processing job's outputs) by name
                shape = shape.member
            else:
                shape = shape.value if shape.type_name == "map" else None
            if shape is None:
                break
        else:
            return shape
    return None


def _type(shape: Shape) -> str:
    """What AWS calls a shape's type: ``String``, ``Integer``; ``List``, ``Map``; a structure by its own name."""
    name: str = shape.name if shape.type_name == "structure" else shape.type_name.capitalize()
    return name
