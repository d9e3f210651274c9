"""Inference pipelines: a script's container before Linear Learner's, behind an endpoint and in a batch."""

from __future__ import annotations

import json

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError

from support.scripts import image, packed
from support.training import IMAGE, channel, coefficients, csv, definition, ended, name, refusal, table, wait_until

X, Y = table(40, 2)
GROUP = "/aws/sagemaker/Endpoints"
# As published featurizers are written, with the package that is in AWS's images.
DOUBLE = """
    import io, json
    import numpy as np
    from sagemaker_containers.beta.framework import content_types, encoders, env, modules, transformer, worker

    def model_fn(model_dir):
        print("doubles")
        return 2

    def input_fn(data, content_type):
        assert content_type == content_types.CSV, content_type
        return encoders.decode(data, content_type).reshape(-1, data.splitlines()[0].count(",") + 1).astype(float)

    def predict_fn(data, model):
        return data * model

    def output_fn(prediction, accept):
        rows = [{"features": row} for row in prediction.tolist()]
        return worker.Response(json.dumps({"instances": rows}), mimetype=accept)
"""


@pytest.fixture(scope="module")
def trained(account, sagemaker, s3, bucket) -> str:
    """The address of a Linear Learner model."""
    s3.put_object(Bucket=bucket, Key="serial/train.csv", Body=csv(X, Y))
    job = name("serial")
    sagemaker.create_training_job(**definition(account, job, channel(f"s3://{bucket}/serial/train.csv"), bucket=bucket))
    return ended(sagemaker, job)["ModelArtifacts"]["S3ModelArtifacts"]


@pytest.fixture(scope="module")
def make(account, sagemaker, s3, bucket, trained):
    """Make a model of a script and of what was trained, and others of it; what is left is deleted."""
    made = []

    def model(code: str = DOUBLE, hostnames: tuple[dict, dict] = ({}, {})) -> str:
        made.append(it := name("Serial"))
        s3.put_object(Bucket=bucket, Key=f"{it}/model.tar.gz", Body=packed({"code/inference.py": code}))
        environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
        script = {"Image": image("sagemaker-scikit-learn"), "ModelDataUrl": f"s3://{bucket}/{it}/model.tar.gz"}
        containers = [script | {"Environment": environment}, {"Image": IMAGE, "ModelDataUrl": trained}]
        containers = [each | hostname for each, hostname in zip(containers, hostnames, strict=True)]
        sagemaker.create_model(ModelName=it, Containers=containers, ExecutionRoleArn=account.account.role_arn)
        return it

    def endpoint(of: str) -> dict:
        variant = {"VariantName": "v", "ModelName": of, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(EndpointConfigName=of, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=of, EndpointConfigName=of)
        return wait_until(
            lambda: sagemaker.describe_endpoint(EndpointName=of), lambda it: it["EndpointStatus"] != "Creating", of
        )

    model.endpoint = endpoint
    yield model
    for it in made:
        for kind in ("Endpoint", "EndpointConfig", "Model"):
            delete = getattr(sagemaker, f"delete_{kind.lower().replace('tc', 't_c')}")
            try:
                delete(**{f"{kind}Name": it})
            except ClientError as error:
                assert "Could not find" in str(error)


@pytest.fixture(scope="module")
def served(make) -> str:
    model = make()
    body = make.endpoint(model)
    assert body["EndpointStatus"] == "InService", body
    images = [each["SpecifiedImage"] for each in body["ProductionVariants"][0]["DeployedImages"]]
    assert images == [image("sagemaker-scikit-learn"), IMAGE]
    return model


@pytest.fixture(scope="module")
def expected(s3, trained):
    """The scores of twice X by the weights in the artifact."""
    weights, bias = coefficients(s3, trained)
    return 2 * X.astype(float) @ weights.astype(float) + float(bias)


def rows(x) -> str:
    return "\n".join(",".join(f"{value:.9g}" for value in row) for row in x)


def test_each_container_gets_the_answer_of_the_one_before_it(served, expected, runtime):
    answer = runtime.invoke_endpoint(EndpointName=served, ContentType="text/csv", Body=rows(X[:3]))
    scores = [each["score"] for each in json.loads(answer["Body"].read())["predictions"]]
    np.testing.assert_allclose(scores, expected[:3], rtol=1e-6)
    # What the caller accepts is the last container's to give.
    lines = {"ContentType": "text/csv", "Accept": "application/jsonlines"}
    answer = runtime.invoke_endpoint(EndpointName=served, Body=rows(X[:3]), **lines)
    scores = [json.loads(line)["score"] for line in answer["Body"].read().splitlines()]
    np.testing.assert_allclose(scores, expected[:3], rtol=1e-6)


@pytest.mark.parametrize(
    ("body", "which", "whose"), [("a,b", 1, "server error (500)"), ("1,2,3", 2, "client error (400)")]
)
def test_an_error_names_its_container(served, runtime, body, which, whose):
    with pytest.raises(ClientError) as caught:
        runtime.invoke_endpoint(EndpointName=served, ContentType="text/csv", Body=body)
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert f"Received {whose} from container-{which} with message" in response["Error"]["Message"]
    assert response["LogStreamArn"].endswith(f"/container-{which}")


def test_each_container_has_a_log_of_its_own(served):
    logs, group = boto3.client("logs"), f"{GROUP}/{served}"
    streams = wait_until(
        lambda: logs.describe_log_streams(logGroupName=group)["logStreams"], lambda it: len(it) == 2, group
    )
    assert {each["logStreamName"].rpartition("/")[2] for each in streams} == {"container-1", "container-2"}
    assert len({each["logStreamName"].rpartition("/")[0] for each in streams}) == 1


def test_describe_says_that_they_are_serial(served, sagemaker):
    body = sagemaker.describe_model(ModelName=served)
    assert [each["Image"] for each in body["Containers"]] == [image("sagemaker-scikit-learn"), IMAGE]
    assert body["InferenceExecutionConfig"] == {"Mode": "Serial"} and "PrimaryContainer" not in body


def test_a_container_that_cannot_be_loaded_is_named(make):
    body = make.endpoint(make("raise SystemExit(1)", ({"ContainerHostname": "first"}, {"ContainerHostname": "second"})))
    assert body["EndpointStatus"] == "Failed"
    assert body["FailureReason"].startswith("The first container for production variant v did not pass the ping")


def test_a_batch_goes_through_all_of_them(served, expected, sagemaker, s3, bucket):
    s3.put_object(Bucket=bucket, Key="serial/x.csv", Body=rows(X))
    job = name("serial-batch")
    sagemaker.create_transform_job(
        TransformJobName=job,
        ModelName=served,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/serial/x.csv"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": f"s3://{bucket}/{job}", "Accept": "application/jsonlines"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    body = wait_until(
        lambda: sagemaker.describe_transform_job(TransformJobName=job),
        lambda it: it["TransformJobStatus"] != "InProgress",
        job,
    )
    assert body["TransformJobStatus"] == "Completed", body
    answers = s3.get_object(Bucket=bucket, Key=f"{job}/x.csv.out")["Body"].read()
    np.testing.assert_allclose([json.loads(line)["score"] for line in answers.splitlines()], expected, rtol=1e-6)


def test_a_pipeline_is_not_serverless(served, sagemaker):
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    variant = {"VariantName": "v", "ModelName": served, "ServerlessConfig": serverless}
    code, message = refusal(
        sagemaker.create_endpoint_config, EndpointConfigName=name("no"), ProductionVariants=[variant]
    )
    assert code == "ValidationException" and "several containers" in message
