"""What IAM and ECR hold outlives the account's process, ``kill -9`` included: the same ids, keys and dates."""

from __future__ import annotations

import json
import random
import sqlite3

import pytest
from botocore.exceptions import ClientError

from support.account import Place

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
    groups, profiles = iam.list_groups()["Groups"], iam.list_instance_profiles()["InstanceProfiles"]
    repositories = ecr.describe_repositories()["repositories"]
    owners = [("Role", "role", each) for each in roles] + [("User", "user", each) for each in users]
    owners += [("Group", "group", each) for each in groups]
    found = {
        "roles": [iam.get_role(RoleName=role["RoleName"])["Role"] for role in roles],
        "policies": [
            (
                iam.get_policy(PolicyArn=each["Arn"])["Policy"],
                iam.list_policy_versions(PolicyArn=each["Arn"])["Versions"],
                iam.list_entities_for_policy(PolicyArn=each["Arn"]),
            )
            for each in policies
        ],
        "users": [iam.get_user(UserName=user["UserName"])["User"] for user in users],
        "keys": [iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"] for user in users],
        "groups": [iam.get_group(GroupName=group["GroupName"]) for group in groups],
        "profiles": profiles,
        "repositories": repositories,
        "tags of repositories": [
            ecr.list_tags_for_resource(resourceArn=each["repositoryArn"]) for each in repositories
        ],
    }
    for noun, verb, owner in owners:
        name = {f"{noun}Name": owner[f"{noun}Name"]}
        found[f"{noun} {owner[f'{noun}Name']}"] = (
            getattr(iam, f"list_{verb}_policies")(**name)["PolicyNames"],
            getattr(iam, f"list_attached_{verb}_policies")(**name)["AttachedPolicies"],
        )
    for answer in (*found["groups"], *found["tags of repositories"], *(each[2] for each in found["policies"])):
        del answer["ResponseMetadata"]
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
    assert {role["RoleName"] for role in before["roles"]} == {"AmazonSageMaker-ExecutionRole-Local", "worker"}
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


def test_whatever_was_done_in_whatever_order(place):
    """Made, bound up with one another and deleted at random, with few names, so that much comes back."""
    draw, identity = random.Random(11), place.running().account.account_id
    for _ in range(3):
        iam, ecr = place.client("iam"), place.client("ecr")
        done = sum(_something(iam, ecr, identity, draw) for _ in range(250))
        assert done > 75, "hardly anything was possible"
        before = facts(place)
        again(place)
        assert facts(place) == before


def _something(iam, ecr, identity: str, draw: random.Random) -> bool:
    """One change, drawn; whether it was possible."""
    role, user, group, name = (draw.choice(kind) for kind in (("r1", "r2"), ("u1", "u2"), ("g1", "g2"), ("p1", "p2")))
    policy = f"arn:aws:iam::{identity}:policy/{name}"
    repository = f"arn:aws:ecr:{ecr.meta.region_name}:{identity}:repository/{name}"
    changes = [
        (iam.create_role, {"RoleName": role, "AssumeRolePolicyDocument": TRUST, "Tags": TAGS}),
        (iam.tag_role, {"RoleName": role, "Tags": [{"Key": "n", "Value": str(draw.random())}]}),
        (iam.put_role_policy, {"RoleName": role, "PolicyName": name, "PolicyDocument": POLICY}),
        (iam.delete_role_policy, {"RoleName": role, "PolicyName": name}),
        (iam.delete_role, {"RoleName": role}),
        (iam.create_user, {"UserName": user}),
        (iam.put_user_policy, {"UserName": user, "PolicyName": name, "PolicyDocument": POLICY}),
        (iam.delete_user_policy, {"UserName": user, "PolicyName": name}),
        (iam.create_access_key, {"UserName": user}),
        (iam.delete_access_key, {"UserName": user}),
        (iam.create_login_profile, {"UserName": user, "Password": "a password of 9"}),
        (iam.delete_login_profile, {"UserName": user}),
        (iam.delete_user, {"UserName": user}),
        (iam.create_group, {"GroupName": group}),
        (iam.add_user_to_group, {"GroupName": group, "UserName": user}),
        (iam.remove_user_from_group, {"GroupName": group, "UserName": user}),
        (iam.put_group_policy, {"GroupName": group, "PolicyName": name, "PolicyDocument": POLICY}),
        (iam.delete_group_policy, {"GroupName": group, "PolicyName": name}),
        (iam.delete_group, {"GroupName": group}),
        (iam.create_policy, {"PolicyName": name, "PolicyDocument": POLICY}),
        (iam.create_policy_version, {"PolicyArn": policy, "PolicyDocument": POLICY, "SetAsDefault": True}),
        (iam.delete_policy_version, {"PolicyArn": policy, "VersionId": draw.choice(["v1", "v2"])}),
        (iam.attach_role_policy, {"RoleName": role, "PolicyArn": policy}),
        (iam.detach_role_policy, {"RoleName": role, "PolicyArn": policy}),
        (iam.attach_user_policy, {"UserName": user, "PolicyArn": policy}),
        (iam.detach_user_policy, {"UserName": user, "PolicyArn": policy}),
        (iam.attach_group_policy, {"GroupName": group, "PolicyArn": policy}),
        (iam.detach_group_policy, {"GroupName": group, "PolicyArn": policy}),
        (iam.put_user_permissions_boundary, {"UserName": user, "PermissionsBoundary": policy}),
        (iam.delete_policy, {"PolicyArn": policy}),
        (iam.create_instance_profile, {"InstanceProfileName": name}),
        (iam.add_role_to_instance_profile, {"InstanceProfileName": name, "RoleName": role}),
        (iam.remove_role_from_instance_profile, {"InstanceProfileName": name, "RoleName": role}),
        (iam.delete_instance_profile, {"InstanceProfileName": name}),
        (ecr.create_repository, {"repositoryName": name}),
        (ecr.tag_resource, {"resourceArn": repository, "tags": [{"Key": "n", "Value": str(draw.random())}]}),
        (ecr.delete_repository, {"repositoryName": name}),
    ]
    made = [each for each in changes if "create" in each[0].__name__ or "add" in each[0].__name__]
    change, members = draw.choice(changes + 2 * made)
    try:
        if change == iam.delete_access_key:
            keys = iam.list_access_keys(UserName=user)["AccessKeyMetadata"] or [{"AccessKeyId": "A" * 20}]
            members["AccessKeyId"] = keys[0]["AccessKeyId"]
        change(**members)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] < 500, error
        return False
    return True


def test_what_something_hangs_on_is_not_deleted(place):
    """IAM's own sentences; what is refused goes through once nothing is in its way."""
    iam, key = place.client("iam"), fill(place)
    arn = iam.list_policies(Scope="Local")["Policies"][0]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=POLICY)
    iam.create_login_profile(UserName="ann", Password="a password of 9")
    iam.put_group_policy(GroupName="readers", PolicyName="inline", PolicyDocument=POLICY)
    iam.attach_group_policy(GroupName="readers", PolicyArn=arn)
    named = {"UserName": "ann", "GroupName": "readers", "RoleName": "worker", "PolicyArn": arn}

    def delete(operation: str, name: str) -> None:
        getattr(iam, operation)(**{name: named[name]})

    for operation, name, sentence, way in [
        ("delete_user", "UserName", "must remove users from group first",
         lambda: iam.remove_user_from_group(UserName="ann", GroupName="readers")),
        ("delete_user", "UserName", "must delete access keys first",
         lambda: iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])),
        ("delete_user", "UserName", "must delete login profile first",
         lambda: iam.delete_login_profile(UserName="ann")),
        ("delete_group", "GroupName", "must detach all policies first",
         lambda: iam.detach_group_policy(GroupName="readers", PolicyArn=arn)),
        ("delete_group", "GroupName", "must delete policies first",
         lambda: iam.delete_group_policy(GroupName="readers", PolicyName="inline")),
        ("delete_policy", "PolicyArn", "Cannot delete a policy attached to entities",
         lambda: iam.detach_role_policy(RoleName="worker", PolicyArn=arn)),
        ("delete_policy", "PolicyArn", "This policy has more than one version",
         lambda: iam.delete_policy_version(PolicyArn=arn, VersionId="v2")),
    ]:  # fmt: skip
        with pytest.raises(iam.exceptions.DeleteConflictException, match=sentence):
            delete(operation, name)
        way()
    iam.create_user(UserName="bob")
    iam.add_user_to_group(UserName="bob", GroupName="readers")
    with pytest.raises(iam.exceptions.DeleteConflictException, match="must remove users from group first"):
        delete("delete_group", "GroupName")
    iam.remove_user_from_group(UserName="bob", GroupName="readers")
    for operation, name in (("delete_user", "UserName"), ("delete_group", "GroupName"), ("delete_policy", "PolicyArn")):
        delete(operation, name)


def test_a_role_that_is_not_in_an_instance_profile(place):
    iam = place.client("iam")
    fill(place)
    iam.create_role(RoleName="other", AssumeRolePolicyDocument=TRUST)
    with pytest.raises(iam.exceptions.NoSuchEntityException, match="The role with name other cannot be found"):
        iam.remove_role_from_instance_profile(InstanceProfileName="profile", RoleName="other")


def test_what_would_be_lost_is_refused_by_its_name(place):
    iam, ecr = place.client("iam"), place.client("ecr")
    fill(place)
    before = facts(place)
    for change, members in [
        (iam.update_user, {"UserName": "ann", "NewUserName": "bea"}),
        (iam.update_group, {"GroupName": "readers", "NewGroupName": "writers"}),
        (ecr.put_image, {"repositoryName": "images", "imageManifest": "{}"}),
    ]:
        with pytest.raises(ClientError, match="is not implemented"):
            change(**members)
    assert facts(place) == before


def test_who_names_no_user_means_the_one_who_signs(place):
    """What is written down names the user, and can be made again when the key that signed is gone."""
    iam, key = place.client("iam"), fill(place)
    anns = place.client("iam", key["AccessKeyId"], key["SecretAccessKey"])
    second = anns.create_access_key()["AccessKey"]
    assert second["UserName"] == anns.get_user()["User"]["UserName"] == "ann"
    iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    again(place)
    iam = place.client("iam")
    (left,) = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]
    assert left["AccessKeyId"] == second["AccessKeyId"]
    with pytest.raises(ClientError, match="Must specify userName when calling with non-User credentials"):
        iam.create_access_key()


def test_a_role_that_returns_under_the_name_of_a_services_role(place):
    """The deletion of what no CreateRole made is not forgotten with a role that was made later."""
    iam = place.client("iam")
    iam.create_service_linked_role(AWSServiceName="sagemaker.amazonaws.com")
    (name,) = [role["RoleName"] for role in iam.list_roles()["Roles"] if "AWSServiceRole" in role["RoleName"]]
    iam.delete_role(RoleName=name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    iam.delete_role(RoleName=name)
    again(place)
    assert name not in [role["RoleName"] for role in place.client("iam").list_roles()["Roles"]]


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
    iam.delete_role(RoleName="AmazonSageMaker-ExecutionRole-Local")
    again(place)
    assert place.client("iam").list_roles()["Roles"] == []


def test_a_refused_request_leaves_no_trace(place):
    iam = place.client("iam")
    before = facts(place)
    kept = _changes(place)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.put_role_policy(RoleName="nobody", PolicyName="p", PolicyDocument=POLICY)
    with pytest.raises(ClientError, match="EntityAlreadyExists"):
        iam.create_role(RoleName="AmazonSageMaker-ExecutionRole-Local", AssumeRolePolicyDocument=TRUST)
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


AWSS = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"


def test_awss_own_policies_are_there_and_stay_attached(place):
    iam = place.client("iam")
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)["Role"]
    iam.attach_role_policy(RoleName="worker", PolicyArn=AWSS)
    iam.create_policy(PolicyName="reads", PolicyDocument=POLICY)
    known = iam.get_policy(PolicyArn=AWSS)["Policy"]
    document = iam.get_policy_version(PolicyArn=AWSS, VersionId=known["DefaultVersionId"])["PolicyVersion"]["Document"]
    assert any("sagemaker:*" in statement["Action"] for statement in document["Statement"])
    pages = iam.get_paginator("list_policies").paginate(Scope="AWS")
    names = {each["PolicyName"] for page in pages for each in page["Policies"]}
    assert {"AmazonSageMakerFullAccess", "AmazonS3ReadOnlyAccess", "AdministratorAccess"} <= names
    assert [each["PolicyName"] for each in iam.list_policies(Scope="Local")["Policies"]] == ["reads"]
    again(place)
    attached = iam.list_attached_role_policies(RoleName="worker")["AttachedPolicies"]
    assert attached == [{"PolicyName": "AmazonSageMakerFullAccess", "PolicyArn": AWSS}]
    # The ids are those that were given before anybody had asked for AWS's policies, which have theirs, too.
    assert iam.get_role(RoleName="worker")["Role"]["RoleId"] == role["RoleId"]
    assert iam.get_policy(PolicyArn=AWSS)["Policy"] == known and known["AttachmentCount"] == 1
    iam.detach_role_policy(RoleName="worker", PolicyArn=AWSS)
    iam.delete_role(RoleName="worker")
    assert iam.get_policy(PolicyArn=AWSS)["Policy"]["AttachmentCount"] == 0


def test_users_and_groups_have_awss_policies_and_boundaries(place):
    iam = place.client("iam")
    iam.create_user(UserName="ann", PermissionsBoundary="arn:aws:iam::aws:policy/PowerUserAccess")
    iam.create_group(GroupName="readers")
    iam.attach_user_policy(UserName="ann", PolicyArn=AWSS)
    iam.attach_group_policy(GroupName="readers", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    again(place)
    assert [each["PolicyArn"] for each in iam.list_attached_user_policies(UserName="ann")["AttachedPolicies"]] == [AWSS]
    attached = iam.list_attached_group_policies(GroupName="readers")["AttachedPolicies"]
    assert [each["PolicyName"] for each in attached] == ["AmazonS3ReadOnlyAccess"]


def test_awss_policies_are_not_changed(place):
    iam = place.client("iam")
    for call, more in (
        (iam.delete_policy, {}),
        (iam.create_policy_version, {"PolicyDocument": POLICY}),
        (iam.set_default_policy_version, {"VersionId": "v1"}),
    ):
        with pytest.raises(ClientError, match=f"AccessDenied.*is not authorized to perform: iam:.*policy {AWSS}"):
            call(PolicyArn=AWSS, **more)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.attach_user_policy(UserName="nobody", PolicyArn=AWSS)
    iam.create_user(UserName="ann")
    with pytest.raises(ClientError, match=r"NoSuchEntity.*AmazonNothing does not exist or is not attachable"):
        iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AmazonNothing")
