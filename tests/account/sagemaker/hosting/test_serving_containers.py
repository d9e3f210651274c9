"""Models that serve in containers of their own: their lives, what they are given, and what goes wrong.

The account knows one more image here, whose program (``served_program.py``) does what an invocation tells it.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local_aws.core.account import open_account
from support.account import living, until
from support.programs import Account
from support.training import wait_until

HEALTH = (
    "The primary container for production variant dies did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)


@pytest.fixture(scope="module")
def programs_account(tmp_path_factory):
    programs_account = Account(tmp_path_factory.mktemp("programs") / "state")
    programs_account.begin()
    yield programs_account
    programs_account.close()


@pytest.fixture(scope="module")
def served(programs_account) -> str:
    assert programs_account.endpoint("served", GREETING="hello")["EndpointStatus"] == "InService"
    return "served"


def refused(call, **params) -> dict:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response


def test_what_the_program_is_given(programs_account, served):
    said = programs_account.ask(served, ContentType="text/csv", Accept="application/x", CustomAttributes="a=1")
    assert said["name"] == "served"
    environment, headers = said["environment"], said["headers"]
    assert environment["GREETING"] == "hello"
    assert Path(environment["SAGEMAKER_BASE_DIR"], "model", "name").read_text() == "served"
    assert (headers["content-type"], headers["accept"]) == ("text/csv", "application/x")
    assert headers["x-amzn-sagemaker-custom-attributes"] == "a=1"
    own = open_account(programs_account.folder)
    assert not {own.access_key_id, own.secret_access_key, own.session_token} & set(environment.values())
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA") and "LOCAL_AWS_STATE" not in environment


def test_the_socket_is_private(programs_account, served):
    socket = Path(programs_account.ask(served)["environment"]["LOCAL_AWS_SOCKET"])
    assert socket.is_socket() and socket.parent.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(socket)) < 104


def test_what_the_program_answers(programs_account, served):
    answer = programs_account.runtime.invoke_endpoint(EndpointName=served, Body=b"echo \xff", CustomAttributes="given")
    assert answer["Body"].read() == b"echo \xff" and answer["ContentType"] == "application/json"
    assert answer["CustomAttributes"] == "seen" and answer["InvokedProductionVariant"] == "served"


@pytest.mark.parametrize(("status", "whose"), [(400, "client"), (415, "client"), (500, "server"), (503, "server")])
def test_a_refusal_is_a_model_error(programs_account, served, status, whose):
    response = refused(programs_account.runtime.invoke_endpoint, EndpointName=served, Body=f"refuse {status}")
    assert response["Error"]["Code"] == "ModelError" and response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == status and response["OriginalMessage"] == "the model will not do that"
    assert f"Received {whose} error ({status}) from primary with message" in response["Error"]["Message"]


def test_its_output_is_the_endpoints_log(programs_account, served):
    programs_account.ask(served, "tell all")
    lines = wait_until(
        lambda: programs_account.lines("/aws/sagemaker/Endpoints/served"), lambda lines: "asked to tell" in lines, "log"
    )
    assert lines[0] == "begun in / to serve"


def test_slow_answers_hold_nobody_up(programs_account, served):
    """While models sleep, the account answers, and they answer at once."""
    begun, ended = threading.Barrier(9), []

    def sleep():
        begun.wait()
        programs_account.ask(served, "sleep 1.5")
        ended.append(time.monotonic())

    threads = [threading.Thread(target=sleep) for _ in range(8)]
    for thread in threads:
        thread.start()
    begun.wait()
    programs_account.sagemaker.list_models()
    programs_account.ask(served)
    assert not ended
    for thread in threads:
        thread.join()
    assert len(ended) == 8


def test_a_program_that_dies_is_started_again(programs_account, served):
    pid = programs_account.ask(served)["pid"]
    response = refused(programs_account.runtime.invoke_endpoint, EndpointName=served, Body="die 3")
    assert response["Error"]["Code"] == "ModelError" and response["OriginalStatusCode"] == 0
    assert "An exception occurred while sending request to model" in response["OriginalMessage"]
    assert programs_account.ask(served)["pid"] != pid
    assert programs_account.ready(served)["EndpointStatus"] == "InService"
    said = "The container exited with code 3; it is started again."
    until(lambda: said in programs_account.lines("/aws/sagemaker/Endpoints/served"))


def test_a_program_that_is_never_ready_fails_the_endpoint(programs_account):
    began = time.monotonic()
    body = programs_account.endpoint("dies", {"behaviour": "dies"})
    assert body["EndpointStatus"] == "Failed" and body["FailureReason"] == HEALTH
    assert time.monotonic() - began < 60, "a program that has ended is not waited for"
    why = "The container exited with code 7 before it answered GET /ping with 200."
    until(lambda: programs_account.lines("/aws/sagemaker/Endpoints/dies")[-1:] == [why])
    assert programs_account.sagemaker.delete_endpoint(EndpointName="dies")


def test_it_ends_with_its_endpoint(programs_account):
    programs_account.endpoint("ended")
    said = programs_account.ask("ended")
    programs_account.sagemaker.delete_endpoint(EndpointName="ended")
    until(lambda: not living([said["pid"]]))
    until(lambda: not Path(said["environment"]["LOCAL_AWS_SOCKET"]).parent.exists())
    until(lambda: not Path(said["environment"]["SAGEMAKER_BASE_DIR"]).exists())


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_it_ends_with_the_account_and_comes_back_with_it(tmp_path, how):
    programs_account = Account(tmp_path / "a state")
    programs_account.begin()
    try:
        programs_account.endpoint("lasting")
        pid = programs_account.ask("lasting")["pid"]
        if how == "stop":
            programs_account.close()
        else:
            programs_account.kill()
        until(lambda: not living([pid]))
        programs_account.begin()
        assert programs_account.sagemaker.describe_endpoint(EndpointName="lasting")["EndpointStatus"] == "InService"
        said = programs_account.ask("lasting")
        assert said["name"] == "lasting" and said["pid"] != pid
        os.kill(said["pid"], signal.SIGKILL)
        # A request that reaches it as it dies may be lost, and is not sent twice.
        until(lambda: not living([said["pid"]]))
        assert programs_account.ask("lasting")["pid"] != said["pid"]
    finally:
        programs_account.close()


# Batch transform


def transform(
    programs_account: Account, name: str, lines: str, files: dict[str, str] | None = None, client: dict | None = None,
    **environment: str,
) -> dict:  # fmt: skip
    programs_account.model(name, files, **environment)
    programs_account.client("s3").put_object(Bucket="models", Key=f"{name}/in/rows", Body=lines)
    programs_account.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://models/{name}/in/"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": f"s3://models/{name}/out", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        Environment={"JOB": name},
        **({"ModelClientConfig": client} if client else {}),
    )
    return programs_account.sagemaker.describe_transform_job(TransformJobName=name)


def transformed(programs_account: Account, name: str) -> dict:
    return wait_until(
        lambda: programs_account.sagemaker.describe_transform_job(TransformJobName=name),
        lambda body: body["TransformJobStatus"] in ("Completed", "Failed", "Stopped"),
        name,
    )


def output(programs_account: Account, name: str) -> list[str]:
    body = programs_account.client("s3").get_object(Bucket="models", Key=f"{name}/out/rows.out")["Body"].read()
    return body.decode().splitlines()


def test_a_batch_is_served_as_the_container_asks(programs_account):
    said = '{"MaxConcurrentTransforms": 2, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 3, "Other": 1}'
    transform(programs_account, "single", "tell\ntell\necho", PARAMETERS=said)
    assert transformed(programs_account, "single")["TransformJobStatus"] == "Completed"
    first, second, third = output(programs_account, "single")
    environment, pid = json.loads(first)["environment"], json.loads(first)["pid"]
    assert json.loads(second)["pid"] == pid and third == "echo"
    assert environment["SAGEMAKER_BATCH"] == "true" and environment["JOB"] == "single"
    asked = "MaxConcurrentTransforms=2, MaxPayloadInMB=3, BatchStrategy=SINGLE_RECORD"
    until(lambda: any(asked in line for line in programs_account.lines("/aws/sagemaker/TransformJobs")))
    until(lambda: not living([pid]))


@pytest.mark.parametrize("said", ["no JSON", '["MaxPayloadInMB"]', '{"MaxPayloadInMB": "many"}'])
def test_parameters_that_say_nothing(programs_account, said):
    name = f"silent-{abs(hash(said))}"
    transform(programs_account, name, "echo 1\necho 2\n", PARAMETERS=said)
    assert transformed(programs_account, name)["TransformJobStatus"] == "Completed"
    assert output(programs_account, name) == ["echo 1", "echo 2"]


@pytest.mark.parametrize(
    ("lines", "files", "whose"),
    [("refuse 400", None, "ClientError"), ("die 3", None, "AlgorithmError"), ("", {"behaviour": "dies"}, "Algorithm")],
)
def test_a_batch_that_fails(programs_account, lines, files, whose):
    name = f"failing-{lines.replace(' ', '-') or 'dies'}"
    transform(programs_account, name, lines, files)
    body = transformed(programs_account, name)
    assert body["TransformJobStatus"] == "Failed" and body["FailureReason"].startswith(whose)


@pytest.mark.parametrize(
    ("line", "client", "requests"),
    [
        ("refuse 500", None, 4),  # AWS's default: three more attempts
        ("refuse 501", {"InvocationsMaxRetries": 1}, 2),
        ("refuse 502", {"InvocationsMaxRetries": 0}, 1),
        ("refuse 404", None, 1),
        ("hesitate 503", None, 2),
        ("die 3", {"InvocationsMaxRetries": 1}, 2),
    ],
)
def test_what_a_model_fails_at_is_asked_again(programs_account, line, client, requests):
    name = f"again-{line.replace(' ', '-')}"
    assert transform(programs_account, name, line, client=client).get("ModelClientConfig") == client
    assert transformed(programs_account, name)["TransformJobStatus"] == (
        "Completed" if "hesitate" in line else "Failed"
    )
    lines = programs_account.lines("/aws/sagemaker/TransformJobs", name)
    assert lines.count(f"asked to {line.split()[0]}") == requests


def test_a_model_that_takes_too_long(programs_account):
    transform(
        programs_account, "slow", "sleep 300", client={"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0}
    )
    body = transformed(programs_account, "slow")
    assert (body["TransformJobStatus"], body["FailureReason"]) == (
        "Failed", "AlgorithmError: See job logs for more information"
    )  # fmt: skip
    lines = programs_account.lines("/aws/sagemaker/TransformJobs", "slow")
    assert any(line.endswith("models/slow/in/rows: Unable to get response from algorithm") for line in lines)


def test_a_batch_that_is_stopped_in_the_middle_of_a_request_leaves_nothing_in_s3(programs_account):
    """Not even the answers to an object that was done: the API reference of StopTransformJob."""
    programs_account.client("s3").create_bucket(Bucket="models")
    programs_account.client("s3").put_object(Bucket="models", Key="stopped/in/before", Body=b"echo")
    transform(programs_account, "stopped", "sleep 300")
    group = "/aws/sagemaker/TransformJobs"
    wait_until(lambda: programs_account.lines(group, "stopped"), lambda lines: "asked to sleep" in lines, "a request")
    programs_account.sagemaker.stop_transform_job(TransformJobName="stopped")
    assert transformed(programs_account, "stopped")["TransformJobStatus"] == "Stopped"
    assert "Contents" not in programs_account.client("s3").list_objects_v2(Bucket="models", Prefix="stopped/out")
