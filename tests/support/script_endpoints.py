"""Endpoints whose model is a script of the user's."""

from __future__ import annotations

import contextlib

import pytest

from support.scripts import image, logged, packed
from support.training import name, wait_until


@pytest.fixture
def endpoint(account, sagemaker, s3, bucket):
    """An endpoint of files that lie in a model's artifact, for a ``with`` block; its name."""

    @contextlib.contextmanager
    def serve(files: dict, repository="sagemaker-scikit-learn", wanted="InService", **environment):
        made = name("script-endpoint")
        s3.put_object(Bucket=bucket, Key=f"{made}/model.tar.gz", Body=packed(files))
        environment = {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            **environment,
        }
        container = {
            "Image": image(repository),
            "ModelDataUrl": f"s3://{bucket}/{made}/model.tar.gz",
            "Environment": {key: value for key, value in environment.items() if value},
        }
        role = account.account.role_arn
        sagemaker.create_model(ModelName=made, PrimaryContainer=container, ExecutionRoleArn=role)
        variant = {"VariantName": "AllTraffic", "ModelName": made, "InstanceType": "ml.t2.medium"}
        variants = [{**variant, "InitialInstanceCount": 1}]
        sagemaker.create_endpoint_config(EndpointConfigName=made, ProductionVariants=variants)
        sagemaker.create_endpoint(EndpointName=made, EndpointConfigName=made)
        body = wait_until(
            lambda: sagemaker.describe_endpoint(EndpointName=made), lambda it: it["EndpointStatus"] != "Creating", made
        )
        try:
            assert body["EndpointStatus"] == wanted, (body.get("FailureReason"), log(made))
            yield made
        finally:
            sagemaker.delete_endpoint(EndpointName=made)
            sagemaker.delete_endpoint_config(EndpointConfigName=made)
            sagemaker.delete_model(ModelName=made)

    return serve


def log(endpoint: str) -> list[str]:
    return logged(f"/aws/sagemaker/Endpoints/{endpoint}")
