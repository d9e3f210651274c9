"""Whether the caller of a request may make it, where ``LOCAL_AWS_POLICY`` names a policy.

A request is one or more actions, each on a resource: what an operation does itself, and what AWS asks for beside it
(``iam:PassRole`` for a role that is handed on, ``sagemaker:AddTags`` for tags).  Reference: the Service Authorization
Reference's pages of SageMaker, S3, CloudWatch Logs, IAM and STS.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from . import resources
from .bookkeeping import user_id
from .errors import AwsError
from .policy import Context, Policy
from .protocols import plain
from .resources import Resources
from .signature import Key
from .state import ROLE_NAME

RECORD = "authorizations.jsonl"
# What lists the parts of one resource, and is asked for on that one; other lists are of all resources of a kind.
LISTS_OF_ONE = {
    "ListModelPackages": "ModelPackageGroupName",
    "ListPipelineExecutions": "PipelineName",
    "ListPipelineExecutionSteps": "PipelineExecutionArn",
    "ListPipelineParametersForExecution": "PipelineExecutionArn",
    "ListTrainingJobsForHyperParameterTuningJob": "HyperParameterTuningJobName",
}
# The member that names what an operation is about, where it is not the operation's own noun.
ABOUT = {
    "StartPipelineExecution": "PipelineName",
    "DescribePipelineDefinitionForExecution": "PipelineExecutionArn",
    "UpdateEndpointWeightsAndCapacities": "EndpointName",
}
S3_OF_BUCKET = {
    ("PUT", ""): "CreateBucket",
    ("DELETE", ""): "DeleteBucket",
    ("GET", "location"): "GetBucketLocation",
    ("GET", "tagging"): "GetBucketTagging",
    ("PUT", "tagging"): "PutBucketTagging",
    ("DELETE", "tagging"): "PutBucketTagging",
    ("GET", "uploads"): "ListBucketMultipartUploads",
    ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "versions"): "ListBucketVersions",
}
S3_OF_OBJECT = {
    ("PUT", ""): "PutObject",
    ("POST", "uploads"): "PutObject",
    ("PUT", "uploadId"): "PutObject",
    ("POST", "uploadId"): "PutObject",
    ("GET", "uploadId"): "ListMultipartUploadParts",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("DELETE", ""): "DeleteObject",
    ("GET", "tagging"): "GetObjectTagging",
    ("PUT", "tagging"): "PutObjectTagging",
    ("DELETE", "tagging"): "DeleteObjectTagging",
}


# What is asked for where a version is named, ``null`` too.
S3_OF_VERSION = {
    "GetObject": "GetObjectVersion",
    "DeleteObject": "DeleteObjectVersion",
    "GetObjectTagging": "GetObjectVersionTagging",
    "PutObjectTagging": "PutObjectVersionTagging",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
}


class Asked(NamedTuple):
    """An action on a resource, and the condition keys that belong to it."""

    action: str
    resource: str
    context: Context


class Authorization:
    """The policy of an account, and a record, in its folder, of what has been asked for under it."""

    def __init__(self, policy: Policy, folder: Path, known: Resources) -> None:
        self.policy = policy
        self.resources = known
        self.account = known.account
        self._record = folder / RECORD
        recorded = self._record.read_text("utf-8", "replace") if self._record.exists() else ""
        self._recorded = set(recorded.splitlines())

    def check(
        self, service: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes, key: Key
    ) -> None:
        """Raise AwsError, in AWS's words, unless the policy allows a request whose signature has been checked.

        ``path`` and ``query`` are as they were sent, ``headers`` have lower-case names.  The body of a request to
        S3 is not looked at: what it names (DeleteObjects) S3 asks for itself, by ``need``.
        """
        if service == "s3":
            asked = self._s3(method, path, query, headers)
        elif "x-amz-target" in headers:
            asked = self._json(service, headers["x-amz-target"].rpartition(".")[2], _parameters(headers, body))
        elif service == "sagemaker":
            name = unquote(path.split("/")[2]) if path.count("/") > 1 else ""
            asked = iter([Asked("sagemaker:InvokeEndpoint", self.resources.arn(resources.ENDPOINT, name), {})])
        else:
            asked = self._query(service, parse_qs(body.decode(errors="replace") or query))
        common = self._common(key)
        for each in asked:
            self._decide(service, each, key, common)

    def need(self, key: Key, action: str, resource: str) -> None:
        """Raise AwsError, in AWS's words, unless the policy allows the caller what only shows while S3 is at work."""
        self._decide("s3", Asked(action, resource, {}), key, self._common(key))

    def _decide(self, service: str, asked: Asked, key: Key, common: Context) -> None:
        self._note(asked)
        decision = self.policy.decide(asked.action, asked.resource, common | asked.context)
        if decision != "allowed":
            raise _denied(service, asked, key.arn, decision == "explicitDeny")

    def _common(self, key: Key) -> Context:
        """The condition keys that every request has."""
        session = ":assumed-role/" in key.arn
        own = f":assumed-role/{ROLE_NAME}/" in key.arn
        role = re.sub(":sts:(.*):assumed-role/([^/]+)/.*", r":iam:\1:role/\2", key.arn)
        return {
            "aws:CurrentTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "aws:EpochTime": str(int(time.time())),
            # Of a role's session the role, not the session.
            "aws:PrincipalArn": self.account.role_arn if own else role,
            "aws:PrincipalAccount": self.account.account_id,
            "aws:PrincipalType": "AssumedRole" if session else "User",
            "aws:userid": user_id(self.account, key),
            "aws:RequestedRegion": self.account.region,
            "aws:SecureTransport": "true",  # nothing leaves this machine: as good as encrypted
            "aws:SourceIp": "127.0.0.1",
        }

    def _note(self, asked: Asked) -> None:
        line = json.dumps(asked)
        if line not in self._recorded:
            self._recorded.add(line)
            with self._record.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def _arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.account.region}:{self.account.account_id}:{rest}"

    # ---- JSON services

    def _json(self, service: str, operation: str, params: dict) -> Iterator[Asked]:
        if service == "sagemaker":
            yield from self._sagemaker(operation, params)
        elif service == "logs":
            group, stream = _named(params, "logGroupName"), _named(params, "logStreamName")
            yield Asked(f"logs:{operation}", self._arn("logs", f"log-group:{group}:log-stream:{stream}"), {})
        elif service == "ecr":
            name = _named(params, "repositoryName") or "*"
            yield Asked(f"ecr:{operation}", self._arn("ecr", f"repository/{name}"), {})
        else:
            actions = {"monitoring": "cloudwatch"}
            yield Asked(f"{actions.get(service, service)}:{operation}", "*", {})

    def _sagemaker(self, operation: str, params: dict) -> Iterator[Asked]:
        arns = self._about(operation, params)
        context: dict[str, str | list[str]] = {}
        machines = sorted(_all(params, "InstanceType"))
        if machines:
            context["sagemaker:InstanceTypes"] = machines
        tags = params.get("Tags") or []
        sent = {f"aws:RequestTag/{tag.get('Key')}": tag.get("Value", "") for tag in tags if isinstance(tag, dict)}
        if sent:
            context |= sent | {"aws:TagKeys": [name.partition("/")[2] for name in sent]}
        for arn in arns:
            yield Asked(f"sagemaker:{operation}", arn, context | self._tags(arn))
        if sent and operation.startswith("Create"):
            yield Asked("sagemaker:AddTags", arns[0], context)
        for role in sorted(_all(params, "RoleArn") | _all(params, "ExecutionRoleArn")):
            yield Asked("iam:PassRole", role, {"iam:PassedToService": "sagemaker.amazonaws.com"})

    def _about(self, operation: str, params: dict) -> list[str]:
        """The ARNs of what an operation of SageMaker is about."""
        if operation in ("AddTags", "DeleteTags", "ListTags"):
            return [_named(params, "ResourceArn")]
        if operation == "BatchDescribeModelPackage":
            return [arn for arn in params.get("ModelPackageArnList") or [] if isinstance(arn, str)]
        if operation == "CreateModelPackage" and params.get("ModelPackageGroupName"):
            group = _named(params, "ModelPackageGroupName").rpartition("model-package-group/")[2]
            # Its number is not known yet.
            return [self.resources.arn(resources.MODEL_PACKAGE, f"{group}/*")]
        noun = re.sub("^[A-Z][a-z]+", "", operation)
        member = ABOUT.get(operation) or LISTS_OF_ONE.get(operation) or f"{noun}Name"
        if member not in params and f"{noun}Arn" in params:
            member = f"{noun}Arn"
        if operation.startswith("List") and operation not in LISTS_OF_ONE:
            kind = re.sub("(?<=[a-z])(?=[A-Z])", "-", noun.removesuffix("s")).lower()
            return [self._arn("sagemaker", f"{kind}/*")]
        kind = resources.KINDS.get(re.sub("(Name|Arn)$", "", member))
        if kind is None:
            return [self._arn("sagemaker", "*/*")]
        name = _named(params, member)
        arns = [name.lower() if name.startswith("arn:") else self.resources.arn(kind, name)]
        if operation in ("CreateEndpoint", "UpdateEndpoint"):
            arns.append(self.resources.arn(resources.ENDPOINT_CONFIG, _named(params, "EndpointConfigName")))
        return arns

    def _tags(self, arn: str) -> dict[str, str]:
        try:
            tags = self.resources.tags(arn)
        except AwsError:  # there is no such resource, or not yet
            return {}
        return {f"{prefix}:ResourceTag/{key}": value for key, value in tags.items() for prefix in ("aws", "sagemaker")}

    # ---- IAM and STS

    def _query(self, service: str, form: dict[str, list[str]]) -> Iterator[Asked]:
        given = {name: values[0] for name, values in form.items()}
        action = given.get("Action", "")
        if action == "GetCallerIdentity":  # needs no permission
            return
        account = f"arn:aws:iam::{self.account.account_id}"
        if "RoleName" in given:
            own = given["RoleName"] == ROLE_NAME
            resource = self.account.role_arn if own else f"{account}:role/{given['RoleName']}"
        elif "UserName" in given:
            resource = f"{account}:user/{given['UserName']}"
        else:
            resource = given.get("RoleArn") or given.get("PolicySourceArn") or given.get("PolicyArn") or "*"
        yield Asked(f"{service}:{action}", resource, {})

    # ---- S3

    def _s3(self, method: str, path: str, query: str, headers: dict[str, str]) -> Iterator[Asked]:
        bucket, _, key = unquote(path.removeprefix("/")).partition("/")
        given = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
        parts = ("uploadId", "uploads", "tagging", "location", "delete", "versioning", "versions")
        part = next((name for name in parts if name in given), "")
        if not bucket:
            yield Asked("s3:ListAllMyBuckets", "arn:aws:s3:::*", {})
        elif key:
            resource = f"arn:aws:s3:::{bucket}/{key}"
            action = S3_OF_OBJECT.get((method, part), "GetObject")
            yield Asked(f"s3:{S3_OF_VERSION.get(action, action) if 'versionId' in given else action}", resource, {})
            if method == "PUT" and "x-amz-tagging" in headers:
                yield Asked("s3:PutObjectTagging", resource, {})
            source = unquote(headers.get("x-amz-copy-source", "").partition("?")[0]).removeprefix("/")
            if method == "PUT" and source:
                yield Asked("s3:GetObject", f"arn:aws:s3:::{source}", {})
        elif part != "delete":
            wanted = {f"s3:{name}": given[name] for name in ("prefix", "delimiter", "max-keys") if name in given}
            yield Asked(f"s3:{S3_OF_BUCKET.get((method, part), 'ListBucket')}", f"arn:aws:s3:::{bucket}", wanted)


def _parameters(headers: dict[str, str], body: bytes) -> dict:
    """The members of a JSON request; none if it is not one, which its service then says."""
    try:
        params = json.loads(plain(headers, body) or b"{}")
    except (AwsError, ValueError, RecursionError):
        return {}
    return params if isinstance(params, dict) else {}


def _named(params: dict, member: str) -> str:
    value = params.get(member)
    return value if isinstance(value, str) else ""


def _all(value: object, member: str) -> set[str]:
    """All texts under a member's name, at every depth."""
    if isinstance(value, list):
        return set().union(*(_all(each, member) for each in value))
    if not isinstance(value, dict):
        return set()
    own = {value[member]} if isinstance(value.get(member), str) else set()
    return own.union(*(_all(each, member) for each in value.values()))


def _denied(service: str, asked: Asked, who: str, explicit: bool) -> AwsError:
    """AWS's refusal: IAM User Guide, "Troubleshoot access denied error messages"."""
    resource = asked.resource
    if service == "s3":
        resource = f'"{resource}"'
    elif asked.action.startswith("iam:") and ":role/" in resource and asked.action != "iam:PassRole":
        resource = f"role {resource.rpartition('/')[2]}"
    on = "" if resource == "*" else f" on resource: {resource}"
    why = (
        "with an explicit deny in an identity-based policy"
        if explicit
        else f"because no identity-based policy allows the {asked.action} action"
    )
    code = "AccessDenied" if service in ("s3", "iam", "sts") else "AccessDeniedException"
    return AwsError(code, f"User: {who} is not authorized to perform: {asked.action}{on} {why}", 403)
