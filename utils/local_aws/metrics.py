"""CloudWatch metrics: what jobs report, and the statistics that are asked of it.

Reference: the CloudWatch API reference, version 2010-08-01.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

from . import clock
from .errors import AwsError
from .protocols import not_implemented
from .store import open_database

SCHEMA = """
create table if not exists points (
    namespace text not null, name text not null, dimensions text not null,
    timestamp real not null, value real not null, unit text not null);
create index if not exists points_by_metric on points (namespace, name, dimensions, timestamp);
"""
# The names of a namespace's metrics: from one to the next by the index, past all their points.
NAMES = """
with recursive names (name) as (
    select min(name) from points where namespace = ?
    union all
    select (select min(name) from points where namespace = ? and name > names.name) from names where name is not null)
select name from names where name is not null
"""
STATISTICS = {
    "SampleCount": len,
    "Sum": sum,
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
}
MAX_POINTS = 1440  # of one GetMetricStatistics answer


class Metrics:
    """The metric service.  Times are seconds since the epoch."""

    def __init__(self, folder: Path) -> None:
        self.database = open_database(folder / "metrics.sqlite", SCHEMA)
        self.operations = {
            "GetMetricData": self.get_metric_data,
            "GetMetricStatistics": self.get_metric_statistics,
            "ListMetrics": self.list_metrics,
            "PutMetricData": self.put_metric_data,
        }

    def write(
        self,
        namespace: str,
        dimensions: dict[str, str],
        points: Iterable[tuple[str, float, float]],
        unit: str = "None",
    ) -> None:
        """Record points (metric name, seconds since the epoch, value) under one set of dimensions."""
        place = json.dumps(dimensions, sort_keys=True)
        rows = [(namespace, name, place, at, value, unit) for name, at, value in points]
        with self.database.write() as cursor:
            cursor.executemany("insert into points values (?, ?, ?, ?, ?, ?)", rows)

    def series(self, namespace: str, dimensions: dict[str, str], most: int) -> list[dict]:
        """The metrics under one set of dimensions, by name: ``name``, ``unit``, ``count`` and ``points``.

        Points are (seconds since the epoch, value) in order: all of them, or about ``most`` at even steps and the last.
        """
        found = []
        for (name,) in self.database.read(NAMES, (namespace, namespace)):
            place = (namespace, name, json.dumps(dimensions, sort_keys=True))
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
            found.append({"name": name, "unit": rows[-1]["unit"], "count": count, "points": points})
        return found

    def put_metric_data(self, params: dict) -> None:
        if params.get("EntityMetricData"):
            raise not_implemented("CloudWatch's EntityMetricData")
        data = []
        for datum in params.get("MetricData", []):
            if datum.get("StatisticValues") or datum.get("Counts"):
                raise not_implemented("CloudWatch's statistic sets (StatisticValues, Counts)")
            if "Value" in datum and "Values" in datum:
                raise AwsError(
                    "InvalidParameterCombination", "The parameters Value and Values are mutually exclusive."
                )
            at = _seconds(datum.get("Timestamp", clock.now()))
            values = datum["Values"] if "Values" in datum else [datum["Value"]] if "Value" in datum else []
            if not values:
                raise AwsError("MissingParameter", "One of the parameters Value and Values must be given.")
            for value in values:
                if not math.isfinite(value):
                    raise AwsError("InvalidParameterValue", f"The value {value} for parameter Value is invalid.")
            points = [(datum["MetricName"], at, value) for value in values]
            data.append((params["Namespace"], _dimensions(datum), points, datum.get("Unit", "None")))
        for each in data:  # all of a request, or none
            self.write(*each)

    def list_metrics(self, params: dict) -> dict:
        rows = self.database.read("select distinct namespace, name, dimensions from points order by 1, 2, 3")
        found = []
        for row in rows:
            dimensions = json.loads(row["dimensions"])
            wanted = all(
                each["Name"] in dimensions
                and each.get("Value", dimensions[each["Name"]]) == dimensions[each["Name"]]
                for each in params.get("Dimensions", [])
            )
            if (
                wanted
                and params.get("Namespace", row["namespace"]) == row["namespace"]
                and params.get("MetricName", row["name"]) == row["name"]
            ):
                listed = [{"Name": name, "Value": value} for name, value in dimensions.items()]
                found.append({"Namespace": row["namespace"], "MetricName": row["name"], "Dimensions": listed})
        token = params.get("NextToken") or "0"
        if not token.isdecimal():
            raise AwsError("InvalidParameterValue", "Invalid nextToken")
        start = int(token)
        following = str(start + 500) if len(found) > start + 500 else None
        return {"Metrics": found[start : start + 500], "NextToken": following}

    def get_metric_statistics(self, params: dict) -> dict:
        if params.get("ExtendedStatistics"):
            raise not_implemented("CloudWatch's ExtendedStatistics (percentiles)")
        if not params.get("Statistics"):
            raise AwsError(
                "InvalidParameterCombination",
                "At least one of Statistics and ExtendedStatistics must be given.",
            )
        start, end = _span(params)
        asked = math.ceil((end - start) / params["Period"])
        if asked > MAX_POINTS:
            raise AwsError(
                "InvalidParameterCombination",
                f"You have requested up to {asked:,} datapoints, which exceeds the limit of {MAX_POINTS:,}. "
                "You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
            )
        buckets = self._buckets(params, params, start, end)
        points = [
            {"Timestamp": at, "Unit": unit}
            | {name: float(STATISTICS[name](values)) for name in params["Statistics"]}
            for (at, unit), values in buckets.items()
        ]
        return {"Label": params["MetricName"], "Datapoints": points}

    def get_metric_data(self, params: dict) -> dict:
        results = []
        for query in params["MetricDataQueries"]:
            stat = query.get("MetricStat")
            if not stat or stat["Stat"] not in STATISTICS:
                raise not_implemented("CloudWatch's metric math and percentiles")
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
        self, metric: dict, wanted: dict, start: float, end: float
    ) -> dict[tuple[float, str], list[float]]:
        """A metric's values by period, known by its beginning, and by the unit they were given in."""
        period, unit = wanted["Period"], wanted.get("Unit")
        place = json.dumps(_dimensions(metric), sort_keys=True)
        rows = self.database.read(
            "select timestamp, value, unit from points where namespace = ? and name = ? and dimensions = ? "
            "and timestamp >= ? and timestamp < ? order by timestamp",
            (metric["Namespace"], metric["MetricName"], place, start - start % period, end),
        )
        buckets: dict[tuple[float, str], list[float]] = {}
        for row in rows:
            if unit in (None, row["unit"]):
                at = row["timestamp"] - row["timestamp"] % period
                buckets.setdefault((at, row["unit"]), []).append(row["value"])
        return buckets


def _dimensions(source: dict) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in source.get("Dimensions", [])}


def _span(params: dict) -> tuple[float, float]:
    start, end = _seconds(params["StartTime"]), _seconds(params["EndTime"])
    if start >= end:
        raise AwsError("InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def _seconds(value: float) -> float:
    if not math.isfinite(value):
        raise AwsError("InvalidParameterValue", f"{value} is not a time.")
    return float(value)
