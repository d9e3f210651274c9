"""Serverless endpoints: loaded when they are asked, let go when they are not, with AWS's limits.

The account lets a model go after three seconds here, see ``account_with_programs.py``.
"""

from __future__ import annotations

import threading

import boto3
import pytest
import sagemaker as sdk
from botocore.config import Config
from sagemaker.serverless import ServerlessInferenceConfig

from support.account import living, until
from support.programs import IMAGE, ROLE, Account
from support.training import checked, refusal, wait_until

INSTANCES = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


def serverless(memory: int = 2048, concurrency: int = 2, **members) -> dict:
    return {"ServerlessConfig": {"MemorySizeInMB": memory, "MaxConcurrency": concurrency, **members}}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Account(tmp_path_factory.mktemp("serverless") / "state")
    place.begin()
    # One that does not try again, so that a refusal is seen at once.
    connection = place.running()
    place.runtime = boto3.Session(
        connection.account.access_key_id,
        connection.account.secret_access_key,
        connection.account.session_token,
        connection.account.region,
    ).client("sagemaker-runtime", endpoint_url=connection.url, config=Config(retries={"total_max_attempts": 1}))
    yield place
    place.close()


@pytest.fixture(scope="module")
def endpoint(place) -> str:
    return create(place, "on-call", **serverless())


def create(place: Account, name: str, **members) -> str:
    place.config(name, place.model(name), **members)
    place.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert place.ready(name)["EndpointStatus"] == "InService"
    return name


def begun(place: Account, endpoint: str) -> int:
    """How often the endpoint's program has been started."""
    return sum(line.startswith("begun in") for line in place.lines(f"/aws/sagemaker/Endpoints/{endpoint}"))


def test_what_describe_says(place, endpoint):
    body = checked(place.sagemaker, "DescribeEndpoint", EndpointName=endpoint)
    (variant,) = body["ProductionVariants"]
    wanted = serverless()["ServerlessConfig"]
    assert variant["CurrentServerlessConfig"] == variant["DesiredServerlessConfig"] == wanted
    assert not [member for member in variant if "InstanceCount" in member]
    config = checked(place.sagemaker, "DescribeEndpointConfig", EndpointConfigName=endpoint)
    (variant,) = config["ProductionVariants"]
    assert variant["ServerlessConfig"] == wanted and "InstanceType" not in variant


def test_it_is_loaded_for_a_request_and_let_go(place):
    name = create(place, "cold", **serverless())
    until(lambda: begun(place, name) == 1)  # its health was checked
    answers = []
    asking = threading.Thread(target=lambda: answers.append(place.ask(name, "sleep 4")))
    asking.start()
    group = f"/aws/sagemaker/Endpoints/{name}"
    wait_until(lambda: place.lines(group), lambda lines: "asked to sleep" in lines, "the request")
    pid = place.ask(name)["pid"]
    asking.join()
    assert begun(place, name) == 2 and answers[0]["pid"] == pid
    until(lambda: not living([pid]))
    assert place.ask(name)["pid"] != pid


def test_with_provisioned_concurrency_it_is_never_cold(place):
    name = create(place, "warm", **serverless(ProvisionedConcurrency=1))
    place.ask(name)
    until(lambda: "asked to tell" in place.lines(f"/aws/sagemaker/Endpoints/{name}"))
    assert begun(place, name) == 1


def test_more_requests_at_once_than_it_takes_are_refused(place, endpoint):
    asking = [threading.Thread(target=place.ask, args=(endpoint, "sleep 6")) for _ in range(2)]
    for thread in asking:
        thread.start()
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    wait_until(lambda: place.lines(group).count("asked to sleep"), lambda count: count == 2, "two requests")
    assert refusal(place.runtime.invoke_endpoint, EndpointName=endpoint, Body=b"tell")[0] == "ThrottlingException"
    for thread in asking:
        thread.join()
    assert place.ask(endpoint)["name"] == endpoint
    change = [{"VariantName": endpoint, "ServerlessUpdateConfig": {"MaxConcurrency": 3}}]
    place.sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=change)
    (variant,) = place.ready(endpoint)["ProductionVariants"]
    assert variant["CurrentServerlessConfig"]["MaxConcurrency"] == 3


def test_a_body_of_more_than_four_megabytes(place, endpoint):
    largest = b"x" * 4 * 1024 * 1024
    assert place.runtime.invoke_endpoint(EndpointName=endpoint, Body=largest)
    code, sentence = refusal(place.runtime.invoke_endpoint, EndpointName=endpoint, Body=largest + b"x")
    assert code == "ValidationError" and sentence.endswith("has oversize body.")


def test_a_model_that_is_not_healthy(place):
    place.config("dead", place.model("dead", {"behaviour": "dies"}), **serverless())
    place.sagemaker.create_endpoint(EndpointName="dead", EndpointConfigName="dead")
    body = place.ready("dead")
    assert body["EndpointStatus"] == "Failed" and "did not pass the ping health check" in body["FailureReason"]


@pytest.mark.parametrize(
    ("members", "what"),
    [
        (serverless() | {"InstanceType": "ml.m5.large"}, "InstanceType"),
        (serverless() | {"InitialInstanceCount": 1}, "InitialInstanceCount"),
        (serverless(1025), "MemorySizeInMB"),
        (serverless(7168), "6144"),
        (serverless(concurrency=201), "200"),
        (serverless(ProvisionedConcurrency=3), "ProvisionedConcurrency"),
    ],
)
def test_configurations_that_are_refused(place, endpoint, members, what):
    variant = {"VariantName": "a", "ModelName": endpoint, **members}
    code, sentence = refusal(
        place.sagemaker.create_endpoint_config, EndpointConfigName="bad", ProductionVariants=[variant]
    )
    assert code == "ValidationException" and what in sentence


def test_one_variant_only(place, endpoint):
    variants = [{"VariantName": name, "ModelName": endpoint, **serverless()} for name in ("a", "b")]
    create = place.sagemaker.create_endpoint_config
    assert "one production variant" in refusal(create, EndpointConfigName="two", ProductionVariants=variants)[1]


def test_to_serverless_and_not_back(place):
    name = create(place, "moves", **INSTANCES)
    place.config("moves-on", name, **serverless())
    place.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="moves-on")
    assert "CurrentServerlessConfig" in place.ready(name)["ProductionVariants"][0]
    assert place.ask(name)["name"] == name
    update = place.sagemaker.update_endpoint
    assert refusal(update, EndpointName=name, EndpointConfigName=name)[0] == "ValidationException"


def test_by_the_sdk(place):
    session = sdk.Session(
        boto3.Session("key", "secret", region_name="us-east-1"),
        sagemaker_client=place.sagemaker,
        sagemaker_runtime_client=place.runtime,
    )
    place.model("artifact")
    model = sdk.Model(
        IMAGE, "s3://models/artifact/model.tar.gz", ROLE, sdk.Predictor, name="by-sdk", sagemaker_session=session
    )
    predictor = model.deploy(
        endpoint_name="by-sdk",
        serverless_inference_config=ServerlessInferenceConfig(memory_size_in_mb=1024, max_concurrency=4),
        wait=False,
    )
    (variant,) = place.ready("by-sdk")["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 4}
    assert b'"name": "artifact"' in predictor.predict(b"tell")
    predictor.delete_model()
    predictor.delete_endpoint()
