"""MetricDefinitions of a training job: its metrics, read from the lines of its log as they come.

Reference: the API reference of MetricDefinition; the developer guide, "Define Training Metrics".
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import regex  # whose search, unlike re's, can be given up

from local_aws.services.cloudwatch import Metrics

MATCH_TIMEOUT = 1.0  # seconds for a metric's expression on one line
NAMESPACE = "/aws/sagemaker/TrainingJobs"
OBJECTIVE = "ObjectiveMetric"  # the name under which a tuning job's metric is kept once more

log = logging.getLogger("local_aws")


class TrainingMetrics:
    """What the log of one training job tells of its metrics.

    ``final`` is the last value of each with its time, ``objective`` the values so far of a tuning job's metric.
    """

    def __init__(self, metrics: Metrics, job: str, definitions: Sequence[dict[str, Any]]) -> None:
        self.final: dict[str, tuple[float, float]] = {}
        self.objective: list[float] = []
        self._metrics = metrics
        self._job = job
        self._patterns = [(metric["Name"], _finder(metric["Regex"])) for metric in definitions]

    def read(self, lines: Sequence[tuple[float, str]], host: str, counts: bool) -> None:
        """Keep the metrics in a host's ``lines``, each with its time.

        What the first host says is what the job has come to: its lines are those that have ``counts``.
        """
        points = []
        for at, line in lines:
            for name, find in self._patterns:
                match = find(line)
                try:
                    value = float(match.group(1)) if match else math.nan
                except (ValueError, TypeError):  # a group that took no part is None
                    continue
                if math.isfinite(value):  # CloudWatch takes nothing else; AWS passes over the rest in silence
                    points.append((name, at, value))
        if points:
            self._metrics.write(NAMESPACE, {"TrainingJobName": self._job}, points)
            self._metrics.write(NAMESPACE, {"TrainingJobName": self._job, "Host": host}, points)
            if counts:
                self.objective += [value for name, _, value in points if name == OBJECTIVE]
                self.final |= {name: (value, at) for name, at, value in points}

    def final_list(self) -> list[dict[str, Any]]:
        """The FinalMetricDataList."""
        return [{"MetricName": name, "Value": value, "Timestamp": at} for name, (value, at) in self.final.items()]


def _finder(expression: str) -> Callable[[str], regex.Match[str] | None]:
    """A function that finds a metric in a line; if anything may stand before it, only the line's beginning is searched.

    An expression that takes too long on a line, as ``(a+)+;`` may, is given up for the rest of the job.
    """
    pattern = regex.compile(expression)
    search = pattern.match if expression.startswith(".*") else pattern.search
    given_up = False

    def find(line: str) -> regex.Match[str] | None:
        nonlocal given_up
        try:
            return None if given_up else search(line, timeout=MATCH_TIMEOUT, concurrent=True)
        except TimeoutError:
            given_up = True
            log.warning("the metric's expression %r takes too long on a line, and is given up", expression)
            return None

    return find
