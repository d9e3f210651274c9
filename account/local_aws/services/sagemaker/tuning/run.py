"""A HyperParameterTuningJob at work: training jobs launched, watched, stopped early, until there are enough.

Reference: the developer guide, "How Hyperparameter Tuning Works" and "Stop Training Jobs Early".
"""

from __future__ import annotations

import math
import secrets
import statistics
import time
from collections.abc import Callable
from typing import Any

from local_aws.core.errors import AwsError
from local_aws.core.job_failure import JobFailure
from local_aws.services.sagemaker.jobs.job import JobRun, Jobs
from local_aws.services.sagemaker.kinds import TRAINING_JOB, TUNING_JOB
from local_aws.services.sagemaker.training.metrics import OBJECTIVE
from local_aws.services.sagemaker.training.run import TrainingRun

from .strategies import BayesianSearch, Proposal, Strategy

POLL = 0.05  # seconds
GIVE_UP_AFTER = 5  # training jobs of which none succeeded
COMPARED_WITH = 3  # training jobs that must have completed before one is stopped early


class TuningRun(JobRun):
    """One tuning job at work, and the training jobs that it has launched, each with its proposal."""

    def __init__(
        self,
        jobs: Jobs,
        name: str,
        strategy: Strategy,
        definition: dict[str, Any],
        tags: list[dict[str, Any]],
        launch: Callable[[dict[str, Any], str, str], TrainingRun],
    ) -> None:
        """``launch`` sets a training job to work: its request, the tuning job's ARN, and the metric to tune."""
        super().__init__(jobs, name)
        self.launch = launch
        self.strategy = strategy
        self.definition = definition
        self.tags = tags
        self.body = jobs.resources.get(TUNING_JOB, name)
        config = self.body["HyperParameterTuningJobConfig"]
        self.limits = config["ResourceLimits"]
        self.early = config["TrainingJobEarlyStoppingType"] == "Auto"
        self.objective = config["HyperParameterTuningJobObjective"]
        self.sign = -1.0 if self.objective["Type"] == "Maximize" else 1.0
        self.launched: list[tuple[Proposal, TrainingRun]] = []
        self._values: dict[str, float | None] = {}

    def live(self) -> None:
        """Launch training jobs until there are enough, or until none of them can succeed."""
        try:
            self._search()
        except JobFailure as failure:
            self._stop_all("Failed", f"ClientError: {failure}")

    def _search(self) -> None:
        max_jobs, parallel = self.limits["MaxNumberOfTrainingJobs"], self.limits["MaxParallelTrainingJobs"]
        deadline = time.monotonic() + self.limits.get("MaxRuntimeInSeconds", math.inf)
        # A Bayesian proposal is made from the same results however long each job takes: all but the last few.
        in_turn = isinstance(self.strategy, BayesianSearch)
        while not self.abandoned:
            if self.stop_wanted.is_set() or time.monotonic() > deadline:
                self._stop_all("Stopped", None)
                return
            number, working = len(self.launched), [run for _, run in self.launched if run.is_alive()]
            oldest = self.launched[max(number - parallel, 0) : max(number - parallel + 1, 0)]
            free = len(working) < parallel and not (in_turn and any(run.is_alive() for _, run in oldest))
            ended = [self._value(run) for _, run in self.launched if not run.is_alive()]
            hopeless = len(ended) >= min(GIVE_UP_AFTER, max_jobs) and all(value is None for value in ended)
            if hopeless and not working:
                tried = f"No training job succeeded after {number} attempts."
                if number == max_jobs:
                    tried = "All training jobs failed."
                reason = f"{tried} Please take a look at the training job failures to get more details."
                self.end("Failed", reason)
                return
            if number == max_jobs and not working:
                self.end("Completed")
                return
            if self.early:
                self._stop_early(working)
            if number < max_jobs and free and not hopeless:
                self._launch(number, max(number - parallel + 1, 0) if in_turn else number)
            else:
                time.sleep(POLL)

    def _launch(self, number: int, known: int) -> None:
        """Launch training job ``number``; of the earlier ones the first ``known`` have results to learn from.

        Raises JobFailure if it is refused.
        """
        results = []
        for proposal, run in self.launched[:known]:
            value = None if run.is_alive() else self._value(run)
            if value is not None:
                results.append((proposal, self.sign * value))
        pending = [proposal for proposal, _ in self.launched[known:]]
        proposal = self.strategy.propose(number, results, pending)
        name = f"{self.job}-{number + 1:03d}-{secrets.token_hex(4)}"
        params = training_job(self.definition, name, proposal, self.tags)
        try:
            run = self.launch(params, self.body["HyperParameterTuningJobArn"], self.objective["MetricName"])
        except AwsError as error:  # what could be trained when the job was created no longer can
            raise JobFailure(error.message) from None
        self.launched.append((proposal, run))

    def _value(self, run: TrainingRun) -> float | None:
        """What an ended training job reached; None if it failed or told no objective."""
        if run.job not in self._values:
            body = self.jobs.resources.find(TRAINING_JOB, run.job)  # none if it was deleted as soon as it had ended
            failed = body is None or body["TrainingJobStatus"] == "Failed"
            self._values[run.job] = None if failed else run.metrics.final.get(OBJECTIVE, (None,))[0]
        return self._values[run.job]

    def _stop_early(self, working: list[TrainingRun]) -> None:
        """Stop each job that is worse than the median of the others' running averages up to its epoch."""
        done = [
            run.metrics.objective
            for _, run in self.launched
            if not run.is_alive() and not run.stop_wanted.is_set() and self._value(run) is not None
        ]
        for run in working:
            epochs = len(run.metrics.objective)
            averages = [self.sign * statistics.fmean(values[:epochs]) for values in done if 0 < epochs <= len(values)]
            if len(averages) < COMPARED_WITH or run.stop_wanted.is_set():
                continue
            if self.sign * run.metrics.objective[epochs - 1] > statistics.median(averages):
                run.stop()

    def _stop_all(self, status: str, reason: str | None) -> None:
        for _, run in self.launched:
            if run.is_alive():
                run.stop()
        for _, run in self.launched:
            run.join()
        self.end(status, reason)


def training_job(
    definition: dict[str, Any], name: str, proposal: Proposal, tags: list[dict[str, Any]]
) -> dict[str, Any]:
    """The CreateTrainingJob of a tuning job's training job."""
    params = {
        key: value
        for key, value in definition.items()
        if key not in ("DefinitionName", "StaticHyperParameters", "HyperParameterTuningResourceConfig")
    }
    return params | {
        "TrainingJobName": name,
        "HyperParameters": {**definition["StaticHyperParameters"], **proposal},
        "Tags": tags,
    }
