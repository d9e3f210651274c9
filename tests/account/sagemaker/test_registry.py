"""The model registry: versions and their approval, and that only what is approved can be deployed."""

from __future__ import annotations

import json

import numpy as np
import pytest

import utils
from support.training import (
    IMAGE,
    QUICK,
    channel,
    checked,
    coefficients,
    csv,
    definition,
    ended,
    name,
    refusal,
    table,
    wait_until,
)

TAGS = [{"Key": "owner", "Value": "tests"}]
X, Y = table(20, 2)


@pytest.fixture(scope="module")
def artifact(account, sagemaker, s3, bucket) -> str:
    """The address of a trained model."""
    s3.put_object(Bucket=bucket, Key="registry/data.csv", Body=csv(X, Y))
    job = name("registry")
    train = channel(f"s3://{bucket}/registry/data.csv")
    sagemaker.create_training_job(**definition(account, job, train, bucket=bucket, hyperparameters=QUICK))
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Completed", body
    return body["ModelArtifacts"]["S3ModelArtifacts"]


@pytest.fixture
def group(sagemaker) -> str:
    group = name("Group")
    sagemaker.create_model_package_group(ModelPackageGroupName=group, Tags=TAGS)
    return group


def specification(url: str, **container) -> dict:
    return {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": url} | container],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["application/json"],
        "SupportedRealtimeInferenceInstanceTypes": ["ml.t2.medium"],
        "SupportedTransformInstanceTypes": ["ml.m5.large"],
    }


def register(client, group: str, url: str, **members) -> str:
    answer = checked(
        client,
        "CreateModelPackage",
        ModelPackageGroupName=group,
        InferenceSpecification=specification(url),
        **members,
    )
    return answer["ModelPackageArn"]


def test_a_group_from_its_beginning_to_its_end(sagemaker, account):
    group = name("Group")
    arn = checked(sagemaker, "CreateModelPackageGroup", ModelPackageGroupName=group, Tags=TAGS)["ModelPackageGroupArn"]
    assert arn == (
        f"arn:aws:sagemaker:{account.account.region}:{account.account.account_id}:model-package-group/{group.lower()}"
    )
    for asked in (group, arn):
        body = checked(sagemaker, "DescribeModelPackageGroup", ModelPackageGroupName=asked)
        assert (body["ModelPackageGroupName"], body["ModelPackageGroupStatus"]) == (group, "Completed")
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == TAGS
    listed = checked(sagemaker, "ListModelPackageGroups", NameContains=group)["ModelPackageGroupSummaryList"]
    assert [each["ModelPackageGroupArn"] for each in listed] == [arn]
    found = checked(
        sagemaker,
        "Search",
        Resource="ModelPackageGroup",
        SearchExpression={"Filters": [{"Name": "ModelPackageGroupName", "Operator": "Equals", "Value": group}]},
    )["Results"]
    assert found[0]["ModelPackageGroup"]["Tags"] == TAGS
    refused = refusal(sagemaker.create_model_package_group, ModelPackageGroupName=group)
    assert refused == ("ValidationException", f"Model Package Group already exists: {arn}")
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    refused = refusal(sagemaker.describe_model_package_group, ModelPackageGroupName=group)
    assert refused == ("ValidationException", f"ModelPackageGroup {arn} does not exist.")


def test_versions_are_counted_and_a_number_is_not_given_twice(sagemaker, group, artifact):
    arns = [register(sagemaker, group, artifact) for _ in range(2)]
    assert [arn.rpartition(":")[2] for arn in arns] == [f"model-package/{group.lower()}/{n}" for n in (1, 2)]
    code, _ = refusal(sagemaker.delete_model_package_group, ModelPackageGroupName=group)
    assert code == "ConflictException"
    sagemaker.delete_model_package(ModelPackageName=arns[1])
    assert register(sagemaker, group, artifact).endswith("/3")
    listed = checked(sagemaker, "ListModelPackages", ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert [each["ModelPackageVersion"] for each in listed] == [1, 3]
    assert sagemaker.list_tags(ResourceArn=arns[0])["Tags"] == TAGS  # those of its group


def test_what_was_registered_is_described(sagemaker, group, artifact, bucket):
    metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": f"s3://{bucket}/m.json"}}}
    arn = register(sagemaker, group, artifact, ModelMetrics=metrics, CustomerMetadataProperties={"a": "1"})
    body = checked(sagemaker, "DescribeModelPackage", ModelPackageName=arn)
    assert body["InferenceSpecification"] == specification(artifact)
    assert (body["ModelMetrics"], body["CustomerMetadataProperties"]) == (metrics, {"a": "1"})
    assert (body["ModelPackageGroupName"], body["ModelPackageVersion"]) == (group, 1)
    assert (body["ModelPackageStatus"], body["ModelApprovalStatus"]) == ("Completed", "PendingManualApproval")
    assert body["ModelPackageStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}
    gone = arn[:-1] + "7"
    both = checked(sagemaker, "BatchDescribeModelPackage", ModelPackageArnList=[arn, gone])
    assert both["ModelPackageSummaries"][arn]["InferenceSpecification"] == specification(artifact)
    assert both["BatchDescribeModelPackageErrorMap"][gone]["ErrorCode"] == "ValidationException"
    refused = refusal(sagemaker.describe_model_package, ModelPackageName=gone)
    assert refused == ("ValidationException", f"ModelPackage {gone} does not exist.")


def test_lists_are_filtered_and_paged(sagemaker, group, artifact):
    first, second, third = (register(sagemaker, group, artifact) for _ in range(3))
    sagemaker.update_model_package(ModelPackageArn=second, ModelApprovalStatus="Approved")
    pages = sagemaker.get_paginator("list_model_packages")

    def listed(**params) -> list[str]:
        params = {"ModelPackageGroupName": group, "PaginationConfig": {"PageSize": 2}, **params}
        return [
            each["ModelPackageArn"] for page in pages.paginate(**params) for each in page["ModelPackageSummaryList"]
        ]

    assert listed() == [first, second, third]
    assert listed(SortOrder="Descending") == [third, second, first]
    assert listed(ModelApprovalStatus="Approved") == [second]
    single = name("single")
    sagemaker.create_model_package(ModelPackageName=single, InferenceSpecification=specification(artifact))

    def every(**params) -> set[str]:
        found = [each for page in pages.paginate(**params) for each in page["ModelPackageSummaryList"]]
        return {each["ModelPackageArn"].partition("/")[2] for each in found}

    versions = {arn.partition("/")[2] for arn in (first, second, third)}
    assert every() >= {single} and not every() & versions  # unversioned ones, unless asked otherwise
    assert every(ModelPackageType="Versioned") >= versions and single not in every(ModelPackageType="Versioned")
    assert every(ModelPackageType="Both") >= versions | {single}
    found = sagemaker.search(
        Resource="ModelPackage",
        SearchExpression={
            "Filters": [
                {"Name": "ModelPackageGroupName", "Operator": "Equals", "Value": group},
                {"Name": "ModelApprovalStatus", "Operator": "Equals", "Value": "Approved"},
            ]
        },
    )["Results"]
    assert [each["ModelPackage"]["ModelPackageArn"] for each in found] == [second]


def test_approval_and_metadata_are_updated(sagemaker, group, artifact):
    arn = register(sagemaker, group, artifact, CustomerMetadataProperties={"a": "1", "b": "2"})
    checked(
        sagemaker,
        "UpdateModelPackage",
        ModelPackageArn=arn,
        ModelApprovalStatus="Rejected",
        ApprovalDescription="worse than the last one",
        CustomerMetadataProperties={"c": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    body = checked(sagemaker, "DescribeModelPackage", ModelPackageName=arn)
    assert (body["ModelApprovalStatus"], body["ApprovalDescription"]) == ("Rejected", "worse than the last one")
    assert body["CustomerMetadataProperties"] == {"b": "2", "c": "3"}


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({}, "Missing ARN."),
        ({"ModelPackageName": "a", "ModelPackageGroupName": "b"}, "Cannot determine which one to use."),
        ({"ModelPackageGroupName": "no-such-group"}, "model-package-group/no-such-group does not exist."),
        ({"ModelPackageName": "a", "CertifyForMarketplace": True}, "CertifyForMarketplace is not implemented"),
        ({"ModelPackageName": "a", "image": "1.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"}, "kmeans:1 (images that run"),
        ({"ModelPackageName": "a", "url": "s3://a-bucket-for-tests/none.tar.gz"}, "Could not find model data at s3://"),
        ({"ModelPackageName": "a", "without": "SupportedContentTypes"}, "SupportedContentTypes is required"),
    ],
)
def test_a_package_that_could_not_be_deployed_is_refused(sagemaker, artifact, members, sentence):
    members = dict(members)
    found = specification(members.pop("url", artifact), Image=members.pop("image", IMAGE))
    found.pop(members.pop("without", None), None)
    code, message = refusal(sagemaker.create_model_package, InferenceSpecification=found, **members)
    assert code == "ValidationException" and sentence in message


def test_a_version_has_no_tags_of_its_own(sagemaker, group, artifact):
    code, message = refusal(
        sagemaker.create_model_package,
        ModelPackageGroupName=group,
        InferenceSpecification=specification(artifact),
        Tags=TAGS,
    )
    assert code == "ValidationException" and "tags of its group" in message


def test_only_an_approved_version_becomes_a_model(sagemaker, account, group, artifact):
    arn, model = register(sagemaker, group, artifact), name("model")
    params = {
        "ModelName": model,
        "PrimaryContainer": {"ModelPackageName": arn, "Environment": {"A": "b"}},
        "ExecutionRoleArn": account.account.role_arn,
    }
    code, message = refusal(sagemaker.create_model, **params)
    assert code == "ValidationException" and "PendingManualApproval, and must be Approved" in message
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    checked(sagemaker, "CreateModel", **params)
    body = checked(sagemaker, "DescribeModel", ModelName=model)["PrimaryContainer"]
    assert (body["ModelPackageName"], body["Image"], body["ModelDataUrl"]) == (arn, IMAGE, artifact)
    assert body["Environment"] == {"A": "b"}
    sagemaker.delete_model(ModelName=model)
    params["PrimaryContainer"]["Image"] = IMAGE
    assert "cannot be given along with ModelPackageName" in refusal(sagemaker.create_model, **params)[1]


def test_the_sdk_registers_and_deploys(account, sagemaker, s3, runtime, artifact):
    from sagemaker.estimator import Estimator

    session, group, endpoint = utils.start("registry").session, name("Sdk"), name("sdk")
    job = artifact.split("/")[-3]
    estimator = Estimator.attach(job, session)
    sizes = ["ml.m5.large"]
    package = estimator.register(["text/csv"], ["application/json"], sizes, sizes, model_package_group_name=group)
    assert package.model_package_arn.endswith(f"{group.lower()}/1")
    again = estimator.create_model(role=account.account.role_arn)
    again = again.register(["text/csv"], ["application/json"], sizes, sizes, model_package_group_name=group)
    assert again.model_package_arn.endswith("/2")
    try:
        again.deploy(1, "ml.t2.medium", endpoint_name=endpoint, model_name=endpoint, wait=False)
        wait_until(
            lambda: sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"],
            lambda status: status == "InService",
            endpoint,
        )
        status = sagemaker.describe_model_package(ModelPackageName=again.model_package_arn)["ModelApprovalStatus"]
        assert status == "Approved"  # the SDK approves what it deploys
        answer = runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=csv(X[:1, :1], X[:1, 1]))
        score = json.loads(answer["Body"].read())["predictions"][0]["score"]
        weights, bias = coefficients(s3, artifact)
        assert np.isclose(score, X[0, ::-1] @ weights + bias, rtol=1e-5)
    finally:
        sagemaker.delete_endpoint(EndpointName=endpoint)
        sagemaker.delete_endpoint_config(EndpointConfigName=endpoint)
