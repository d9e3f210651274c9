"""What a lesson needs of an AWS account, looked at one after the other; each look costs nothing."""

import os
from collections.abc import Iterator
from importlib.metadata import version
from typing import NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from utils.preflight.advice import NO_WAY_IN, advice
from utils.preflight.sdk import check, session_module
from utils.preflight.stack import outputs

SERVICE = "sagemaker.amazonaws.com"
# Name and code of each quota, and how many machines the course uses at once (two training jobs while it tunes).
NEEDED = {
    ("ml.m5.large for training job usage", "L-611FA074"): 2, ("ml.m5.large for processing job usage", "L-8541302D"): 1,
    ("ml.m5.large for transform job usage", "L-236AE59F"): 1, ("ml.t2.medium for endpoint usage", "L-29C181D7"): 1,
}  # fmt: skip


class Finding(NamedTuple):
    """What one look found: of what, whether it is well (None: it cannot be told), and a sentence."""

    what: str
    well: bool | None
    sentence: str


class Lacking(NamedTuple):
    """A quota that is too low: its name and code, and what the course needs."""

    name: str
    code: str
    needed: int


def look(lacking: list[Lacking]) -> Iterator[Finding]:
    """Each thing that a lesson needs, in the order in which it is needed; quotas that are too low go into ``lacking``.

    Ends early where all else depends on what is missing.
    """
    yield (sdk := _sdk())
    try:
        session = boto3.Session()
    except NO_WAY_IN as error:  # a profile that is not there, a file that cannot be read
        yield _failed("configuration", error)
        return
    yield (where := _region(session))
    if not (sdk.well and where.well):
        return
    yield (who := _identity(session))
    if not who.well:
        return
    try:
        found = outputs(session)
    except (BotoCoreError, ClientError) as error:
        found = {}
        yield _failed("stack", error)
    role = os.environ.get("SAGEMAKER_ROLE_ARN") or found.get("ExecutionRoleArn") or _own_role(session)
    if found:
        yield Finding("stack", True, f"its bucket is {found.get('BucketName')}")
    else:
        yield Finding("stack", None, "there is none that you may see; docs/aws.md makes one, which is the safe way")
    yield from _role(session, role)
    yield _bucket(session, found.get("BucketName"))
    yield from _quotas(session, lacking)


def request(lacking: list[Lacking]) -> Iterator[Finding]:
    """Ask AWS for the quotas that are too low."""
    client = boto3.Session().client("service-quotas")
    for name, code, needed in lacking:
        try:
            asked = client.request_service_quota_increase(ServiceCode="sagemaker", QuotaCode=code, DesiredValue=needed)
        except client.exceptions.ResourceAlreadyExistsException:
            yield Finding(name, None, "has been asked for already; AWS's answer comes by mail")
        except (BotoCoreError, ClientError) as error:
            yield _failed(name, error)
        else:
            status = asked["RequestedQuota"]["Status"]
            yield Finding(name, status == "APPROVED" or None, f"asked for {needed}: {status.lower()}")


def _sdk() -> Finding:
    try:
        check(None)
    except ValueError as error:
        return Finding("SDK", False, str(error))
    found = version("sagemaker")
    return Finding("SDK", True, f"version {found}" + (", for the second editions" if found[0] == "3" else ""))


def _region(session: boto3.Session) -> Finding:
    if session.region_name is None:
        return Finding("region", False, "none is set; run 'aws configure set region us-east-1'")
    return Finding("region", True, session.region_name)


def _identity(session: boto3.Session) -> Finding:
    try:
        identity = session.client("sts").get_caller_identity()
    except NO_WAY_IN as error:
        return _failed("credentials", error)
    if identity["Arn"].endswith(":root"):
        return Finding(
            "credentials",
            False,
            "these are the root user's, which is for nothing but the account itself; make a user (docs/aws.md)",
        )
    return Finding("credentials", True, f"you are {identity['Arn'].split(':', 5)[-1]}")


def _own_role(session: boto3.Session) -> str | None:
    """The role of a notebook in Studio."""
    sagemaker = session_module()
    try:
        return sagemaker.get_execution_role(sagemaker.Session(session))
    except (BotoCoreError, ClientError, ValueError):
        return None


def _role(session: boto3.Session, role: str | None) -> Iterator[Finding]:
    if role is None:
        yield Finding("role", False, "jobs have none; make the stack of docs/aws.md, or set SAGEMAKER_ROLE_ARN")
        return
    iam, name = session.client("iam"), role.rpartition("/")[2]
    try:
        document = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        if SERVICE not in str(document):
            yield Finding("role", False, f"SageMaker may not take the role {role}: its trust policy does not name it")
            return
        yield Finding("role", True, name)
    except iam.exceptions.NoSuchEntityException:
        yield Finding("role", False, f"there is no role {role}; see SAGEMAKER_ROLE_ARN")
        return
    except (BotoCoreError, ClientError):
        yield Finding("role", None, f"{name}; you may not look at it, which need not be wrong")
    yield _pass_role(session, role)


def _pass_role(session: boto3.Session, role: str) -> Finding:
    """Whether the caller may hand the role to SageMaker, by IAM's own simulation."""
    me, iam = session.client("sts").get_caller_identity()["Arn"], session.client("iam")
    passed = {"ContextKeyName": "iam:PassedToService", "ContextKeyType": "string", "ContextKeyValues": [SERVICE]}
    try:
        if ":assumed-role/" in me:
            me = iam.get_role(RoleName=me.split("/")[1])["Role"]["Arn"]
        (result,) = iam.simulate_principal_policy(
            PolicySourceArn=me, ActionNames=["iam:PassRole"], ResourceArns=[role], ContextEntries=[passed]
        )["EvaluationResults"]
    except (BotoCoreError, ClientError):
        return Finding("PassRole", None, "cannot be told; the first job will show it")
    if result["EvalDecision"] != "allowed":
        return Finding("PassRole", False, "you may not hand the role to jobs; attach the policy course-learner-…")
    return Finding("PassRole", True, "you may hand the role to jobs")


def _bucket(session: boto3.Session, bucket: str | None) -> Finding:
    if bucket is None:
        return Finding("bucket", None, "the SDK will make its own, sagemaker-REGION-ACCOUNT, if you may make buckets")
    try:
        session.client("s3").head_bucket(Bucket=bucket)
    except (BotoCoreError, ClientError) as error:
        return _failed("bucket", error)
    return Finding("bucket", True, bucket)


def _quotas(session: boto3.Session, lacking: list[Lacking]) -> Iterator[Finding]:
    client = session.client("service-quotas")
    for (name, code), needed in NEEDED.items():
        asked = {"ServiceCode": "sagemaker", "QuotaCode": code}
        try:
            try:
                quota = client.get_service_quota(**asked)["Quota"]
            except client.exceptions.NoSuchResourceException:  # never changed: AWS's default holds
                quota = client.get_aws_default_service_quota(**asked)["Quota"]
        except (BotoCoreError, ClientError) as error:
            yield _failed(f"quota {name}", error)
            continue
        if quota["Value"] < needed:
            lacking.append(Lacking(name, code, needed))
            yield Finding(f"quota {name}", False, f"{quota['Value']:.0f}; the course needs {needed}: --request asks")
        else:
            yield Finding(f"quota {name}", True, f"{quota['Value']:.0f}")


def _failed(what: str, error: Exception) -> Finding:
    sentences = (str(error).rstrip(".: ") or type(error).__name__, advice(error) or "")
    return Finding(what, False, ". ".join(filter(None, sentences)))
