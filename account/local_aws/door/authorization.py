"""Authorization of requests by a policy, where ``LOCAL_AWS_POLICY`` names one.

A request is one or more actions, each on a resource: what an operation does itself, and what AWS asks for beside it
(``iam:PassRole`` for a role that is handed on, ``sagemaker:AddTags`` for tags).  Reference: the Service Authorization
Reference's pages of SageMaker, S3, CloudWatch Logs, IAM and STS.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from local_aws.core.errors import AwsError
from local_aws.services.iam.policy import Context, Policy
from local_aws.services.iam.service import user_id
from local_aws.services.sagemaker import kinds
from local_aws.services.sagemaker.resources import Resources
from local_aws.wire.service import ApiCall, JsonService
from local_aws.wire.signature import Key

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


class RequestedAction(NamedTuple):
    """An action on a resource, and the condition keys that belong to it."""

    action: str
    resource: str
    context: Context


class Authorization:
    """The policy of an account, and a record, in its folder, of the actions that were requested under it."""

    def __init__(self, policy: Policy, folder: Path, resources: Resources, services: Mapping[str, JsonService]) -> None:
        self.policy = policy
        self.services = services
        self.resources = resources
        self.account = resources.account
        self._record = folder / RECORD
        recorded = self._record.read_text("utf-8", "replace") if self._record.exists() else ""
        self._recorded = set(recorded.splitlines())

    def check(self, call: ApiCall) -> None:
        """Raise AwsError, in AWS's words, unless the policy allows a call."""
        common = self._common(call.caller)
        for requested in self._requested(call):
            self._decide(call.service, requested, call.caller, common)

    def need(self, key: Key, action: str, resource: str, conditions: Context) -> None:
        """Raise AwsError, in AWS's words, unless the policy allows the caller what S3 is to do."""
        self._decide("s3", RequestedAction(action, resource, conditions), key, self._common(key))

    def _decide(self, service: str, requested: RequestedAction, key: Key, common: Context) -> None:
        self._note(requested)
        decision = self.policy.decide(requested.action, requested.resource, {**common, **requested.context})
        if decision != "allowed":
            raise _denied(service, requested, key.arn, decision == "explicitDeny")

    def _common(self, key: Key) -> Context:
        """The condition keys that every request has."""
        session = ":assumed-role/" in key.arn
        own = f":assumed-role/{self.account.role_name}/" in key.arn
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

    def _note(self, requested: RequestedAction) -> None:
        line = json.dumps(requested)
        if line not in self._recorded:
            self._recorded.add(line)
            with self._record.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def _arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.account.region}:{self.account.account_id}:{rest}"

    def _requested(self, call: ApiCall) -> Iterable[RequestedAction]:
        """The actions that a call requests."""
        if call.service == "sagemaker":
            return self._sagemaker(call.operation, call.parameters)
        if service := self.services.get(call.service):
            return [RequestedAction(f"{service.actions}:{call.operation}", service.resource(call.parameters), {})]
        if call.operation == "GetCallerIdentity":  # needs no permission
            return []
        resource = self._of_ecr(call.parameters) if call.service == "ecr" else self._of_iam(call.parameters)
        return [RequestedAction(f"{call.service}:{call.operation}", resource, {})]

    def _sagemaker(self, operation: str, params: Mapping[str, object]) -> Iterator[RequestedAction]:
        if operation == "InvokeEndpoint":
            yield RequestedAction(
                "sagemaker:InvokeEndpoint", self.resources.arn(kinds.ENDPOINT, _named(params, "EndpointName")), {}
            )
            return
        arns = self._about(operation, params)
        context: dict[str, str | list[str]] = {}
        machines = sorted(_all(params, "InstanceType"))
        if machines:
            context["sagemaker:InstanceTypes"] = machines
        tags = {_named(tag, "Key"): _named(tag, "Value") for tag in _list(params, "Tags") if isinstance(tag, dict)}
        if tags:
            context |= {f"aws:RequestTag/{key}": value for key, value in tags.items()} | {"aws:TagKeys": [*tags]}
        for arn in arns:
            yield RequestedAction(f"sagemaker:{operation}", arn, context | self._tags(arn))
        if tags and operation.startswith("Create"):
            yield RequestedAction("sagemaker:AddTags", arns[0], context)
        for role in sorted(_all(params, "RoleArn") | _all(params, "ExecutionRoleArn")):
            yield RequestedAction("iam:PassRole", role, {"iam:PassedToService": "sagemaker.amazonaws.com"})

    def _about(self, operation: str, params: Mapping[str, object]) -> list[str]:
        """The ARNs of what an operation of SageMaker is about; ``params`` are not validated yet."""
        if operation in ("AddTags", "DeleteTags", "ListTags"):
            return [_named(params, "ResourceArn")]
        if operation == "BatchDescribeModelPackage":
            return [arn for arn in _list(params, "ModelPackageArnList") if isinstance(arn, str)]
        if operation == "CreateModelPackage" and params.get("ModelPackageGroupName"):
            group = _named(params, "ModelPackageGroupName").rpartition("model-package-group/")[2]
            # Its number is not known yet.
            return [self.resources.arn(kinds.MODEL_PACKAGE, f"{group}/*")]
        noun = re.sub("^[A-Z][a-z]+", "", operation)
        member = ABOUT.get(operation) or LISTS_OF_ONE.get(operation) or f"{noun}Name"
        if member not in params and f"{noun}Arn" in params:
            member = f"{noun}Arn"
        if operation.startswith("List") and operation not in LISTS_OF_ONE:
            resource_type = re.sub("(?<=[a-z])(?=[A-Z])", "-", noun.removesuffix("s")).lower()
            return [self._arn("sagemaker", f"{resource_type}/*")]
        kind = kinds.KINDS.get(re.sub("(Name|Arn)$", "", member))
        if kind is None:
            return [self._arn("sagemaker", "*/*")]
        name = _named(params, member)
        arns = [name.lower() if name.startswith("arn:") else self.resources.arn(kind, name)]
        if operation in ("CreateEndpoint", "UpdateEndpoint"):
            arns.append(self.resources.arn(kinds.ENDPOINT_CONFIG, _named(params, "EndpointConfigName")))
        return arns

    def _tags(self, arn: str) -> dict[str, str]:
        try:
            tags = self.resources.tags(arn)
        except AwsError:  # there is no such resource, or not yet
            return {}
        return {f"{prefix}:ResourceTag/{key}": value for key, value in tags.items() for prefix in ("aws", "sagemaker")}

    def _of_ecr(self, parameters: Mapping[str, object]) -> str:
        return self._arn("ecr", f"repository/{_named(parameters, 'repositoryName') or '*'}")

    def _of_iam(self, fields: Mapping[str, str]) -> str:
        """The ARN of what a form of IAM or STS is about."""
        account = f"arn:aws:iam::{self.account.account_id}"
        if "RoleName" in fields:
            own = fields["RoleName"] == self.account.role_name
            return self.account.role_arn if own else f"{account}:role/{fields['RoleName']}"
        if "UserName" in fields:
            return f"{account}:user/{fields['UserName']}"
        return fields.get("RoleArn") or fields.get("PolicySourceArn") or fields.get("PolicyArn") or "*"


def _named(params: Mapping[str, object], member: str) -> str:
    """The text that a member is; "" if it is none, for a request that will be refused as invalid."""
    value = params.get(member)
    return value if isinstance(value, str) else ""


def _list(params: Mapping[str, object], member: str) -> list[object]:
    """The list that a member is; an empty one if it is none."""
    value = params.get(member)
    return value if isinstance(value, list) else []


def _all(value: object, member: str) -> set[str]:
    """All texts under a member's name, at every depth."""
    if isinstance(value, list):
        return set().union(*(_all(item, member) for item in value))
    if not isinstance(value, dict):
        return set()
    own: set[str] = {value[member]} if isinstance(value.get(member), str) else set()
    return own.union(*(_all(item, member) for item in value.values()))


def _denied(service: str, requested: RequestedAction, who: str, explicit: bool) -> AwsError:
    """AWS's refusal: IAM User Guide, "Troubleshoot access denied error messages"."""
    resource = requested.resource
    if service == "s3":
        resource = f'"{resource}"'
    elif requested.action.startswith("iam:") and ":role/" in resource and requested.action != "iam:PassRole":
        resource = f"role {resource.rpartition('/')[2]}"
    on = "" if resource == "*" else f" on resource: {resource}"
    why = (
        "with an explicit deny in an identity-based policy"
        if explicit
        else f"because no identity-based policy allows the {requested.action} action"
    )
    code = "AccessDenied" if service in ("s3", "iam", "sts") else "AccessDeniedException"
    return AwsError(code, f"User: {who} is not authorized to perform: {requested.action}{on} {why}", 403)
