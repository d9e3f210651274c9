"""CloudWatch metrics: what jobs and endpoints report, and the statistics that are asked of it.

Reference: the CloudWatch API reference, version 2010-08-01.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from local_aws.core import clock
from local_aws.core.errors import AwsError
from local_aws.core.store import open_database
from local_aws.wire.operation import operation
from local_aws.wire.refusals import not_implemented

SCHEMA = """
create table if not exists points (
    namespace text not null, name text not null, dimensions text not null,
    timestamp real not null, value real not null, unit text not null);
create index if not exists points_by_metric on points (namespace, name, dimensions, timestamp);
create table if not exists sets (
    namespace text not null, name text not null, dimensions text not null, timestamp real not null,
    count real not null, sum real not null, minimum real not null, maximum real not null, unit text not null);
create index if not exists sets_by_metric on sets (namespace, name, dimensions, timestamp);
"""
# A metric's values: single ones, and sets of which only the statistics are known.
VALUES = """
select timestamp, 1 as count, value as sum, value as minimum, value as maximum, unit from points
where namespace = ? and name = ? and dimensions = ? and timestamp >= ? and timestamp < ?
union all select timestamp, count, sum, minimum, maximum, unit from sets
where namespace = ? and name = ? and dimensions = ? and timestamp >= ? and timestamp < ? order by 1
"""
POINT, SET = "insert into points values (?, ?, ?, ?, ?, ?)", "insert into sets values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
LISTED = """
select namespace, name, dimensions from points union select namespace, name, dimensions from sets order by 1, 2, 3
"""
# The names of a namespace's metrics: from one to the next by the index, past all their points.
NAMES = """
with recursive names (name) as (
    select min(name) from points where namespace = ?
    union all
    select (select min(name) from points where namespace = ? and name > names.name) from names where name is not null)
select name from names where name is not null
"""
log = logging.getLogger("local_aws")

MAX_POINTS = 1440  # of one GetMetricStatistics answer
MINUTE = 60  # seconds


@dataclass
class Values:
    """Some values of a metric, by what is asked of them."""

    count: float = 0.0
    sum: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf

    def add(self, other: Values) -> None:
        """Add the values of another set."""
        self.count += other.count
        self.sum += other.sum
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)

    def take(self, value: float) -> None:
        """Add one value: six times for every request to an endpoint."""
        self.count += 1.0
        self.sum += value
        if value < self.minimum:
            self.minimum = value
        if value > self.maximum:
            self.maximum = value


STATISTICS: dict[str, Callable[[Values], float]] = {
    "SampleCount": lambda values: values.count,
    "Sum": lambda values: values.sum,
    "Average": lambda values: values.sum / values.count,
    "Minimum": lambda values: values.minimum,
    "Maximum": lambda values: values.maximum,
}


def _place(dimensions: dict[str, str]) -> str:
    """A set of dimensions as the database has it."""
    return _written(tuple(dimensions.items()))


@lru_cache(1000)
def _written(dimensions: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(dict(dimensions), sort_keys=True)


class Metrics:
    """The metric service.  Times are seconds since the epoch."""

    def __init__(self, folder: Path) -> None:
        self.database = open_database(folder / "metrics.sqlite", SCHEMA)
        self._lock = threading.Lock()
        self._minute = 0.0
        self._observed: dict[tuple[str, str, str, str], Values] = {}  # of this minute; not yet written

    def write(
        self,
        namespace: str,
        dimensions: dict[str, str],
        points: Iterable[tuple[str, float, float]],
        unit: str = "None",
    ) -> None:
        """Record points (metric name, seconds since the epoch, value) under one set of dimensions."""
        place = _place(dimensions)
        rows = [(namespace, name, place, at, value, unit) for name, at, value in points]
        with self.database.write() as cursor:
            cursor.executemany(POINT, rows)

    def observe(self, namespace: str, dimensions: dict[str, str], values: dict[str, tuple[float, str]]) -> None:
        """Add a value (and its unit) to each of some metrics, by name, as they are this minute.

        A minute's values are written down as one set, when it is over, when somebody asks, or by ``flush``.
        """
        at, place = clock.now(), _place(dimensions)
        with self._lock:
            if at - at % MINUTE != self._minute:
                try:
                    self._write_observed()
                except Exception:  # what is observed goes on all the same
                    log.exception("the metrics of a minute are lost")
                    self._observed.clear()
                self._minute = at - at % MINUTE
            for name, (value, unit) in values.items():
                metric = (namespace, name, place, unit)
                seen = self._observed.get(metric)
                if seen is None:
                    seen = self._observed[metric] = Values()
                seen.take(value)

    def flush(self) -> None:
        """Write down what was observed."""
        with self._lock:
            self._write_observed()

    def _write_observed(self) -> None:
        rows = [
            (namespace, name, place, self._minute, seen.count, seen.sum, seen.minimum, seen.maximum, unit)
            for (namespace, name, place, unit), seen in self._observed.items()
        ]
        if rows:
            with self.database.write() as cursor:
                cursor.executemany(SET, rows)
            self._observed.clear()

    def series(self, namespace: str, dimensions: dict[str, str], most: int) -> list[dict[str, Any]]:
        """The metrics under one set of dimensions, by name: ``name``, ``unit``, ``count`` and ``points``.

        Points are (seconds since the epoch, value) in order: all of them, or about ``most`` at even steps and the last.
        """
        metrics = []
        for (name,) in self.database.read(NAMES, (namespace, namespace)):
            place = (namespace, name, _place(dimensions))
            where = "namespace = ? and name = ? and dimensions = ?"
            count = self.database.read(f"select count(*) from points where {where}", place)[0][0]
            if not count:
                continue
            rows = self.database.read(
                # Which points, by the index alone: a long job has reported a great many.
                "select timestamp, value, unit from points where rowid in (select rowid from (select rowid, "
                f"row_number() over (order by timestamp) as number from points where {where}) "
                "where (number - 1) % ? = 0 or number = ?) order by timestamp",
                (*place, -(-count // most), count),
            )
            points = [(row["timestamp"], row["value"]) for row in rows]
            metrics.append({"name": name, "unit": rows[-1]["unit"], "count": count, "points": points})
        return metrics

    @operation("PutMetricData")
    def put_metric_data(self, params: dict[str, Any]) -> None:
        """Record values, or sets of statistics, of metrics: all of a request or none.

        Raises InvalidParameterValue, InvalidParameterCombination, MissingParameter.
        """
        if params.get("EntityMetricData"):
            raise not_implemented("CloudWatch's EntityMetricData")
        points, sets = [], []
        for datum in params.get("MetricData", []):
            at = _seconds(datum.get("Timestamp", clock.now()))
            metric = (params["Namespace"], datum["MetricName"], _place(_dimensions(datum)), at)
            unit = datum.get("Unit", "None")
            for values in _values(datum):
                numbers = (values.count, values.sum, values.minimum, values.maximum)
                if not all(map(math.isfinite, numbers)):
                    raise AwsError(
                        "InvalidParameterValue", f"The values {values} of {datum['MetricName']} are invalid."
                    )
                if values.count == 1 and values.minimum == values.sum == values.maximum:
                    points.append((*metric, values.sum, unit))
                else:
                    sets.append((*metric, *numbers, unit))
        with self.database.write() as cursor:  # all of a request, or none
            cursor.executemany(POINT, points)
            cursor.executemany(SET, sets)

    @operation("ListMetrics")
    def list_metrics(self, params: dict[str, Any]) -> dict[str, Any]:
        """The metrics of a namespace, name and dimensions, 500 at a time."""
        self.flush()
        rows = self.database.read(LISTED)
        metrics = []
        for row in rows:
            dimensions = json.loads(row["dimensions"])
            wanted = all(
                dimension["Name"] in dimensions
                and dimension.get("Value", dimensions[dimension["Name"]]) == dimensions[dimension["Name"]]
                for dimension in params.get("Dimensions", [])
            )
            if (
                wanted
                and params.get("Namespace", row["namespace"]) == row["namespace"]
                and params.get("MetricName", row["name"]) == row["name"]
            ):
                members = [{"Name": name, "Value": value} for name, value in dimensions.items()]
                metrics.append({"Namespace": row["namespace"], "MetricName": row["name"], "Dimensions": members})
        token = params.get("NextToken") or "0"
        if not token.isdecimal():
            raise AwsError("InvalidParameterValue", "Invalid nextToken")
        start = int(token)
        following = str(start + 500) if len(metrics) > start + 500 else None
        return {"Metrics": metrics[start : start + 500], "NextToken": following}

    @operation("GetMetricStatistics")
    def get_metric_statistics(self, params: dict[str, Any]) -> dict[str, Any]:
        """Statistics of one metric over periods; at most ``MAX_POINTS`` of them.

        Raises InvalidParameterCombination, InvalidParameterValue.
        """
        if params.get("ExtendedStatistics"):
            raise not_implemented("CloudWatch's ExtendedStatistics (percentiles)")
        if not params.get("Statistics"):
            raise AwsError(
                "InvalidParameterCombination",
                "At least one of Statistics and ExtendedStatistics must be given.",
            )
        start, end = _span(params)
        count = math.ceil((end - start) / params["Period"])
        if count > MAX_POINTS:
            raise AwsError(
                "InvalidParameterCombination",
                f"You have requested up to {count:,} datapoints, which exceeds the limit of {MAX_POINTS:,}. "
                "You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
            )
        buckets = self._buckets(params, params, start, end)
        points = [
            {"Timestamp": at, "Unit": unit} | {name: float(STATISTICS[name](values)) for name in params["Statistics"]}
            for (at, unit), values in buckets.items()
        ]
        return {"Label": params["MetricName"], "Datapoints": points}

    @operation("GetMetricData")
    def get_metric_data(self, params: dict[str, Any]) -> dict[str, Any]:
        """One statistic of each of several metrics over periods; InvalidParameterValue, MissingParameter."""
        results = []
        for query in params["MetricDataQueries"]:
            stat = query.get("MetricStat")
            if not stat or stat["Stat"] not in STATISTICS:
                raise not_implemented("CloudWatch's operation GetMetricData for metric math and percentiles")
            metric = stat["Metric"]
            for member in ("Namespace", "MetricName"):
                if not metric.get(member):
                    raise AwsError("MissingParameter", f"The parameter Metric.{member} must be given.")
            items = sorted(
                self._buckets(metric, stat, *_span(params)).items(),
                reverse=params.get("ScanBy", "TimestampDescending") == "TimestampDescending",
            )
            results.append(
                {
                    "Id": query["Id"],
                    "Label": query.get("Label", metric["MetricName"]),
                    "Timestamps": [at for (at, _), _ in items],
                    "Values": [float(STATISTICS[stat["Stat"]](values)) for _, values in items],
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results, "Messages": []}

    def _buckets(
        self, metric: dict[str, Any], wanted: dict[str, Any], start: float, end: float
    ) -> dict[tuple[float, str], Values]:
        """A metric's values by period, known by its beginning, and by the unit they were given in."""
        self.flush()
        period, unit = wanted["Period"], wanted.get("Unit")
        place = _place(_dimensions(metric))
        arguments = (metric["Namespace"], metric["MetricName"], place, start - start % period, end)
        buckets: dict[tuple[float, str], Values] = {}
        for at, *statistics, recorded in self.database.read(VALUES, arguments + arguments):
            if unit in (None, recorded):
                buckets.setdefault((at - at % period, recorded), Values()).add(Values(*statistics))
        return buckets


def _values(datum: dict[str, Any]) -> list[Values]:
    """What one datum of PutMetricData has: a value, several with how often each was seen, or a set of statistics."""
    forms = [member for member in ("Value", "Values", "StatisticValues") if member in datum]
    if len(forms) > 1:
        raise AwsError(
            "InvalidParameterCombination", f"The parameters {forms[0]} and {forms[1]} are mutually exclusive."
        )
    if not forms or datum[forms[0]] == []:
        raise AwsError("MissingParameter", "One of the parameters Value, Values and StatisticValues must be given.")
    if forms == ["StatisticValues"]:
        members = datum["StatisticValues"]
        statistics = Values(members["SampleCount"], members["Sum"], members["Minimum"], members["Maximum"])
        if not (statistics.count > 0 and statistics.minimum <= statistics.maximum):
            raise AwsError("InvalidParameterValue", f"The StatisticValues {members} are those of no values.")
        return [statistics]
    values = datum["Values"] if "Values" in datum else [datum["Value"]]
    counts = datum.get("Counts") or [1.0] * len(values)
    if len(counts) != len(values) or not all(count > 0 for count in counts):
        raise AwsError("InvalidParameterValue", "The parameter Counts must have a number above 0 for each of Values.")
    return [Values(count, count * value, value, value) for value, count in zip(values, counts, strict=True)]


def _dimensions(source: dict[str, Any]) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in source.get("Dimensions", [])}


def _span(params: dict[str, Any]) -> tuple[float, float]:
    start, end = _seconds(params["StartTime"]), _seconds(params["EndTime"])
    if start >= end:
        raise AwsError("InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def _seconds(value: float) -> float:
    if not math.isfinite(value):
        raise AwsError("InvalidParameterValue", f"{value} is not a time.")
    return float(value)
