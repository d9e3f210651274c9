"""Roles that are handed to SageMaker: it takes those that exist and that let it assume them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import boto3
import pytest

from support import processing, training
from support.account import Place
from support.pipelines import fails, whole
from support.roles import SERVICE, trust

ACCOUNT = "000000000000"
REFUSED = (
    "Could not assume role {}. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to "
    "assume the role."
)
OF_A_MODEL = (
    'The execution role ARN "{}" is invalid. Please ensure that the role exists and that its trust relationship '
    'policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com".'
)


@pytest.fixture(scope="module")
def iam(account):
    return boto3.client("iam")


@pytest.fixture
def make_role(iam) -> Iterator:
    """Make a role; its ARN.  It is deleted at the test's end."""
    made = []

    def make(policy: str | None = None, path: str = "/") -> str:
        name = training.name("role")
        answer = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=policy or trust())
        made.append(name)
        return answer["Role"]["Arn"]

    yield make
    for name in made:
        with contextlib.suppress(iam.exceptions.NoSuchEntityException):
            iam.delete_role(RoleName=name)


@pytest.fixture(scope="module")
def data(s3, bucket) -> str:
    s3.put_object(Bucket=bucket, Key="of-roles/train.csv", Body=training.csv(*training.table()))
    return f"s3://{bucket}/of-roles/train.csv"


def training_job(account, data, bucket, role: str, **members) -> dict:
    return training.definition(
        account, training.name("role"), training.channel(data), bucket=bucket, RoleArn=role, **members
    )


def tuning(account, data, bucket, role: str) -> dict:
    definition = training_job(account, data, bucket, role)
    for member in ("TrainingJobName", "HyperParameters"):
        del definition[member]
    definition["StaticHyperParameters"] = training.QUICK
    ranges = {"ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.001", "MaxValue": "0.1"}]}
    return {
        "HyperParameterTuningJobName": training.name("t")[:32],
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "train:objective_loss"},
            "ParameterRanges": ranges,
        },
        "TrainingJobDefinition": definition,
    }


def pipeline(role: str, *steps: dict) -> dict:
    return {
        "PipelineName": training.name("p"),
        "PipelineDefinition": whole(*steps or (fails("stop"),)),
        "RoleArn": role,
    }


def model(role: str, s3, bucket: str) -> dict:
    s3.put_object(Bucket=bucket, Key="roles-model/model.tar.gz", Body=b"no archive")
    container = {"Image": training.IMAGE, "ModelDataUrl": f"s3://{bucket}/roles-model/model.tar.gz"}
    return {"ModelName": training.name("role"), "ExecutionRoleArn": role, "PrimaryContainer": container}


def nobody(case: str) -> str:
    """The ARN of a role that is not there, or not under this ARN."""
    return {
        "unknown": f"arn:aws:iam::{ACCOUNT}:role/nobody",
        "without its path": f"arn:aws:iam::{ACCOUNT}:role/AmazonSageMaker-ExecutionRole-Local",
        "another path": f"arn:aws:iam::{ACCOUNT}:role/other/AmazonSageMaker-ExecutionRole-Local",
        "another case": f"arn:aws:iam::{ACCOUNT}:role/service-role/amazonsagemaker-executionrole-course",
    }[case]


@pytest.mark.parametrize("case", ["unknown", "without its path", "another path", "another case"])
def test_a_role_that_is_not_there(account, sagemaker, data, bucket, case):
    arn = nobody(case)
    refusal = training.refusal(sagemaker.create_training_job, **training_job(account, data, bucket, arn))
    assert refusal == ("ValidationException", REFUSED.format(arn))


def test_every_operation_that_takes_a_role(account, sagemaker, s3, data, bucket, make_role):
    untrusting = make_role(trust({"Principal": {"Service": "ec2.amazonaws.com"}}))
    own = account.account.role_arn
    kept = sagemaker.create_pipeline(**(made := pipeline(own)))
    assert kept["PipelineArn"]
    for arn in (nobody("unknown"), untrusting):
        sentence = ("ValidationException", REFUSED.format(arn))
        job = processing.definition(s3, bucket, training.name("role"), "print(1)", RoleArn=arn)
        assert training.refusal(sagemaker.create_training_job, **training_job(account, data, bucket, arn)) == sentence
        assert training.refusal(sagemaker.create_processing_job, **job) == sentence
        tuned = tuning(account, data, bucket, arn)
        assert training.refusal(sagemaker.create_hyper_parameter_tuning_job, **tuned) == sentence
        assert training.refusal(sagemaker.create_pipeline, **pipeline(arn)) == sentence
        named = {"PipelineName": made["PipelineName"], "RoleArn": arn}
        assert training.refusal(sagemaker.update_pipeline, **named) == sentence
        assert training.refusal(sagemaker.start_pipeline_execution, **named) == sentence
        of_model = ("ValidationException", OF_A_MODEL.format(arn))
        assert training.refusal(sagemaker.create_model, **model(arn, s3, bucket)) == of_model
    sagemaker.delete_pipeline(PipelineName=made["PipelineName"])


def test_an_arn_that_is_no_roles_fails_on_the_pattern(account, sagemaker, data, bucket):
    arn = f"arn:aws:iam::{ACCOUNT}:user/ann"
    code, message = training.refusal(sagemaker.create_training_job, **training_job(account, data, bucket, arn))
    assert code == "ValidationException" and "failed to satisfy constraint" in message


TRUSTED = {
    "a list of services": [{"Principal": {"Service": ["ec2.amazonaws.com", SERVICE]}}],
    "everybody": [{"Principal": "*"}],
    "everybody, as AWS": [{"Principal": {"AWS": "*"}}],
    "every action of STS": [{"Action": "sts:*"}],
    "several actions in another case": [{"Action": ["sts:TagSession", "STS:assumerole"]}],
    "the second statement": [{"Principal": {"Service": "ec2.amazonaws.com"}}, {}],
    "its own account": [{"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}],
    "training jobs": [{"Condition": {"ArnLike": {"AWS:SourceArn": f"arn:aws:sagemaker:*:{ACCOUNT}:training-job/*"}}}],
    "a Deny for others": [{}, {"Effect": "Deny", "Condition": {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}}],
    "a Deny for who is not named": [{}, {"Effect": "Deny", "NotPrincipal": {"Service": SERVICE}}],
}
NOT_TRUSTED = {
    "another service": [{"Principal": {"Service": "lambda.amazonaws.com"}}],
    "the account's root": [{"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}],
    "another action": [{"Action": "sts:TagSession"}],
    "a Deny": [{}, {"Effect": "Deny"}],
    "a Deny for everybody": [{}, {"Effect": "Deny", "Principal": "*"}],
    "another account": [{"Condition": {"StringEquals": {"aws:SourceAccount": "111111111111"}}}],
    "processing jobs": [
        {"Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:*:{ACCOUNT}:processing-job/*"}}}
    ],
    "who knows a secret": [{"Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}],
}


@pytest.mark.parametrize("case", TRUSTED)
def test_trust_policies_that_let_sagemaker_in(account, sagemaker, data, bucket, make_role, case):
    """A role is good as soon as its creation is acknowledged."""
    params = training_job(account, data, bucket, make_role(trust(*TRUSTED[case]), "/teams/blue/"))
    sagemaker.create_training_job(**params)
    assert training.ended(sagemaker, params["TrainingJobName"])["TrainingJobStatus"] == "Completed"


@pytest.mark.parametrize("case", NOT_TRUSTED)
def test_trust_policies_that_do_not(account, sagemaker, data, bucket, make_role, case):
    arn = make_role(trust(*NOT_TRUSTED[case]))
    refusal = training.refusal(sagemaker.create_training_job, **training_job(account, data, bucket, arn))
    assert refusal == ("ValidationException", REFUSED.format(arn))


def test_a_condition_that_cannot_be_decided_is_named(account, sagemaker, data, bucket, make_role):
    arn = make_role(trust({"Condition": {"StringEquals": {"aws:SourceAccount": "${aws:PrincipalAccount}"}}}))
    _, message = training.refusal(sagemaker.create_training_job, **training_job(account, data, bucket, arn))
    assert arn in message and "policy variable" in message and processing.NOT_HERE in message


@pytest.mark.parametrize(
    "condition",
    [
        "StringEquals",
        ["StringEquals"],
        {"StringEquals": "aws:SourceAccount"},
        {"StringEquals": {"aws:SourceAccount": None}},
        {"NumericEquals": {"aws:EpochTime": {"a": 1}}},
        {"NumericLessThan": {"aws:EpochTime": [None]}},
        {"IpAddress": {"aws:SourceIp": [["10.0.0.0/8"]]}},
    ],
    ids=str,
)
def test_a_condition_of_another_form_is_named(account, sagemaker, data, bucket, make_role, condition):
    arn = make_role(trust({"Condition": condition}))
    code, message = training.refusal(sagemaker.create_training_job, **training_job(account, data, bucket, arn))
    assert code == "ValidationException" and arn in message and "Condition" in message


def test_a_role_whose_trust_policy_changes_and_that_is_deleted(account, iam, sagemaker, s3, data, bucket, make_role):
    arn = make_role(trust({"Principal": {"Service": "ec2.amazonaws.com"}}))
    name, params = arn.rpartition("/")[2], model(arn, s3, bucket)
    refused = ("ValidationException", OF_A_MODEL.format(arn))
    assert training.refusal(sagemaker.create_model, **params) == refused
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust())
    sagemaker.create_model(**params)
    iam.delete_role(RoleName=name)
    assert training.refusal(sagemaker.create_model, **model(arn, s3, bucket)) == refused
    # What is made of the model: a batch is refused, an endpoint says why it failed.
    batch = {
        "TransformJobName": training.name("role"),
        "ModelName": params["ModelName"],
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}}},
        "TransformOutput": {"S3OutputPath": f"s3://{bucket}/roles-out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    refusal = training.refusal(sagemaker.create_transform_job, **batch)
    assert refusal == ("ValidationException", REFUSED.format(arn))
    variant = {"VariantName": "v", "ModelName": params["ModelName"], "InstanceType": "ml.m5.large"}
    named = {"EndpointConfigName": params["ModelName"]}
    sagemaker.create_endpoint_config(**named, ProductionVariants=[variant | {"InitialInstanceCount": 1}])
    sagemaker.create_endpoint(EndpointName=params["ModelName"], **named)
    body = training.wait_until(
        lambda: sagemaker.describe_endpoint(EndpointName=params["ModelName"]),
        lambda body: body["EndpointStatus"] != "Creating",
        "endpoint",
    )
    sagemaker.delete_endpoint(EndpointName=params["ModelName"])
    assert (body["EndpointStatus"], body["FailureReason"]) == ("Failed", OF_A_MODEL.format(arn))
    # The same name anew is another role, which trusts as it says.
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())
    sagemaker.create_model(**model(arn, s3, bucket))


def test_what_begins_after_its_role_was_deleted(account, iam, sagemaker, s3, data, bucket, make_role):
    """A pipeline's step is refused as its call is; its own role is looked at when an execution is started."""
    arn = make_role()
    step = {"Name": "Train", "Type": "Training", "Arguments": training_job(account, data, bucket, arn)}
    del step["Arguments"]["TrainingJobName"]
    made, theirs = pipeline(account.account.role_arn, step), pipeline(arn)
    sagemaker.create_pipeline(**made)
    sagemaker.create_pipeline(**theirs)
    iam.delete_role(RoleName=arn.rpartition("/")[2])
    refusal = training.refusal(sagemaker.start_pipeline_execution, PipelineName=theirs["PipelineName"])
    assert refusal == ("ValidationException", REFUSED.format(arn))
    execution = sagemaker.start_pipeline_execution(PipelineName=made["PipelineName"])["PipelineExecutionArn"]
    training.wait_until(
        lambda: sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)["PipelineExecutionStatus"],
        lambda status: status != "Executing",
        execution,
    )
    (step,) = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution)["PipelineExecutionSteps"]
    called = "ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: "
    assert step["FailureReason"] == called + REFUSED.format(arn)


def test_a_job_that_waited_while_its_role_was_deleted(account, iam, sagemaker, s3, data, bucket, make_role):
    """AWS's words for it are those of its jobs of 2018."""
    arn, instances = make_role(), range(8)
    endless = processing.definition(s3, bucket, "role-wait", processing.ENDLESS)
    names = [training.name("role-wait") for _ in instances]
    for name in names:
        sagemaker.create_processing_job(**endless | {"ProcessingJobName": name})
    params = training_job(account, data, bucket, arn)
    sagemaker.create_training_job(**params)
    iam.delete_role(RoleName=arn.rpartition("/")[2])
    for name in names:
        sagemaker.stop_processing_job(ProcessingJobName=name)
    body = training.ended(sagemaker, params["TrainingJobName"])
    assert body["FailureReason"] == f"ClientError: SageMaker was unable to assume the role '{arn}'"


def test_roles_are_known_after_kill_9_before_anybody_asks_iam(tmp_path):
    place = Place(tmp_path / "state")
    try:
        place.start()
        role = place.client("iam").create_role(RoleName="kept", Path="/a/", AssumeRolePolicyDocument=trust())
        place.kill()
        place.start()
        named = pipeline(role["Role"]["Arn"])
        assert place.client("sagemaker").create_pipeline(**named)["PipelineArn"]
        refused = training.refusal(place.client("sagemaker").create_pipeline, **pipeline(nobody("unknown")))
        assert refused == ("ValidationException", REFUSED.format(nobody("unknown")))
    finally:
        place.close()
