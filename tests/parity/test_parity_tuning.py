"""Tuning jobs: what is refused, which training job is the best, how the time ends one."""

from __future__ import annotations

import pytest
from asking import REGRESSOR, channel, image, rows, script


def tuning(there, uri: str, **members: object) -> dict:
    """The members of a CreateHyperParameterTuningJob."""
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
        "StoppingCondition": {"MaxRuntimeInSeconds": 300},
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

    answers({
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
