"""Model packages and their groups."""

from __future__ import annotations

import pytest

from parity.asking import image


@pytest.fixture
def group(there):
    """A group of packages with one version that waits for approval; gone afterwards."""
    name = there.name("group")
    there.sagemaker.create_model_package_group(
        ModelPackageGroupName=name, Tags=[{"Key": "team", "Value": "blue"}, *there.purse.tags]
    )
    there.version = there.sagemaker.create_model_package(**version(there, ModelPackageGroupName=name))[
        "ModelPackageArn"
    ]
    yield name
    there.sagemaker.delete_model_package(ModelPackageName=there.version)
    there.sagemaker.delete_model_package_group(ModelPackageGroupName=name)


def version(there, **members: object) -> dict:
    container = {"Image": image(there, "linear-learner"), "ModelDataUrl": there.put("registry/model.tar.gz", b"x")}
    inference = {
        "Containers": [container],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    # An object that is not there.
    statistics = {"ContentType": "application/json", "S3Uri": f"s3://{there.bucket}/course/parity/nothing.json"}
    return {
        "InferenceSpecification": inference,
        "ModelApprovalStatus": "PendingManualApproval",
        "ModelMetrics": {"ModelQuality": {"Statistics": statistics}},
        "Tags": [],
    } | members


def test_packages_and_groups_that_are_refused(there, group, answers):
    sagemaker, names = there.sagemaker, {"ModelPackageGroupName": group, "ModelPackageName": group}
    model = {
        "ModelName": there.name("model"),
        "ExecutionRoleArn": there.role,
        "PrimaryContainer": {"ModelPackageName": there.version},
    }
    answers({
        "both names": there.said(sagemaker.create_model_package, **version(there, **names)),
        "no name": there.said(sagemaker.create_model_package, **version(there)),
        "group of a taken name": there.said(sagemaker.create_model_package_group, ModelPackageGroupName=group),
        "group that is not there": there.said(
            sagemaker.create_model_package, **version(there, ModelPackageGroupName="course-parity-nothing")
        ),
        "group with a version deleted": there.said(sagemaker.delete_model_package_group, ModelPackageGroupName=group),
        "model of what is not approved": there.said(sagemaker.create_model, **model),
    })  # fmt: skip


def test_a_version_as_described(there, group, answers):
    found = there.sagemaker.describe_model_package(ModelPackageName=there.version)
    tags = there.sagemaker.list_tags(ResourceArn=there.version)["Tags"]
    answers({
        "name": found.get("ModelPackageName"),
        "status": found["ModelPackageStatus"],
        "metrics": found.get("ModelMetrics"),
        "has its group's tags": any(tag["Key"] == "team" for tag in tags),
    })  # fmt: skip


def test_a_model_of_a_package(there, group, answers):
    there.sagemaker.update_model_package(ModelPackageArn=there.version, ModelApprovalStatus="Approved")
    name = there.name("model")
    there.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=there.role, PrimaryContainer={"ModelPackageName": there.version}
    )
    try:
        shown = there.sagemaker.describe_model(ModelName=name)
        found = shown.get("PrimaryContainer") or shown["Containers"][0]
        answers({"shown": sorted(found)})
    finally:
        there.sagemaker.delete_model(ModelName=name)


def test_names_in_a_search_for_models(there, answers):
    def asked(name: str) -> dict:
        expression = {"Filters": [{"Name": name, "Operator": "Equals", "Value": "course-parity-nothing"}]}
        return there.said(there.sagemaker.search, Resource="Model", SearchExpression=expression)

    answers({name: asked(name) for name in ("ModelName", "Model.ModelName", "Endpoints.EndpointName")})
