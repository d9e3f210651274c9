"""The questions that both accounts are asked: which guess each is about, what they may cost, what is kept."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse

HERE = Path(__file__).parent
ROOT = Path(__file__).parents[2]
FIDELITY = ROOT / "account" / "docs" / "fidelity.md"
from parity.spending import Purse, TooMuch  # noqa: E402


def guesses() -> list[str]:
    """Every bullet under "What is a guess"."""
    section = FIDELITY.read_text().partition("\n## What is a guess\n")[2].partition("\n## ")[0]
    return [" ".join(part.split()) for part in re.split(r"(?m)^- ", re.sub(r"(?m)^\*\*.+\*\*$", "", section))[1:]]


def questions() -> set[str]:
    found = [ast.parse(path.read_text()) for path in HERE.glob("test_parity_*.py")]
    return {
        node.name.removeprefix("test_")
        for tree in found for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }  # fmt: skip


def test_every_guess_is_asked():
    marked = [re.search(r"\(asked: ([^()]+)\)$", guess) for guess in guesses()]
    assert [guess for guess, mark in zip(guesses(), marked, strict=True) if not mark] == []
    named = {name for mark in marked for name in mark[1].split(", ")}
    assert named == questions()


def test_what_is_said_of_the_price_is_what_was_recorded():
    dollars = float(json.loads((HERE / "recorded" / "embedded" / "bill.json").read_text())["bill"]["dollars at most"])
    guide = (ROOT / "docs" / "aws.md").read_text()
    assert f"{len(questions())} questions" in guide and f"${dollars:.2f} by the list price" in guide
    for path in (FIDELITY, ROOT / "Makefile", ROOT / ".github" / "workflows" / "real-aws.yml"):
        (said,) = re.findall(r"about [$]+(\d+\.\d\d)", path.read_text())
        assert float(said) == pytest.approx(dollars, abs=0.05), path.name


def parity(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(HERE), *arguments], env=environment, capture_output=True, text=True, timeout=120
    )


def test_nothing_is_asked_of_aws_unless_aws_is_chosen():
    done = parity("aws")
    assert done.returncode == 2 and "it is run with COURSE_AWS=aws only" in done.stderr


def test_aws_without_credentials(tmp_path):
    empty = {name: str(tmp_path / "none") for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    done = parity("aws", COURSE_AWS="aws", AWS_EC2_METADATA_DISABLED="true", AWS_DEFAULT_REGION="us-east-1", **empty)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "AWS cannot be used: Unable to locate credentials. Run 'aws configure'" in done.stderr


def test_questions_to_aws(account, tmp_path):
    """As AWS is asked, but that the environment leads to the embedded account: so nothing differs.

    But it gives nobody keys that may do less, as AWS does: that question is passed over.
    """
    led = {name: value for name, value in (os.environ | account.environment()).items() if value is not None}
    done = parity("aws", "--only", "account", "--into", str(tmp_path), **led | {"COURSE_AWS": "aws"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "They cost $" in done.stdout
        and "passed, 1 skipped" in done.stdout
        and done.stdout.endswith("nothing is running\n")
    )
    shutil.copytree(HERE / "recorded" / "embedded", tmp_path / "embedded")
    answered = json.loads((tmp_path / "aws" / "account.json").read_text())
    recorded = json.loads((tmp_path / "embedded" / "account.json").read_text())
    del recorded["what_a_restricted_caller_is_told"]
    assert answered == recorded
    assert "AWS has answered as the embedded account does." in parity("report", str(tmp_path)).stdout


def test_a_report(tmp_path):
    assert "Nothing that AWS has answered is recorded yet" in parity("report").stdout
    shutil.copytree(HERE / "recorded", tmp_path, dirs_exist_ok=True)
    shutil.copytree(tmp_path / "embedded", tmp_path / "aws")
    assert "AWS has answered as the embedded account does." in parity("report", str(tmp_path)).stdout
    file = tmp_path / "aws" / "training.json"
    answered = json.loads(file.read_text())
    answered["no_instance"]["sentence"] = "one is the least"
    file.write_text(json.dumps(answered))
    said = parity("report", str(tmp_path)).stdout
    assert "training: no_instance\n  sentence\n    here: " in said
    assert '    AWS:  "one is the least"\n\n1 differences' in said


def test_no_recording_names_an_account_or_a_run():
    for path in HERE.glob("recorded/*/*.json"):
        found = re.search(r"\d{12}|\d{4}-\d\d-\d\dT|us-east-1|[0-9a-f]{8}-[0-9a-f]{4}|/tmp|/home", path.read_text())
        assert not found, f"{path.name}: {found[0]}"


@pytest.fixture
def spender(account):
    """boto3's SageMaker under a purse of five cents, and what is in the purse."""
    session, purse = boto3.Session(), Purse([{"Key": "course-run", "Value": "parity"}], cap=0.05)
    purse.watch(session)
    return session.client("sagemaker"), purse


def a_job(account, **members: object) -> dict:
    return {
        "ProcessingJobName": "spends",
        "AppSpecification": {"ImageUri": "x"},
        "RoleArn": account.account.role_arn,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 300},
    } | members


def test_the_cap_holds(account, spender):
    """Five jobs of 300 s at $0.115 an hour are within five cents, the sixth is not, and is not sent."""
    client, purse = spender
    sent = []

    def accept(request, **_: object) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, HTTPResponse(io.BytesIO(b"{}"), preload_content=False))

    client.meta.events.register_first("before-send.sagemaker.CreateProcessingJob", accept)
    for _ in range(5):
        client.create_processing_job(**a_job(account))
    with pytest.raises(TooMuch, match=r"over [$]0.05"):
        client.create_processing_job(**a_job(account))
    assert purse.bill() == {"jobs": 5, "endpoints": 0, "dollars at most": "0.05"}
    assert len(sent) == 5


def test_what_is_refused_costs_nothing(account, spender):
    client, purse = spender
    for _ in range(6):
        with pytest.raises(client.exceptions.ClientError):  # the account knows no such image
            client.create_processing_job(**a_job(account))
    assert purse.bill() == {"jobs": 0, "endpoints": 0, "dollars at most": "0.00"}


def test_what_no_question_may_ask_for(account, spender):
    client, purse = spender
    large = {"ClusterConfig": {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5}}
    with pytest.raises(TooMuch, match=r"not ml.p4d.24xlarge"):
        client.create_processing_job(**a_job(account, ProcessingResources=large))
    for members in ({"StoppingCondition": {"MaxRuntimeInSeconds": 301}}, {"StoppingCondition": {}}):
        job = a_job(account) | members
        with pytest.raises(TooMuch, match="300 s at most"):
            client.create_processing_job(**job)
    assert purse.dollars == 0


def test_what_is_made_is_tagged(account, spender):
    client, _ = spender
    arn = client.create_model_package_group(ModelPackageGroupName="of-parity")["ModelPackageGroupArn"]
    try:
        assert {"Key": "course-run", "Value": "parity"} in client.list_tags(ResourceArn=arn)["Tags"]
    finally:
        client.delete_model_package_group(ModelPackageGroupName="of-parity")
