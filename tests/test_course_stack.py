"""The CloudFormation template of docs/aws.md: valid, made whole by moto, and its sweeper at work."""

from __future__ import annotations

import json
import subprocess
import sys

import course_stack
import pytest
import yaml
from jobs import definition, name, wait_until

from utils.preflight.stack import outputs

MAX_POLICY = 6144  # characters of a managed policy, white space not counted (IAM's quota)


@pytest.fixture(scope="module")
def made() -> dict:
    """What moto makes of the template: the stack's outputs, and what AWS says of its parts."""
    with course_stack.stack() as (session, found), pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_STACK", "not-there")
        of_another = outputs(session)
        iam, events = session.client("iam"), session.client("events")
        (rule,) = events.list_rules()["Rules"]
        return {
            "outputs": found,
            "outputs of another stack": of_another,
            "buckets": [each["Name"] for each in session.client("s3").list_buckets()["Buckets"]],
            "role": iam.get_role(RoleName=found["ExecutionRoleArn"].rpartition("/")[2])["Role"],
            "policy": course_stack.learner_policy(session, found),
            "rule": rule,
            "targets": events.list_targets_by_rule(Rule=rule["Name"])["Targets"],
            "sweeper": session.client("lambda").get_function(FunctionName="course-sweeper")["Configuration"],
        }


def test_cfn_lint_finds_nothing():
    program = "import cfnlint.runner, sys; sys.exit(cfnlint.runner.main())"
    command = [sys.executable, "-c", program, "--include-checks", "I", "--template", str(course_stack.TEMPLATE)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_stack_gives_a_bucket_and_a_role_that_sagemaker_takes(made):
    assert made["buckets"] == [made["outputs"]["BucketName"]] == ["course-sagemaker-123456789012-us-east-1"]
    assert made["role"]["Arn"] == made["outputs"]["ExecutionRoleArn"]
    assert "sagemaker.amazonaws.com" in json.dumps(made["role"]["AssumeRolePolicyDocument"])


def test_another_stacks_name_can_be_given(made):
    assert made["outputs of another stack"] == {}


def test_the_learners_policy_fits_and_grants_no_star_on_what_costs_money(made):
    document = made["policy"]
    assert len(json.dumps(document, separators=(",", ":"))) <= MAX_POLICY
    for statement in document["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not any(action.endswith("*") for action in actions)
        if statement["Effect"] == "Allow" and statement["Resource"] == "*":
            # An action on everything only looks, but for asking for a quota.
            looks = ("List", "Get", "Search", "RequestServiceQuotaIncrease")
            assert all(action.partition(":")[2].startswith(looks) for action in actions), statement["Sid"]


def test_every_hour_the_sweeper_is_called(made):
    (target,) = made["targets"]
    assert made["rule"]["ScheduleExpression"] == "rate(1 hour)" and target["Arn"] == made["sweeper"]["FunctionArn"]


class _Tags(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, whose values are of no interest here."""


_Tags.add_multi_constructor("!", lambda loader, suffix, node: node.value)


@pytest.fixture
def sweep(account, monkeypatch):
    """The sweeper's function, as the template has it, with an age of ``hours``."""
    template = yaml.load(course_stack.TEMPLATE.read_text(), _Tags)
    code = compile(template["Resources"]["Sweeper"]["Properties"]["Code"]["ZipFile"], "index.py", "exec")

    def run(hours: float) -> list[str]:
        monkeypatch.setenv("ENDPOINT_HOURS", str(hours))
        names: dict = {}
        exec(code, names)
        return names["sweep"]({}, None)

    return run


def test_the_sweeper_deletes_old_endpoints_of_the_course_and_no_others(sweep, account, sagemaker, s3, bucket):
    image = definition(account, "x", bucket=bucket)["AlgorithmSpecification"]["TrainingImage"]
    model = name("course-swept")
    sagemaker.create_model(
        ModelName=model, PrimaryContainer={"Image": image}, ExecutionRoleArn=account.account.role_arn
    )
    variant = {"VariantName": "v", "ModelName": model, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=model, ProductionVariants=[variant])
    course = [{"Key": "course", "Value": "regression-on-sagemaker"}]
    mine, untagged, foreign = name("course-mine"), name("course-untagged"), name("somebodys-course-endpoint")
    made = [(mine, course), (untagged, []), (foreign, course)]
    try:
        for each, tags in made:
            sagemaker.create_endpoint(EndpointName=each, EndpointConfigName=model, Tags=tags)
            wait_until(
                lambda each=each: sagemaker.describe_endpoint(EndpointName=each)["EndpointStatus"],
                lambda status: status != "Creating",
                each,
            )
        assert sweep(hours=1) == []
        assert sweep(hours=0) == [mine]
        left = {each["EndpointName"] for each in sagemaker.list_endpoints(MaxResults=100)["Endpoints"]}
        assert mine not in left and {untagged, foreign} <= left
    finally:
        for each in (untagged, foreign):
            sagemaker.delete_endpoint(EndpointName=each)
