"""Endpoints, and what Linear Learner's answer there."""

from __future__ import annotations

import pytest
from asking import NUMBER, rows, served_by, trained, training


@pytest.fixture(scope="module")
def endpoint(there):
    """A regressor of two features in service; gone afterwards with its configuration and model."""
    job = training(there, "served", rows(there))
    name = job["TrainingJobName"]
    make(there, name, trained(there, job)["ModelArtifacts"]["S3ModelArtifacts"])
    there.ended(there.sagemaker.describe_endpoint, "EndpointStatus", EndpointName=name)
    yield name
    there.sagemaker.delete_endpoint(EndpointName=name)
    there.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    there.sagemaker.delete_model(ModelName=name)


def make(there, name: str, artifact: str) -> None:
    container = served_by(there, artifact)
    there.sagemaker.create_model(ModelName=name, ExecutionRoleArn=there.role, PrimaryContainer=container)
    there.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(name)])
    there.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def variant(model: str, **members: object) -> dict:
    return {
        "VariantName": "all", "ModelName": model, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1
    } | members  # fmt: skip


def asked(there, endpoint: str, body: bytes, content_type: str, accept: str | None = None) -> dict:
    """What an endpoint answers, numbers as 0."""
    more = {"Accept": accept} if accept else {}
    try:
        found = there.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType=content_type, **more)
    except there.runtime.exceptions.ClientError as error:
        answer = error.response
        keys = ("OriginalStatusCode", "OriginalMessage")
        if answer["Error"]["Code"] != "ModelError":
            return {"code": answer["Error"]["Code"], "sentence": answer["Error"]["Message"]}
        return {"code": "ModelError"} | {key: answer.get(key) for key in keys}
    text = found["Body"].read().decode(errors="replace")
    return {"type": found["ContentType"], "body": NUMBER.sub("0", text)}


def test_formats_of_answers(there, endpoint, answers):
    for_each = ("text/csv", "application/jsonlines", "application/json", "application/jsonlines;x=1", "image/png")
    answers({accept: asked(there, endpoint, b"1,2\n3,4\n", "text/csv", accept) for accept in for_each})


def test_requests_that_are_refused(there, endpoint, answers):
    answers({
        "unknown type": asked(there, endpoint, b"1,2", "image/png"),
        "one feature": asked(there, endpoint, b"1", "text/csv"),
        "text": asked(there, endpoint, b"a,b", "text/csv"),
        "infinite": asked(there, endpoint, b"inf,1", "text/csv"),
        "blank": asked(there, endpoint, b"\n", "text/csv"),
        "missing": asked(there, endpoint, b"1,", "text/csv"),
        "instances that differ": asked(
            there, endpoint, b'{"instances": [{"features": [1, 2]}, {"features": [1]}]}', "application/json"
        ),
        "endpoint that is not there": asked(there, "course-parity-nothing", b"1,2", "text/csv"),
    })  # fmt: skip


def test_updates_that_are_refused(there, endpoint, answers):
    sagemaker = there.sagemaker
    weights = [{"VariantName": "nothing", "DesiredWeight": 1.0}]
    none = [{"VariantName": "all", "DesiredInstanceCount": 0}]
    answers({
        "configuration that is not there": there.said(
            sagemaker.update_endpoint, EndpointName=endpoint, EndpointConfigName="course-parity-nothing"
        ),
        "excluded without retained": there.said(
            sagemaker.update_endpoint, EndpointName=endpoint, EndpointConfigName=endpoint,
            ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
        ),
        "unknown variant": there.said(
            sagemaker.update_endpoint_weights_and_capacities, EndpointName=endpoint, DesiredWeightsAndCapacities=weights
        ),
        "no instance": there.said(
            sagemaker.update_endpoint_weights_and_capacities, EndpointName=endpoint, DesiredWeightsAndCapacities=none
        ),
    })  # fmt: skip


def test_configurations_that_are_refused(there, endpoint, answers):
    def asked_for(**members: object) -> dict:
        name = there.name("config")
        given = {key: value for key, value in variant(endpoint, **members).items() if value is not None}
        said = there.said(there.sagemaker.create_endpoint_config, EndpointConfigName=name, ProductionVariants=[given])
        if "accepted" in said:
            there.sagemaker.delete_endpoint_config(EndpointConfigName=name)
        return said

    alone = {"InstanceType": None, "InitialInstanceCount": None}
    answers({
        "neither instances nor serverless": asked_for(**alone),
        "both": asked_for(ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 1}),
        "memory between the steps": asked_for(ServerlessConfig={"MemorySizeInMB": 2000, "MaxConcurrency": 1}, **alone),
        "more provisioned than in all": asked_for(
            ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 1, "ProvisionedConcurrency": 2}, **alone
        ),
        "model that is not there": asked_for(ModelName="course-parity-nothing"),
    })  # fmt: skip


def test_an_artifact_that_is_no_archive(there, answers):
    """What is said of the endpoint, and what an invocation is answered while it is not in service."""
    name = there.name("broken")
    there.names[name] = "<broken>"
    make(there, name, there.put("broken/model.tar.gz", b"no archive"))
    try:
        found = there.ended(there.sagemaker.describe_endpoint, "EndpointStatus", EndpointName=name)
        answers({
            "status": found["EndpointStatus"],
            "reason": found.get("FailureReason"),
            "invoked": asked(there, name, b"1,2", "text/csv"),
        })  # fmt: skip
    finally:
        there.sagemaker.delete_endpoint(EndpointName=name)
        there.sagemaker.delete_endpoint_config(EndpointConfigName=name)
        there.sagemaker.delete_model(ModelName=name)


def test_deleted_and_asked_for_again(there, answers):
    name = there.name("deleted")
    make(there, name, there.put("deleted/model.tar.gz", b"no archive"))
    there.ended(there.sagemaker.describe_endpoint, "EndpointStatus", EndpointName=name)
    there.sagemaker.delete_endpoint(EndpointName=name)
    said = there.said(there.sagemaker.describe_endpoint, EndpointName=name)
    there.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    there.sagemaker.delete_model(ModelName=name)
    answers(said)
