"""Who the caller is, and the keys that STS and IAM give out."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import boto3
import pytest
from botocore.exceptions import ClientError

from support.wire import send, signed


@pytest.fixture(scope="module")
def iam(account):
    return boto3.client("iam")


@pytest.fixture(scope="module")
def sts(account):
    return boto3.client("sts")


def caller(keys: dict) -> dict:
    """What STS says of a pair of keys as STS or IAM hands them out."""
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))
    identity = session.client("sts").get_caller_identity()
    assert session.client("s3").list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200
    return identity


def test_the_caller_is_a_session_of_the_execution_role(account, sts):
    identity = sts.get_caller_identity()
    assert identity["Account"] == account.account.account_id
    prefix = f"arn:aws:sts::{identity['Account']}:assumed-role/AmazonSageMaker-ExecutionRole-Local/"
    assert identity["Arn"].startswith(prefix)
    assert identity["UserId"].partition(":")[0].startswith("AROA")
    assert identity["UserId"].partition(":")[2] == identity["Arn"].removeprefix(prefix)


def test_the_execution_role_is_in_iam_and_trusts_sagemaker(account, iam):
    role = iam.get_role(RoleName="AmazonSageMaker-ExecutionRole-Local")["Role"]
    assert role["Arn"] == account.account.role_arn and role["Path"] == "/service-role/"
    statement = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"]["Service"] == "sagemaker.amazonaws.com"


def test_the_sdk_finds_role_bucket_and_account(account):
    """In a process whose SDK the shim has changed, as every lesson's and ``run``'s is."""
    from local_aws.client.session import open_session

    session, role = open_session()
    import sagemaker as sdk  # after the account is chosen: its import looks for credentials

    assert sdk.get_execution_role(session) == role == account.account.role_arn
    bucket = session.default_bucket()
    assert bucket == f"sagemaker-us-east-1-{account.account.account_id}"
    assert bucket in [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]]
    assert session.account_id() == account.account.account_id


def test_an_assumed_roles_keys_are_keys_of_the_account(account, sts):
    given = sts.assume_role(RoleArn=account.account.role_arn, RoleSessionName="a-session")
    identity = caller(given["Credentials"])
    assert identity["Arn"] == given["AssumedRoleUser"]["Arn"]
    assert identity["Arn"].endswith(":assumed-role/AmazonSageMaker-ExecutionRole-Local/a-session")
    without = {name: value for name, value in given["Credentials"].items() if name != "SessionToken"}
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        caller(without)


@pytest.mark.parametrize("arn", ["arn:aws:iam::{}:role/nobody", "arn:aws:iam::123456789012:role/service-role/x"])
def test_a_role_that_is_not_there_cannot_be_assumed(account, sts, arn):
    with pytest.raises(ClientError, match=r"AccessDenied.*not authorized to perform: sts:AssumeRole"):
        sts.assume_role(RoleArn=arn.format(account.account.account_id), RoleSessionName="a-session")


def test_a_role_that_was_made_can_be_assumed(iam, sts):
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="made-here", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    given = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="a-session")
    assert caller(given["Credentials"])["Arn"].endswith(":assumed-role/made-here/a-session")
    iam.delete_role(RoleName="made-here")
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=role["Arn"], RoleSessionName="a-session")


def test_a_users_keys_are_let_in_until_they_are_deleted(account, iam):
    iam.create_user(UserName="a-user")
    keys = iam.create_access_key(UserName="a-user")["AccessKey"]
    assert keys["AccessKeyId"].startswith("AKIA")
    assert caller(keys)["Arn"] == f"arn:aws:iam::{account.account.account_id}:user/a-user"
    iam.delete_access_key(UserName="a-user", AccessKeyId=keys["AccessKeyId"])
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        caller(keys)
    iam.delete_user(UserName="a-user")


def test_a_key_cannot_be_said_to_be_inactive_and_still_work(iam):
    iam.create_user(UserName="b-user")
    keys = iam.create_access_key(UserName="b-user")["AccessKey"]
    with pytest.raises(ClientError, match="UpdateAccessKey is not implemented"):
        iam.update_access_key(UserName="b-user", AccessKeyId=keys["AccessKeyId"], Status="Inactive")
    caller(keys)
    iam.delete_access_key(UserName="b-user", AccessKeyId=keys["AccessKeyId"])
    iam.delete_user(UserName="b-user")


def test_the_folder_of_an_account_is_its_owners_alone(tmp_path):
    from local_aws.core.account import open_account

    folder = tmp_path / "new" / "account"
    first = open_account(folder)
    assert folder.stat().st_mode & 0o077 == 0
    assert open_account(folder) == first != open_account(tmp_path / "other")


def test_what_a_role_may_do_is_what_it_will_be_let(account, iam):
    """Version 3 of the SageMaker SDK asks before it sends a job."""
    asked = {"PolicySourceArn": account.account.role_arn, "ActionNames": ["s3:GetObject", "logs:PutLogEvents"]}
    pages = list(iam.get_paginator("simulate_principal_policy").paginate(**asked))
    results = [each for page in pages for each in page["EvaluationResults"]]
    assert [(each["EvalActionName"], each["EvalDecision"], each["EvalResourceName"]) for each in results] == [
        ("s3:GetObject", "allowed", "*"),
        ("logs:PutLogEvents", "allowed", "*"),
    ]
    with pytest.raises(ClientError, match="The role with name Nobody cannot be found") as caught:
        iam.simulate_principal_policy(**asked | {"PolicySourceArn": asked["PolicySourceArn"] + "/Nobody"})
    assert caught.value.response["Error"]["Code"] == "NoSuchEntity"
    with pytest.raises(ClientError, match=r"PolicyInputList .* is not implemented"):
        iam.simulate_principal_policy(**asked, PolicyInputList=["{}"])


def test_of_a_field_of_a_form_that_is_there_twice_the_first_counts(account):
    role = account.account.role_arn
    fields = [("Action", "SimulatePrincipalPolicy"), ("Version", "2010-05-08"), ("PolicySourceArn", role)]
    fields += [("ActionNames.member.1", "s3:GetObject"), ("ActionNames.member.1", "s3:PutObject")]
    body, form = urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    answer = send(account, "POST", "/", signed(account, "iam", headers=form, body=body), body)
    assert answer.status == 200 and b"s3:GetObject" in answer.body and b"s3:PutObject" not in answer.body
