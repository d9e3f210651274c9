"""A file of the account's state is damaged while its process is down: it is named, and all else goes on.

A copy of one account that was killed is damaged in each test.  What is asked of it then is answered as the sound
account answers it, or refused by the name of the file; it is never answered with something else.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from support.account import Place
from support.training import IMAGE, channel, csv, definition, ended, table, wait_until

BUCKET = "damage"
MANY = 150  # of each kind: more than a page of SQLite holds
FILES = ("s3/index.sqlite", "sagemaker.sqlite", "logs.sqlite", "metrics.sqlite", "quotas.sqlite", "keys.sqlite")
PAGE = 4096  # bytes of it
TRUST = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}'


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The folder of an account that was killed, with something in each of its files, and what it had answered."""
    place = Place(tmp_path_factory.mktemp("sound") / "state")
    connection = place.start()
    s3, sagemaker, iam = (place.client(name) for name in ("s3", "sagemaker", "iam"))
    logs, monitoring, quotas = (place.client(name) for name in ("logs", "cloudwatch", "service-quotas"))
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="rows.csv", Body=csv(*table()))
    logs.create_log_group(logGroupName="group")
    for number in range(MANY):
        s3.put_object(Bucket=BUCKET, Key=f"objects/{number}", Body=b"%d" % number, Metadata={"long": "x" * 200})
        sagemaker.create_model_package_group(
            ModelPackageGroupName=f"group-{number}", ModelPackageGroupDescription="x" * 500
        )
    logs.create_log_stream(logGroupName="group", logStreamName="stream")
    lines = [{"timestamp": 1_700_000_000_000 + n, "message": f"{n} {'x' * 200}"} for n in range(MANY)]
    logs.put_log_events(logGroupName="group", logStreamName="stream", logEvents=lines)
    data = [{"MetricName": f"metric-{n % 7}", "Value": float(n), "Unit": "Count"} for n in range(MANY)]
    for first in range(0, MANY, 20):
        monitoring.put_metric_data(Namespace="Own", MetricData=data[first : first + 20] * 5)
    reader = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    keys = place.client("sts").assume_role(RoleArn=reader, RoleSessionName="reader")["Credentials"]
    quota = next(each for page in quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
                 for each in page["Quotas"])  # fmt: skip
    code, wanted = quota["QuotaCode"], quota["Value"] + 1
    quotas.request_service_quota_increase(ServiceCode="sagemaker", QuotaCode=code, DesiredValue=wanted)
    rows = channel(f"s3://{BUCKET}/rows.csv")
    sagemaker.create_training_job(**definition(connection, "job", rows, bucket=BUCKET))
    container = {"Image": IMAGE, "ModelDataUrl": ended(sagemaker, "job")["ModelArtifacts"]["S3ModelArtifacts"]}
    role = connection.account.role_arn
    sagemaker.create_model(ModelName="model", PrimaryContainer=container, ExecutionRoleArn=role)
    variant = {"VariantName": "all", "ModelName": "model", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="config", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName="config")
    wait_until(
        lambda: sagemaker.describe_endpoint(EndpointName="endpoint")["EndpointStatus"],
        lambda status: status != "Creating",
        "endpoint",
    )
    # All that was written until now is in the files themselves, a little of the next process in their logs.
    place.command("stop")
    for file in FILES:
        with contextlib.closing(sqlite3.connect(place.folder / file)) as database:
            assert database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    place.start()
    place.client("s3").put_object(Bucket=BUCKET, Key="last", Body=b"last")
    place.client("sagemaker").create_model_package_group(ModelPackageGroupName="last")
    asked = {"ServiceCode": "sagemaker", "QuotaCode": code, "DesiredValue": wanted + 1}
    place.client("service-quotas").request_service_quota_increase(**asked)
    place.client("sts").assume_role(RoleArn=reader, RoleSessionName="last")
    last = [{"timestamp": 1_700_000_001_000, "message": "last"}]
    place.client("logs").put_log_events(logGroupName="group", logStreamName="stream", logEvents=last)
    place.client("cloudwatch").put_metric_data(Namespace="Own", MetricData=[{"MetricName": "last", "Value": 1.0}])
    answers = {name: ask(place) for name, ask in questions(keys, code).items()}
    place.kill()
    yield place.folder, keys, code, answers
    place.close()


def questions(keys: dict, code: str) -> dict[str, Callable[[Place], object]]:
    """What is asked, by the file that the answer comes from."""

    def objects(place: Place) -> object:
        s3 = place.client("s3")
        listed = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
        bodies = [s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in listed]
        return [(each["Key"], each["ETag"], body) for each, body in zip(listed, bodies, strict=True)]

    def resources(place: Place) -> object:
        sagemaker = place.client("sagemaker")
        pages = sagemaker.get_paginator("list_model_package_groups").paginate()
        names = [each["ModelPackageGroupName"] for page in pages for each in page["ModelPackageGroupSummaryList"]]
        made = [sagemaker.describe_model_package_group(ModelPackageGroupName=each)["CreationTime"] for each in names]
        return names, made, sagemaker.describe_training_job(TrainingJobName="job")["TrainingEndTime"]

    def events(place: Place) -> object:
        logs = place.client("logs")
        return [each["message"] for each in logs.filter_log_events(logGroupName="group")["events"]]

    def metrics(place: Place) -> object:
        found = place.client("cloudwatch").list_metrics(Namespace="Own")["Metrics"]
        return sorted(each["MetricName"] for each in found)

    def quotas(place: Place) -> object:
        asked = {"ServiceCode": "sagemaker", "QuotaCode": code}
        quotas = place.client("service-quotas")
        found = quotas.list_requested_service_quota_change_history_by_quota(**asked)["RequestedQuotas"]
        return quotas.get_service_quota(**asked)["Quota"]["Value"], len(found)

    def identity(place: Place) -> object:
        given = keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
        return place.client("sts", *given).get_caller_identity()["Arn"]

    return {
        "s3/index.sqlite": objects,
        "sagemaker.sqlite": resources,
        "logs.sqlite": events,
        "metrics.sqlite": metrics,
        "quotas.sqlite": quotas,
        "keys.sqlite": identity,
    }


@pytest.fixture
def place(sound, tmp_path):
    """A copy of the account, its process not yet begun."""
    shutil.copytree(sound[0], tmp_path / "state", ignore=shutil.ignore_patterns("lease*"))
    place = Place(tmp_path / "state")
    yield place
    place.close()


def overwrite(path: Path, first: int, last: int | None = None) -> None:
    """Put noise in the place of a file's bytes."""
    body = bytearray(path.read_bytes())
    last = len(body) if last is None else last
    body[first:last] = random.Random(0).randbytes(last - first)
    path.write_bytes(body)


def middle(path: Path) -> None:
    page = path.stat().st_size // PAGE // 2 * PAGE
    overwrite(path, page, page + PAGE)


DAMAGES = {
    "its header": lambda path: overwrite(path, 0, 100),
    "a page in the middle": middle,
    "all but its first page": lambda path: overwrite(path, PAGE),
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 // PAGE * PAGE + 100]),
    "empty": lambda path: path.write_bytes(b""),
    "no log": lambda path: overwrite(path.with_name(f"{path.name}-wal"), 0),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", FILES)
def test_it_is_named_and_the_others_answer(place, sound, file, damage):
    _, keys, code, answers = sound
    path, asked = place.folder / file, questions(keys, code)
    DAMAGES[damage](path)
    done = place.command("start")
    if done.returncode:
        assert done.returncode == 2 and f"{path}" in done.stderr and "Restore it" in done.stderr, done.stderr
        assert path.exists() and "Traceback" not in done.stderr
        return
    for other, ask in asked.items():
        if other != file:
            assert ask(place) == answers[other], other
    try:
        answer = asked[file](place)
    except ClientError as error:
        told = error.response["Error"]
        assert told["Code"] == "InternalFailure" and f"{path}: is damaged" in told["Message"], told
        assert "Restore it from a copy, or move it away" in told["Message"]
        assert f"{path}: is damaged" in (place.folder / "server.log").read_text()
        return
    # Nothing of what was read lay in the damaged place, or the log of SQLite holds it still.
    assert answer == answers[file]
    assert damage == "a page in the middle" or file in ("quotas.sqlite", "keys.sqlite")  # a page or two


def test_the_kept_deployment_of_an_endpoint(place, sound):
    (kept,) = place.folder.glob("endpoints/endpoint/*/deployment.json")
    kept.write_bytes(random.Random(0).randbytes(100))
    place.start()
    body = place.client("sagemaker").describe_endpoint(EndpointName="endpoint")
    assert body["EndpointStatus"] == "Failed"
    assert f"{kept} is damaged" in body["FailureReason"] and "make it anew" in body["FailureReason"]
    place.client("sagemaker").delete_endpoint(EndpointName="endpoint")
    assert not kept.exists()


def test_the_log_is_damaged_while_a_job_writes_it(place, sound):
    """A program whose log cannot be kept comes to its end all the same."""
    overwrite(place.folder / "logs.sqlite", PAGE)
    connection, sagemaker = place.start(), place.client("sagemaker")
    rows = channel(f"s3://{BUCKET}/rows.csv")
    sagemaker.create_training_job(**definition(connection, "without-log", rows, bucket=BUCKET))
    body = ended(sagemaker, "without-log")
    assert body["TrainingJobStatus"] == "Completed", body
    assert "lines of a program's log are lost" in (place.folder / "server.log").read_text()


def test_the_record_of_what_was_asked_under_a_policy(place, sound):
    policy = place.folder.with_name("policy.json")
    policy.write_text('{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}')
    record = place.folder / "authorizations.jsonl"
    record.write_bytes(random.Random(0).randbytes(1000))
    place.start(LOCAL_AWS_POLICY=str(policy))
    assert place.client("s3").list_buckets()["Buckets"]
    assert b"s3:ListAllMyBuckets" in record.read_bytes()
