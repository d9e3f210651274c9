"""Endpoints: how they come to serve, and how they end.

A deployment of an endpoint, which is what one of its configurations makes of it, has a folder of its own below the
endpoint's: ``deployment.json`` says what each variant is, and beside it lie the models' artifacts as they were when
it was made, whatever becomes of the models since, as on AWS.  An update makes a new deployment beside the one that
serves, and changes over when it is ready.  Reference: the API reference of CreateEndpoint, UpdateEndpoint and
UpdateEndpointWeightsAndCapacities; the developer guide, "Blue/Green Deployments".
"""

from __future__ import annotations

import json
import logging
import math
import secrets
import shutil
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from starlette.requests import Request

from . import inference_pipeline, roles, serving
from .dispatch import operation
from .errors import AwsError
from .hosting import shown_capture
from .inference_pipeline import containers_of
from .job_failure import JobFailure
from .logs import Logs
from .patience import Patience
from .refusals import not_implemented, refuse
from .resources import ENDPOINT, ENDPOINT_CONFIG, MODEL, Resources, now
from .s3 import ObjectStore
from .serverless import ServerlessModel
from .serving import STARTUP_TIMEOUT, STOP_GRACE, Lines, ServedModel
from .state import Account, replace_file

DEPLOYMENT = "Deployment"  # what names an endpoint's deployment, in what is internal of it
CONTAINERS = "_containers"  # the folder, in a deployment, of its containers; no variant is called so
LOST = "The embedded account's process ended while this endpoint was created. Delete it and create it again."
LOST_UPDATE = "The embedded account's process ended while this endpoint was updated. Update it again."
DRAIN_SECONDS = 90  # that a variant's last requests have to end
ROUTING = "BlueGreenUpdatePolicy.TrafficRoutingConfiguration"
REFUSED_OF_DEPLOYMENT = ("RollingUpdatePolicy", "AutoRollbackConfiguration", f"{ROUTING}.CanarySize",
                         f"{ROUTING}.LinearStepSize")  # fmt: skip
# A configuration's variants, each with its model (None if there is no such model).
Plan = list[tuple[dict, dict | None]]
BROKEN = "Request to service failed. ('python -m utils.local_aws logs' shows what happened.)"

log = logging.getLogger("local_aws")


@dataclass(eq=False)
class Variant:
    """A production variant as it serves: its share of the requests, its model, where it logs.

    ``concurrency`` is how many requests it takes at once, ``busy`` how many it has.
    """

    name: str
    weight: float
    model: ServedModel
    log_stream: str
    concurrency: int | None
    busy: int = 0


class Endpoints:
    """The endpoints of an account."""

    def __init__(self, folder: Path, account: Account, resources: Resources, objects: ObjectStore, logs: Logs) -> None:
        self.folder = folder / "endpoints"
        self.account = account
        self.resources = resources
        self.objects = objects
        self.logs = logs
        self.patience = Patience()
        self.serving: dict[str, list[Variant]] = {}
        self.lock = threading.Lock()  # held to give a request to a variant, and to exchange variants
        self._variants: set[Variant] = set()  # all that have been begun and not ended, serving or not yet

    def recover(self) -> None:
        """Let the endpoints of the account serve again after its process was started anew."""
        known = set()
        for record in self.resources.records(ENDPOINT):
            name, body, deployment = record.name, record.body, record.internal.get(DEPLOYMENT)
            status = body["EndpointStatus"]
            known.add(name)
            self._tidy(name, deployment)
            if status == "Creating" and not deployment:
                self._fail(name, LOST)
            elif status == "Creating":
                threading.Thread(target=self._finish, args=(name,), daemon=True).start()
            elif status in ("InService", "Updating"):
                try:
                    # Whoever asks a container that is not ready yet waits for it.
                    self.serving[name] = self._begin(name, record.internal[DEPLOYMENT], body["ProductionVariants"])
                except Exception as error:  # one endpoint that cannot serve must not keep the account down
                    log.exception("endpoint %s", name)
                    self._fail(name, str(error) if isinstance(error, JobFailure) else BROKEN)
                    continue
                if status == "Updating":
                    self._settle(name, LOST_UPDATE if body.get("PendingDeploymentSummary") else None)
        for folder in self.folder.glob("*"):
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def shut_down(self) -> None:
        """Kill what runs; ``recover`` lets it serve again."""
        for variant in list(self._variants):
            variant.model.stop(0)

    @operation("CreateEndpoint", executes=True)
    def create(self, params: dict) -> dict:
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
        self.patience.begin(name)
        shutil.rmtree(self.folder / name, ignore_errors=True)
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
    async def describe(self, params: dict, request: Request) -> dict:
        name = self.resources.get(ENDPOINT, params["EndpointName"])["EndpointName"]
        changing = ("Creating", "Updating")
        await self.patience.hold(
            name, request, lambda: self.resources.get(ENDPOINT, name)["EndpointStatus"] in changing
        )
        return self.resources.get(ENDPOINT, name)

    @operation("ListEndpoints")
    def list(self, params: dict) -> dict:
        shown = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        # https://github.com/boto/boto3/issues/2973
        return self.resources.listed(ENDPOINT, params, shown, counted_first=True)

    @operation("UpdateEndpoint", executes=True)
    def update(self, params: dict) -> dict:
        body = self._updatable(params["EndpointName"])
        config = self.resources.get(ENDPOINT_CONFIG, params["EndpointConfigName"])
        how = params.get("DeploymentConfig")
        if how is None and params.get("RetainDeploymentConfig"):
            how = body.get("LastDeploymentConfig")
        _check_deployment(how or {})
        plan = self._plan(config)
        excluded = {each["VariantPropertyType"] for each in params.get("ExcludeRetainedVariantProperties", [])}
        capture = shown_capture(config)
        if params.get("RetainAllVariantProperties"):
            plan = _retaining(plan, body["ProductionVariants"], excluded)
            capture = capture if "DataCaptureConfig" in excluded else body.get("DataCaptureConfig")
        elif excluded:
            sentence = "ExcludeRetainedVariantProperties can be specified only if RetainAllVariantProperties is true."
            raise AwsError("ValidationException", sentence)
        if any(each.get("DesiredServerlessConfig") for each in body["ProductionVariants"]) and not all(
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
        threading.Thread(target=self._update, args=(name, pending, plan, how, capture), daemon=True).start()
        return {"EndpointArn": body["EndpointArn"]}

    @operation("UpdateEndpointWeightsAndCapacities", executes=True)
    def update_weights_and_capacities(self, params: dict) -> dict:
        body = self._updatable(params["EndpointName"])
        described = {each["VariantName"]: each for each in body["ProductionVariants"]}
        for wanted in params["DesiredWeightsAndCapacities"]:
            refuse("UpdateEndpointWeightsAndCapacities", wanted, ("ServerlessUpdateConfig.ProvisionedConcurrency",))
            variant = described.get(wanted["VariantName"])
            wrong = None
            if variant is None:
                wrong = f'Could not find production variant "{wanted["VariantName"]}" of endpoint'
            elif "DesiredInstanceCount" in wanted and "DesiredServerlessConfig" in variant:
                wrong = f'DesiredInstanceCount cannot be specified for serverless variant "{variant["VariantName"]}" of'
            elif "ServerlessUpdateConfig" in wanted and "DesiredServerlessConfig" not in variant:
                wrong = f'ServerlessUpdateConfig needs a serverless variant, unlike "{variant["VariantName"]}" of'
            elif wanted.get("DesiredInstanceCount") == 0:
                wrong = f'DesiredInstanceCount must be at least 1 for variant "{variant["VariantName"]}" of'
            if wrong:
                raise AwsError("ValidationException", f'{wrong} "{body["EndpointArn"]}".')
            for member in ("DesiredWeight", "DesiredInstanceCount"):
                if member in wanted:
                    variant[member] = wanted[member]
            if "ServerlessUpdateConfig" in wanted:
                variant["DesiredServerlessConfig"] |= wanted["ServerlessUpdateConfig"]
        self.resources.update(
            ENDPOINT,
            body["EndpointName"],
            EndpointStatus="Updating",
            FailureReason=None,
            LastModifiedTime=now(),
            ProductionVariants=list(described.values()),
        )
        threading.Thread(target=self._settle, args=(body["EndpointName"], None), daemon=True).start()
        return {"EndpointArn": body["EndpointArn"]}

    @operation("DeleteEndpoint", executes=True)
    def delete(self, params: dict) -> None:
        body = self.resources.get(ENDPOINT, params["EndpointName"])
        _check_not_in_progress(body)
        name = body["EndpointName"]
        with self.lock:
            variants = self.serving.pop(name, [])
        self.resources.delete(ENDPOINT, name)
        shutil.rmtree(self.folder / name, ignore_errors=True)
        self._end(variants)

    def _updatable(self, name: str) -> dict:
        body = self.resources.get(ENDPOINT, name)
        _check_not_in_progress(body)
        if body["EndpointStatus"] != "InService":
            sentence = f'Cannot update endpoint "{body["EndpointArn"]}" in status {body["EndpointStatus"]}.'
            raise AwsError("ValidationException", sentence)
        return body

    def _plan(self, config: dict) -> Plan:
        """The configuration's variants, each with its model as it is now."""
        return [(each, self.resources.find(MODEL, each["ModelName"])) for each in config["ProductionVariants"]]

    def _create(self, name: str, plan: Plan) -> None:
        try:
            deployment = secrets.token_hex(4)
            described = self._prepare(name, deployment, plan)
            self.resources.update(ENDPOINT, name, ProductionVariants=described, internal={DEPLOYMENT: deployment})
        except JobFailure as failure:
            return self._fail(name, str(failure))
        except Exception:  # the endpoint must leave Creating, whatever went wrong
            log.exception("endpoint %s", name)
            return self._fail(name, BROKEN)
        self._finish(name)

    def _finish(self, name: str) -> None:
        """Let a new endpoint serve what has been prepared."""
        try:
            record = self.resources.record(ENDPOINT, name)
            variants = self._load(name, record.internal[DEPLOYMENT], record.body["ProductionVariants"])
        except JobFailure as failure:
            return self._fail(name, str(failure))
        except Exception:  # as above
            log.exception("endpoint %s", name)
            return self._fail(name, BROKEN)
        with self.lock:
            self.serving[name] = variants
        self.resources.update(ENDPOINT, name, EndpointStatus="InService", LastModifiedTime=now())

    def _update(self, name: str, pending: dict, plan: Plan, how: dict | None, capture: dict | None) -> None:
        """Load what is new beside what serves, change over, and end what is old; or leave all as it was."""
        policy = (how or {}).get("BlueGreenUpdatePolicy", {})
        before, deployment = self.resources.record(ENDPOINT, name).internal[DEPLOYMENT], secrets.token_hex(4)
        until = time.monotonic() + policy.get("MaximumExecutionTimeoutInSeconds", math.inf)
        try:
            described = self._prepare(name, deployment, plan)
            coming = [{**each, "CurrentWeight": 0.0} for each in described]
            for each in coming:
                if "CurrentInstanceCount" in each:
                    each["CurrentInstanceCount"] = 0
            pending = {**pending, "ProductionVariants": coming}
            self.resources.update(ENDPOINT, name, PendingDeploymentSummary=pending)
            variants = self._load(name, deployment, described)
            if time.monotonic() > until:
                self._end(variants)
                raise JobFailure("The deployment took longer than its MaximumExecutionTimeoutInSeconds.")
        except Exception as error:  # the endpoint must leave Updating, whatever went wrong
            if not isinstance(error, JobFailure):
                log.exception("endpoint %s", name)
            shutil.rmtree(self.folder / name / deployment, ignore_errors=True)
            return self._settle(name, str(error) if isinstance(error, JobFailure) else BROKEN)
        with self.lock:
            old, self.serving[name] = self.serving[name], variants
            self.resources.update(
                ENDPOINT,
                name,
                EndpointConfigName=pending["EndpointConfigName"],
                DataCaptureConfig=capture,
                ProductionVariants=described,
                PendingDeploymentSummary=None,
                **({"LastDeploymentConfig": how} if how else {}),
                internal={DEPLOYMENT: deployment},
            )
        # The old fleet stands by for as long as the caller wants it to.
        time.sleep(policy.get("TrafficRoutingConfiguration", {}).get("WaitIntervalInSeconds", 0))
        time.sleep(policy.get("TerminationWaitInSeconds", 0))
        self._settle(name, None)
        self._end(old, self.folder / name / before)

    def _settle(self, name: str, failure: str | None) -> None:
        """End an update: what serves is what is described, and ``failure`` is why that is what it was before."""
        with self.lock:
            described = self.resources.get(ENDPOINT, name)["ProductionVariants"]
            for variant, each in zip(self.serving[name], described, strict=True):
                variant.weight = each["CurrentWeight"] = each["DesiredWeight"]
                if "DesiredServerlessConfig" in each:
                    each["CurrentServerlessConfig"] = each["DesiredServerlessConfig"]
                    variant.concurrency = each["CurrentServerlessConfig"]["MaxConcurrency"]
                else:
                    each["CurrentInstanceCount"] = each["DesiredInstanceCount"]
            self.resources.update(
                ENDPOINT,
                name,
                EndpointStatus="InService",
                FailureReason=failure[:1024] if failure else None,
                LastModifiedTime=now(),
                ProductionVariants=described,
                PendingDeploymentSummary=None,
            )

    def _prepare(self, name: str, deployment: str, plan: Plan) -> list[dict]:
        """Keep what a deployment needs; what Describe says of its variants.

        Raises JobFailure with a FailureReason.
        """
        folder = self.folder / name / deployment
        folder.mkdir(parents=True)
        kept, described = [], []
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
            sources, images = {}, []
            for container_name, container in containers:
                place = variant["VariantName"] if len(containers) == 1 else f"{variant['VariantName']}/{container_name}"
                source = serving.Source(
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

    def _begin(self, name: str, deployment: str, described: list[dict]) -> list[Variant]:
        """Begin to serve a deployment's variants, without waiting for their containers; JobFailure as ``_load``."""
        path = self.folder / name / deployment / "deployment.json"
        try:
            kept = json.loads(path.read_text())
        except ValueError as error:
            raise JobFailure(f"{path} is damaged ({error}). Delete the endpoint, and make it anew.") from None
        variants: list[Variant] = []
        try:
            for each, state in zip(kept, described, strict=True):
                variant = self._variant(name, self.folder / name / deployment, each, state)
                self._variants.add(variant)
                variants.append(variant)
        except BaseException:
            self._end(variants)
            raise
        return variants

    def _variant(self, name: str, folder: Path, kept: dict, described: dict) -> Variant:
        """One variant of the deployment in ``folder``, its model begun."""
        variant = described["VariantName"]
        stream = f"{variant}/i-{secrets.token_hex(8)}"
        if isinstance(kept.get("image"), str):  # as a deployment was kept before there were inference pipelines
            kept = {"primary": kept}
        sources = [
            (container, serving.Source(**each | {"folder": folder / each["folder"]}))
            for container, each in kept.items()
        ]

        def write(stream: str) -> Lines:
            return lambda lines: self.logs.write(ENDPOINT.log(name)[0], stream, lines)

        def load() -> ServedModel:
            root = folder / CONTAINERS / f"{variant}-{secrets.token_hex(4)}"
            try:
                return inference_pipeline.begin(sources, root, self.resources.roles.sessions, stream, write)
            except serving.Unhealthy as error:
                raise JobFailure(_unhealthy(variant, error.container)) from None

        config = described.get("DesiredServerlessConfig")
        model = ServerlessModel(load, bool(config.get("ProvisionedConcurrency"))) if config else load()
        concurrency = config["MaxConcurrency"] if config else None
        return Variant(variant, described["DesiredWeight"], model, stream, concurrency)

    def _load(self, name: str, deployment: str, described: list[dict]) -> list[Variant]:
        """A deployment's variants, ready to answer; JobFailure with a FailureReason."""
        variants = self._begin(name, deployment, described)
        for variant in variants:
            try:
                variant.model.wait_until_ready()
            except Exception as error:
                self._end(variants)
                if isinstance(error, serving.Unhealthy):
                    raise JobFailure(_unhealthy(variant.name, error.container)) from None
                raise
        return variants

    def _end(self, variants: list[Variant], folder: Path | None = None) -> None:
        """End variants that get no more requests, and remove their deployment's folder.

        They answer those that they have; a container may take its time to end.  So nobody waits for that.
        """

        def end() -> None:
            until = time.monotonic() + DRAIN_SECONDS
            while any(variant.busy for variant in variants) and time.monotonic() < until:
                time.sleep(0.05)
            for variant in variants:
                variant.model.stop(STOP_GRACE)
                self._variants.discard(variant)
            if folder:
                shutil.rmtree(folder, ignore_errors=True)

        threading.Thread(target=end, daemon=True).start()

    def _tidy(self, name: str, deployment: str | None) -> None:
        """Remove what an earlier process left of an endpoint's other deployments, and of its containers."""
        for folder in (self.folder / name).glob("*"):
            shutil.rmtree(folder if folder.name != deployment else folder / CONTAINERS, ignore_errors=True)

    def _fail(self, name: str, reason: str) -> None:
        self.resources.update(
            ENDPOINT, name, EndpointStatus="Failed", FailureReason=reason[:1024], LastModifiedTime=now()
        )


def _check_not_in_progress(body: dict) -> None:
    if body["EndpointStatus"] in ("Creating", "Updating"):
        raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{body["EndpointArn"]}".')


def _check_deployment(how: dict) -> None:
    """Refuse a DeploymentConfig other than blue/green with all traffic at once."""
    refuse("DeploymentConfig", how, REFUSED_OF_DEPLOYMENT)
    routing = how.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    if routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        raise not_implemented(f"The traffic routing {routing['Type']}")


def _retaining(plan: Plan, described: list[dict], excluded: set[str]) -> Plan:
    """The plan with the properties that variants of the same name have now, but for ``excluded`` ones."""
    known = {each["VariantName"]: each for each in described}
    changed = []
    for variant, model in plan:
        old, new = known.get(variant["VariantName"], {}), dict(variant)
        if "DesiredWeight" in old and "DesiredWeight" not in excluded:
            new["InitialVariantWeight"] = old["DesiredWeight"]
        if "DesiredInstanceCount" in old and "InitialInstanceCount" in new and "DesiredInstanceCount" not in excluded:
            new["InitialInstanceCount"] = old["DesiredInstanceCount"]
        changed.append((new, model))
    return changed


def _unhealthy(variant: str, container: str) -> str:
    return (
        f"The {container} container for production variant {variant} did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )


def _machines_of(config: dict) -> Counter[str]:
    """How many machines of each type a configuration asks for; serverless variants have none."""
    machines: Counter[str] = Counter()
    for variant in config.get("ProductionVariants", []):
        if variant.get("InstanceType"):
            machines[variant["InstanceType"]] += variant["InitialInstanceCount"]
    return machines
