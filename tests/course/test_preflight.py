"""``python -m tools.preflight`` on accounts that lack something, and what errors of AWS's ask the reader to do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    LoginRefreshRequired,
    MetadataRetrievalError,
    NoCredentialsError,
    NoRegionError,
    RefreshWithMFAUnsupportedError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from local_aws import client
from support.account import Place
from support.training import IMAGE, channel, csv, definition, refusal, table
from tools.lessons.play import Failure, play
from tools.preflight.checks import look
from utils.course import CourseError, start
from utils.preflight.advice import SENTENCES, advice

# What AWS and the SDK say, as public issues quote it, and a word of what the reader is to do.
SAYINGS = [
    (NoCredentialsError(), "aws configure"),
    (NoRegionError(), "region us-east-1"),
    (("ExpiredToken", "The security token included in the request is expired", "GetCallerIdentity"), "sso login"),
    (("UnrecognizedClientException", "The security token included in the request is invalid", "X"), "does not know"),
    (ValueError("The current AWS identity is not a role: arn:aws:iam::1:user/a, therefore it cannot be"), "stack"),
    (("AccessDenied", "Access Denied", "CreateBucket"), "uses the bucket"),
    (
        (
            "AccessDeniedException",
            "User: a is not authorized to perform: sagemaker:CreateTrainingJob on resource: b",
            "CreateTrainingJob",
        ),
        "course-learner",
    ),
    (
        ("AccessDeniedException", "User: a is not authorized to perform: iam:PassRole on resource: b", "CreateModel"),
        "hand this role",
    ),
    (
        (
            "ResourceLimitExceeded",
            "The account-level service limit 'ml.m5.large for training job usage' is 0 Instances, with current "
            "utilization of 0 Instances and a request delta of 1 Instances.",
            "CreateTrainingJob",
        ),
        "--request",
    ),
    (("ThrottlingException", "Rate exceeded", "DescribeTrainingJob"), "wait a minute"),
    (UnauthorizedSSOTokenError(), "aws sso login"),
    (SSOTokenLoadError(error_msg="Token for mine does not exist"), "aws sso login"),
    (TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"), "aws sso login"),
    (("ForbiddenException", "No access", "GetRoleCredentials"), "sso_role_name"),
    (LoginRefreshRequired(), "aws login"),
    (RefreshWithMFAUnsupportedError(), "MFA device"),
    (
        ("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", "AssumeRole"),
        "MFA device",
    ),
    (
        ("AccessDenied", "User: a is not authorized to perform: sts:AssumeRole on resource: b", "AssumeRole"),
        "source_profile",
    ),
    (("ExpiredToken", "The security token included in the request is expired", "AssumeRole"), "sso login"),
    (CredentialRetrievalError(provider="custom-process", error_msg="no"), "credential_process"),
    (CredentialRetrievalError(provider="container-role", error_msg="no"), "restart the space"),
    (MetadataRetrievalError(error_msg="no"), "restart the space"),
]


@pytest.mark.parametrize(("said", "wanted"), SAYINGS, ids=lambda value: value if isinstance(value, str) else None)
def test_a_known_error_asks_for_one_thing(said, wanted):
    error = said
    if isinstance(said, tuple):
        code, message, operation = said
        error = ClientError({"Error": {"Code": code, "Message": message}}, operation)
    assert wanted in advice(error)


def test_an_unknown_error_gets_no_advice():
    assert advice(ClientError({"Error": {"Code": "ValidationException", "Message": "x"}}, "CreateModel")) is None


def preflight(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in environment.items() if name != "SAGEMAKER_SUPPRESS_V2_WARNING"}
    done = subprocess.run(
        [sys.executable, "-m", "tools.preflight", *arguments], env=environment, capture_output=True, text=True
    )
    assert done.stderr == "" and "INFO" not in done.stdout, done  # no notices, and no traceback
    return done


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory) -> dict[str, str]:
    """The environment of somebody who has no AWS account."""
    home = tmp_path_factory.mktemp("home")
    empty = {name: str(home / "none") for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    place = Place(home)
    kept = {name: value for name, value in place.environment.items() if name != "LOCAL_AWS_STATE"}
    return kept | empty | {"HOME": str(home), "COURSE_AWS": "aws", "AWS_EC2_METADATA_DISABLED": "true"}


def test_without_a_region_and_without_credentials_it_stops_there(nowhere):
    done = preflight(**nowhere)
    assert done.returncode == 1
    assert "MISSING region: none is set; run 'aws configure set region us-east-1'" in done.stdout
    done = preflight(**nowhere, AWS_DEFAULT_REGION="us-east-1")
    assert done.returncode == 1
    assert "MISSING credentials: Unable to locate credentials" in done.stdout and "quota" not in done.stdout


# What may stand below [profile mine], and words of what the reader is to do.
PROFILES = {
    "sso_start_url = https://a.awsapps.com/start\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = a": (
        "aws sso login --profile mine"
    ),
    "sso_session = a\nsso_account_id = 1\nsso_role_name = a\n[sso-session a]\n"
    "sso_start_url = https://a.awsapps.com/start\nsso_region = us-east-1": "aws sso login --profile mine",
    "sso_start_url = https://a.awsapps.com/start\nsso_account_id = 1": "sso_role_name",
    "login_session = arn:aws:iam::1:user/me": "aws login --profile mine",
    "credential_process = false": "credential_process names",
    "credential_process = echo no JSON": "credential_process names",
    "role_arn = arn:aws:iam::1:role/a\nsource_profile = nobody": "Mend this",
    "role_arn = arn:aws:iam::1:role/a\nweb_identity_token_file = /nonexistent/token": "Mend this",
    "aws_access_key_id = AKIAEXAMPLE": "Mend this",
}


@pytest.mark.parametrize(("profile", "wanted"), PROFILES.items(), ids=lambda text: text.partition(" =")[0])
def test_a_profile_that_gives_no_credentials(nowhere, tmp_path, monkeypatch, profile, wanted):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in (nowhere | {"AWS_PROFILE": "mine", "AWS_CONFIG_FILE": str(tmp_path / "config")}).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "config").write_text(f"[profile mine]\nregion = us-east-1\n{profile}\n")
    with pytest.raises(CourseError) as told:
        start("salary")
    assert str(told.value).startswith("COURSE_AWS=aws, and AWS cannot be used: ") and wanted in str(told.value)
    findings = {finding.what: finding for finding in look([])}
    assert not findings["credentials"].well and wanted in findings["credentials"].sentence


def test_a_profile_with_mfa_where_nobody_can_be_asked(nowhere, tmp_path):
    (tmp_path / "config").write_text(
        "[profile mine]\nregion = us-east-1\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = mine\n"
        "mfa_serial = arn:aws:iam::1:mfa/me\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = a\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tools.preflight"],
        env=nowhere | {"AWS_PROFILE": "mine", "AWS_CONFIG_FILE": str(tmp_path / "config")},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # without a terminal
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "export-credentials --format env --profile mine" in done.stdout


def test_a_profile_that_is_not_there(nowhere):
    done = preflight(**nowhere, AWS_PROFILE="mine")
    assert done.returncode == 1
    assert "MISSING configuration: The config profile (mine) could not be found. AWS_PROFILE names" in done.stdout


@pytest.fixture(scope="module")
def new_account(tmp_path_factory):
    """An account that was just opened, as AWS to the preflight."""
    place = Place(tmp_path_factory.mktemp("new account"))
    connection = place.start(LOCAL_AWS_NEW_ACCOUNT="1")
    led = {name: value for name, value in connection.environment().items() if value is not None}
    yield place, place.environment | led | {"COURSE_AWS": "aws"}
    place.close()


def test_a_new_account_lacks_quotas_and_is_given_them(new_account):
    _, environment = new_account
    done = preflight(**environment)
    assert done.returncode == 1
    lines = {line.split(": ")[0]: line for line in done.stdout.splitlines()}
    assert lines["ok      credentials"].endswith("assumed-role/AmazonSageMaker-ExecutionRole-Local/SageMaker")
    assert "0; the course needs 2: --request asks" in lines["MISSING quota ml.m5.large for training job usage"]
    assert lines["ok      quota ml.t2.medium for endpoint usage"].endswith(": 2")
    done = preflight("--request", **environment)
    assert done.stdout.count("asked for") == 3 and done.stdout.endswith("Ready.\n") and done.returncode == 0
    assert preflight(**environment).returncode == 0


def test_quotas_through_boto3(new_account):
    place, _ = new_account
    client = place.client("service-quotas")
    names = {each["QuotaName"] for each in client.list_service_quotas(ServiceCode="sagemaker")["Quotas"]}
    assert "ml.m5.large for endpoint usage" in names
    with pytest.raises(client.exceptions.NoSuchResourceException):
        client.get_service_quota(ServiceCode="sagemaker", QuotaCode="L-00000000")
    quota = {"ServiceCode": "sagemaker", "QuotaCode": "L-614B09FD"}
    assert client.get_service_quota(**quota)["Quota"]["Value"] == 0
    asked = client.request_service_quota_increase(**quota, DesiredValue=3.0)["RequestedQuota"]
    assert client.get_service_quota(**quota)["Quota"]["Value"] == 3
    (entry,) = client.list_requested_service_quota_change_history_by_quota(**quota)["RequestedQuotas"]
    assert entry["Id"] == asked["Id"] and entry["Status"] == "APPROVED"
    with pytest.raises(client.exceptions.IllegalArgumentException):
        client.request_service_quota_increase(**quota, DesiredValue=3.0)


def test_docs_name_every_failure_that_has_advice():
    table = (Path(__file__).parents[2] / "docs" / "aws.md").read_text().partition("## Errors, and what to do")[2]
    rows = [row for row in table.splitlines() if row.startswith("| `")]
    for each in SENTENCES:
        assert any(re.search(each["pattern"], row, re.IGNORECASE) for row in rows), each["pattern"]


def test_a_new_account_refuses_machines_in_awss_words(tmp_path):
    place = Place(tmp_path / "new")
    connection = place.start(LOCAL_AWS_NEW_ACCOUNT="1")
    try:
        sagemaker, s3 = place.client("sagemaker"), place.client("s3")
        s3.create_bucket(Bucket="data")
        s3.put_object(Bucket="data", Key="train/train.csv", Body=csv(*table(10)))
        job = definition(connection, "too-early", channel("s3://data/train/"), bucket="data")
        assert refusal(sagemaker.create_training_job, **job) == ("ResourceLimitExceeded", (
            "The account-level service limit 'ml.m5.large for training job usage' is 0 Instances, with current "
            "utilization of 0 Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request "
            "an increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an "
            "increase for this quota."
        ))  # fmt: skip
        machine = {"ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5}}
        sagemaker.create_training_job(**job | machine)  # no quota is known of this one
        role = connection.account.role_arn
        sagemaker.create_model(ModelName="m", PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=role)
        wanted = {"large": ("ml.m5.large", 1), "three": ("ml.t2.medium", 3), "two": ("ml.t2.medium", 2)}
        for name, (kind, count) in wanted.items():
            variant = {"VariantName": "v", "ModelName": "m", "InstanceType": kind, "InitialInstanceCount": count}
            sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        for name, said in (
            ("large", "'ml.m5.large for endpoint usage' is 0 Instances, with current utilization of 0 Instances and "
                      "a request delta of 1"),
            ("three", "'ml.t2.medium for endpoint usage' is 2 Instances, with current utilization of 0 Instances and "
                      "a request delta of 3"),
        ):  # fmt: skip
            code, message = refusal(sagemaker.create_endpoint, EndpointName=name, EndpointConfigName=name)
            assert code == "ResourceLimitExceeded" and said in message
        sagemaker.create_endpoint(EndpointName="two", EndpointConfigName="two")  # it fails: there is no artifact
    finally:
        place.close()


def test_a_cell_that_meets_a_known_error_says_what_to_do(tmp_path, monkeypatch):
    """The reader sees AWS's words and one sentence, and no traceback of sixty lines."""
    for variable, value in {"LOCAL_AWS_STATE": str(tmp_path / "new"), "LOCAL_AWS_NEW_ACCOUNT": "1"}.items():
        monkeypatch.setenv(variable, value)
    cells = [
        "from utils import start\ncourse = start('salary')",
        "from sagemaker.estimator import Estimator\n"
        f"job = Estimator('{IMAGE}', course.role, 1, 'ml.m5.large', sagemaker_session=course.session)\n"
        "uri = course.session.upload_string_as_file_body('1,2', course.bucket, 'x/a.csv')\n"
        "job.fit(uri, logs=False)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
    try:
        with pytest.raises(Failure) as failure:
            play(notebook, tmp_path, lambda text: None)
    finally:
        client.stop(tmp_path / "new")
    (error,) = [each for each in notebook.cells[1].outputs if each.output_type == "error"]
    assert error.ename == "ResourceLimitExceeded"
    assert len(error.traceback) == 2 and "'python -m tools.preflight --request' asks AWS for it" in error.traceback[1]
    assert "ml.m5.large for training job usage" in str(failure.value)
