"""RetryPolicies of pipelines' steps: what is tried again, how often, after which time; and what is not."""

from __future__ import annotations

import pytest

from support.account import Place
from support.pipelines import fails, finished, whole
from support.processing import definition as processing_definition
from support.training import name, refusal, wait_until

LIMIT = "SageMaker.RESOURCE_LIMIT"
EVERY = [
    "Step.SERVICE_FAULT", "Step.THROTTLING", "SageMaker.JOB_INTERNAL_ERROR", "SageMaker.JOB_CAPACITY_ERROR",
    "SageMaker.CAPACITY_ERROR", LIMIT,
]  # fmt: skip


def retried(arguments: dict, *policies: dict) -> dict:
    """A Processing step with policies."""
    arguments = {key: value for key, value in arguments.items() if key != "ProcessingJobName"}
    return {"Name": "A", "Type": "Processing", "Arguments": arguments, "RetryPolicies": list(policies)}


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """A new account, which may run no processing job at all."""
    place = Place(tmp_path_factory.mktemp("new") / "account")
    place.start(LOCAL_AWS_NEW_ACCOUNT="1")
    place.client("s3").create_bucket(Bucket="a-bucket")
    yield place
    place.close()


@pytest.fixture(scope="module")
def works(new) -> dict:
    return processing_definition(new.client("s3"), "a-bucket", "retried", "pass")


def started(client, role: str, *steps: dict) -> str:
    """The ARN of an execution of a pipeline of its own."""
    pipeline = name("Retried")
    client.create_pipeline(PipelineName=pipeline, PipelineDefinition=whole(*steps), RoleArn=role)
    return client.start_pipeline_execution(PipelineName=pipeline)["PipelineExecutionArn"]


@pytest.fixture
def run(new):
    """Runs a step as a pipeline of the new account: what became of it."""
    client, role = new.client("sagemaker"), new.running().account.role_arn
    return lambda step: finished(client, started(client, role, step))[1]["A"]


@pytest.mark.parametrize(
    ("policies", "attempts"),
    [
        ([{"ExceptionType": [LIMIT], "MaxAttempts": 2, "IntervalSeconds": 0}], 3),
        ([{"ExceptionType": ["Step.THROTTLING", LIMIT], "IntervalSeconds": 0}], 6),  # 5 is the default
        ([{"ExceptionType": [LIMIT], "MaxAttempts": 0}], 1),
        ([{"ExceptionType": [LIMIT], "ExpireAfterMin": 0}], 1),
        ([{"ExceptionType": EVERY[:-1], "MaxAttempts": 3, "IntervalSeconds": 0}], 1),
        ([{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 9},
          {"ExceptionType": [LIMIT], "MaxAttempts": 1, "IntervalSeconds": 0}], 2),
        ([{"ExceptionType": [LIMIT], "MaxAttempts": 20, "IntervalSeconds": 0, "BackoffRate": 1e308}], 21),
        ([], 1),
    ],
)  # fmt: skip
def test_how_often_a_refused_call_is_tried(run, works, policies, attempts):
    step = run(retried(works, *policies))
    assert (step["StepStatus"], step["AttemptCount"]) == ("Failed", attempts)
    assert "service limit" in step["FailureReason"] and "Metadata" not in step


def test_the_interval_grows(run, works):
    policy = {"ExceptionType": [LIMIT], "MaxAttempts": 2, "IntervalSeconds": 1, "BackoffRate": 1.5}
    step = run(retried(works, policy))
    took = (step["EndTime"] - step["StartTime"]).total_seconds()
    assert 2.5 <= took < 5 and step["AttemptCount"] == 3


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "import os; os.kill(os.getpid(), 9)"])
def test_what_a_program_does_wrong_is_not_tried_again(sagemaker, account, s3, bucket, code):
    policy = {"ExceptionType": EVERY, "MaxAttempts": 3, "IntervalSeconds": 0}
    step = retried(processing_definition(s3, bucket, name("wrong"), code), policy)
    step = finished(sagemaker, started(sagemaker, account.account.role_arn, step))[1]["A"]
    assert (step["StepStatus"], step["AttemptCount"]) == ("Failed", 1)
    assert step["FailureReason"].startswith("ClientError: AlgorithmError")


def test_a_step_runs_once_the_quota_is_raised(tmp_path):
    place = Place(tmp_path / "account")
    try:
        role = place.start(LOCAL_AWS_NEW_ACCOUNT="1").account.role_arn
        client, quotas = place.client("sagemaker"), place.client("service-quotas")
        place.client("s3").create_bucket(Bucket="a-bucket")
        work = processing_definition(place.client("s3"), "a-bucket", "retried", "pass")
        policy = {"ExceptionType": [LIMIT], "ExpireAfterMin": 10, "BackoffRate": 1}
        arn = started(client, role, retried(work, policy))

        def step() -> dict:
            steps = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
            return steps[0] if steps else {}

        waiting = wait_until(step, lambda told: told.get("AttemptCount", 0) >= 2, arn)
        assert waiting["StepStatus"] == "Executing" and "FailureReason" not in waiting
        quotas.request_service_quota_increase(ServiceCode="sagemaker", QuotaCode="L-8541302D", DesiredValue=1.0)
        body, steps = finished(client, arn)
        assert body["PipelineExecutionStatus"] == "Succeeded" and "FailureReason" not in steps["A"]
        assert steps["A"]["AttemptCount"] > 2 and steps["A"]["Metadata"]["ProcessingJob"]["Arn"]
    finally:
        place.close()


def test_a_step_that_waits_to_be_tried_again_is_stopped(new, works):
    client, role = new.client("sagemaker"), new.running().account.role_arn
    policy = {"ExceptionType": [LIMIT], "IntervalSeconds": 43_200}
    step = retried(works, policy)
    arn = started(client, role, step, fails("B", DependsOn=["A"]))
    wait_until(
        lambda: client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"],
        lambda steps: steps and steps[0]["StepStatus"] == "Executing",
        arn,
    )
    client.stop_pipeline_execution(PipelineExecutionArn=arn)
    body, steps = finished(client, arn)
    assert body["PipelineExecutionStatus"] == steps["A"]["StepStatus"] == "Stopped" and list(steps) == ["A"]


@pytest.mark.parametrize(
    ("policies", "sentence"),
    [
        ({}, None),
        ({"ExceptionType": [LIMIT]}, "Expecting start of Json Array in RetryPolicies"),
        (["x"], "Expecting start of Json Object in RetryPolicies"),
        ([{}], "ExceptionType in RetryPolicies of step 'A' must be a list of"),
        ([{"ExceptionType": []}], "must be a list of"),
        ([{"ExceptionType": LIMIT}], "must be a list of"),
        ([{"ExceptionType": ["SageMaker.NOTHING"]}], "must be a list of"),
        ([{"ExceptionType": [{}]}], "must be a list of"),
        ([{"ExceptionType": [LIMIT], "Wait": 1}], "Unknown member 'Wait' in RetryPolicies"),
        ([{"ExceptionType": [LIMIT], "MaxAttempts": 21}], "MaxAttempts is not 0 to 20"),
        ([{"ExceptionType": [LIMIT], "MaxAttempts": -1}], "MaxAttempts is not 0 to 20"),
        ([{"ExceptionType": [LIMIT], "MaxAttempts": True}], "MaxAttempts is not 0 to 20"),
        ([{"ExceptionType": [LIMIT], "IntervalSeconds": 43_201}], "IntervalSeconds is not 0 to 43200"),
        ([{"ExceptionType": [LIMIT], "IntervalSeconds": 1.5}], "IntervalSeconds is not 0 to 43200"),
        ([{"ExceptionType": [LIMIT], "ExpireAfterMin": 14_401}], "ExpireAfterMin is not 0 to 14400"),
        ([{"ExceptionType": [LIMIT], "BackoffRate": "2"}], "BackoffRate is no number from 0 on"),
        ([{"ExceptionType": [LIMIT], "BackoffRate": -1}], "BackoffRate is no number from 0 on"),
        (
            [{"ExceptionType": [LIMIT], "MaxAttempts": 1, "ExpireAfterMin": 1}],
            "Only one of MaxAttempts and ExpireAfter",
        ),
    ],
)
def test_policies_that_are_refused(sagemaker, account, works, policies, sentence):
    step = retried(works) | {"RetryPolicies": policies}
    members = {"PipelineName": "refused", "PipelineDefinition": whole(step), "RoleArn": account.account.role_arn}
    if sentence is None:
        sagemaker.create_pipeline(**members)
        sagemaker.delete_pipeline(PipelineName="refused")
    else:
        code, message = refusal(sagemaker.create_pipeline, **members)
        assert code == "ValidationException" and sentence in message
    other = {**members, "PipelineDefinition": whole(fails("A", RetryPolicies=[{"ExceptionType": [LIMIT]}]))}
    assert "A Fail step cannot be retried" in refusal(sagemaker.create_pipeline, **other)[1]


def test_the_sdk_s_policies(sagemaker, account, works):
    from sagemaker.workflow.retry import (
        SageMakerJobExceptionTypeEnum,
        SageMakerJobStepRetryPolicy,
        StepExceptionTypeEnum,
        StepRetryPolicy,
    )

    policies = [
        StepRetryPolicy(list(StepExceptionTypeEnum), expire_after_mins=5, interval_seconds=10),
        SageMakerJobStepRetryPolicy(list(SageMakerJobExceptionTypeEnum), max_attempts=10),
    ]
    text = whole(retried(works, *(each.to_request() for each in policies)))
    sagemaker.create_pipeline(PipelineName="sdk", PipelineDefinition=text, RoleArn=account.account.role_arn)
    sagemaker.delete_pipeline(PipelineName="sdk")
