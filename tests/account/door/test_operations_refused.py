"""What the account cannot do is refused in the protocol of who asked, by name, and never seems to succeed."""

from __future__ import annotations

import re
import subprocess
import sys

import boto3
import pytest
from botocore import xform_name
from botocore.client import Config
from botocore.exceptions import ClientError

from local_aws.coverage import PAGE
from support.wire import call, send, signed

UNCHECKED = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
REFUSED = "is not implemented in the embedded AWS account"


def test_every_operation_of_sagemaker_is_done_or_refused_by_name(account, sagemaker):
    """As the table in docs/operations.md has it."""
    names = sagemaker.meta.service_model.operation_names
    table = PAGE.read_text("utf-8").partition("\n## SageMaker\n")[2].partition("\n<details>")[0]
    done = set(re.findall(r"`(\w+)`", table))
    assert {"CreateTrainingJob", "Search"} < done < set(names)
    for name in names:
        answer = call(account, "sagemaker", name, {})
        assert answer.headers["content-type"] == "application/x-amz-json-1.1", name
        refused = answer.status == 400 and f"SageMaker's operation {name} {REFUSED}" in answer.json["message"]
        assert refused == (name not in done), (name, answer)
        if refused:
            assert answer.json["__type"] == "ValidationException"


@pytest.mark.parametrize("service", ["sagemaker", "logs"])
@pytest.mark.parametrize("name", ["ListNonsense", "", "__init__", "listModels", "List Models", "A" * 2000])
def test_an_operation_that_aws_does_not_have(account, service, name):
    answer = call(account, service, name, {})
    assert (answer.status, answer.json["__type"]) == (400, "UnknownOperationException")
    assert f"'{name}'" in answer.json["message"]


def test_an_operation_of_another_service(account):
    headers = {"X-Amz-Target": "SageMaker.ListModels"}
    answer = send(account, "POST", "/", signed(account, "logs", headers=headers, body=b"{}"), b"{}")
    assert (answer.status, answer.json["__type"]) == (400, "UnknownOperationException")


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("dynamodb", "list_tables", {}),  # JSON
        ("kms", "list_keys", {}),
        ("lambda", "list_functions", {}),  # REST, JSON
        ("bedrock-runtime", "invoke_model", {"modelId": "m", "body": b"{}"}),
        ("ec2", "describe_instances", {}),  # XML
        ("rds", "describe_db_instances", {}),
        ("route53", "list_hosted_zones", {}),  # REST, XML
        ("cloudformation", "list_stacks", {}),
        ("stepfunctions", "start_sync_execution", {"stateMachineArn": "arn:aws:states:::s"}),  # with a host of its own
        ("servicediscovery", "discover_instances", {"NamespaceName": "n", "ServiceName": "s"}),
        ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "sagemaker"}),
        ("events", "put_rule", {"Name": "r"}),
        ("efs", "describe_file_systems", {}),
    ],
)
def test_a_service_that_is_not_there(account, service, operation, params):
    with pytest.raises(ClientError) as raised:
        getattr(boto3.client(service, config=UNCHECKED), operation)(**params)
    error = raised.value.response
    assert error["Error"]["Code"] in ("ValidationException", "ValidationError")
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert error["Error"]["Message"].startswith("The service '") and REFUSED in error["Error"]["Message"]
    named = "".join(part.capitalize() for part in operation.split("_"))
    assert f"operation {named.replace('Db', 'DB')})" in error["Error"]["Message"]


@pytest.mark.parametrize(
    ("service", "operation", "params", "name"),
    [
        ("iam", "simulate_custom_policy", {"PolicyInputList": ["a"], "ActionNames": ["b"]}, "SimulateCustomPolicy"),
        ("sts", "decode_authorization_message", {"EncodedMessage": "m"}, "DecodeAuthorizationMessage"),
        ("ecr", "start_lifecycle_policy_preview", {"repositoryName": "r"}, "StartLifecyclePolicyPreview"),
        ("cloudwatch", "describe_alarms", {}, "DescribeAlarms"),
        ("logs", "start_query", {}, "StartQuery"),
        ("logs", "start_live_tail", {"logGroupIdentifiers": ["g"]}, "CloudWatch Logs's operation StartLiveTail "),
        ("logs", "put_metric_filter", {"logGroupName": "g"}, "PutMetricFilter"),
        ("cloudwatch", "put_dashboard", {"DashboardName": "d", "DashboardBody": "{}"}, "PutDashboard"),
        ("sagemakerjobruntime", "sample", {}, "'s operation Sample "),
        ("sagemaker-geospatial", "list_raster_data_collections", {}, "'s operation ListRasterDataCollections"),
        ("sagemaker-runtime", "invoke_endpoint_async", {"EndpointName": "e", "InputLocation": "s3://a/b"},
         "Amazon SageMaker Runtime's operation InvokeEndpointAsync "),
        ("sagemaker-runtime", "invoke_endpoint_with_response_stream", {"EndpointName": "e", "Body": b""},
         "Amazon SageMaker Runtime's operation InvokeEndpointWithResponseStream "),
        ("sagemaker-featurestore-runtime", "get_record", {"FeatureGroupName": "f"},
         "Amazon SageMaker Feature Store Runtime's operation GetRecord "),
        ("sagemaker-metrics", "batch_put_metrics", {"TrialComponentName": "t", "MetricData": []},
         "Amazon SageMaker Metrics Service's operation BatchPutMetrics "),
        ("sts", "get_session_token", {}, "STS's operation GetSessionToken "),
        ("sts", "get_federation_token", {"Name": "me"}, "STS's operation GetFederationToken "),
        ("ecr", "get_authorization_token", {}, "ECR's operation GetAuthorizationToken "),
    ],
)  # fmt: skip
def test_an_operation_that_a_service_of_the_account_lacks(account, service, operation, params, name):
    with pytest.raises(ClientError) as raised:
        getattr(boto3.client(service, config=UNCHECKED), operation)(**params)
    message = raised.value.response["Error"]["Message"]
    assert name in message and REFUSED in message and "<" not in message


@pytest.mark.parametrize("name", ["AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"])
def test_a_proof_of_identity_that_nobody_checks_is_not_taken(account, name):
    form, body = {"Content-Type": "application/x-www-form-urlencoded"}, f"Action={name}&RoleArn=a".encode()
    answer = send(account, "POST", "/", signed(account, "sts", headers=form, body=body), body)
    assert answer.status == 400 and f"STS's operation {name} {REFUSED}" in answer.xml["Message"]
    assert send(account, "POST", "/", form, body).status == 403


def test_every_operation_of_the_services_that_users_of_sagemaker_call(account):
    """With the least that each operation needs: the client of each protocol is told in its own form what is missing."""
    for service in ("logs", "cloudwatch", "sts", "ecr", "sagemaker-runtime", "sagemaker-metrics", "lambda", "events",
                    "application-autoscaling", "secretsmanager", "kms", "codebuild", "glue", "athena"):  # fmt: skip
        client = boto3.client(service, config=UNCHECKED)
        for name in client.meta.service_model.operation_names:
            shape = client.meta.service_model.operation_model(name).input_shape
            try:
                getattr(client, xform_name(name))(**(least(shape) if shape else {}))
            except ClientError as error:
                said = error.response["Error"]
                assert not said["Code"].isdigit() and said["Message"], (service, name, said)
                if "not implemented" in said["Message"]:
                    assert name in said["Message"], (service, said)
            except AttributeError:
                assert "Bidirectional" in name  # boto3 has none of these


def least(shape, depth: int = 0) -> object:
    """A value of botocore's shape with nothing but what is required."""
    if shape.type_name == "structure":
        members = list(shape.members)[:1] if shape.is_tagged_union else shape.required_members
        return {name: least(shape.members[name], depth + 1) for name in members if depth < 6}
    if shape.type_name == "list":
        return [least(shape.member, depth + 1)]
    if shape.type_name == "map":
        return {"k": least(shape.value, depth + 1)}
    plain = {"boolean": True, "blob": b"x", "timestamp": 1_700_000_000, "integer": 1, "long": 1, "float": 1.0}
    return plain.get(shape.type_name, 1.0 if shape.type_name == "double" else "aaaaaaaa")


def test_what_is_for_a_host_before_the_accounts_goes_to_the_account(account):
    """By the changes that processes under ``run`` and lessons begin with: S3 Control puts its account there."""
    code = (
        "import boto3\n"
        "try: boto3.client('s3control').list_jobs(AccountId='123456789012')\n"
        "except Exception as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert (
        "(NotImplemented) when calling the ListJobs operation" in said and "AWS S3 Control's operation ListJobs" in said
    )


def test_jumpstart(account, s3):
    """Its bucket is not there, and it is said what that means."""
    from sagemaker import Session, model_uris

    wanted = {"model_id": "xgboost-classification-model", "model_version": "*", "model_scope": "training"}
    with pytest.raises(ClientError, match=f"SageMaker JumpStart, .*{REFUSED}"):
        # The module has a session of its own, made when it was first imported: perhaps not led to the account yet.
        model_uris.retrieve(**wanted, region="us-east-1", sagemaker_session=Session())
    for bucket in ("jumpstart-private-cache-prod-eu-west-1", "jumpstart-cache-prod-us-east-1"):
        with pytest.raises(s3.exceptions.NoSuchBucket, match="JumpStart"):
            s3.list_objects(Bucket=bucket)
    with pytest.raises(s3.exceptions.NoSuchBucket, match=r"does not exist$"):
        s3.list_objects(Bucket="my-jumpstart-cache-prod")


def test_a_browsers_form(account, s3, bucket):
    """Whose signature would be one of its fields: nobody has to be known to be told that it is not done."""
    given = s3.generate_presigned_post(bucket, "k")
    parts = [f'--B\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in given["fields"].items()]
    body = "".join([*parts, '--B\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--B--\r\n']).encode()
    form = {"Content-Type": "multipart/form-data; boundary=B"}
    for path in (given["url"].removeprefix(account.url), f"/{bucket}/", "/"):
        answer = send(account, "POST", path, form, body)
        assert (answer.status, answer.xml["Code"]) == (501, "NotImplemented")
        assert "form" in answer.xml["Message"] and "POST Object" in answer.xml["Message"]
        answer = send(account, "POST", path, signed(account, "s3", path=path, headers=form, body=body), body)
        assert (answer.status, answer.xml["Code"]) == (501, "NotImplemented")
    assert send(account, "POST", f"/{bucket}", {"Content-Type": "text/plain"}, body).status == 403


def test_a_request_of_no_service_at_all(account):
    for method, path, headers in (
        ("GET", "/", {}),
        ("PUT", "/endpoints/none/invocations", {}),
        ("POST", "/endpoints/none/more/invocations", {}),
        ("DELETE", "/x", {"Content-Type": "application/x-www-form-urlencoded"}),
        ("GET", "/moto-api/data.json", {}),
    ):
        answer = send(account, method, path, signed(account, "sagemaker", method, path, headers))
        assert answer.status == 400 and b"html" not in answer.body.lower()


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b"[{}]", b"null", b"5", b'"text"', b"\xff\xfe", b"\x00", b"a=b&c=d", b"<xml/>", b"{}{}",
        b"[" * 100_000, b'{"a":' * 100_000, b"1" * 10_000, b'{"MaxResults": NaN}', b'{"MaxResults": Infinity}',
    ],
    ids=lambda body: repr(body[:18]),
)  # fmt: skip
def test_a_body_that_is_no_json_object(account, body):
    for service, operation in (
        ("sagemaker", "ListModels"), ("logs", "DescribeLogGroups"), ("ecr", "DescribeRepositories"),
    ):  # fmt: skip
        answer = call(account, service, operation, body)
        assert (answer.status, answer.json["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("TrainingJobName", 5),
        ("TrainingJobName", ["a"]),
        ("TrainingJobName", {"a": "b"}),
        ("TrainingJobName", True),
        ("ResourceConfig", []),
        ("ResourceConfig", "ml.m5.large"),
        ("StoppingCondition", {"MaxRuntimeInSeconds": "60"}),
        ("StoppingCondition", {"MaxRuntimeInSeconds": 1.5}),
        ("StoppingCondition", {"MaxRuntimeInSeconds": True}),
        ("EnableNetworkIsolation", "yes"),
        ("EnableNetworkIsolation", 1),
        ("Tags", {"Key": "a", "Value": "b"}),
        ("Tags", ["a"]),
        ("HyperParameters", [["epochs", "1"]]),
        ("HyperParameters", {"epochs": 1}),
    ],
)
def test_values_of_wrong_types(account, member, value):
    answer = call(account, "sagemaker", "CreateTrainingJob", {member: value})
    assert (answer.status, answer.json["__type"]) == (400, "SerializationException")
    assert member[0].lower() + member[1:] in answer.json["message"]


def test_thirty_megabytes_are_refused_and_the_account_goes_on(account):
    body = b" " * 30_000_000
    answer = call(account, "sagemaker", "ListModels", body)
    assert (answer.status, answer.json["__type"]) == (413, "RequestEntityTooLargeException")
    path = "/endpoints/none/invocations"
    answer = send(account, "POST", path, signed(account, "sagemaker", path=path, body=body), body)
    assert answer.status == 413 and answer.headers["x-amzn-errortype"]
    assert call(account, "sagemaker", "ListModels", {}).status == 200


def test_members_that_aws_does_not_know_are_passed_over(account):
    assert call(account, "sagemaker", "ListModels", {"Nonsense": {"a": [1]}}).status == 200
    assert "Models" in call(account, "sagemaker", "ListModels", b"").json  # no body is an empty object
