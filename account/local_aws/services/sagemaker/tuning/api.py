"""CreateHyperParameterTuningJob, DescribeHyperParameterTuningJob and their siblings: what a caller sees of tuning jobs.

``run.py`` is a job at work, ``strategies.py`` chooses the values that it tries.
Reference: the API reference of CreateHyperParameterTuningJob and of the operations beside it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from local_aws.containers.image import Image
from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.core.extras import lack_of
from local_aws.services.logs import Logs
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.sagemaker.jobs.job import ENDED, Jobs
from local_aws.services.sagemaker.kinds import TRAINING_JOB, TUNING_JOB
from local_aws.services.sagemaker.resources import Resources, now
from local_aws.services.sagemaker.training.api import TrainingJobs, metric_definitions
from local_aws.services.sagemaker.training.metrics import OBJECTIVE
from local_aws.wire.operation import operation
from local_aws.wire.refusals import not_implemented, refuse

from .run import TuningRun, training_job
from .strategies import DEFAULT_SEED, STRATEGIES, CategoricalRange, ParameterRange, read_ranges

# What CreateHyperParameterTuningJob takes and this account cannot do.
REFUSED = (
    "TrainingJobDefinitions",
    "WarmStartConfig",
    "Autotune",
    "HyperParameterTuningJobConfig.StrategyConfig",
    "HyperParameterTuningJobConfig.TuningJobCompletionCriteria",
    "HyperParameterTuningJobConfig.ParameterRanges.AutoParameters",
    "TrainingJobDefinition.TuningObjective",
    "TrainingJobDefinition.HyperParameterRanges",
    "TrainingJobDefinition.HyperParameterTuningResourceConfig.InstanceConfigs",
    "TrainingJobDefinition.HyperParameterTuningResourceConfig.AllocationStrategy",
)
MAX_JOBS, MAX_PARALLEL = 750, 100  # AWS's quotas of one tuning job


class TuningJobs(Jobs):
    """The tuning jobs of an account."""

    kind = TUNING_JOB

    def __init__(
        self,
        folder: Path,
        account: Account,
        resources: Resources,
        objects: ObjectStore,
        logs: Logs,
        training: TrainingJobs,
    ) -> None:
        super().__init__(folder / "tuning", account, resources, objects, logs)
        self.training = training

    @operation("CreateHyperParameterTuningJob", executes=True)
    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        """Begin a tuning job; AwsError, in AWS's words, if its training jobs could not be trained or tuned here."""
        name, config = params["HyperParameterTuningJobName"], params["HyperParameterTuningJobConfig"]
        definition = params.get("TrainingJobDefinition", {})
        refuse("CreateHyperParameterTuningJob", params, REFUSED)
        if config["Strategy"] not in STRATEGIES:
            raise not_implemented(f"The strategy {config['Strategy']}")
        if config["Strategy"] == "Bayesian" and (lack := lack_of("sklearn")):
            raise AwsError("ValidationException", f"The strategy Bayesian cannot run here: {lack}")
        if not definition:
            raise AwsError("ValidationException", "You must provide a TrainingJobDefinition.")
        if "HyperParameterTuningJobObjective" not in config:
            raise AwsError("ValidationException", "You must provide a HyperParameterTuningJobObjective.")
        ranges = read_ranges(config.get("ParameterRanges", {}))
        if not ranges:
            raise AwsError("ValidationException", "You must provide at least one hyperparameter range.")
        limits = _limits(config, ranges)
        self.resources.need_free(TUNING_JOB, name)
        objective = config["HyperParameterTuningJobObjective"]
        static = {**definition.get("StaticHyperParameters", {}), "_tuning_objective_metric": objective["MetricName"]}
        cluster = definition.get("ResourceConfig", definition.get("HyperParameterTuningResourceConfig", {}))
        # The SDK asks with the one and reads the other when it attaches.
        definition = {**definition, "StaticHyperParameters": static, "ResourceConfig": cluster}
        image, _ = self.training.check(training_job(definition, f"{name}-001-00000000", {}, []))
        self.training.check_quota(cluster, limits["MaxParallelTrainingJobs"])
        metrics = metric_definitions(image, definition["AlgorithmSpecification"])
        _check_objective(image, metrics, definition["AlgorithmSpecification"]["TrainingImage"], objective)
        _check_tunable(image, definition, ranges)
        spec = {**definition["AlgorithmSpecification"], "MetricDefinitions": metrics}
        created = now()
        body = {
            "HyperParameterTuningJobConfig": {
                "TrainingJobEarlyStoppingType": "Off",
                **config,
                "ResourceLimits": limits,
            },
            "TrainingJobDefinition": {**definition, "AlgorithmSpecification": spec},
            "HyperParameterTuningJobStatus": "InProgress",
            "CreationTime": created,
            "LastModifiedTime": created,
        }
        tags = params.get("Tags", [])
        arn = self.resources.add(TUNING_JOB, name, body, tags)
        strategy = STRATEGIES[config["Strategy"]](ranges, config.get("RandomSeed", DEFAULT_SEED))
        self.begin(TuningRun(self, name, strategy, definition, tags, self.training.launch))
        return {"HyperParameterTuningJobArn": arn}

    @operation("DescribeHyperParameterTuningJob")
    def describe_now(self, params: dict[str, Any]) -> dict[str, Any]:
        """Answer the SDK at once too: who asks after a tuning job wants to see how far it is."""
        return self.described(self.resources.get(TUNING_JOB, params["HyperParameterTuningJobName"]))

    @operation("StopHyperParameterTuningJob", executes=True)
    def stop(self, params: dict[str, Any]) -> None:
        """Ask a job to stop, and its training jobs with it; AwsError if it is not InProgress."""
        super().stop(params)

    @operation("DeleteHyperParameterTuningJob")
    async def delete(self, params: dict[str, Any]) -> None:
        """Delete a job that has ended; AwsError ResourceInUse for another one.  Its training jobs stay."""
        await super().delete(params)

    @operation("ListHyperParameterTuningJobs")
    def list_jobs(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of the jobs, by their names unless the request says otherwise."""

        def summary(body: dict[str, Any]) -> dict[str, Any]:
            body = self.described(body)
            config = body["HyperParameterTuningJobConfig"]
            members = (
                "HyperParameterTuningJobName", "HyperParameterTuningJobArn", "HyperParameterTuningJobStatus",
                "CreationTime", "HyperParameterTuningEndTime", "LastModifiedTime", "TrainingJobStatusCounters",
                "ObjectiveStatusCounters",
            )  # fmt: skip
            limits = {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}
            return {key: body.get(key) for key in members} | limits

        jobs, token = self.resources.page(TUNING_JOB, params, summary, order="Ascending", sort_by="Name")
        return {"HyperParameterTuningJobSummaries": jobs, "NextToken": token}

    @operation("ListTrainingJobsForHyperParameterTuningJob")
    def list_training_jobs(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of a tuning job's training jobs; by FinalObjectiveMetricValue, of those that have one."""
        body = self.resources.get(TUNING_JOB, params["HyperParameterTuningJobName"])
        summaries = self._training_jobs(body)
        if params.get("SortBy") == "FinalObjectiveMetricValue":
            summaries = [
                summary | {"FinalObjectiveMetricValue": summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]}
                for summary in summaries
                if "FinalHyperParameterTuningJobObjectiveMetric" in summary
            ]
        jobs, token = self.resources.page(
            TRAINING_JOB,
            {key: value for key, value in params.items() if key != "HyperParameterTuningJobName"},
            lambda summary: {key: value for key, value in summary.items() if key != "FinalObjectiveMetricValue"},
            order="Ascending",
            sort_by="Name",
            bodies=summaries,
            within=body["HyperParameterTuningJobName"],
        )
        return {"TrainingJobSummaries": jobs, "NextToken": token}

    def described(self, body: dict[str, Any]) -> dict[str, Any]:
        """A tuning job's body with what follows from its training jobs: counters, and the best one."""
        jobs = self._training_jobs(body)
        counters = dict.fromkeys(("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0)
        objectives = dict.fromkeys(("Succeeded", "Pending", "Failed"), 0)
        for job in jobs:
            status = job["TrainingJobStatus"]
            if status == "Failed":
                internal = job.get("FailureReason", "").startswith("InternalServerError")
                status = "RetryableError" if internal else "NonRetryableError"
            counters[status if status in counters else "InProgress"] += 1
            objectives[job["ObjectiveStatus"]] += 1
        sign = (
            -1 if body["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["Type"] == "Maximize" else 1
        )
        # A job that was stopped early may have no model: the best is one of those that completed.
        best = min(
            (job for job in jobs if job["TrainingJobStatus"] == "Completed" and job["ObjectiveStatus"] == "Succeeded"),
            key=lambda job: sign * job["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
            default=None,
        )
        return body | {
            "TrainingJobStatusCounters": counters,
            "ObjectiveStatusCounters": objectives,
            "BestTrainingJob": best,
        }

    def _training_jobs(self, tuning_job: dict[str, Any]) -> list[dict[str, Any]]:
        """The HyperParameterTrainingJobSummary of each training job of a tuning job, the oldest first."""
        config = tuning_job["HyperParameterTuningJobConfig"]
        tuned = [parameter.name for parameter in read_ranges(config["ParameterRanges"])]
        metric = config["HyperParameterTuningJobObjective"]["MetricName"]
        jobs = []
        for body, _ in self.resources.all(TRAINING_JOB, f"{tuning_job['HyperParameterTuningJobName']}-"):
            if body.get("TuningJobArn") != tuning_job["HyperParameterTuningJobArn"]:
                continue
            if body["CreationTime"] < tuning_job["CreationTime"]:  # of one that had the name before, and was deleted
                continue
            members = (
                "TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingStartTime", "TrainingEndTime",
                "TrainingJobStatus", "FailureReason",
            )  # fmt: skip
            job = {key: body[key] for key in members if key in body}
            job["TunedHyperParameters"] = {name: body["HyperParameters"][name] for name in tuned}
            value = objective_of(body)
            if body["TrainingJobStatus"] not in ENDED:
                job["ObjectiveStatus"] = "Pending"
            elif value is None or body["TrainingJobStatus"] == "Failed":
                job["ObjectiveStatus"] = "Failed"
            else:
                job["ObjectiveStatus"] = "Succeeded"
                job["FinalHyperParameterTuningJobObjectiveMetric"] = {"MetricName": metric, "Value": value}
            jobs.append(job)
        return jobs


def objective_of(training_job: dict[str, Any]) -> float | None:
    """The last value of a training job's ObjectiveMetric, by its description."""
    return next(
        (
            metric["Value"]
            for metric in training_job.get("FinalMetricDataList", [])
            if metric["MetricName"] == OBJECTIVE
        ),
        None,
    )


def _limits(config: dict[str, Any], ranges: list[ParameterRange]) -> dict[str, Any]:
    """The job's ResourceLimits, with the number of training jobs that a grid has."""
    limits = dict(config["ResourceLimits"])
    if config["Strategy"] == "Grid":
        if not all(isinstance(parameter, CategoricalRange) for parameter in ranges):
            raise AwsError("ValidationException", "The strategy Grid takes categorical hyperparameter ranges only.")
        combinations = math.prod(parameter.width for parameter in ranges)
        if limits.setdefault("MaxNumberOfTrainingJobs", combinations) != combinations:
            raise AwsError(
                "ValidationException",
                f"MaxNumberOfTrainingJobs ({limits['MaxNumberOfTrainingJobs']}) must equal the total number of "
                f"distinct categorical combinations ({combinations}) for the strategy Grid.",
            )
    if "MaxNumberOfTrainingJobs" not in limits:
        raise AwsError("ValidationException", "You must provide MaxNumberOfTrainingJobs in the ResourceLimits.")
    for member, quota in (("MaxNumberOfTrainingJobs", MAX_JOBS), ("MaxParallelTrainingJobs", MAX_PARALLEL)):
        if limits[member] > quota:
            raise AwsError(
                "ResourceLimitExceeded",
                f"The account-level service limit for {member} of a hyperparameter tuning job is {quota}, and "
                f"{limits[member]} were requested.",
            )
    return limits


def _check_objective(image: Image, metrics: list[dict[str, Any]], uri: str, objective: dict[str, Any]) -> None:
    name, direction = objective["MetricName"], objective["Type"]
    if image.script_mode:
        if name not in {metric["Name"] for metric in metrics}:
            raise AwsError(
                "ValidationException",
                "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric "
                "definitions.",
            )
        return
    if name not in image.objectives:
        raise AwsError(
            "ValidationException",
            f"The objective metric for the hyperparameter tuning job, [{name}], isn't valid for the [{uri}] algorithm. "
            "Choose a valid objective metric.",
        )
    if image.objectives[name] not in (None, direction):
        raise AwsError(
            "ValidationException",
            f"The objective metric type, [{direction}], that you specified for objective metric, [{name}], isn't valid "
            f"for the [{uri}] algorithm. Choose a valid objective metric type.",
        )


def _check_tunable(image: Image, definition: dict[str, Any], ranges: list[ParameterRange]) -> None:
    uri = definition["AlgorithmSpecification"]["TrainingImage"]
    unknown = [parameter.name for parameter in ranges if parameter.name not in image.tunable and not image.script_mode]
    if unknown:
        raise AwsError(
            "ValidationException",
            "The hyperparameter tuning job you requested has the following untunable hyperparameters: "
            f"[{', '.join(unknown)}]. For the algorithm, {uri}, you can tune only [{', '.join(image.tunable)}]. "
            "Delete untunable hyperparameters.",
        )
    for parameter in ranges:
        range_type = (
            "Categorical"
            if isinstance(parameter, CategoricalRange)
            else "Integer"
            if parameter.integer
            else "Continuous"
        )
        known = image.tunable.get(parameter.name, range_type)
        # Whole numbers are numbers: a range of them is taken for what takes any.
        if range_type != "Categorical" and known != range_type and (known, range_type) != ("Continuous", "Integer"):
            raise AwsError(
                "ValidationException",
                f"The hyperparameter [{parameter.name}] of the algorithm, {uri}, takes a range of the type "
                f"{known}, not {range_type}.",
            )
        if parameter.name in definition["StaticHyperParameters"]:
            raise AwsError(
                "ValidationException",
                f"The hyperparameter [{parameter.name}] has a range and is among the StaticHyperParameters.",
            )
