"""Quotas, S3, identities: what the account itself is asked."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from http.client import HTTPMessage

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from parity.asking import REGRESSOR, image, processing, rows, training


def test_a_quota_that_is_no_more(there, answers):
    quotas = there.session.client("service-quotas")
    code = "L-611FA074"  # ml.m5.large for training job usage
    has = there.said(quotas.get_service_quota, ServiceCode="sagemaker", QuotaCode=code)
    said = there.said(quotas.request_service_quota_increase, ServiceCode="sagemaker", QuotaCode=code, DesiredValue=0.0)
    answers({"known": has, "less": said})


def test_quotas_of_a_new_account(there, answers):
    """AWS's defaults for the machines that the course uses."""
    quotas, found = there.session.client("service-quotas"), {}
    for code in ("L-611FA074", "L-8541302D", "L-236AE59F", "L-614B09FD", "L-29C181D7"):
        try:
            shown = quotas.get_aws_default_service_quota(ServiceCode="sagemaker", QuotaCode=code)["Quota"]
        except quotas.exceptions.NoSuchResourceException as error:
            found[code] = str(error)
        else:
            found[code] = {member: shown.get(member) for member in ("QuotaName", "Value", "Unit", "Adjustable")}
    answers(found)


def test_a_listing_that_begins_inside_a_prefix(there, answers):
    for key in ("listing/a/1", "listing/a/2", "listing/b c"):
        uri = there.put(key, b"x")
    prefix = uri.removeprefix(f"s3://{there.bucket}/").rpartition("listing/")[0] + "listing/"
    inside = there.s3.list_objects_v2(Bucket=there.bucket, Prefix=prefix, Delimiter="/", StartAfter=f"{prefix}a/1")
    written = there.s3.list_objects(Bucket=there.bucket, Prefix=prefix, EncodingType="url")
    answers({
        "prefixes": [each["Prefix"].removeprefix(prefix) for each in inside.get("CommonPrefixes", [])],
        "keys": [each["Key"].rpartition("listing/")[2] for each in written["Contents"]],
    })  # fmt: skip


def test_what_a_restricted_caller_is_told(there, restricted, answers):
    """For which resources rights are asked; what comes first, the policy or the request; an object that is missing."""
    sagemaker, s3 = restricted("sagemaker"), restricted("s3")
    group = {"ModelPackageGroupName": "course-parity-nothing"}
    container = {"Image": image(there, "linear-learner")}
    refused = {
        "a list": there.said(sagemaker.list_models),
        "a list of an unusual kind": there.said(sagemaker.list_studio_lifecycle_configs),
        "a version of a group": there.said(
            sagemaker.create_model_package, **group,
            InferenceSpecification={"Containers": [container], "SupportedContentTypes": ["text/csv"],
                                    "SupportedResponseMIMETypes": ["text/csv"]},
        ),
        "what is not in order": there.said(sagemaker.describe_model, ModelName="not a name"),
        "an object that is missing": there.said(s3.get_object, Bucket=there.bucket, Key="course/parity/nothing"),
    }  # fmt: skip
    for said in refused.values():  # who asked, and for want of which policy
        said["sentence"] = said["sentence"].partition("is not authorized ")[2].partition(" because")[0]
    answers(refused)


def test_a_role_for_models_alone(there, answers):
    """Its trust policy lets SageMaker in for models."""
    iam, client, name = there.session.client("iam"), there.sagemaker, there.name("role")
    account = there.role.split(":")[4]
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:*:{account}:model/*"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    try:
        model = {"ModelName": there.name("model"), "PrimaryContainer": {"Image": image(there, "linear-learner")}}
        job = training(there, "models-role", rows(there)) | {"RoleArn": role}
        job["StoppingCondition"] = {"MaxRuntimeInSeconds": 1}
        said = there.said(client.create_model, **model, ExecutionRoleArn=role)
        if "accepted" not in said:
            time.sleep(20)  # AWS does not know a new role everywhere at once
            said = there.said(client.create_model, **model, ExecutionRoleArn=role)
        asked = {"model": said, "training": there.said(client.create_training_job, **job)}
        if "accepted" in said:
            client.delete_model(ModelName=model["ModelName"])
    finally:
        iam.delete_role(RoleName=name)
    answers(asked)


def test_a_policy_of_awss_own(there, answers):
    iam, arn = there.session.client("iam"), "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    said = there.said(iam.delete_policy, PolicyArn=arn)
    answers(said | {"sentence": said["sentence"].partition("is not authorized ")[2]})  # not who asked


def test_a_role_that_is_not_there(there, answers):
    """Handed to each operation that takes a role."""
    client, role = there.sagemaker, there.role.rpartition(":")[0] + ":role/course-parity-nobody"
    uri, fail = rows(there), {"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    job = training(there, "role", uri) | {"RoleArn": role}
    definition = {each: job[each] for each in job if each not in ("TrainingJobName", "HyperParameters")}
    search = {
        "Strategy": "Random",
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "train:objective_loss"},
        "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "l1", "MinValue": "0.1", "MaxValue": "1"}]},
    }
    tuning = {
        "HyperParameterTuningJobName": there.name("t"),
        "HyperParameterTuningJobConfig": search,
        "TrainingJobDefinition": definition | {"StaticHyperParameters": REGRESSOR},
    }
    pipeline = {"PipelineName": there.name("pipeline"), "RoleArn": role}
    pipeline["PipelineDefinition"] = json.dumps({"Version": "2020-12-01", "Steps": [fail]})
    model = {"ModelName": there.name("model"), "PrimaryContainer": {"Image": image(there, "linear-learner")}}
    asked = {
        "training": there.said(client.create_training_job, **job),
        "processing": there.said(client.create_processing_job, **processing(there, "role", "1") | {"RoleArn": role}),
        "tuning": there.said(client.create_hyper_parameter_tuning_job, **tuning),
        "a model without an artifact": there.said(client.create_model, **model, ExecutionRoleArn=role),
        "pipeline": there.said(client.create_pipeline, **pipeline),
    }
    if "accepted" in asked["pipeline"]:
        asked["execution"] = there.said(client.start_pipeline_execution, PipelineName=pipeline["PipelineName"])
        client.delete_pipeline(PipelineName=pipeline["PipelineName"])
    answers(asked)


class WithoutHost(SigV4Auth):
    """Leaves out what every signature has to hold."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPMessage:
        found = super().headers_to_sign(request)
        del found["host"]
        return found


def test_operations_that_are_none(there, answers):
    """An operation that no service has, signed as one of SageMaker's is; and what is signed otherwise."""
    answered = {}
    for question, target, body, signature in (
        ("unknown operation", "SageMaker.DoNothing", b"{}", SigV4Auth),
        ("no JSON", "SageMaker.ListModels", b"{", SigV4Auth),
        ("wrong type", "SageMaker.ListModels", b'{"MaxResults": "many"}', SigV4Auth),
        ("a Host that is not signed", "SageMaker.ListModels", b"{}", WithoutHost),
    ):
        url = there.sagemaker.meta.endpoint_url
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
        request = AWSRequest("POST", url, headers, body)
        signature(there.session.get_credentials(), "sagemaker", there.region).add_auth(request)
        sent = urllib.request.Request(url, body, dict(request.headers.items()), method="POST")
        try:
            with urllib.request.urlopen(sent) as found:
                answered[question] = {"status": found.status}
        except urllib.error.HTTPError as error:
            answered[question] = {"status": error.code, "body": error.read().decode()}
    answers(answered)


def test_tags_that_are_refused(there, answers):
    """By a group of packages and by a model, which has them already where it is not refused."""
    sagemaker, container = there.sagemaker, {"Image": image(there, "linear-learner")}
    container["ModelDataUrl"] = there.put("tagged/model.tar.gz", b"x")

    def asked(*keys: str) -> dict:
        tags = [{"Key": key, "Value": "x"} for key in keys]
        group, model = {"ModelPackageGroupName": there.name("group")}, {"ModelName": there.name("model")}
        of_model = {"ExecutionRoleArn": there.role, "PrimaryContainer": container}
        found = {
            "group": there.said(sagemaker.create_model_package_group, **group, Tags=tags),
            "model": there.said(sagemaker.create_model, **model, **of_model, Tags=tags),
        }
        if "accepted" in found["group"]:
            sagemaker.delete_model_package_group(**group)
        if "accepted" in found["model"]:
            sagemaker.delete_model(**model)
        return found

    answers({"of AWS's own": asked("aws:mine"), "twice": asked("a", "a"), "twice in other cases": asked("a", "A")})
