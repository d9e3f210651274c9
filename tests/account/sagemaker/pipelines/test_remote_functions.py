"""Functions that the SageMaker SDK sends away: ``@step`` in a pipeline, which asks for a RetryStrategy by default."""

from __future__ import annotations

import boto3

import utils
from support.training import name

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


def test_a_step_is_a_function(account, sagemaker):
    from sagemaker.workflow.function_step import step
    from sagemaker.workflow.parameters import ParameterInteger
    from sagemaker.workflow.pipeline import Pipeline

    keys = boto3.Session().get_credentials()
    environment = {
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_SESSION_TOKEN": keys.token,
        "AWS_ENDPOINT_URL": account.url,
        "AWS_ENDPOINT_URL_STS": account.url,
    }

    @step(
        name="Double",
        instance_type="ml.m5.large",
        image_uri=IMAGE,
        role=account.account.role_arn,
        environment_variables=environment,
    )
    def double(number: int) -> int:
        return 2 * number

    number = ParameterInteger("N", default_value=3)
    session = utils.start("remote functions").session
    pipeline = Pipeline(name("Functions"), [number], steps=[double(number)], sagemaker_session=session)
    pipeline.upsert(role_arn=account.account.role_arn)
    execution = pipeline.start(parameters={"N": 21})
    execution.wait(delay=1, max_attempts=120)
    assert execution.result("Double") == 42
    job = execution.list_steps()[0]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    assert sagemaker.describe_training_job(TrainingJobName=job)["RetryStrategy"] == {"MaximumRetryAttempts": 1}
    pipeline.delete()
