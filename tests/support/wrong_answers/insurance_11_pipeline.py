"""Typical wrong answers to the exercises of insurance/11: recipes, values of a step, and a version's approval."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any

from support.training import name as unique
from support.wrong_answers import Wrong
from tools.lessons.play import ROOT
from utils.course import Course

LESSON = "insurance/11_pipeline"
_pipelines: dict[str, Any] = {}  # by the address of the bucket: what a lesson has built


def recipes() -> ModuleType:
    """The file beside the lessons that builds their pipeline."""
    spec = importlib.util.spec_from_file_location("recipe", ROOT / "notebooks" / "insurance" / "recipe.py")
    assert spec is not None and spec.loader is not None  # the file is there
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def built(course: Course) -> Any:
    """The lesson's pipeline, one for all answers, as it was before the exercise."""
    if course.output_path not in _pipelines:
        name = unique("course-insurance-recipe")
        course.session.sagemaker_client.create_model_package_group(ModelPackageGroupName=name)
        _pipelines[course.output_path] = recipes().build(course, name)
    return _pipelines[course.output_path]


# ---- the second condition


def report(path: str) -> Any:
    from sagemaker.workflow.functions import JsonGet
    from sagemaker.workflow.properties import PropertyFile

    file = PropertyFile("Report", output_name="evaluation", path="evaluation.json")
    return JsonGet(step_name="Evaluate", property_file=file, json_path=path)


MAE, RMSE = "regression_metrics.mae.value", "regression_metrics.rmse.value"


def sent(conditions: Callable[[], list], keep: bool = True, run: Callable[[Any, Course], Any] | None = None) -> Any:
    """Sends the recipe with these conditions after its own; ``run`` starts it."""

    def send(course: Course) -> Any:
        import sagemaker.workflow.condition_step as steps

        pipeline = built(course)
        before = pipeline.steps[-1]
        chosen = conditions()
        if chosen:
            kept = {"if_steps" if keep else "else_steps": before.if_steps or before.else_steps}
            changed = steps.ConditionStep("Better", conditions=chosen, **kept)
            pipeline.steps = [*pipeline.steps[:-1], changed]
        else:
            pipeline.steps = pipeline.steps[:-1]
        pipeline.upsert(role_arn=course.role, tags=course.tags)
        if run:
            run(pipeline, course)
        pipeline.steps = [*(pipeline.steps[:-1] if chosen else pipeline.steps), before]
        return pipeline

    return send


def mae() -> Any:
    from sagemaker.workflow.conditions import ConditionLessThan

    return ConditionLessThan(report(MAE), 4400.0)


def less(path: str = RMSE, limit: float = 3500) -> Any:
    from sagemaker.workflow.conditions import ConditionLessThan

    return ConditionLessThan(report(path), limit)


def greater() -> Any:
    from sagemaker.workflow.conditions import ConditionGreaterThan

    return ConditionGreaterThan(report(RMSE), 3500)


def both() -> list:
    return [mae(), less()]


def started(pipeline: Any, course: Course) -> None:
    """A run that is at work when it is asked about."""
    folder = recipes().upload(course, course.table, f"{pipeline.name}/all")
    pipeline.start(parameters={"Raw": folder, "Bills": folder})


def failed(pipeline: Any, course: Course) -> None:
    """A run whose table is not where it was said to be."""
    from botocore.exceptions import WaiterError

    nowhere = f"{course.output_path}/nowhere"
    with contextlib.suppress(WaiterError):  # which the check is asked about
        pipeline.start(parameters={"Raw": nowhere, "Bills": nowhere}).wait(delay=1, max_attempts=60)


def unsent(course: Course) -> Any:
    return type("Pipeline", (), {"name": "course-never-sent", "upsert": None})()


WRONG: dict[tuple[str, str], Wrong] = {
    (LESSON, "second_condition"): [
        (unsent, "has no pipeline course-never-sent"),
        (lambda course: "course-insurance-recipe", "The pipeline itself was expected"),
        (sent(list), "has no condition any more"),
        (sent(lambda: [mae()]), "still has its one condition"),
        (sent(lambda: [less()]), "The condition on the MAE has gone"),
        (sent(lambda: [mae(), less("regression_metrics.mse.value")]), "reads regression_metrics.mse.value,"),
        (sent(lambda: [mae(), greater()]), "Turned this way round"),
        (sent(lambda: [mae(), less(limit=6000)]), "is 6000."),
        (sent(both, keep=False), "has to stand among the if_steps"),
        (sent(both), "no run has been started"),
        (sent(both, run=failed), "the run failed: Prepare: ClientError"),
        (sent(both, run=started), "The run is Executing"),
    ],
}


# ---- the step that does not wait


def promised(step: str, value: Callable[[Any], Any]) -> Callable[[Course], Any]:
    """A property of a step of the lesson's pipeline."""

    def find(course: Course) -> Any:
        (found,) = [each for each in built(course).steps if each.name == step]
        return value(found.properties)

    return find


WRONG[(LESSON, "waits_for_train")] = [
    (lambda course: f"{course.output_path}/model.tar.gz", "A fixed address is known before the run begins"),
    (lambda course: built(course).parameters[1], "Parameters.Bills is given to the run"),
    (promised("Prepare", lambda made: made.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri), "as the step does"),
    (promised("Train", lambda made: made.TrainingJobArn), "Steps.Train.TrainingJobArn is a promise"),
    (lambda course: built(course).steps[1], "That is a whole step"),
    (lambda course: 3, "An address was expected"),
]


# ---- the version


def registered(status: str, **members: str) -> Callable[[Course], str]:
    """The ARN of a version of a group, with somebody's word on it; its model is nobody's."""

    def register(course: Course) -> str:
        from sagemaker import image_uris

        client, group = course.session.sagemaker_client, unique("course-insurance-versions")
        client.create_model_package_group(ModelPackageGroupName=group)
        recipes().upload(course, course.table, group)
        container = {
            "Image": image_uris.retrieve("linear-learner", course.session.boto_region_name),
            "ModelDataUrl": f"{course.output_path}/{group}/insurance.csv",
        }
        arn = client.create_model_package(
            ModelPackageGroupName=group,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            ModelApprovalStatus="PendingManualApproval",
        )["ModelPackageArn"]
        client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status, **members)
        return arn

    return register


WRONG[(LESSON, "approved")] = [
    (lambda course: "course-insurance-recipe", "The version's ARN was expected"),
    (registered("PendingManualApproval"), "still waits for somebody's word"),
    (registered("Rejected"), "has this version as rejected"),
    (registered("Approved"), "nobody will know why"),
    (registered("Approved", ApprovalDescription=" "), "nobody will know why"),
]
