"""What the questions may cost: every call that makes something is looked at before it is sent, and tagged."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field

from local_aws.prices import HOSTING, JOBS

MACHINES = {"ml.m5.large": JOBS["ml.m5.large"], "ml.t2.medium": HOSTING["ml.t2.medium"]}  # dollars an hour
LONGEST_JOB = 300  # seconds
LONGEST_ENDPOINT = 1800  # seconds, and as many for each update; its questions are few, and delete it
CAP = 3.0  # dollars
JOBS_MADE = ("CreateTrainingJob", "CreateProcessingJob", "CreateTransformJob", "CreateHyperParameterTuningJob")


class TooMuch(Exception):
    """A question that might cost more than it may."""


@dataclass
class Purse:
    """Counts what all that was asked for would cost at most, and stops the run before it is more than ``cap``."""

    tags: list[dict]
    cap: float = CAP
    jobs: int = 0
    endpoints: int = 0
    dollars: float = 0.0
    _configurations: dict[str, float] = field(default_factory=dict)
    _before: tuple[int, int, float] = (0, 0, 0.0)  # the call that is out: jobs, endpoints, dollars

    def watch(self, boto_session) -> None:
        """Look at every call of SageMaker's by clients that the session makes from now on."""
        boto_session.events.register("provide-client-params.sagemaker", self._look)
        boto_session.events.register("after-call.sagemaker", self._take_back)

    def _look(self, params: dict, model, **_: object) -> None:
        """Raise TooMuch rather than let a call go out that may cost too much; add the run's tags."""
        self._before = self.jobs, self.endpoints, self.dollars
        if not model.name.startswith(("Create", "UpdateEndpoint")):
            return
        if "Tags" in model.input_shape.members:
            params.setdefault("Tags", self.tags)
        if model.name in JOBS_MADE:
            self._pay_jobs(params)
        elif model.name == "CreatePipeline":  # each is started once
            for job in _jobs_of(params["PipelineDefinition"]):
                self._pay_jobs(job)
        elif model.name == "CreateEndpointConfig":
            machines = [_rate(each) for each in params["ProductionVariants"] if "InstanceType" in each]
            self._configurations[params["EndpointConfigName"]] = sum(machines)
        elif model.name in ("CreateEndpoint", "UpdateEndpoint"):  # an update has instances beside those there are
            rate = self._configurations.get(params["EndpointConfigName"], 0.0)
            self._pay(rate * LONGEST_ENDPOINT / 3600)
            self.endpoints += model.name == "CreateEndpoint"

    def _take_back(self, http_response, **_: object) -> None:
        """What is refused costs nothing."""
        if http_response.status_code >= 400:
            self.jobs, self.endpoints, self.dollars = self._before

    def _pay_jobs(self, params: dict) -> None:
        """Pay for a job, or for all that a tuning job may make."""
        count, job = 1, params
        if "HyperParameterTuningJobConfig" in params:
            count = params["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"]
            job = params["TrainingJobDefinition"]
        self._pay(count * self._of_job(job))
        self.jobs += count

    def _of_job(self, params: dict) -> float:
        limit = params.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
        # A batch has no limit of its own; its model is small.
        if "TransformJobName" not in params and (limit is None or limit > LONGEST_JOB):
            raise TooMuch(f"a job may take {LONGEST_JOB} s at most: {params}")
        machine = params.get("ResourceConfig") or params.get("TransformResources")
        machine = machine or params["ProcessingResources"]["ClusterConfig"]
        return _rate(machine) * (limit or LONGEST_JOB) / 3600

    def _pay(self, dollars: float) -> None:
        if self.dollars + dollars > self.cap:
            raise TooMuch(f"${self.dollars:.2f} may be spent already, and ${dollars:.2f} more is over ${self.cap:.2f}")
        self.dollars += dollars

    def bill(self) -> dict:
        """What the questions asked for, and what that costs at most."""
        return {"jobs": self.jobs, "endpoints": self.endpoints, "dollars at most": f"{self.dollars:.2f}"}


def _jobs_of(definition: str) -> list[dict]:
    """The requests for jobs in a pipeline's definition, at any depth; none if it is no JSON."""
    found = []

    def take(members: dict) -> dict:
        if members.get("Type") in ("Training", "Processing", "Tuning") and members.get("Arguments"):
            found.append(members["Arguments"])
        return members

    with contextlib.suppress(ValueError):
        json.loads(definition, object_hook=take)
    return found


def _rate(machine: dict) -> float:
    """Dollars an hour of some machines; raises TooMuch for a type that the questions do not use."""
    kind = machine["InstanceType"]
    if kind not in MACHINES:
        raise TooMuch(f"the questions use {' and '.join(MACHINES)}, not {kind}")
    return MACHINES[kind] * max(0, machine.get("InstanceCount", machine.get("InitialInstanceCount", 1)))
