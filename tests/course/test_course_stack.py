"""The CloudFormation template of docs/aws.md: valid, made whole by moto, and its sweeper at work."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import cfnlint.decode
import pytest
import yaml

from local_aws.services.iam.policy import Policy
from support import course_stack
from support.training import definition, name, wait_until
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


@pytest.fixture
def passed_over() -> dict[str, dict]:
    """The properties of the two resources that moto's CloudFormation does not make, their references resolved."""
    bucket = "course-sagemaker-123456789012-us-east-1"
    values = {
        "AWS::StackName": "course", "Bucket": bucket, "Bucket.Arn": f"arn:aws:s3:::{bucket}",
        "BudgetEmail": "somebody@example.org",
    }  # fmt: skip

    def resolved(node: object) -> object:
        if isinstance(node, list):
            return [resolved(each) for each in node]
        if not isinstance(node, dict):
            return node
        ((function, value),) = node.items() if len(node) == 1 else [("", node)]
        if function == "Ref":
            return values[value]
        if function == "Fn::GetAtt":
            return values[".".join(value)]
        if function == "Fn::Sub":
            return re.sub(r"\$\{(.+?)\}", lambda found: values[found[1]], value)
        return {key: resolved(each) for key, each in node.items()}

    template, _ = cfnlint.decode.decode(str(course_stack.TEMPLATE))
    values |= {key: str(each["Default"]) for key, each in template["Parameters"].items() if "Default" in each}
    return {name: resolved(template["Resources"][name]["Properties"]) for name in ("BucketPolicy", "Budget")}


def test_the_bucket_takes_encrypted_connections_only(passed_over):
    properties = passed_over["BucketPolicy"]
    document, bucket = properties["PolicyDocument"], {"Bucket": properties["Bucket"]}
    with course_stack.moto() as session:
        s3 = session.client("s3")
        s3.create_bucket(**bucket)
        s3.put_bucket_policy(**bucket, Policy=json.dumps(document))
        assert json.loads(s3.get_bucket_policy(**bucket)["Policy"]) == document
    (statement,) = document["Statement"]
    assert statement.pop("Principal") == "*"  # the rest is decided as any policy is
    policy = Policy({"Statement": [statement, {"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    for resource in (f"arn:aws:s3:::{properties['Bucket']}", f"arn:aws:s3:::{properties['Bucket']}/course/rows.csv"):
        assert policy.decide("s3:GetObject", resource, {"aws:SecureTransport": "false"}) == "explicitDeny"
        assert policy.decide("s3:GetObject", resource, {"aws:SecureTransport": "true"}) == "allowed"


def test_the_budget_writes_at_half_and_when_all_is_forecast(passed_over):
    properties, account = passed_over["Budget"], {"AccountId": "123456789012"}
    with course_stack.moto() as session:
        budgets = session.client("budgets")
        budgets.create_budget(**account, **properties)  # botocore knows the members of a budget
        (made,) = budgets.describe_budgets(**account)["Budgets"]
        alarms = budgets.describe_notifications_for_budget(**account, BudgetName="course-monthly")["Notifications"]
    assert (made["BudgetName"], made["BudgetType"], made["TimeUnit"]) == ("course-monthly", "COST", "MONTHLY")
    assert (float(made["BudgetLimit"]["Amount"]), made["BudgetLimit"]["Unit"]) == (5, "USD")
    assert {(each["NotificationType"], each["Threshold"]) for each in alarms} == {("ACTUAL", 50), ("FORECASTED", 100)}
    written = [each["Subscribers"] for each in properties["NotificationsWithSubscribers"]]
    assert written == [[{"SubscriptionType": "EMAIL", "Address": "somebody@example.org"}]] * 2


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
