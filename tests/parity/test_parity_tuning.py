"""Tuning jobs: what is refused, which training job is the best, how the time ends one."""

from __future__ import annotations

import pytest

from parity.asking import NUMBER, REGRESSOR, channel, image, rows, script


def tuning(there, uri: str, seconds: int = 300, **members: object) -> dict:
    """The members of a CreateHyperParameterTuningJob, each of whose jobs may take so many seconds."""
    config = {
        "Strategy": "Random",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "test:mse"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
        "ParameterRanges": {
            "ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.01", "MaxValue": "0.1"}]
        },
    }
    job = {
        "StaticHyperParameters": REGRESSOR,
        "AlgorithmSpecification": {"TrainingImage": image(there, "linear-learner"), "TrainingInputMode": "File"},
        "RoleArn": there.role,
        "InputDataConfig": [channel(uri), channel(uri, "test")],
        "OutputDataConfig": {"S3OutputPath": f"s3://{there.bucket}/course/parity/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
    }
    name = there.name("t")
    there.names[name] = "<tuning>"
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": config | members,
        "TrainingJobDefinition": job,
    }


def test_tuning_jobs_that_are_refused(there, answers):
    uri = rows(there)

    def asked(**members: object) -> dict:
        return there.said(there.sagemaker.create_hyper_parameter_tuning_job, **tuning(there, uri, **members))

    def ranged(kind: str, **range_: object) -> dict:
        return asked(ParameterRanges={f"{kind}ParameterRanges": [range_]})

    def limited(jobs: int, at_once: int) -> dict:
        return asked(seconds=1, ResourceLimits={"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": at_once})

    answers({
        "more jobs than 750": limited(751, 1),
        "more at once than 100": limited(101, 101),
        "a loss to be maximized": asked(
            HyperParameterTuningJobObjective={"Type": "Maximize", "MetricName": "test:mse"}
        ),
        "objective that is none": asked(
            HyperParameterTuningJobObjective={"Type": "Minimize", "MetricName": "test:nothing"}
        ),
        "range of what is not tunable": ranged("Integer", Name="epochs", MinValue="1", MaxValue="5"),
        "range that ends before it begins": ranged("Continuous", Name="learning_rate", MinValue="1", MaxValue="0.1"),
        "range of text": ranged("Continuous", Name="learning_rate", MinValue="low", MaxValue="high"),
        "same as a fixed one": ranged("Integer", Name="mini_batch_size", MinValue="4", MaxValue="8"),
        "more at once than in all": asked(
            ResourceLimits={"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 2}
        ),
    })  # fmt: skip


def tuned(there, job: dict) -> dict:
    """How a tuning job ends, and its training jobs; or its refusal."""
    said = there.said(there.sagemaker.create_hyper_parameter_tuning_job, **job)
    if "accepted" not in said:
        return said
    name = {"HyperParameterTuningJobName": job["HyperParameterTuningJobName"]}
    found = there.ended(there.sagemaker.describe_hyper_parameter_tuning_job, "HyperParameterTuningJobStatus", **name)
    jobs = there.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(**name)["TrainingJobSummaries"]
    return {
        "status": found["HyperParameterTuningJobStatus"],
        "jobs": [[each["TrainingJobStatus"], NUMBER.sub("0", each.get("FailureReason", ""))] for each in jobs],
    }


def test_objectives_and_ranges_that_are_unusual(there, answers):
    """Metrics of the image that say how training goes; a range of values that the algorithm cannot take."""
    uri, seen = rows(there), {}
    for name in ("train:objective_loss", "train:throughput"):
        objective = {"Type": "Minimize", "MetricName": name}
        seen[name] = tuned(there, tuning(there, uri, HyperParameterTuningJobObjective=objective))
    beyond = {"Name": "mini_batch_size", "MinValue": "4000", "MaxValue": "5000"}
    job = tuning(there, uri, ParameterRanges={"IntegerParameterRanges": [beyond]})
    fixed = {key: value for key, value in REGRESSOR.items() if key != "mini_batch_size"}
    job["TrainingJobDefinition"]["StaticHyperParameters"] = fixed
    answers(seen | {"batches beyond the table": tuned(there, job)})


def test_the_tunable_hyperparameters(there, answers):
    """Of Linear Learner, by a job of a second for each; whole numbers for what takes any, and the reverse."""
    uri, seen = rows(there), {}

    def asked(name: str, kind: str, **range_: object) -> dict:
        ranges = {f"{kind}ParameterRanges": [{"Name": name} | range_]}
        job = tuning(there, uri, seconds=1, ParameterRanges=ranges)
        fixed = {key: value for key, value in REGRESSOR.items() if key != name}
        job["TrainingJobDefinition"]["StaticHyperParameters"] = fixed
        said = there.said(there.sagemaker.create_hyper_parameter_tuning_job, **job)
        if "accepted" in said:
            there.sagemaker.stop_hyper_parameter_tuning_job(
                HyperParameterTuningJobName=job["HyperParameterTuningJobName"]
            )
        return said

    given = {"learning_rate": "0.1", "l1": "0.1", "wd": "0.1"}
    given |= {"positive_example_weight_mult": "1", "beta_1": "0.9", "momentum": "0.5", "bias_wd_mult": "0.1"}
    for name, value in given.items():
        seen[name] = asked(name, "Continuous", MinValue=value, MaxValue=f"{value}1")
    seen["mini_batch_size"] = asked("mini_batch_size", "Integer", MinValue="4", MaxValue="8")
    seen["use_bias"] = asked("use_bias", "Categorical", Values=["true"])
    seen["whole numbers"] = asked("wd", "Integer", MinValue="0", MaxValue="1")
    seen["numbers for whole ones"] = asked("mini_batch_size", "Continuous", MinValue="4", MaxValue="8")
    answers(seen)


def test_a_tuning_job_that_is_not_there(there, answers):
    name = {"HyperParameterTuningJobName": "course-parity-nothing"}
    answers({
        "described": there.said(there.sagemaker.describe_hyper_parameter_tuning_job, **name),
        "stopped": there.said(there.sagemaker.stop_hyper_parameter_tuning_job, **name),
    })  # fmt: skip


# Says how good it is three times, and fails then if it is 10; of 1 it says it for minutes.
SCORES = """
import argparse, sys, time

parser = argparse.ArgumentParser()
parser.add_argument("--score", type=int)
given, _ = parser.parse_known_args()
for _ in range(250 if given.score == 1 else 3):
    print("score=%d;" % given.score, flush=True)
    time.sleep(1 if given.score == 1 else 0)
sys.exit(1 if given.score == 10 else 0)
"""


def of_scripts(there, beginning: str, scores: list[str], limits: dict | None = None, **members: object) -> dict:
    """Run a Grid tuning job over ``SCORES``, one training job after the other; how it ended."""
    uri = rows(there)
    training = script(there, beginning, SCORES, uri)
    job = tuning(
        there, uri, Strategy="Grid",
        ResourceLimits={"MaxNumberOfTrainingJobs": len(scores), "MaxParallelTrainingJobs": 1} | (limits or {}),
        HyperParameterTuningJobObjective={"Type": "Maximize", "MetricName": "score"},
        ParameterRanges={"CategoricalParameterRanges": [{"Name": "score", "Values": scores}]}, **members,
    )  # fmt: skip
    job["TrainingJobDefinition"] |= {
        "StaticHyperParameters": training["HyperParameters"],
        "AlgorithmSpecification": training["AlgorithmSpecification"]
        | {"MetricDefinitions": [{"Name": "score", "Regex": "score=([0-9]+);"}]},
    }
    there.sagemaker.create_hyper_parameter_tuning_job(**job)
    name = {"HyperParameterTuningJobName": job["HyperParameterTuningJobName"]}
    found = there.ended(
        there.sagemaker.describe_hyper_parameter_tuning_job, "HyperParameterTuningJobStatus", patience=200, **name
    )
    best = found.get("BestTrainingJob", {})
    return {
        "status": found["HyperParameterTuningJobStatus"],
        "reason": found.get("FailureReason"),
        "counted": found["TrainingJobStatusCounters"],
        "judged": found["ObjectiveStatusCounters"],
        "best": best.get("TunedHyperParameters"),
        "its objective": best.get("FinalHyperParameterTuningJobObjectiveMetric"),
    }


def test_the_best_of_a_grid(there, answers):
    """The best score is that of a job that fails."""
    answers(of_scripts(there, "grid", ["8", "10", "9"]))


def test_a_job_that_is_stopped_early(there, answers):
    """The last one is the worst by far, and takes minutes."""
    answers(of_scripts(there, "early", ["9", "8", "7", "1"], TrainingJobEarlyStoppingType="Auto"))


@pytest.mark.soak  # two minutes are the least
def test_a_tuning_job_beyond_its_time(there, answers):
    answers(of_scripts(there, "time", ["1", "2"], {"MaxRuntimeInSeconds": 120}))
