"""Tuning jobs: what is refused, for none is run."""

from __future__ import annotations

from asking import REGRESSOR, channel, image, rows


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
