"""Typical wrong answers to the exercises of insurance/09_script."""

from __future__ import annotations

import importlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.learners_jobs import send, stop
from support.wrong_answers import Wrong
from utils.course import Course

lesson = importlib.import_module("exercises.insurance.09_script")
MENDED = "course-insurance-mended"


def sklearn(course: Course, name: str, **options: Any) -> Any:
    """An order as the lesson gives it."""
    from sagemaker.sklearn.estimator import SKLearn

    given: dict[str, Any] = {"entry_point": "train.py", "source_dir": str(lesson.SOURCE), "tags": course.tags} | options
    metrics = [{"Name": f"{part}:rmse", "Regex": f"{part}_rmse=([0-9.]+);"} for part in ("train", "validation")]
    return SKLearn(
        framework_version="1.4-2", role=course.role, sagemaker_session=course.session, instance_count=1,
        instance_type="ml.m5.large", max_run=900, metric_definitions=metrics, debugger_hook_config=False,
        disable_profiler=True, base_job_name=name, output_path=course.output_path, **given,
    )  # fmt: skip


def uploaded(course: Course, names: tuple[str, ...] = ("train", "validation"), text: str | None = None) -> dict:
    """Channels of these names: the training rows, or the text; the second one is the validation rows."""
    found = {}
    parts = lesson.parts(course)
    for name, part in zip(names, ("train", "validation"), strict=False):
        rows = parts[part].drop(columns=lesson.script().INTERACTION).to_csv(header=False, index=False)
        key = f"{course.prefix}/wrong/{name}/{name}.csv"
        found[name] = course.session.upload_string_as_file_body(text or rows, course.bucket, key)
    return found


def sent(
    names: tuple[str, ...] = ("train", "validation"),
    hyperparameters: dict | None = None,
    text: str | None = None,
    change: Callable[[str], str] | None = None,
    ends: bool = False,
    **options: Any,
) -> Callable[[Course], Any]:
    """Sends a job that differs from what the exercise asks; the estimator.  ``ends``: it is waited for."""

    def start(course: Course) -> Any:
        with tempfile.TemporaryDirectory() as place:
            if change:
                shutil.copytree(lesson.SOURCE, place, dirs_exist_ok=True)
                script = Path(place, "train.py")
                script.write_text(change(script.read_text("utf-8")), "utf-8")
                options["source_dir"] = place
            given = {**(lesson.MENDED if hyperparameters is None else hyperparameters)}  # the SDK adds its own to it
            estimator = sklearn(course, MENDED, hyperparameters=given, **options)
            stop(course, part=MENDED)
            return send(course, estimator, uploaded(course, names, text), wait=ends)

    return start


def scaled_back(how: Callable[[Any, float, float], Any]) -> Callable[[Course], list[float]]:
    return lambda course: lesson.says(course, how)


def while_it_serves(course: Course) -> list[float]:
    """The right answers, and an endpoint that is not deleted; the test's end deletes it."""
    client, name, job = course.session.sagemaker_client, "course-left", lesson.lessons_job(course)
    code = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": job.hyperparameters["sagemaker_submit_directory"].strip('"'),
    }
    container = {
        "Image": job.sent["AlgorithmSpecification"]["TrainingImage"],
        "ModelDataUrl": job.sent["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": code,
    }
    client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=course.role)
    variant = {"VariantName": "a", "ModelName": name, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    client.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=course.tags)
    return lesson.says(course, lesson.monthly)


def train_the_network(course: Course) -> None:
    """The job that the lesson sends before its exercises; its best epoch is not the last."""
    sklearn(course, lesson.LESSONS_JOB, hyperparameters={"epochs": 26}).fit(uploaded(course), logs=False)


WRONG: dict[tuple[str, str], Wrong] = {
    ("insurance/09_script", "mended_job"): [
        (lambda course: "course-none", "no training job of yours whose name begins with 'course-none'"),
        (lambda course: 3, "The estimator itself was expected"),
        (sent(names=("train", "valid")), "these channels: train, valid."),
        (sent(entry_point="inference.py"), "told to run inference.py"),
        (sent(change=lambda text: text.replace("VALIDATION", "VALID")), "is not the lesson's"),
        (sent(hyperparameters={"epochs": 30}), "was given {'epochs': 30}"),
        (sent(tags=None), "none of the course's tags"),
        (sent(), "The job is at work"),
        (sent(text="a,b\n", ends=True), "has no model, and its status is Failed"),
    ],
    ("insurance/09_script", "dollars_a_month"): [
        (lambda course: [1.0, 2.0], "A list of three bills was expected"),
        (lambda course: 3_000, "A list of three bills was expected"),
        (scaled_back(lambda net, mean, spread: net), "standard deviations from the mean"),
        (scaled_back(lambda net, mean, spread: net * spread + mean), "dollars a year"),
        (scaled_back(lambda net, mean, spread: net * spread / 12 + mean), "still that of a year"),
        (scaled_back(lambda net, mean, spread: net * spread / 12), "and the mean is not"),
        (lambda course: [2_000, "$3,000", 4_000], "not what the lesson's model says"),
        (while_it_serves, "this still runs and costs: endpoint course-left."),
    ],
}
PREPARED = {"insurance/09_script": train_the_network}
