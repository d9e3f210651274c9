"""Endpoints that are changed while they serve: nobody who asks them notices, whatever becomes of the change."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import boto3
import pytest
import sagemaker as sdk
from botocore.exceptions import ClientError

from support.account import living, until
from support.programs import Account
from support.training import checked, refusal, wait_until


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Account(tmp_path_factory.mktemp("updates") / "state")
    place.begin()
    yield place
    place.close()


@pytest.fixture(scope="module")
def models(place) -> list[str]:
    """Models whose programs say their name, one that is never ready, and one that takes a second to be."""
    place.model("dead", {"behaviour": "dies"})
    place.model("slow", {"name": "slow", "behaviour": "rests"})
    return [place.model(name) for name in ("blue", "green")]


@pytest.fixture
def endpoint(place, models, request):
    """An endpoint of the model ``blue``, and of its configuration."""
    name = f"Endpoint-{time.time_ns()}"
    place.config(name, "blue")
    place.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert place.ready(name)["EndpointStatus"] == "InService"
    yield name
    place.ready(name)
    place.sagemaker.delete_endpoint(EndpointName=name)


def config(place: Account, *models: str, **members) -> str:
    return place.config(f"Config-{time.time_ns()}", *models, **members)


class Callers:
    """Threads that ask an endpoint all the while; what they were answered, in order, and what failed."""

    def __init__(self, place: Account, endpoint: str, body: str = "sleep 0.05") -> None:
        self.names: list[str] = []
        self.failures: list[str] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._ask, args=(place, endpoint, body)) for _ in range(4)]

    def _ask(self, place: Account, endpoint: str, body: str) -> None:
        while not self.over.is_set():
            try:
                self.names.append(place.ask(endpoint, body)["name"])
            except ClientError as error:
                self.failures.append(str(error))

    def __enter__(self) -> Callers:
        for thread in self.threads:
            thread.start()
        until(lambda: self.names)
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()


def test_an_update_under_load(place, endpoint):
    """Blue answers until green does, no request fails, and the old program ends."""
    pid = place.ask(endpoint)["pid"]
    with Callers(place, endpoint) as callers:
        new = config(place, "green")
        place.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
        body = place.ready(endpoint)
        until(lambda: callers.names[-1] == "green")
    assert not callers.failures and set(callers.names) == {"blue", "green"}
    assert body["EndpointStatus"] == "InService" and body["EndpointConfigName"] == new
    assert [each["VariantName"] for each in body["ProductionVariants"]] == ["green"]
    assert "PendingDeploymentSummary" not in body and "FailureReason" not in body
    until(lambda: not living([pid]))


def test_a_long_request_is_answered_by_what_it_was_given_to(place, endpoint):
    answers = []
    asking = threading.Thread(target=lambda: answers.append(place.ask(endpoint, "sleep 4")))
    asking.start()
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    wait_until(lambda: place.lines(group), lambda lines: "asked to sleep" in lines, "the request")
    place.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config(place, "green"))
    assert place.ready(endpoint)["EndpointStatus"] == "InService"
    asking.join()
    assert answers[0]["name"] == "blue" and place.ask(endpoint)["name"] == "green"


def test_while_it_is_updated(place, endpoint):
    new = config(place, "slow", InstanceType="ml.c5.large", InitialInstanceCount=2)
    place.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
    body = wait_until(
        lambda: checked(place.sagemaker, "DescribeEndpoint", EndpointName=endpoint),
        lambda body: "ProductionVariants" in body.get("PendingDeploymentSummary", {}),
        endpoint,
    )
    assert body["EndpointStatus"] == "Updating" and body["EndpointConfigName"] == endpoint
    pending = body["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == new
    (variant,) = pending["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == ("slow", 0, 2)
    assert place.ask(endpoint)["name"] == "blue"
    sentence = f'Cannot update in-progress endpoint "{body["EndpointArn"]}".'
    again = {"EndpointName": endpoint, "EndpointConfigName": new}
    weights = [{"VariantName": "blue", "DesiredWeight": 2.0}]
    for call, params in (
        (place.sagemaker.delete_endpoint, {"EndpointName": endpoint}),
        (place.sagemaker.update_endpoint, again),
        (
            place.sagemaker.update_endpoint_weights_and_capacities,
            {"EndpointName": endpoint, "DesiredWeightsAndCapacities": weights},
        ),
    ):
        assert refusal(call, **params) == ("ValidationException", sentence)
    assert place.ready(endpoint)["ProductionVariants"][0]["CurrentInstanceCount"] == 2


def test_an_update_that_fails_changes_nothing(place, endpoint):
    with Callers(place, endpoint) as callers:
        place.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config(place, "green", "dead"))
        body = place.ready(endpoint)
    assert not callers.failures and set(callers.names) == {"blue"}
    assert body["EndpointStatus"] == "InService" and body["EndpointConfigName"] == endpoint
    assert body["FailureReason"].startswith("The primary container for production variant dead did not pass the ping")
    place.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config(place, "green"))
    assert "FailureReason" not in place.ready(endpoint) and place.ask(endpoint)["name"] == "green"


def test_properties_are_retained_where_asked(place, endpoint):
    def shown() -> list[tuple]:
        body = place.ready(endpoint)
        return [(each["CurrentInstanceCount"], each["CurrentWeight"]) for each in body["ProductionVariants"]]

    both = config(place, "blue", "green")
    place.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=both)
    assert shown() == [(1, 1.0), (1, 1.0)]
    changes = [
        {"VariantName": "blue", "DesiredWeight": 0.0, "DesiredInstanceCount": 3},
        {"VariantName": "green", "DesiredWeight": 5.0},
    ]
    place.sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=changes)
    assert shown() == [(3, 0.0), (1, 5.0)]
    assert {place.ask(endpoint)["name"] for _ in range(12)} == {"green"}
    kept = {"RetainAllVariantProperties": True}
    place.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=both, **kept)
    assert shown() == [(3, 0.0), (1, 5.0)]
    but = [{"VariantPropertyType": "DesiredInstanceCount"}]
    place.sagemaker.update_endpoint(
        EndpointName=endpoint, EndpointConfigName=both, ExcludeRetainedVariantProperties=but, **kept
    )
    assert shown() == [(1, 0.0), (1, 5.0)]
    place.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=both)
    assert shown() == [(1, 1.0), (1, 1.0)]


def test_a_deployment_is_blue_green_all_at_once(place, endpoint):
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 1}
    how = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 0}}
    place.sagemaker.update_endpoint(
        EndpointName=endpoint, EndpointConfigName=config(place, "green"), DeploymentConfig=how
    )
    assert place.ready(endpoint)["LastDeploymentConfig"] == how


@pytest.mark.parametrize(
    ("how", "what"),
    [
        (
            {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": 0}}},
            f"The traffic routing {kind}",
        )
        for kind in ("CANARY", "LINEAR")
    ]
    + [
        (
            {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
                    "WaitIntervalInSeconds": 0,
                }
            },
            "DeploymentConfig's RollingUpdatePolicy",
        ),
        (
            {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}},
            "DeploymentConfig's AutoRollbackConfiguration",
        ),
    ],
)
def test_other_deployments_are_refused_by_name(place, endpoint, how, what):
    code, sentence = refusal(
        place.sagemaker.update_endpoint, EndpointName=endpoint, EndpointConfigName=endpoint, DeploymentConfig=how
    )
    assert code == "ValidationException" and sentence.startswith(f"{what} is not implemented")
    assert place.ready(endpoint)["EndpointStatus"] == "InService"


def test_what_cannot_be_updated(place, endpoint):
    update, weigh = place.sagemaker.update_endpoint, place.sagemaker.update_endpoint_weights_and_capacities
    assert "Could not find endpoint" in refusal(update, EndpointName="none", EndpointConfigName=endpoint)[1]
    assert "Could not find endpoint conf" in refusal(update, EndpointName=endpoint, EndpointConfigName="none")[1]
    but = [{"VariantPropertyType": "DesiredWeight"}]
    params = {"EndpointName": endpoint, "EndpointConfigName": endpoint, "ExcludeRetainedVariantProperties": but}
    assert "RetainAllVariantProperties" in refusal(update, **params)[1]
    for change in ({"VariantName": "none"}, {"VariantName": "blue", "DesiredInstanceCount": 0}):
        assert refusal(weigh, EndpointName=endpoint, DesiredWeightsAndCapacities=[change])[0] == "ValidationException"


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_account_dies_in_the_middle_of_an_update(tmp_path, when):
    place = Account(tmp_path / "state")
    place.begin()
    try:
        place.endpoint("blue")
        place.model("other", {"name": "other", "behaviour": "rests" if when == "before" else ""})
        place.config("other", "other")
        routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 600}
        how = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}
        place.sagemaker.update_endpoint(EndpointName="blue", EndpointConfigName="other", DeploymentConfig=how)
        if when == "after":
            until(lambda: place.ask("blue")["name"] == "other")
        place.kill()
        place.begin()
        body = place.ready("blue")
        assert body["EndpointStatus"] == "InService" and "PendingDeploymentSummary" not in body
        if when == "before":
            assert body["EndpointConfigName"] == "blue" and "Update it again" in body["FailureReason"]
        else:
            assert body["EndpointConfigName"] == "other" and "FailureReason" not in body
        assert place.ask("blue")["name"] == body["EndpointConfigName"]
        (_,) = Path(place.folder, "endpoints", "blue").iterdir()
    finally:
        place.close()


def test_by_the_sdk(place, endpoint):
    session = sdk.Session(
        boto3.Session("key", "secret", region_name="us-east-1"),
        sagemaker_client=place.sagemaker,
        sagemaker_runtime_client=place.runtime,
    )
    predictor = sdk.Predictor(endpoint, session)
    predictor.update_endpoint(model_name="green", initial_instance_count=2, instance_type="ml.m5.large", wait=False)
    (variant,) = place.ready(endpoint)["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 2 and b'"name": "green"' in predictor.predict(b"tell")
