"""The CloudFormation template of docs/aws.md, as moto makes a stack of it."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

from local_aws.core.account import ACCOUNT_ID, REGION, ROLE_NAME, ROLE_PATH
from utils.preflight.stack import outputs

TEMPLATE = Path(__file__).parents[2] / "docs" / "course-stack.yaml"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
# What the stack calls its bucket and its role, and what the embedded account's are called.
LOCAL_BUCKET = f"sagemaker-{REGION}-{ACCOUNT_ID}"
LOCAL_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role{ROLE_PATH}{ROLE_NAME}"


@contextmanager
def moto() -> Iterator[boto3.Session]:
    """A session in an empty account of moto's, which takes the place of AWS in this process meanwhile."""
    from moto import mock_aws

    # In this order: moto gives the environment back as it was before it came.
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        for variable in [each for each in os.environ if each.startswith("AWS_")]:
            patch.delenv(variable)
        for variable, value in KEYS.items():
            patch.setenv(variable, value)
        yield boto3.Session()


@contextmanager
def stack() -> Iterator[tuple[boto3.Session, dict[str, str]]]:
    """A session in an account of moto's where the stack is, and the stack's outputs."""
    with moto() as session:
        session.client("cloudformation").create_stack(
            StackName="course",
            TemplateBody=TEMPLATE.read_text(),
            Parameters=[{"ParameterKey": "BudgetEmail", "ParameterValue": "somebody@example.org"}],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        yield session, outputs(session)


def learner_policy(session: boto3.Session, found: dict[str, str]) -> dict:
    """The document of the stack's policy for learners."""
    version = session.client("iam").get_policy_version(PolicyArn=found["LearnerPolicyArn"], VersionId="v1")
    return version["PolicyVersion"]["Document"]


def role_policy(session: boto3.Session, found: dict[str, str]) -> dict:
    """All statements of the stack's execution role, as one document."""
    iam, name = session.client("iam"), found["ExecutionRoleArn"].rpartition("/")[2]
    names = iam.list_role_policies(RoleName=name)["PolicyNames"]
    given = [iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in names]
    # moto hands out what stands in the role itself as Python writes it.
    documents = [ast.literal_eval(each) if isinstance(each, str) else each for each in given]
    return {"Version": "2012-10-17", "Statement": [each for document in documents for each in document["Statement"]]}
