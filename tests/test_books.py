"""What IAM and ECR hold outlives the account's process, ``kill -9`` included: the same ids, keys and dates."""

from __future__ import annotations

import json
import sqlite3

import pytest
from botocore.exceptions import ClientError
from places import Place

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
)
TAGS = [{"Key": "team", "Value": "blue"}]


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path / "state")
    place.start()
    yield place
    place.close()


def again(place: Place) -> None:
    place.kill()
    place.start()


def facts(place: Place) -> dict:
    """All that IAM and ECR say, but for what AWS itself has in every account."""
    iam, ecr = place.client("iam"), place.client("ecr")
    policies = iam.list_policies(Scope="Local", OnlyAttached=False)["Policies"]
    users, roles = iam.list_users()["Users"], iam.list_roles()["Roles"]
    found = {
        "roles": [iam.get_role(RoleName=role["RoleName"])["Role"] for role in roles],
        "inline": [iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"] for role in roles],
        "attached": [
            iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"] for role in roles
        ],
        "policies": [iam.get_policy(PolicyArn=each["Arn"])["Policy"] for each in policies],
        "users": [iam.get_user(UserName=user["UserName"])["User"] for user in users],
        "keys": [iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"] for user in users],
        "groups": [iam.get_group(GroupName=group["GroupName"]) for group in iam.list_groups()["Groups"]],
        "profiles": iam.list_instance_profiles()["InstanceProfiles"],
        "repositories": ecr.describe_repositories()["repositories"],
    }
    for group in found["groups"]:
        del group["ResponseMetadata"]
    return found


def fill(place: Place) -> dict:
    """Some of everything; the new user's access key."""
    iam, ecr = place.client("iam"), place.client("ecr")
    iam.create_role(RoleName="worker", Path="/teams/", AssumeRolePolicyDocument=TRUST, Description="works", Tags=TAGS)
    iam.put_role_policy(RoleName="worker", PolicyName="inline", PolicyDocument=POLICY)
    arn = iam.create_policy(PolicyName="reads", PolicyDocument=POLICY, Tags=TAGS)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="worker", PolicyArn=arn)
    iam.update_role(RoleName="worker", Description="rests", MaxSessionDuration=7200)
    iam.create_user(UserName="ann", Tags=TAGS)
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(UserName="ann", GroupName="readers")
    iam.create_instance_profile(InstanceProfileName="profile")
    iam.add_role_to_instance_profile(InstanceProfileName="profile", RoleName="worker")
    ecr.create_repository(repositoryName="images", tags=TAGS, imageTagMutability="IMMUTABLE")
    return iam.create_access_key(UserName="ann")["AccessKey"]


def test_all_of_it_is_there_again_with_the_same_ids_keys_and_dates(place):
    key = fill(place)
    before = facts(place)
    assert {role["RoleName"] for role in before["roles"]} == {"AmazonSageMaker-ExecutionRole-Course", "worker"}
    for _ in range(2):
        again(place)
        assert facts(place) == before
    # The key that the user was given is good, and is the user's.
    sts = place.client("sts", key["AccessKeyId"], key["SecretAccessKey"])
    assert sts.get_caller_identity()["Arn"].endswith(":user/ann")


def test_what_was_deleted_stays_deleted_and_takes_no_room(place):
    iam, ecr = place.client("iam"), place.client("ecr")
    iam.list_roles()
    before, kept = facts(place), _changes(place)
    for _ in range(3):
        key = fill(place)
        iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
        iam.remove_user_from_group(UserName="ann", GroupName="readers")
        iam.delete_user(UserName="ann")
        iam.delete_group(GroupName="readers")
        iam.remove_role_from_instance_profile(InstanceProfileName="profile", RoleName="worker")
        iam.delete_instance_profile(InstanceProfileName="profile")
        iam.delete_role_policy(RoleName="worker", PolicyName="inline")
        (policy,) = iam.list_policies(Scope="Local")["Policies"]
        iam.detach_role_policy(RoleName="worker", PolicyArn=policy["Arn"])
        iam.delete_policy(PolicyArn=policy["Arn"])
        iam.delete_role(RoleName="worker")
        ecr.delete_repository(repositoryName="images")
        assert facts(place) == before
    assert _changes(place) == kept
    again(place)
    assert facts(place) == before


def test_a_deletion_whose_beginning_is_not_known_is_kept_itself(place):
    """A service's role is made by no CreateRole."""
    iam = place.client("iam")
    iam.create_service_linked_role(AWSServiceName="sagemaker.amazonaws.com")
    (name,) = [role["RoleName"] for role in iam.list_roles()["Roles"] if "AWSServiceRole" in role["RoleName"]]
    iam.delete_role(RoleName=name)
    again(place)
    assert name not in [role["RoleName"] for role in place.client("iam").list_roles()["Roles"]]


def test_the_execution_role_can_be_deleted_for_good(place):
    iam = place.client("iam")
    iam.delete_role(RoleName="AmazonSageMaker-ExecutionRole-Course")
    again(place)
    assert place.client("iam").list_roles()["Roles"] == []


def test_a_refused_request_leaves_no_trace(place):
    iam = place.client("iam")
    before = facts(place)
    kept = _changes(place)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.put_role_policy(RoleName="nobody", PolicyName="p", PolicyDocument=POLICY)
    with pytest.raises(ClientError, match="EntityAlreadyExists"):
        iam.create_role(RoleName="AmazonSageMaker-ExecutionRole-Course", AssumeRolePolicyDocument=TRUST)
    assert _changes(place) == kept
    again(place)
    assert facts(place) == before


def test_keys_of_two_sessions_are_never_the_same(place):
    """What draws them is seeded anew for every request, and by nothing that was written down."""
    role = place.running().account.role_arn
    given = set()
    for _ in range(2):
        sts = place.client("sts")
        for number in range(2):
            answer = sts.assume_role(RoleArn=role, RoleSessionName=f"s{number}")["Credentials"]
            given.add((answer["AccessKeyId"], answer["SecretAccessKey"]))
        again(place)
    assert len(given) == 4
    assert len({key for key, _ in given}) == len({secret for _, secret in given}) == 4


def _changes(place: Place) -> int:
    with sqlite3.connect(place.folder / "books.sqlite") as database:
        return database.execute("select count(*) from changes").fetchone()[0]
