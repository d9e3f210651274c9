"""Requests that break the rules of AWS's own model are refused in AWS's own words."""

from __future__ import annotations

import boto3
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError

LINEAR_LEARNER = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
ROLE_PATTERN = r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
NAME_PATTERN = "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"


@pytest.fixture(scope="module")
def client(account):
    """A client that leaves all checks to the service."""
    return boto3.client("sagemaker", config=Config(parameter_validation=False))


@pytest.fixture
def job(account):
    """A request that breaks no rule of the model."""
    return {
        "TrainingJobName": "never-made",
        "RoleArn": account.account.role_arn,
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": LINEAR_LEARNER},
        "OutputDataConfig": {"S3OutputPath": "s3://a-bucket/output"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        # Refused after the model's rules have been held, so that no job is ever made.
        "TensorBoardOutputConfig": {"S3OutputPath": "s3://a-bucket/board"},
    }


def faults(client, job: dict) -> list[str]:
    """The faults that the account finds: AWS's ``; ``-separated list, without its count."""
    with pytest.raises(ClientError) as raised:
        client.create_training_job(**job)
    error = raised.value.response
    assert error["Error"]["Code"] == "ValidationException"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    head, _, rest = error["Error"]["Message"].partition(" detected: ")
    found = rest.split("; ")
    assert head == ("1 validation error" if len(found) == 1 else f"{len(found)} validation errors")
    return found


def test_a_request_that_breaks_no_rule_comes_further(client, job):
    with pytest.raises(ClientError, match="TensorBoardOutputConfig is not implemented"):
        client.create_training_job(**job)


@pytest.mark.parametrize(
    ("changes", "value", "where", "constraint"),
    [
        ({"RoleArn": None}, None, "roleArn", "not be null"),
        ({"OutputDataConfig": {}}, None, "outputDataConfig.s3OutputPath", "not be null"),
        ({"Tags": [{"Key": "a"}]}, None, "tags.1.member.value", "not be null"),
        (
            {"InputDataConfig": [{"ChannelName": "a", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix"}}}]},
            None,
            "inputDataConfig.1.member.dataSource.s3DataSource.s3Uri",
            "not be null",
        ),
        ({"TrainingJobName": "a_b"}, "a_b", "trainingJobName", f"satisfy regular expression pattern: {NAME_PATTERN}"),
        ({"TrainingJobName": "-a"}, "-a", "trainingJobName", f"satisfy regular expression pattern: {NAME_PATTERN}"),
        ({"TrainingJobName": "a\n"}, "a\n", "trainingJobName", f"satisfy regular expression pattern: {NAME_PATTERN}"),
        (
            {"RoleArn": "the-execution-role-of-the-course"},
            "the-execution-role-of-the-course",
            "roleArn",
            f"satisfy regular expression pattern: {ROLE_PATTERN}",
        ),
        (
            {"AlgorithmSpecification": {"TrainingInputMode": "file"}},
            "file",
            "algorithmSpecification.trainingInputMode",
            "satisfy enum value set: [Pipe, File, FastFile]",
        ),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 0}},
            "0",
            "stoppingCondition.maxRuntimeInSeconds",
            "have value greater than or equal to 1",
        ),
        (
            {"RetryStrategy": {"MaximumRetryAttempts": 31}},
            "31",
            "retryStrategy.maximumRetryAttempts",
            "have value less than or equal to 30",
        ),
        (
            {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "", "Value": "c"}]},
            "",
            "tags.2.member.key",
            "have length greater than or equal to 1",
        ),
        (
            {"Tags": [{"Key": "a", "Value": "b" * 257}]},
            "b" * 257,
            "tags.1.member.value",
            "have length less than or equal to 256",
        ),
        (
            {"InputDataConfig": []},
            "[]",
            "inputDataConfig",
            "have length greater than or equal to 1",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_one_fault(client, job, changes, value, where, constraint):
    shown = "Value null" if value is None else f"Value '{value}'"
    given = {name: value for name, value in (job | changes).items() if value is not None}
    assert faults(client, given) == [f"{shown} at '{where}' failed to satisfy constraint: Member must {constraint}"]


def test_a_name_that_is_too_long_breaks_two_rules(client, job):
    name = "a" * 64
    beginning = f"Value '{name}' at 'trainingJobName' failed to satisfy constraint: Member must "
    assert faults(client, job | {"TrainingJobName": name}) == [
        beginning + "have length less than or equal to 63",
        beginning + f"satisfy regular expression pattern: {NAME_PATTERN}",
    ]
    with pytest.raises(ClientError, match="not implemented"):
        client.create_training_job(**job | {"TrainingJobName": "a" * 63})


def test_all_faults_are_told_at_once(client, job):
    del job["RoleArn"]
    found = faults(client, job | {"TrainingJobName": "a b", "StoppingCondition": {"MaxRuntimeInSeconds": -1}})
    assert [each.split("'")[-2] if "null" in each else each.split("'")[3] for each in found] == [
        "roleArn",
        "trainingJobName",
        "stoppingCondition.maxRuntimeInSeconds",
    ]


@pytest.mark.parametrize("count", [51])
def test_too_many_tags(client, job, count):
    tags = [{"Key": f"k{index}", "Value": ""} for index in range(count)]
    [fault] = faults(client, job | {"Tags": tags})
    assert fault.endswith("at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50")


def test_tags_may_be_of_any_script(client, job):
    """The model's patterns are written with Java's names of Unicode's categories."""
    with pytest.raises(ClientError, match="not implemented"):
        client.create_training_job(**job | {"Tags": [{"Key": "이름", "Value": "Größe +-=._:/@ 1"}]})
    [fault] = faults(client, job | {"Tags": [{"Key": "a!", "Value": ""}]})
    assert "at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression" in fault


def test_maps_name_their_keys(client, job):
    [fault] = faults(client, job | {"HyperParameters": {"k" * 257: "v"}})
    assert "at 'hyperParameters.key' failed to satisfy constraint: Member must have length less than" in fault
    [fault] = faults(client, job | {"HyperParameters": {"long": "v" * 2501}})
    assert "at 'hyperParameters.long.member' failed to satisfy constraint: Member must have length less than" in fault


def test_other_services_of_the_account_hold_requests_to_their_models_too(account):
    logs = boto3.client("logs", config=Config(parameter_validation=False))
    with pytest.raises(ClientError, match="Value '0' at 'limit' failed to satisfy constraint: Member must have value"):
        logs.describe_log_groups(limit=0)
    with pytest.raises(ClientError, match="Value null at 'logGroupName' failed to satisfy constraint"):
        logs.create_log_group()
