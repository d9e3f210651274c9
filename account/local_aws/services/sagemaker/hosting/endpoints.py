"""CreateEndpoint and the other operations on endpoints: their states, and which variants serve.

An update makes a new deployment (``deployment.py``) beside the one that serves, and changes over when it is ready.
Reference: the API reference of CreateEndpoint, UpdateEndpoint and UpdateEndpointWeightsAndCapacities; the developer
guide, "Blue/Green Deployments".
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.requests import Request

from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.core.job_failure import JobFailure
from local_aws.images import ModelImages
from local_aws.services.logs import Logs
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.sagemaker.kinds import ENDPOINT, ENDPOINT_CONFIG, MODEL
from local_aws.services.sagemaker.long_polling import LongPolling
from local_aws.services.sagemaker.resources import Resources, now
from local_aws.wire.operation import operation
from local_aws.wire.refusals import not_implemented, refuse

from .deployment import Deployments, Plan, Variant, choose
from .models import shown_capture

DEPLOYMENT = "Deployment"  # what names an endpoint's deployment, in what is internal of it
LOST = "The embedded account's process ended while this endpoint was created. Delete it and create it again."
LOST_UPDATE = "The embedded account's process ended while this endpoint was updated. Update it again."
ROUTING = "BlueGreenUpdatePolicy.TrafficRoutingConfiguration"
REFUSED_OF_DEPLOYMENT = ("RollingUpdatePolicy", "AutoRollbackConfiguration", f"{ROUTING}.CanarySize",
                         f"{ROUTING}.LinearStepSize")  # fmt: skip
Variants = list[Variant]
BROKEN = "Request to service failed. ('python -m local_aws logs' shows what happened.)"

log = logging.getLogger("local_aws")


class Endpoints:
    """The endpoints of an account: their descriptions, and the variants of those that are InService or Updating."""

    def __init__(
        self,
        folder: Path,
        account: Account,
        resources: Resources,
        objects: ObjectStore,
        logs: Logs,
        images: ModelImages,
    ) -> None:
        self.account = account
        self.resources = resources
        self.deployments = Deployments(folder / "endpoints", resources, objects, logs, images)
        self.long_polling = LongPolling()
        self._serving: dict[str, Variants] = {}
        self._lock = threading.Lock()  # held to give a request to a variant, and to exchange variants

    def recover(self) -> None:
        """Let the endpoints of the account serve again after its process was started anew."""
        known = set()
        for record in self.resources.records(ENDPOINT):
            name, body, deployment = record.name, record.body, record.internal.get(DEPLOYMENT)
            status = body["EndpointStatus"]
            known.add(name)
            self.deployments.tidy(name, deployment)
            if status == "Creating" and not deployment:
                self._fail(name, LOST)
            elif status == "Creating":
                threading.Thread(target=self._finish, args=(name,), daemon=True).start()
            elif status in ("InService", "Updating"):
                try:
                    # Whoever asks a container that is not ready yet waits for it.
                    described = body["ProductionVariants"]
                    self._serving[name] = self.deployments.begin(name, record.internal[DEPLOYMENT], described)
                except Exception as error:  # one endpoint that cannot serve must not keep the account down
                    log.exception("endpoint %s", name)
                    self._fail(name, str(error) if isinstance(error, JobFailure) else BROKEN)
                    continue
                if status == "Updating":
                    self._settle(name, LOST_UPDATE if body.get("PendingDeploymentSummary") else None)
        self.deployments.remove_all_but(known)

    def shut_down(self) -> None:
        """Kill what runs; ``recover`` lets it serve again."""
        self.deployments.shut_down()

    @contextmanager
    def route(self, name: str, target_variant: str | None, size: int) -> Iterator[tuple[str, Variant]]:
        """Give a request of ``size`` bytes to a variant for as long as the context lasts.

        Gives the endpoint's name as it was made with, in whatever case it is asked for, and the variant: the one
        called ``target_variant``, else one by the variants' weights.  AwsError if there is none, or if it takes no
        such request.
        """
        # An update that takes a variant away waits for the requests that have got it.
        with self._lock:
            name, variants = self._find(name)
            variant = choose(name, variants, target_variant)
            variant.begin_request(size)
        try:
            yield name, variant
        finally:
            variant.end_request()

    def _find(self, name: str) -> tuple[str, Variants]:
        """The endpoint's name as it was made with, and its variants; AwsError if there is none that answers."""
        variants = self._serving.get(name)
        if variants is not None:
            return name, variants
        body = self.resources.find(ENDPOINT, name)
        if body is None:
            raise AwsError("ValidationError", f"Endpoint {name} of account {self.account.account_id} not found.")
        variants = self._serving.get(body["EndpointName"])
        if variants is None:
            raise AwsError(
                "ValidationError",
                f"Endpoint {name} of account {self.account.account_id} is in status {body['EndpointStatus']}: "
                "it answers when it is InService.",
            )
        return body["EndpointName"], variants

    @operation("CreateEndpoint", executes=True)
    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        """Begin to create an endpoint, which is Creating until its models answer.

        Raises AwsError if its name is taken, its configuration is not there, or the account's quota is used up.
        """
        name = params["EndpointName"]
        if params.get("DeploymentConfig"):
            raise not_implemented("CreateEndpoint's DeploymentConfig")
        config = self.resources.get(ENDPOINT_CONFIG, params["EndpointConfigName"])
        self.resources.need_free(ENDPOINT, name)
        in_use = self._machines()
        for machine, count in _machines_of(config).items():
            self.resources.quotas.check(machine, "endpoint", count, in_use[machine])
        created = now()
        body = {
            "EndpointConfigName": config["EndpointConfigName"],
            "DataCaptureConfig": shown_capture(config),
            "EndpointStatus": "Creating",
            "CreationTime": created,
            "LastModifiedTime": created,
        }
        arn = self.resources.add(ENDPOINT, name, body, params.get("Tags"))
        self.long_polling.begin(name)
        self.deployments.remove(name)
        threading.Thread(target=self._create, args=(name, self._plan(config)), daemon=True).start()
        return {"EndpointArn": arn}

    def _machines(self) -> Counter[str]:
        """How many machines of each type the endpoints have."""
        machines: Counter[str] = Counter()
        for body, _ in self.resources.all(ENDPOINT):
            if body["EndpointStatus"] != "Failed":
                machines += _machines_of(self.resources.find(ENDPOINT_CONFIG, body["EndpointConfigName"]) or {})
        return machines

    @operation("DescribeEndpoint", wants_request=True)
    async def describe(self, params: dict[str, Any], request: Request) -> dict[str, Any]:
        """An endpoint's description; the SDK's request is held while the endpoint is Creating or Updating."""
        name = self.resources.get(ENDPOINT, params["EndpointName"])["EndpointName"]
        changing = ("Creating", "Updating")
        await self.long_polling.hold(
            name, request, lambda: self.resources.get(ENDPOINT, name)["EndpointStatus"] in changing
        )
        return self.resources.get(ENDPOINT, name)

    @operation("ListEndpoints")
    def list_endpoints(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of the endpoints; a page may have fewer than MaxResults that pass the filters."""
        members = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        # https://github.com/boto/boto3/issues/2973
        return self.resources.listed(ENDPOINT, params, members, counted_first=True)

    @operation("UpdateEndpoint", executes=True)
    def update(self, params: dict[str, Any]) -> dict[str, Any]:
        """Begin to exchange the endpoint's variants for those of another configuration, all at once.

        Raises AwsError if the endpoint is not InService, and for a DeploymentConfig that is not all at once.
        """
        body = self._updatable(params["EndpointName"])
        config = self.resources.get(ENDPOINT_CONFIG, params["EndpointConfigName"])
        deployment_config = params.get("DeploymentConfig")
        if deployment_config is None and params.get("RetainDeploymentConfig"):
            deployment_config = body.get("LastDeploymentConfig")
        _check_deployment(deployment_config or {})
        plan = self._plan(config)
        excluded = {item["VariantPropertyType"] for item in params.get("ExcludeRetainedVariantProperties", [])}
        capture = shown_capture(config)
        if params.get("RetainAllVariantProperties"):
            plan = _retaining(plan, body["ProductionVariants"], excluded)
            capture = capture if "DataCaptureConfig" in excluded else body.get("DataCaptureConfig")
        elif excluded:
            sentence = "ExcludeRetainedVariantProperties can be specified only if RetainAllVariantProperties is true."
            raise AwsError("ValidationException", sentence)
        if any(variant.get("DesiredServerlessConfig") for variant in body["ProductionVariants"]) and not all(
            variant.get("ServerlessConfig") for variant, _ in plan
        ):
            sentence = f'Cannot update serverless endpoint "{body["EndpointArn"]}" to an instance-based one.'
            raise AwsError("ValidationException", sentence)
        name, began = body["EndpointName"], now()
        pending = {"EndpointConfigName": config["EndpointConfigName"], "StartTime": began}
        self.resources.update(
            ENDPOINT,
            name,
            EndpointStatus="Updating",
            FailureReason=None,
            LastModifiedTime=began,
            PendingDeploymentSummary=pending,
        )
        arguments = (name, pending, plan, deployment_config, capture)
        threading.Thread(target=self._update, args=arguments, daemon=True).start()
        return {"EndpointArn": body["EndpointArn"]}

    @operation("UpdateEndpointWeightsAndCapacities", executes=True)
    def update_weights_and_capacities(self, params: dict[str, Any]) -> dict[str, Any]:
        """Change weights, instance counts and concurrencies of variants; AwsError if the endpoint is not InService."""
        body = self._updatable(params["EndpointName"])
        for desired in params["DesiredWeightsAndCapacities"]:
            refuse("UpdateEndpointWeightsAndCapacities", desired, ("ServerlessUpdateConfig.ProvisionedConcurrency",))
            variant = _variant_to_change(body, desired)
            for member in ("DesiredWeight", "DesiredInstanceCount"):
                if member in desired:
                    variant[member] = desired[member]
            if "ServerlessUpdateConfig" in desired:
                variant["DesiredServerlessConfig"] |= desired["ServerlessUpdateConfig"]
        self.resources.update(
            ENDPOINT,
            body["EndpointName"],
            EndpointStatus="Updating",
            FailureReason=None,
            LastModifiedTime=now(),
            ProductionVariants=body["ProductionVariants"],
        )
        threading.Thread(target=self._settle, args=(body["EndpointName"], None), daemon=True).start()
        return {"EndpointArn": body["EndpointArn"]}

    @operation("DeleteEndpoint", executes=True)
    def delete(self, params: dict[str, Any]) -> None:
        """Delete an endpoint: requests that it has are answered, new ones are refused.

        Raises AwsError while it is Creating or Updating.
        """
        body = self.resources.get(ENDPOINT, params["EndpointName"])
        _check_not_in_progress(body)
        name = body["EndpointName"]
        with self._lock:
            variants = self._serving.pop(name, [])
        self.resources.delete(ENDPOINT, name)
        self.deployments.remove(name)
        self.deployments.end(variants)

    def _updatable(self, name: str) -> dict[str, Any]:
        body = self.resources.get(ENDPOINT, name)
        _check_not_in_progress(body)
        if body["EndpointStatus"] != "InService":
            sentence = f'Cannot update endpoint "{body["EndpointArn"]}" in status {body["EndpointStatus"]}.'
            raise AwsError("ValidationException", sentence)
        return body

    def _plan(self, config: dict[str, Any]) -> Plan:
        """The configuration's variants, each with its model as it is now."""
        return [(variant, self.resources.find(MODEL, variant["ModelName"])) for variant in config["ProductionVariants"]]

    def _create(self, name: str, plan: Plan) -> None:
        try:
            deployment = secrets.token_hex(4)
            described = self.deployments.prepare(name, deployment, plan)
            self.resources.update(ENDPOINT, name, ProductionVariants=described, internal={DEPLOYMENT: deployment})
        except JobFailure as failure:
            self._fail(name, str(failure))
            return
        except Exception:  # the endpoint must leave Creating, whatever went wrong
            log.exception("endpoint %s", name)
            self._fail(name, BROKEN)
            return
        self._finish(name)

    def _finish(self, name: str) -> None:
        """Let a new endpoint serve what has been prepared."""
        try:
            record = self.resources.record(ENDPOINT, name)
            variants = self.deployments.load(name, record.internal[DEPLOYMENT], record.body["ProductionVariants"])
        except JobFailure as failure:
            self._fail(name, str(failure))
            return
        except Exception:  # as above
            log.exception("endpoint %s", name)
            self._fail(name, BROKEN)
            return
        with self._lock:
            self._serving[name] = variants
        self.resources.update(ENDPOINT, name, EndpointStatus="InService", LastModifiedTime=now())

    def _update(
        self,
        name: str,
        pending: dict[str, Any],
        plan: Plan,
        deployment_config: dict[str, Any] | None,
        capture: dict[str, Any] | None,
    ) -> None:
        """Load what is new beside what serves, change over, and end what is old; or leave all as it was."""
        policy = (deployment_config or {}).get("BlueGreenUpdatePolicy", {})
        before, deployment = self.resources.record(ENDPOINT, name).internal[DEPLOYMENT], secrets.token_hex(4)
        deadline = time.monotonic() + policy.get("MaximumExecutionTimeoutInSeconds", math.inf)
        try:
            described = self.deployments.prepare(name, deployment, plan)
            coming = [{**variant, "CurrentWeight": 0.0} for variant in described]
            for variant in coming:
                if "CurrentInstanceCount" in variant:
                    variant["CurrentInstanceCount"] = 0
            pending = {**pending, "ProductionVariants": coming}
            self.resources.update(ENDPOINT, name, PendingDeploymentSummary=pending)
            variants = self.deployments.load(name, deployment, described)
            if time.monotonic() > deadline:
                self.deployments.end(variants)
                raise JobFailure("The deployment took longer than its MaximumExecutionTimeoutInSeconds.")
        except Exception as error:  # the endpoint must leave Updating, whatever went wrong
            if not isinstance(error, JobFailure):
                log.exception("endpoint %s", name)
            self.deployments.remove(name, deployment)
            self._settle(name, str(error) if isinstance(error, JobFailure) else BROKEN)
            return
        with self._lock:
            old, self._serving[name] = self._serving[name], variants
            self.resources.update(
                ENDPOINT,
                name,
                EndpointConfigName=pending["EndpointConfigName"],
                DataCaptureConfig=capture,
                ProductionVariants=described,
                PendingDeploymentSummary=None,
                **({"LastDeploymentConfig": deployment_config} if deployment_config else {}),
                internal={DEPLOYMENT: deployment},
            )
        # The old fleet stands by for as long as the caller wants it to.
        time.sleep(policy.get("TrafficRoutingConfiguration", {}).get("WaitIntervalInSeconds", 0))
        time.sleep(policy.get("TerminationWaitInSeconds", 0))
        self._settle(name, None)
        self.deployments.end(old, self.deployments.folder / name / before)

    def _settle(self, name: str, failure: str | None) -> None:
        """End an update: what serves is what is described, and ``failure`` is why that is what it was before."""
        with self._lock:
            described = self.resources.get(ENDPOINT, name)["ProductionVariants"]
            for variant, description in zip(self._serving[name], described, strict=True):
                variant.weight = description["CurrentWeight"] = description["DesiredWeight"]
                if "DesiredServerlessConfig" in description:
                    description["CurrentServerlessConfig"] = description["DesiredServerlessConfig"]
                    variant.concurrency = description["CurrentServerlessConfig"]["MaxConcurrency"]
                else:
                    description["CurrentInstanceCount"] = description["DesiredInstanceCount"]
            self.resources.update(
                ENDPOINT,
                name,
                EndpointStatus="InService",
                FailureReason=failure[:1024] if failure else None,
                LastModifiedTime=now(),
                ProductionVariants=described,
                PendingDeploymentSummary=None,
            )

    def _fail(self, name: str, reason: str) -> None:
        self.resources.update(
            ENDPOINT, name, EndpointStatus="Failed", FailureReason=reason[:1024], LastModifiedTime=now()
        )


def _check_not_in_progress(body: dict[str, Any]) -> None:
    if body["EndpointStatus"] in ("Creating", "Updating"):
        raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{body["EndpointArn"]}".')


def _variant_to_change(body: dict[str, Any], desired: dict[str, Any]) -> dict[str, Any]:
    """The description of the variant whose weight or capacity is to be as ``desired``; AwsError if it cannot be."""
    name = desired["VariantName"]
    described: dict[str, dict[str, Any]] = {variant["VariantName"]: variant for variant in body["ProductionVariants"]}
    variant = described.get(name)
    if variant is None:
        wrong = f'Could not find production variant "{name}" of endpoint'
    elif "DesiredInstanceCount" in desired and "DesiredServerlessConfig" in variant:
        wrong = f'DesiredInstanceCount cannot be specified for serverless variant "{name}" of'
    elif "ServerlessUpdateConfig" in desired and "DesiredServerlessConfig" not in variant:
        wrong = f'ServerlessUpdateConfig needs a serverless variant, unlike "{name}" of'
    elif desired.get("DesiredInstanceCount") == 0:
        wrong = f'DesiredInstanceCount must be at least 1 for variant "{name}" of'
    else:
        return variant
    raise AwsError("ValidationException", f'{wrong} "{body["EndpointArn"]}".')


def _check_deployment(deployment_config: dict[str, Any]) -> None:
    """Refuse a DeploymentConfig other than blue/green with all traffic at once."""
    refuse("DeploymentConfig", deployment_config, REFUSED_OF_DEPLOYMENT)
    routing = deployment_config.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    if routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        raise not_implemented(f"The traffic routing {routing['Type']}")


def _retaining(plan: Plan, described: list[dict[str, Any]], excluded: set[str]) -> Plan:
    """The plan with the properties that variants of the same name have now, but for ``excluded`` ones."""
    known = {variant["VariantName"]: variant for variant in described}
    changed = []
    for variant, model in plan:
        old, new = known.get(variant["VariantName"], {}), dict(variant)
        if "DesiredWeight" in old and "DesiredWeight" not in excluded:
            new["InitialVariantWeight"] = old["DesiredWeight"]
        if "DesiredInstanceCount" in old and "InitialInstanceCount" in new and "DesiredInstanceCount" not in excluded:
            new["InitialInstanceCount"] = old["DesiredInstanceCount"]
        changed.append((new, model))
    return changed


def _machines_of(config: dict[str, Any]) -> Counter[str]:
    """How many machines of each type a configuration asks for; serverless variants have none."""
    machines: Counter[str] = Counter()
    for variant in config.get("ProductionVariants", []):
        if variant.get("InstanceType"):
            machines[variant["InstanceType"]] += variant["InitialInstanceCount"]
    return machines
