"""Typical wrong answers to the exercises of insurance/12: what an endpoint serves, and who judges a model."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import pandas as pd

from support import pipelines, processing
from support.training import IMAGE, QUICK, channel, csv, ended, table, wait_until
from support.training import name as unique
from support.wrong_answers import Wrong
from utils.course import Course
from utils.sweep import delete_endpoint

LESSON = "insurance/12_watch"
LEFT, SECOND = "course-left", "course-left-second"  # the first is deleted by the test's end
PREDICTOR = type("Predictor", (), {"endpoint_name": LEFT})()
_groups: dict[str, list[str]] = {}  # by the address of the bucket: the ARNs of two versions


def exercises() -> Any:
    return importlib.import_module("exercises.insurance.12_watch")


# ---- what serves


def registered(client: Any, group: str, artifact: str) -> str:
    """The ARN of a new version."""
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": artifact}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    return client.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=specification, ModelApprovalStatus="Approved"
    )["ModelPackageArn"]


def versions(course: Course) -> list[str]:
    """The ARNs of two versions of one small model."""
    if course.output_path not in _groups:
        client, s3 = course.session.sagemaker_client, course.session.boto_session.client("s3")
        job, group = unique("course-insurance-left"), unique("course-insurance-watch")
        s3.put_object(Bucket=course.bucket, Key=f"{job}/train.csv", Body=csv(*table()))
        client.create_training_job(
            TrainingJobName=job,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            RoleArn=course.role,
            InputDataConfig=[channel(f"s3://{course.bucket}/{job}/train.csv")],
            OutputDataConfig={"S3OutputPath": f"s3://{course.bucket}/models"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            StoppingCondition={"MaxRuntimeInSeconds": 3600},
            HyperParameters=QUICK,
        )
        artifact = ended(client, job)["ModelArtifacts"]["S3ModelArtifacts"]
        client.create_model_package_group(ModelPackageGroupName=group)
        _groups[course.output_path] = [registered(client, group, artifact) for _ in (1, 2)]
    return _groups[course.output_path]


def serve(course: Course, name: str, container: dict, wait: bool = True) -> None:
    client = course.session.sagemaker_client
    delete_endpoint(client, name)
    client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=course.role)
    variant = {"VariantName": "a", "ModelName": name, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    client.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=course.tags)
    if wait:
        client.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})


def serves(version: int, second: str = "Approved") -> Callable[[Course], Any]:
    """An endpoint of a version, younger than both; ``second`` is the registry's word on version 2."""

    def make(course: Course) -> Any:
        client, arns = course.session.sagemaker_client, versions(course)
        for arn in arns:
            client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
        serve(course, LEFT, {"ModelPackageName": arns[version - 1]})
        client.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus=second)
        return PREDICTOR

    return make


def of_no_version(course: Course) -> Any:
    found = course.session.sagemaker_client.describe_model_package(ModelPackageName=versions(course)[0])
    container = found["InferenceSpecification"]["Containers"][0]
    serve(course, LEFT, {"Image": container["Image"], "ModelDataUrl": container["ModelDataUrl"]})
    return PREDICTOR


def of_no_archive(course: Course) -> Any:
    """An endpoint that cannot come into service."""
    client, key = course.session.sagemaker_client, f"{course.prefix}/wrong/none.tar.gz"
    course.session.boto_session.client("s3").put_object(Bucket=course.bucket, Key=key, Body=b"no archive")
    found = client.describe_model_package(ModelPackageName=versions(course)[0])
    image = found["InferenceSpecification"]["Containers"][0]["Image"]
    serve(course, LEFT, {"Image": image, "ModelDataUrl": f"s3://{course.bucket}/{key}"}, wait=False)
    wait_until(lambda: client.describe_endpoint(EndpointName=LEFT)["EndpointStatus"], "Failed".__eq__, LEFT)
    return PREDICTOR


def older_than_version_two(course: Course, second: bool) -> Any:
    """An endpoint that has served version 1 since before version 2 was made; ``second``: and another beside it."""
    client, arns = course.session.sagemaker_client, versions(course)
    serves(1)(course)
    time.sleep(0.01)
    client.delete_model_package(ModelPackageName=arns[1])
    found = client.describe_model_package(ModelPackageName=arns[0])
    artifact = found["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    arns[1] = registered(client, found["ModelPackageGroupName"], artifact)
    if second:
        serve(course, SECOND, {"ModelPackageName": arns[0]})
    else:
        delete_endpoint(client, SECOND)
    return PREDICTOR


def nowhere(course: Course) -> Any:
    return type("Predictor", (), {"endpoint_name": "course-nowhere"})()


WRONG: dict[tuple[str, str], Wrong] = {
    (LESSON, "rolled_back"): [
        (nowhere, "has no endpoint course-nowhere"),
        (lambda course: LEFT, "The predictor was expected"),
        (of_no_archive, "The endpoint is Failed"),
        (of_no_version, "is no version of the registry"),
        (serves(2), "still serves version 2."),
        (serves(1, second="Rejected"), "behind an endpoint that was made anew"),
        (lambda course: older_than_version_two(course, second=True), f"runs and costs: endpoint {SECOND}."),
        (lambda course: older_than_version_two(course, second=False), "version 2 is still Approved."),
    ],
}


# ---- who judges


def upload(course: Course, rows: pd.DataFrame) -> str:
    key = f"{course.prefix}/{unique('judges')}"
    course.session.boto_session.client("s3").put_object(
        Bucket=course.bucket, Key=f"{key}/insurance.csv", Body=rows.to_csv(index=False).encode()
    )
    return f"s3://{course.bucket}/{key}"


def ran(
    raw: Callable[[Any], list[pd.DataFrame]],
    bills: Callable[[Any], pd.DataFrame],
    script: str = "",
    steps: tuple[str, ...] = ("Prepare", "Evaluate"),
    wait: bool = True,
) -> Callable[[Course], Any]:
    """A run whose steps are given these people, and do nothing with them; each is made of the lesson's calendar."""

    def make(course: Course) -> Any:
        client, s3 = course.session.sagemaker_client, course.session.boto_session.client("s3")
        name, days = unique("course-insurance-judges"), exercises().calendar(course.table)
        given = {"Prepare": ("input", pd.concat(raw(days))), "Evaluate": ("input/bills", bills(days))}
        made = []
        for step, (folder, rows) in zip(steps, given.values(), strict=True):
            arguments = processing.definition(s3, course.bucket, f"{name}-{step}", script)
            code = arguments["ProcessingInputs"][0]
            people = processing.source("people", upload(course, rows), f"/opt/ml/processing/{folder}")
            arguments |= {"ProcessingInputs": [code, people]}
            del arguments["ProcessingJobName"], arguments["ProcessingOutputConfig"]
            made.append({"Name": step, "Type": "Processing", "Arguments": arguments})
        definition = pipelines.whole(*made)
        client.create_pipeline(
            PipelineName=name,
            PipelineDefinition=definition,
            RoleArn=course.role,
            ClientRequestToken=name.ljust(32, "-"),
        )
        arn = client.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
        if wait:
            wait_until(
                lambda: client.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"],
                lambda status: status != "Executing",
                arn,
            )
        return type("Run", (), {"arn": arn})()

    return make


def half(days: Any) -> int:
    return len(days.autumn) // 2


def mended(days: Any) -> list[pd.DataFrame]:
    return [days.past, days.spring, days.autumn[: half(days)]]


def pipeline(course: Course) -> Any:
    return type("Pipeline", (), {"name": "course-insurance-watch", "upsert": None, "start": None})()


WRONG[(LESSON, "honest_judges")] = [
    (pipeline, "That is the pipeline: the run is what its start returns"),
    (lambda course: 4_595, "A run was expected"),
    (ran(mended, lambda days: days.autumn, steps=("Learn", "Judge")), "a run of another pipeline"),
    (ran(mended, lambda days: days.autumn, script="import time; time.sleep(3)", wait=False), "The run is Executing"),
    (ran(mended, lambda days: days.autumn, script="raise SystemExit('no such column')"), "The run has failed: "),
    (ran(lambda days: [days.past, days.spring, days.autumn], lambda days: days.autumn), "it had learned from "),
    (ran(mended, lambda days: days.past[:60].assign(charges=1.0)), "60 are no people of"),
    (ran(mended, lambda days: days.autumn[half(days) :][:7]), "Only 7 people judge the model"),
    (ran(lambda days: [days.past, days.spring], lambda days: days.autumn), "learned nothing from the autumn"),
]
