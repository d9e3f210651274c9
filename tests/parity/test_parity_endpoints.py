"""Endpoints, and what the models of algorithms and scripts answer there."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from parity.asking import NUMBER, ROWS, image, packed, rows, served_by, served_script, trained, training, xgboost


@pytest.fixture(scope="module")
def artifact(there) -> str:
    """The address of a regressor of two features."""
    return trained(there, training(there, "served", rows(there)))["ModelArtifacts"]["S3ModelArtifacts"]


@pytest.fixture(scope="module")
def endpoint(there, artifact) -> Iterator[str]:
    """The regressor in service."""
    with serving(there, "endpoint", served_by(there, artifact)) as name:
        yield name


@contextlib.contextmanager
def serving(there, beginning: str, *containers: dict, **members: object) -> Iterator[str]:
    """An endpoint, no longer Creating, its configuration and its model, which have one name; gone afterwards.

    ``members`` are those of its variant that are not as usual, None for those that are to be missing.
    """
    name = there.name(beginning)
    with configured(there, name, *containers, **members):
        there.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        try:
            settled(there, name)
            yield name
        finally:
            there.sagemaker.delete_endpoint(EndpointName=name)


@contextlib.contextmanager
def configured(there, name: str, *containers: dict, **members: object) -> Iterator[None]:
    """A model and a configuration of this name; gone afterwards."""
    there.sagemaker.create_model(ModelName=name, ExecutionRoleArn=there.role, Containers=list(containers))
    there.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(name, **members)])
    try:
        yield
    finally:
        there.sagemaker.delete_endpoint_config(EndpointConfigName=name)
        there.sagemaker.delete_model(ModelName=name)


def settled(there, name: str) -> dict:
    """What Describe says of an endpoint that has come to rest."""
    return there.ended(there.sagemaker.describe_endpoint, "EndpointStatus", EndpointName=name)


def variant(model: str, **members: object) -> dict:
    usual = {"VariantName": "all", "ModelName": model, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
    return {key: value for key, value in (usual | members).items() if value is not None}


def serverless(**members: int) -> dict:
    """The members of a serverless variant that are not as usual."""
    config = {"MemorySizeInMB": 2048, "MaxConcurrency": 1} | members
    return {"InstanceType": None, "InitialInstanceCount": None, "ServerlessConfig": config}


def asked(there, endpoint: str, body: bytes, content_type: str, accept: str | None = None, **more: str) -> dict:
    """What an endpoint answers, numbers as 0."""
    more |= {"Accept": accept} if accept else {}
    try:
        found = there.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType=content_type, **more)
    except there.runtime.exceptions.ClientError as error:
        answer = error.response
        said = {"code": answer["Error"]["Code"], "sentence": answer["Error"]["Message"].partition(" with message")[0]}
        keys = ("OriginalStatusCode", "OriginalMessage")  # of a ModelError
        return said | {key: answer[key] for key in keys if key in answer}
    text = found["Body"].read().decode(errors="replace")
    return {"type": found["ContentType"], "body": NUMBER.sub("0", text)}


def test_an_artifact_that_is_no_archive(there, answers):
    """What is said of the endpoint, and what an invocation and an update are answered while it is not in service."""
    with serving(there, "broken", served_by(there, there.put("broken/model.tar.gz", b"no archive"))) as name:
        found = settled(there, name)
        answers({
            "status": found["EndpointStatus"],
            "reason": found.get("FailureReason"),
            "invoked": asked(there, name, b"1,2", "text/csv"),
            "updated": there.said(there.sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=name),
        })  # fmt: skip


def test_deleted_and_asked_for_again(there, answers):
    with serving(there, "deleted", served_by(there, there.put("deleted/model.tar.gz", b"no archive"))) as name:
        pass
    answers(there.said(there.sagemaker.describe_endpoint, EndpointName=name))


def test_an_update_that_fails(there, artifact, answers):
    """What is said of the endpoint then, whether it still answers, and what is said after an update that succeeds."""
    broken, good = there.name("broken"), there.name("good")
    with (
        configured(there, broken, served_by(there, there.put("update/model.tar.gz", b"no archive"))),
        configured(there, good, served_by(there, artifact)),
        serving(there, "updated", served_by(there, artifact)) as name,
    ):

        def updated(configuration: str) -> dict:
            there.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=configuration)
            found = settled(there, name)
            members = ("EndpointStatus", "FailureReason", "EndpointConfigName")
            return {member: found.get(member) for member in members} | {
                "invoked": asked(there, name, b"1,2", "text/csv")
            }

        answers({"to a model that is none": updated(broken), "to a model": updated(good)})


# Says what it was given, in a format of its own, and fails if it is told to.
TELLS = """
import os, signal, sys
from sagemaker_containers.beta.framework import worker

def model_fn(folder):
    return "NAME"

def transform_fn(name, body, content_type, accept):
    text = body.decode() if isinstance(body, bytes) else body
    if text.startswith("raise " + name):
        raise ValueError("no")
    if text.startswith("status "):
        return worker.Response("refused", status=int(text.split()[1]))
    if text == "end":
        try:
            above = open("/proc/%d/cmdline" % os.getppid()).read()
        except OSError:
            above = ""
        os.kill(os.getppid() if "gunicorn" in above else os.getpid(), signal.SIGKILL)
    return text + "; %s has %s, for %s" % (name, content_type, accept), "application/of-" + name
"""


def test_an_inference_pipeline_seen_from_inside(there, answers):
    """What each container gets, how an error names it, and what their logs are called."""
    containers = [served_script(there, f"pipe-{name}", TELLS.replace("NAME", name)) for name in ("first", "last")]
    containers[1]["ContainerHostname"] = "the-last"
    with serving(there, "pipe", *containers) as name:
        told = {
            "answer": asked(there, name, b"told", "text/plain", "application/of-last"),
            "no accept": asked(there, name, b"told", "text/plain"),
        }
        for container in ("first", "last"):
            told[f"the {container} fails"] = asked(there, name, f"raise {container}".encode(), "text/plain")["sentence"]
        logs = there.soon(
            lambda: found if len(found := there.streams(f"/aws/sagemaker/Endpoints/{name}")) == 2 else None
        )
        answers(told | {"logs": sorted(each.split("/")[-1] for each in logs)})


# Passes on what it was given, and says which custom attributes came with it.
HEARS = """
def model_fn(folder):
    return None

def transform_fn(model, body, content_type, accept, context):
    attributes = context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")
    return body + "; NAME heard %s" % attributes, "text/csv"
"""


def test_custom_attributes_inside_a_pipeline(there, answers):
    containers = []
    for name in ("first", "last"):
        body = packed("code/inference.py", HEARS.replace("NAME", name))
        containers.append({
            "Image": image(there, "pytorch", "2.5", py_version="py311", image_scope="inference"),
            "ModelDataUrl": there.put(f"hears-{name}/model.tar.gz", body),
            "Environment": {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"},  # the machine has 4 GB for both
        })  # fmt: skip
    with serving(there, "hears", *containers) as name:
        answers(asked(there, name, b"told", "text/csv", "text/csv", CustomAttributes="of-mine"))


# Takes its time if it is told to.
RESTS = """
import time

def model_fn(folder):
    return None

def transform_fn(model, body, content_type, accept):
    text = body.decode() if isinstance(body, bytes) else body
    if text == "rest":
        time.sleep(6)
    return str(len(text)), "text/plain"
"""


def test_a_serverless_endpoint(there, answers):
    """How it is shown, two requests at once where one may be, a request that is too large, an update to instances."""
    container = served_script(there, "serverless", RESTS)
    instances = there.name("instances")
    with (
        serving(there, "serverless", container, **serverless()) as name,
        configured(there, instances, container),
        ThreadPoolExecutor(1) as beside,
    ):
        awake = there.soon(lambda: found if "body" in (found := asked(there, name, b"told", "text/plain")) else None)
        resting = beside.submit(asked, there, name, b"rest", "text/plain")
        time.sleep(2)
        answers({
            "shown": there.sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"],
            "asked": awake,
            "while it is asked": asked(there, name, b"told", "text/plain"),
            "asked for long": resting.result(),
            "too large": asked(there, name, b"x" * (4 * 1024 * 1024 + 1), "text/plain"),
            "to instances": there.said(
                there.sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=instances
            ),
        })  # fmt: skip


def test_a_serverless_model_that_cannot_be_loaded(there, answers):
    """Whether that is seen when the endpoint is made."""
    container = served_script(there, "unable", "raise ValueError('not today')\n")
    with serving(there, "unable", container, **serverless()) as name:
        found = settled(there, name)
        answers({"status": found["EndpointStatus"], "reason": found.get("FailureReason")})


def test_a_model_that_refuses_and_ends(there, answers):
    """By status what an answer is to the client; what a request gets whose process ends, and one soon after."""
    with serving(there, "ends", served_script(there, "ends", TELLS.replace("NAME", "alone"))) as name:
        statuses = {
            status: asked(there, name, f"status {status}".encode(), "text/plain")
            for status in ("201", "302", "404", "503")
        }
        ended, told = asked(there, name, b"end", "text/plain"), (b"told", "text/plain")
        answers(statuses | {
            "its process ends": ended,
            "the endpoint then": settled(there, name)["EndpointStatus"],
            "soon after": there.soon(lambda: found if "body" in (found := asked(there, name, *told)) else None),
        })  # fmt: skip


def test_requests_to_xgboost(there, answers):
    """Rows of fewer and more features than the model has, and formats of answers."""
    from sagemaker.amazon.common import read_recordio
    from sagemaker.amazon.record_pb2 import Record

    uri = xgboost(there, "widths", ROWS)["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": image(there, "xgboost", "3.0-5"), "ModelDataUrl": uri}
    with serving(there, "xgboost", container) as name:
        widths = {row: asked(there, name, row.encode(), "text/csv") for row in ("1,2", "1", "1,2,3", "1,2,3,4")}
        lines = asked(there, name, b"1,2\n3,4\n", "text/csv", "application/jsonlines")
        body = there.runtime.invoke_endpoint(
            EndpointName=name, Body=b"1,2\n3,4\n", ContentType="text/csv", Accept="application/x-recordio-protobuf"
        )["Body"].read()
        records = [Record.FromString(each) for each in read_recordio(io.BytesIO(body))]
        keys = [{key: len(value.float32_tensor.values) for key, value in each.label.items()} for each in records]
        answers(widths | {"jsonlines": lines, "RecordIO": json.dumps(keys)})


# The regressor's own endpoint, last: it is in service from the first of these questions to the file's end.


def test_formats_of_answers(there, endpoint, answers):
    """What is asked for in the words of HTTP: several types, with their qualities, in any case, with parameters."""
    for_each = (
        "text/csv", "application/jsonlines", "application/json", "APPLICATION/JSONLINES", "application/jsonlines;x=1",
        "image/png", "image/png, application/jsonlines;q=0.5", "application/json;q=0.1, application/jsonlines",
        "application/jsonlines;q=0", "text/*", "*/*",
    )  # fmt: skip
    answers({accept: asked(there, endpoint, b"1,2\n3,4\n", "text/csv", accept) for accept in for_each})


def test_requests_that_are_refused(there, endpoint, answers):
    answers({
        "unknown type": asked(there, endpoint, b"1,2", "image/png"),
        "one feature": asked(there, endpoint, b"1", "text/csv"),
        "text": asked(there, endpoint, b"a,b", "text/csv"),
        "infinite": asked(there, endpoint, b"inf,1", "text/csv"),
        "empty": asked(there, endpoint, b"", "text/csv"),
        "blank": asked(there, endpoint, b"\n", "text/csv"),
        "missing": asked(there, endpoint, b"1,", "text/csv"),
        "instances that differ": asked(
            there, endpoint, b'{"instances": [{"features": [1, 2]}, {"features": [1]}]}', "application/json"
        ),
        "endpoint that is not there": asked(there, "course-parity-nothing", b"1,2", "text/csv"),
    })  # fmt: skip


def test_updates_that_are_refused(there, endpoint, answers):
    sagemaker = there.sagemaker
    weights = [{"VariantName": "nothing", "DesiredWeight": 1.0}]
    none = [{"VariantName": "all", "DesiredInstanceCount": 0}]
    answers({
        "configuration that is not there": there.said(
            sagemaker.update_endpoint, EndpointName=endpoint, EndpointConfigName="course-parity-nothing"
        ),
        "excluded without retained": there.said(
            sagemaker.update_endpoint, EndpointName=endpoint, EndpointConfigName=endpoint,
            ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
        ),
        "unknown variant": there.said(
            sagemaker.update_endpoint_weights_and_capacities, EndpointName=endpoint, DesiredWeightsAndCapacities=weights
        ),
        "no instance": there.said(
            sagemaker.update_endpoint_weights_and_capacities, EndpointName=endpoint, DesiredWeightsAndCapacities=none
        ),
    })  # fmt: skip


def test_configurations_that_are_refused(there, endpoint, answers):
    def asked_for(**members: object) -> dict:
        name, given = there.name("config"), [variant(endpoint, **members)]
        said = there.said(there.sagemaker.create_endpoint_config, EndpointConfigName=name, ProductionVariants=given)
        if "accepted" in said:
            there.sagemaker.delete_endpoint_config(EndpointConfigName=name)
        return said

    answers({
        "neither instances nor serverless": asked_for(InstanceType=None, InitialInstanceCount=None),
        "both": asked_for(ServerlessConfig=serverless()["ServerlessConfig"]),
        "memory between the steps": asked_for(**serverless(MemorySizeInMB=2000)),
        "more provisioned than in all": asked_for(**serverless(ProvisionedConcurrency=2)),
        "model that is not there": asked_for(ModelName="course-parity-nothing"),
    })  # fmt: skip


def test_data_capture_that_is_switched_off(there, endpoint, answers):
    """What the endpoint shows of it."""
    captures = there.name("captures")
    off = {
        "EnableCapture": False, "InitialSamplingPercentage": 20, "CaptureOptions": [{"CaptureMode": "Input"}],
        "DestinationS3Uri": f"s3://{there.bucket}/course/parity/captured",
    }  # fmt: skip
    variants = [variant(endpoint)]
    there.sagemaker.create_endpoint_config(
        EndpointConfigName=captures, ProductionVariants=variants, DataCaptureConfig=off
    )
    try:
        there.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=captures)
        shown = settled(there, endpoint).get("DataCaptureConfig")
        there.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=endpoint)
        answers({"with it": shown, "without": settled(there, endpoint).get("DataCaptureConfig")})
    finally:
        there.sagemaker.delete_endpoint_config(EndpointConfigName=captures)
