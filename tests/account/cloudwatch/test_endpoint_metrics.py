"""What CloudWatch is told of an endpoint: under AWS's names, dimensions and units, what boto3 has counted and timed."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from support.account import Place
from support.hosting import CSV, Hosts, X, Y, as_csv
from support.training import channel, csv, definition, ended


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An account of its own, which the tests may end and start again."""
    place = Place(tmp_path_factory.mktemp("metrics") / "state")
    place.start()
    yield place
    place.close()


@pytest.fixture(scope="module")
def endpoint(place) -> str:
    """An endpoint in service."""
    s3, sagemaker = place.client("s3"), place.client("sagemaker")
    s3.create_bucket(Bucket="metrics")
    s3.put_object(Bucket="metrics", Key="train.csv", Body=csv(X, Y))
    job = definition(place.running(), "job", channel("s3://metrics/train.csv"), bucket="metrics")
    sagemaker.create_training_job(**job)
    hosts = Hosts(place.running(), sagemaker)
    uri = ended(sagemaker, "job")["ModelArtifacts"]["S3ModelArtifacts"]
    endpoint = hosts.create(hosts.config(hosts.model(uri)))
    hosts.ready(endpoint)
    return endpoint


def test_metrics_of_an_endpoint(place, endpoint):
    cloudwatch, runtime = place.client("cloudwatch"), place.client("sagemaker-runtime")
    begun, took = datetime.now(UTC), 0.0
    for body in (as_csv(X[:1]), as_csv(X), b"garbage", as_csv(X[:2])):
        start = time.perf_counter()
        with contextlib.suppress(ClientError):
            runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType=CSV)
        took += time.perf_counter() - start
    of_it = {
        "Namespace": "AWS/SageMaker",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "variant-0"}],
    }

    def asked(metric: str, *names: str) -> list[float]:
        points = cloudwatch.get_metric_statistics(
            **of_it, MetricName=metric, StartTime=begun - timedelta(minutes=1), EndTime=begun + timedelta(minutes=9),
            Period=600, Statistics=names,
        )["Datapoints"]  # fmt: skip
        # A period that has begun before this test may be followed by another.
        return [sum(point[statistic] for point in points) for statistic in names]

    assert asked("Invocations", "Sum", "SampleCount") == [4, 4]
    assert asked("Invocation4XXErrors", "Sum", "SampleCount") == [1, 4]
    assert asked("Invocation5XXErrors", "Sum", "SampleCount") == [0, 4]
    assert asked("InvocationModelErrors", "Sum") == [1]
    latency, overhead = asked("ModelLatency", "Sum", "Minimum"), asked("OverheadLatency", "Sum")
    assert latency[1] > 0 and 0 < latency[0] + overhead[0] < took * 1e6
    listed = cloudwatch.list_metrics(**of_it)["Metrics"]
    assert {each["MetricName"] for each in listed} == {
        "Invocations", "Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors", "ModelLatency",
        "OverheadLatency",
    }  # fmt: skip


def test_metrics_outlive_the_process(place, endpoint):
    """Also those of a minute that nobody has asked for before."""
    before = _count(place, endpoint)
    place.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=as_csv(X[:1]), ContentType=CSV)
    assert place.command("stop").returncode == 0
    place.start()
    assert _count(place, endpoint) == before + 1


def _count(place: Place, endpoint: str) -> float:
    """How many invocations CloudWatch knows of."""
    now, names = datetime.now(UTC), {"EndpointName": endpoint, "VariantName": "variant-0"}
    points = place.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker", MetricName="Invocations", StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1), Period=3600, Statistics=["Sum"],
        Dimensions=[{"Name": name, "Value": value} for name, value in names.items()],
    )["Datapoints"]  # fmt: skip
    return sum(point["Sum"] for point in points)
