"""CloudWatch metrics: what jobs report, and the statistics that are asked of it.

Reference: the CloudWatch API reference, version 2010-08-01.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from .errors import AwsError
from .protocols import not_implemented
from .store import open_database

SCHEMA = """
create table if not exists points (
    namespace text not null, name text not null, dimensions text not null,
    timestamp real not null, value real not null, unit text not null);
create index if not exists points_by_metric on points (namespace, name, dimensions, timestamp);
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

    def put_metric_data(self, params: dict) -> None:
        if params.get("EntityMetricData"):
            raise not_implemented("CloudWatch's EntityMetricData")
        for datum in params.get("MetricData", []):
            if datum.get("StatisticValues") or datum.get("Counts"):
                raise not_implemented("CloudWatch's statistic sets (StatisticValues, Counts)")
            if "Value" in datum and "Values" in datum:
                raise AwsError(
                    "InvalidParameterCombination", "The parameters Value and Values are mutually exclusive."
                )
            at = _seconds(datum.get("Timestamp", time.time()))
            values = datum.get("Values", [datum.get("Value", 0.0)])
            self.write(
                params["Namespace"],
                _dimensions(datum),
                [(datum["MetricName"], at, value) for value in values],
                datum.get("Unit", "None"),
            )

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
        start = int(params.get("NextToken") or 0)
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
        buckets, unit = self._buckets(
            params["Namespace"],
            params["MetricName"],
            _dimensions(params),
            *_span(params),
            params["Period"],
            params.get("Unit"),
        )
        if len(buckets) > MAX_POINTS:
            raise AwsError(
                "InvalidParameterCombination",
                f"You have requested up to {len(buckets)} datapoints, which exceeds the limit of {MAX_POINTS}.",
            )
        points = [
            {"Timestamp": at, "Unit": unit}
            | {name: float(STATISTICS[name](values)) for name in params["Statistics"]}
            for at, values in buckets.items()
        ]
        return {"Label": params["MetricName"], "Datapoints": points}

    def get_metric_data(self, params: dict) -> dict:
        results = []
        for query in params["MetricDataQueries"]:
            stat = query.get("MetricStat")
            if not stat or stat["Stat"] not in STATISTICS:
                raise not_implemented("CloudWatch's metric math and percentiles")
            metric = stat["Metric"]
            buckets, _ = self._buckets(
                metric["Namespace"],
                metric["MetricName"],
                _dimensions(metric),
                *_span(params),
                stat["Period"],
                stat.get("Unit"),
            )
            items = sorted(
                buckets.items(), reverse=params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
            )
            results.append(
                {
                    "Id": query["Id"],
                    "Label": query.get("Label", metric["MetricName"]),
                    "Timestamps": [at for at, _ in items],
                    "Values": [float(STATISTICS[stat["Stat"]](values)) for _, values in items],
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results, "Messages": []}

    def _buckets(
        self,
        namespace: str,
        name: str,
        dimensions: dict,
        start: float,
        end: float,
        period: int,
        unit: str | None,
    ) -> tuple[dict[float, list[float]], str]:
        """Values by period, each known by its beginning; and the unit they were given in."""
        rows = self.database.read(
            "select timestamp, value, unit from points where namespace = ? and name = ? and dimensions = ? "
            "and timestamp >= ? and timestamp < ? order by timestamp",
            (namespace, name, json.dumps(dimensions, sort_keys=True), start - start % period, end),
        )
        buckets: dict[float, list[float]] = {}
        for row in rows:
            if unit in (None, row["unit"]):
                at = row["timestamp"] - row["timestamp"] % period
                buckets.setdefault(at, []).append(row["value"])
        return buckets, rows[0]["unit"] if rows else "None"


def _dimensions(source: dict) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in source.get("Dimensions", [])}


def _span(params: dict) -> tuple[float, float]:
    start, end = _seconds(params["StartTime"]), _seconds(params["EndTime"])
    if start >= end:
        raise AwsError("InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def _seconds(value: float | str) -> float:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            raise AwsError("InvalidParameterValue", f"{value!r} is not a time.") from None
    return float(value)
