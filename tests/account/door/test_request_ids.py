"""Every answer names its request, where botocore's parser of its protocol looks for the name."""

from __future__ import annotations

import re
import uuid

import boto3
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError

from support.wire import send, signed

ONCE = Config(retries={"total_max_attempts": 1})


def metadata(call, **params) -> dict:
    """The ResponseMetadata of a call, whether it succeeds or not."""
    try:
        return call(**params)["ResponseMetadata"]
    except ClientError as error:
        return error.response["ResponseMetadata"]


@pytest.fixture(scope="module")
def kept(s3, bucket) -> dict[str, str]:
    """An object that is larger than what is answered in one piece."""
    where = {"Bucket": bucket, "Key": "ids/large"}
    s3.put_object(**where, Body=b"x" * (3 << 20))
    return where


@pytest.mark.parametrize(
    ("status", "operation", "params"),
    [
        (200, "list_buckets", {"Bucket": None, "Key": None}),
        (200, "put_object", {"Key": "ids/small", "Body": b"x"}),
        (200, "head_object", {}),
        (200, "get_object", {}),
        (206, "get_object", {"Range": "bytes=1-5"}),
        (200, "create_multipart_upload", {"Key": "ids/parts"}),
        (200, "list_objects_v2", {"Key": None}),
        (204, "delete_object", {"Key": "ids/nothing"}),
        (304, "get_object", {"IfNoneMatch": "*"}),
        (304, "head_object", {"IfNoneMatch": "*"}),
        (404, "head_object", {"Key": "ids/nothing"}),
        (404, "get_object", {"Key": "ids/nothing"}),
        (412, "get_object", {"IfMatch": "another"}),
        (416, "get_object", {"Range": "bytes=9999999-"}),
        (501, "get_object_acl", {}),
    ],
)
def test_of_s3(s3, kept, status, operation, params):
    given = {name: value for name, value in (kept | params).items() if value is not None}
    first, second = (metadata(getattr(s3, operation), **given) for _ in range(2))
    assert first["HTTPStatusCode"] == status
    assert re.fullmatch("[0-9A-Z]{16}", first["RequestId"]) and re.fullmatch("[A-Za-z0-9+/]{75}=", first["HostId"])
    assert first["RequestId"] == first["HTTPHeaders"]["x-amz-request-id"]
    assert first["HostId"] == first["HTTPHeaders"]["x-amz-id-2"]
    assert first["RequestId"] != second["RequestId"] and first["HostId"] != second["HostId"]


def test_of_s3_in_a_document_and_its_headers(account, s3, kept):
    missing = signed(account, "s3", "GET", "/no-such-bucket/k")
    refused = {"Authorization": missing["Authorization"].replace("Signature=", "Signature=0")} | {
        name: value for name, value in missing.items() if name != "Authorization"
    }
    for path, headers, status in (
        ("/no-such-bucket/k", missing, 404),
        ("/no-such-bucket/k", refused, 403),
        ("/no-such-bucket/k", {}, 403),  # no signature at all
        ("/%ff", {}, 403),
    ):
        answer = send(account, "GET", path, headers)
        assert answer.status == status
        assert answer.xml["RequestId"] == answer.headers["x-amz-request-id"]
        assert answer.xml["HostId"] == answer.headers["x-amz-id-2"]
    address = s3.generate_presigned_url("get_object", Params=kept)
    answer = send(account, "GET", address.removeprefix(account.url), {})
    assert (answer.status, len(answer.body)) == (200, 3 << 20)
    assert answer.headers["x-amz-request-id"] and answer.headers["x-amz-id-2"]


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("sagemaker", "list_models", {}),
        ("sagemaker", "describe_model", {"ModelName": "none"}),
        ("sagemaker", "list_domains", {}),
        ("logs", "describe_log_groups", {}),
        ("logs", "get_log_events", {"logGroupName": "none", "logStreamName": "none"}),
        ("cloudwatch", "list_metrics", {}),
        ("cloudwatch", "describe_alarms", {}),
        ("service-quotas", "list_service_quotas", {"ServiceCode": "sagemaker"}),
        ("sts", "get_caller_identity", {}),
        ("sts", "get_session_token", {}),
        ("iam", "list_roles", {}),
        ("iam", "get_role", {"RoleName": "none"}),
        ("iam", "generate_credential_report", {}),
        ("ecr", "describe_repositories", {}),
        ("ecr", "describe_repositories", {"repositoryNames": ["none"]}),
        ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "none", "Body": b""}),
        ("lambda", "list_functions", {}),
        ("ec2", "describe_instances", {}),
        ("route53", "list_hosted_zones", {}),
    ],
)
def test_of_the_other_services(account, service, operation, params):
    call = getattr(boto3.client(service, config=ONCE), operation)
    first, second = (metadata(call, **params) for _ in range(2))
    assert first["RequestId"] and first["RequestId"] != second["RequestId"]
    assert first["RequestId"] == first["HTTPHeaders"]["x-amzn-requestid"]
    if service not in ("iam", "ecr"):  # moto's are in a form of its own
        assert str(uuid.UUID(first["RequestId"])) == first["RequestId"]


@pytest.mark.parametrize("service", ["sagemaker", "logs", "sts", "iam", "s3"])
def test_of_who_is_not_let_in(account, service):
    """In the refusals before anybody is asked, too."""
    client = boto3.client(service, aws_access_key_id="AKIANOBODY", aws_secret_access_key="none", config=ONCE)
    call = {"sagemaker": "list_models", "logs": "describe_log_groups", "sts": "get_caller_identity",
            "iam": "list_roles", "s3": "list_buckets"}[service]  # fmt: skip
    answer = metadata(getattr(client, call))
    assert answer["HTTPStatusCode"] in (400, 403) and answer["RequestId"]
    assert service != "s3" or answer["HostId"]
