"""Hyperparameter tuning jobs that run to their end."""

from __future__ import annotations

from support.training import wait_until


def finished(client, job: str) -> dict:
    """What Describe says of a tuning job that has ended."""
    return wait_until(
        lambda: client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=job),
        lambda body: body["HyperParameterTuningJobStatus"] in ("Completed", "Failed", "Stopped"),
        job,
    )
