"""Deployments of an Endpoint: the ProductionVariants of one of its configurations, and their models.

It has a folder of its own below the endpoint's: ``deployment.json`` says what each variant is, and beside it lie the
models' artifacts as they were when it was made, whatever becomes of the models since, as on AWS.
"""

from __future__ import annotations

import json
import random
import secrets
import shutil
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local_aws.core.account import replace_file
from local_aws.core.errors import AwsError
from local_aws.core.job_failure import JobFailure
from local_aws.images import ModelImages
from local_aws.services.iam import roles
from local_aws.services.logs import Logs
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.sagemaker.kinds import ENDPOINT
from local_aws.services.sagemaker.resources import Resources, now
from local_aws.wire.protocols import request_id

from . import inference_pipeline, serverless
from .inference_pipeline import containers_of
from .model_source import STARTUP_TIMEOUT, ModelSource
from .served_model import STOP_GRACE, LostImage, ServedModel, Unhealthy, WriteLog
from .serverless import ServerlessModel

CONTAINERS = "_containers"  # the folder, in a deployment, of its containers; no variant is called so
# AWS's words: aws/sagemaker-python-sdk, issue 2001.
NO_IMAGE = (
    "Please make sure all images included in the model for the production variant {} exist, and that the execution "
    "role used to create the model has permissions to access them."
)
DRAIN_SECONDS = 90  # that a variant's last requests have to end
# A configuration's variants, each with its model (None if there is no such model).
Plan = list[tuple[dict[str, Any], dict[str, Any] | None]]


@dataclass(eq=False)
class Variant:
    """A production variant as it serves: its share of the requests, its model, where it logs.

    ``concurrency`` is how many requests it takes at once.
    """

    name: str
    weight: float
    model: ServedModel
    log_stream: str
    concurrency: int | None
    _requests: int = field(default=0, init=False)  # that it has

    def begin_request(self, size: int) -> None:
        """Take one more request, of ``size`` bytes; AwsError if that is too many or too large."""
        if self.concurrency is not None:
            if size > serverless.MAX_BODY:
                raise AwsError("ValidationError", f"Request {request_id()} has oversize body.")
            if self._requests >= self.concurrency:
                raise AwsError("ThrottlingException", "Rate exceeded")
        self._requests += 1

    def end_request(self) -> None:
        """One of the requests has its answer."""
        self._requests -= 1

    def is_busy(self) -> bool:
        """Whether a request has no answer yet."""
        return self._requests > 0


def choose(endpoint: str, variants: list[Variant], target_variant: str | None) -> Variant:
    """The variant that gets a request: the one that it names, else one by their weights.  AwsError if there is none."""
    if target_variant:
        for variant in variants:
            if variant.name == target_variant:
                return variant
        raise AwsError("ValidationError", f"Variant {target_variant} of endpoint {endpoint} not found.")
    if len(variants) == 1:
        return variants[0]
    return random.choices(variants, [max(variant.weight, 0.0) or 1e-12 for variant in variants])[0]


class Deployments:
    """The deployments of an account's endpoints: their folders, and the variants that they begin."""

    def __init__(
        self, folder: Path, resources: Resources, objects: ObjectStore, logs: Logs, images: ModelImages
    ) -> None:
        self.folder = folder
        self.resources = resources
        self.objects = objects
        self.logs = logs
        self.images = images
        self._variants: set[Variant] = set()  # all that have been begun and not ended, serving or not yet

    def shut_down(self) -> None:
        """Kill what runs."""
        for variant in list(self._variants):
            variant.model.stop(0)

    def prepare(self, name: str, deployment: str, plan: Plan) -> list[dict[str, Any]]:
        """Keep what a deployment needs; what Describe says of its variants.

        Raises JobFailure with a FailureReason.
        """
        folder = self.folder / name / deployment
        folder.mkdir(parents=True)
        kept: list[dict[str, dict[str, Any]]] = []
        described: list[dict[str, Any]] = []
        for variant, model in plan:
            if model is None:
                raise JobFailure(f'Could not find model "{variant["ModelName"]}".')
            containers, role = containers_of(model), model["ExecutionRoleArn"]
            try:
                usable = self.resources.roles.may_be_assumed(role, self.resources.arn(ENDPOINT, name))
            except roles.Undecided as error:
                raise JobFailure(str(error)) from None
            if not usable:
                raise JobFailure(roles.invalid(role))
            sources: dict[str, dict[str, Any]] = {}
            images: list[dict[str, Any]] = []
            for container_name, container in containers:
                place = variant["VariantName"] if len(containers) == 1 else f"{variant['VariantName']}/{container_name}"
                source = ModelSource(
                    container["Image"],
                    folder / place,
                    container.get("ModelDataUrl"),
                    container.get("Environment", {}),
                    variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_TIMEOUT),
                    role=role,
                    isolated=model["EnableNetworkIsolation"],
                )
                source.fetch(self.objects)
                sources[container_name] = asdict(source) | {"folder": place}
                image = container["Image"]
                images.append({"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": now()})
            kept.append(sources)
            facts = {"Weight": variant["InitialVariantWeight"]}
            if variant.get("ServerlessConfig"):
                facts["ServerlessConfig"] = variant["ServerlessConfig"]
            else:
                facts["InstanceCount"] = variant["InitialInstanceCount"]
            states = {f"{when}{fact}": value for when in ("Current", "Desired") for fact, value in facts.items()}
            described.append({"VariantName": variant["VariantName"], "DeployedImages": images, **states})
        replace_file(folder / "deployment.json", json.dumps(kept))
        return described

    def begin(self, name: str, deployment: str, described: list[dict[str, Any]]) -> list[Variant]:
        """Begin to serve a deployment's variants, without waiting for their containers; JobFailure as ``load``."""
        path = self.folder / name / deployment / "deployment.json"
        try:
            kept = json.loads(path.read_text())
        except ValueError as error:
            raise JobFailure(f"{path} is damaged ({error}). Delete the endpoint, and make it anew.") from None
        variants: list[Variant] = []
        try:
            for sources, description in zip(kept, described, strict=True):
                variant = self._variant(name, self.folder / name / deployment, sources, description)
                self._variants.add(variant)
                variants.append(variant)
        except BaseException:
            self.end(variants)
            raise
        return variants

    def _variant(self, name: str, folder: Path, kept: dict[str, Any], described: dict[str, Any]) -> Variant:
        """One variant of the deployment in ``folder``, its model begun."""
        variant = described["VariantName"]
        stream = f"{variant}/i-{secrets.token_hex(8)}"
        if isinstance(kept.get("image"), str):  # as a deployment was kept before there were inference pipelines
            kept = {"primary": kept}
        sources = [
            (container, ModelSource(**source | {"folder": folder / source["folder"]}))
            for container, source in kept.items()
        ]

        def write(stream: str) -> WriteLog:
            return lambda lines: self.logs.write(ENDPOINT.log(name)[0], stream, lines)

        def load() -> ServedModel:
            root = folder / CONTAINERS / f"{variant}-{secrets.token_hex(4)}"
            try:
                sessions = self.resources.roles.sessions
                return inference_pipeline.begin(sources, root, self.images, sessions, stream, write)
            except LostImage:
                raise JobFailure(NO_IMAGE.format(variant)) from None
            except Unhealthy as error:
                raise JobFailure(_unhealthy(variant, error.container)) from None

        config = described.get("DesiredServerlessConfig")
        model = ServerlessModel(load, bool(config.get("ProvisionedConcurrency"))) if config else load()
        concurrency = config["MaxConcurrency"] if config else None
        return Variant(variant, described["DesiredWeight"], model, stream, concurrency)

    def load(self, name: str, deployment: str, described: list[dict[str, Any]]) -> list[Variant]:
        """A deployment's variants, ready to answer; JobFailure with a FailureReason."""
        variants = self.begin(name, deployment, described)
        for variant in variants:
            try:
                variant.model.wait_until_ready()
            except Exception as error:
                self.end(variants)
                if isinstance(error, Unhealthy):
                    raise JobFailure(_unhealthy(variant.name, error.container)) from None
                raise
        return variants

    def end(self, variants: list[Variant], folder: Path | None = None) -> None:
        """End variants that get no more requests, and remove their deployment's folder.

        They answer those that they have; a container may take its time to end.  So nobody waits for that.
        """

        def end() -> None:
            deadline = time.monotonic() + DRAIN_SECONDS
            while any(variant.is_busy() for variant in variants) and time.monotonic() < deadline:
                time.sleep(0.05)
            for variant in variants:
                variant.model.stop(STOP_GRACE)
                self._variants.discard(variant)
            if folder:
                shutil.rmtree(folder, ignore_errors=True)

        threading.Thread(target=end, daemon=True).start()

    def tidy(self, name: str, deployment: str | None) -> None:
        """Remove what an earlier process left of an endpoint's other deployments, and of its containers."""
        for folder in (self.folder / name).glob("*"):
            shutil.rmtree(folder if folder.name != deployment else folder / CONTAINERS, ignore_errors=True)

    def remove(self, name: str, deployment: str = "") -> None:
        """Remove what a deployment of an endpoint kept, or what all of them did."""
        shutil.rmtree(self.folder / name / deployment, ignore_errors=True)

    def remove_all_but(self, names: set[str]) -> None:
        """Remove what the deployments of other endpoints than those called ``names`` kept."""
        for folder in self.folder.glob("*"):
            if folder.name not in names:
                shutil.rmtree(folder, ignore_errors=True)


def _unhealthy(variant: str, container: str) -> str:
    return (
        f"The {container} container for production variant {variant} did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )
