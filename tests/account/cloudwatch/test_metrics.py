"""CloudWatch metrics by boto3: what is put comes back in statistics that NumPy finds too."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import boto3
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.training import checked, name, refusal
from support.wire import send, signed

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUMPY = {"SampleCount": len, "Sum": np.sum, "Average": np.mean, "Minimum": np.min, "Maximum": np.max}
HOST = [{"Name": "Host", "Value": "algo-1"}]


@pytest.fixture(scope="module")
def cloudwatch(account):
    return boto3.client("cloudwatch")


def put(cloudwatch, namespace, metric, points, **more) -> None:
    data = [
        {"MetricName": metric, "Timestamp": START + timedelta(seconds=seconds), "Value": value} | more
        for seconds, value in points
    ]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)


def statistics(cloudwatch, namespace, metric, period=60, end=3600, **more) -> list[dict]:
    answer = checked(
        cloudwatch,
        "GetMetricStatistics",
        Namespace=namespace,
        MetricName=metric,
        StartTime=START,
        EndTime=START + timedelta(seconds=end),
        Period=period,
        **{"Statistics": list(NUMPY)} | more,
    )
    assert answer["Label"] == metric
    return sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 3599), st.floats(-1e9, 1e9)), min_size=1, max_size=30),
    st.sampled_from([60, 300, 3600]),
)
def test_statistics_by_period(cloudwatch, points, period):
    namespace = name("Property")
    put(cloudwatch, namespace, "m", points)
    found = statistics(cloudwatch, namespace, "m", period)
    times, values = np.array([at for at, _ in points]), np.array([value for _, value in points])
    begins = np.unique(times // period * period)
    assert [point["Timestamp"] for point in found] == [START + timedelta(seconds=int(at)) for at in begins]
    for point, begin in zip(found, begins, strict=True):
        inside = values[(times >= begin) & (times < begin + period)]
        for statistic, function in NUMPY.items():
            assert point[statistic] == pytest.approx(float(function(inside)), rel=1e-9, abs=1e-6)


def test_dimensions_make_another_metric(cloudwatch):
    namespace = name("Dimensions")
    put(cloudwatch, namespace, "m", [(0, 1.0)])
    put(cloudwatch, namespace, "m", [(0, 2.0)], Dimensions=HOST)
    two = [*HOST, {"Name": "Job", "Value": "a job"}]
    put(cloudwatch, namespace, "m", [(0, 3.0)], Dimensions=two)
    for dimensions, expected in (([], 1.0), (HOST, 2.0), (two[::-1], 3.0)):
        (point,) = statistics(cloudwatch, namespace, "m", Dimensions=dimensions)
        assert point["Maximum"] == expected and point["SampleCount"] == 1
    assert statistics(cloudwatch, namespace, "m", Dimensions=two[1:]) == []
    assert statistics(cloudwatch, namespace, "M") == []
    assert statistics(cloudwatch, namespace + "x", "m") == []


def test_only_what_was_asked_for_is_answered(cloudwatch):
    namespace = name("Asked")
    put(cloudwatch, namespace, "m", [(0, 1.0), (59, 2.0), (60, 4.0), (3600, 8.0)])
    first, second = statistics(cloudwatch, namespace, "m", Statistics=["Sum"])
    assert first == {"Timestamp": START, "Sum": 3.0, "Unit": "None"}  # the end is not of the time asked for
    assert second["Sum"] == 4.0


def test_units_are_kept_apart(cloudwatch):
    namespace = name("Units")
    put(cloudwatch, namespace, "m", [(0, 1.0), (1, 3.0)], Unit="Seconds")
    put(cloudwatch, namespace, "m", [(2, 500.0)], Unit="Milliseconds")
    found = {point["Unit"]: point["Average"] for point in statistics(cloudwatch, namespace, "m")}
    assert found == {"Seconds": 2.0, "Milliseconds": 500.0}
    (point,) = statistics(cloudwatch, namespace, "m", Unit="Milliseconds")
    assert (point["Unit"], point["Average"]) == ("Milliseconds", 500.0)
    assert statistics(cloudwatch, namespace, "m", Unit="Bytes") == []


def test_several_values_at_once(cloudwatch):
    namespace = name("Values")
    data = {"MetricName": "m", "Timestamp": START, "Values": [1.0, 2.0, 6.0]}
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[data])
    (point,) = statistics(cloudwatch, namespace, "m")
    assert (point["SampleCount"], point["Average"]) == (3.0, 3.0)


def test_sets_of_which_the_statistics_alone_are_known(cloudwatch):
    """A set, a value seen three times and a single value are one metric's, as if all had been put singly."""
    namespace = name("Sets")
    known = {"SampleCount": 2.0, "Sum": 5.0, "Minimum": 1.0, "Maximum": 4.0}
    data = [{"StatisticValues": known}, {"Values": [3.0, 2.0], "Counts": [3.0, 1.0]}, {"Value": 7.0}]
    cloudwatch.put_metric_data(
        Namespace=namespace, MetricData=[{"MetricName": "m", "Timestamp": START} | each for each in data]
    )
    (found,) = statistics(cloudwatch, namespace, "m")
    singly = [1.0, 4.0, 3.0, 3.0, 3.0, 2.0, 7.0]
    assert {statistic: found[statistic] for statistic in NUMPY} == {
        statistic: pytest.approx(float(function(singly))) for statistic, function in NUMPY.items()
    }


def test_metric_data(cloudwatch):
    namespace = name("Data")
    put(cloudwatch, namespace, "m", [(0, 1.0), (30, 3.0), (120, 5.0)], Dimensions=HOST)
    metric = {"Namespace": namespace, "MetricName": "m", "Dimensions": HOST}
    queries = [
        {"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}},
        {
            "Id": "b",
            "Label": "count",
            "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "SampleCount"},
        },
        {"Id": "c", "MetricStat": {"Metric": metric | {"MetricName": "none"}, "Period": 60, "Stat": "Sum"}},
    ]
    times = {"StartTime": START, "EndTime": START + timedelta(hours=1)}
    answer = checked(cloudwatch, "GetMetricData", MetricDataQueries=queries, **times)
    found = {each["Id"]: each for each in answer["MetricDataResults"]}
    assert found["a"]["Values"] == [5.0, 2.0]  # the newest first, unless asked
    assert found["a"]["Timestamps"] == [START + timedelta(minutes=2), START]
    assert (found["b"]["Label"], found["b"]["Values"]) == ("count", [3.0])
    assert found["c"]["Values"] == [] and found["c"]["StatusCode"] == "Complete"
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries[:1], ScanBy="TimestampAscending", **times
    )
    assert [value for page in pages for value in page["MetricDataResults"][0]["Values"]] == [2.0, 5.0]
    expression = [{"Id": "e", "Expression": "a * 2"}]
    message = refusal(cloudwatch.get_metric_data, MetricDataQueries=expression, **times)[1]
    assert "not implemented" in message
    nameless = [{"Id": "a", "MetricStat": {"Metric": {"MetricName": "m"}, "Period": 60, "Stat": "Sum"}}]
    code, message = refusal(cloudwatch.get_metric_data, MetricDataQueries=nameless, **times)
    assert code == "MissingParameter" and "Namespace" in message


def test_metrics_are_listed(cloudwatch):
    namespace = name("Listed")
    for number in range(3):
        put(cloudwatch, namespace, f"m{number}", [(0, 1.0), (1, 2.0)], Dimensions=HOST)
    put(cloudwatch, namespace, "m0", [(0, 1.0)])

    def listed(**filters):
        pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace, **filters)
        return [(metric["MetricName"], metric["Dimensions"]) for page in pages for metric in page["Metrics"]]

    assert sorted(listed(), key=str) == sorted([("m0", HOST), ("m0", []), ("m1", HOST), ("m2", HOST)], key=str)
    assert listed(MetricName="m1") == [("m1", HOST)]
    assert len(listed(Dimensions=[{"Name": "Host"}])) == len(listed(Dimensions=HOST)) == 3
    assert listed(Dimensions=[{"Name": "Host", "Value": "algo-2"}]) == []
    checked(cloudwatch, "ListMetrics", Namespace=namespace)


def test_the_list_comes_in_pages_of_500(cloudwatch):
    namespace = name("Many")
    for first in range(0, 510, 255):
        data = [{"MetricName": f"m{number}", "Value": 1.0} for number in range(first, first + 255)]
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace))
    assert [len(page["Metrics"]) for page in pages] == [500, 10]
    assert len({metric["MetricName"] for page in pages for metric in page["Metrics"]}) == 510
    assert refusal(cloudwatch.list_metrics, NextToken="garbage")[0] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("datum", "code"),
    [
        ({"Value": float("nan")}, "SerializationException"),
        ({"Values": [1.0, float("-inf")]}, "SerializationException"),
        ({}, "MissingParameter"),
        ({"Values": []}, "MissingParameter"),
        ({"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination"),
        (
            {"Value": 1.0, "StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}},
            "InvalidParameterCombination",
        ),
        ({"StatisticValues": {"SampleCount": 0, "Sum": 1, "Minimum": 1, "Maximum": 1}}, "InvalidParameterValue"),
        ({"StatisticValues": {"SampleCount": 2, "Sum": 1, "Minimum": 1, "Maximum": 0}}, "InvalidParameterValue"),
        ({"Values": [1.0], "Counts": [2.0, 1.0]}, "InvalidParameterValue"),
        ({"Values": [1.0], "Counts": [0.0]}, "InvalidParameterValue"),
    ],
)
def test_data_that_cannot_be(cloudwatch, datum, code):
    namespace = name("Bad")
    good = {"MetricName": "good", "Value": 1.0}
    data = [good, {"MetricName": "m", "Timestamp": START} | datum]
    assert refusal(cloudwatch.put_metric_data, Namespace=namespace, MetricData=data)[0] == code
    assert cloudwatch.list_metrics(Namespace=namespace)["Metrics"] == []  # none of the request was taken


@pytest.mark.parametrize("member", ["Value", "Values"])
def test_a_number_beyond_all_numbers(cloudwatch, member):
    """It is JSON, and Python reads it as infinity."""
    datum = {"MetricName": "m", "Value": 1.25} if member == "Value" else {"MetricName": "m", "Values": [1.25]}

    def enlarge(params, **_):
        params["body"] = params["body"].replace(b"1.25", b"1e999")

    cloudwatch.meta.events.register("before-call.cloudwatch.PutMetricData", enlarge)
    try:
        code, _ = refusal(cloudwatch.put_metric_data, Namespace=name("Large"), MetricData=[datum])
    finally:
        cloudwatch.meta.events.unregister("before-call.cloudwatch.PutMetricData", enlarge)
    assert code == "InvalidParameterValue"


def test_questions_that_cannot_be(cloudwatch):
    params = {
        "Namespace": "n",
        "MetricName": "m",
        "StartTime": START,
        "EndTime": START + timedelta(hours=1),
        "Period": 60,
    }
    ask = cloudwatch.get_metric_statistics
    assert refusal(ask, **params)[0] == "InvalidParameterCombination"
    assert "not implemented" in refusal(ask, **params, ExtendedStatistics=["p99"])[1]
    params["Statistics"] = ["Sum"]
    assert refusal(ask, **params | {"EndTime": START})[0] == "InvalidParameterValue"
    code, message = refusal(ask, **params | {"Period": 1})
    assert code == "InvalidParameterCombination" and "3,600 datapoints" in message and "1,440" in message
    assert ask(**params | {"EndTime": START + timedelta(seconds=1440), "Period": 1})["Datapoints"] == []


def test_a_request_that_boto3_compresses(cloudwatch):
    """From 10 KB on PutMetricData goes out as gzip: botocore's model of it says so."""
    sent: list[str | None] = []
    note = cloudwatch.meta.events.register
    note("before-send.cloudwatch.PutMetricData", lambda request, **_: sent.append(request.headers["Content-Encoding"]))
    namespace = name("compressed")
    put(cloudwatch, namespace, "many", [(second, second) for second in range(300)])
    assert sent == [b"gzip"]
    points = statistics(cloudwatch, namespace, "many", period=3600)
    assert [point["SampleCount"] for point in points] == [300]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no gzip",
        gzip.compress(b"{}", mtime=0)[:-9],
        gzip.compress(b" " * 30_000_000, mtime=0),
        gzip.compress(b"[]", mtime=0),
    ],
    ids=["empty", "no gzip", "cut short", "too large", "no object"],  # gzip's bytes hold the time
)
def test_a_body_that_is_no_gzip(account, body):
    headers = {"X-Amz-Target": "GraniteServiceVersion20100801.ListMetrics", "Content-Encoding": "gzip"}
    answer = send(account, "POST", "/", signed(account, "monitoring", headers=headers, body=body), body)
    assert (answer.status, answer.json["__type"]) == (400, "SerializationException")
