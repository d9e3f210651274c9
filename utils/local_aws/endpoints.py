"""Endpoints: how they come to serve, and how they end.

A deployment of an endpoint, which is what one of its configurations makes of it, has a folder of its own below the
endpoint's: ``deployment.json`` says what each variant is, and beside it lie the models' artifacts as they were when
it was made, whatever becomes of the models since, as on AWS.  Reference: the API reference of CreateEndpoint.
"""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from . import script_container, serving
from .errors import AwsError
from .logs import Logs
from .protocols import executes, not_implemented
from .resources import ENDPOINT, ENDPOINT_CONFIG, MODEL, Resources, now
from .s3 import S3
from .serving import STARTUP_TIMEOUT, STOP_GRACE, ServedModel
from .state import Account, replace_file

LOG_GROUP = "/aws/sagemaker/Endpoints"
DEPLOYMENT = "Deployment"  # the member of an endpoint's body that names its deployment; no caller sees it
LOST = "The embedded account's process ended while this endpoint was created. Delete it and create it again."
BROKEN = "Request to service failed. ('python -m utils.local_aws logs' shows what happened.)"

log = logging.getLogger("local_aws")


@dataclass(frozen=True)
class Variant:
    """A production variant as it serves: its share of the requests, its model, where it logs, its folder."""

    name: str
    weight: float
    model: ServedModel
    log_stream: str
    root: Path

    def stop(self, grace: float) -> None:
        self.model.stop(grace)
        shutil.rmtree(self.root, ignore_errors=True)


class Endpoints:
    """The endpoints of an account."""

    def __init__(self, folder: Path, account: Account, resources: Resources, objects: S3, logs: Logs) -> None:
        self.folder = folder / "endpoints"
        self.account = account
        self.resources = resources
        self.objects = objects
        self.logs = logs
        self.serving: dict[str, list[Variant]] = {}
        self._variants: set[Variant] = set()  # all that have been begun and not ended, serving or not yet
        self.operations = {
            "CreateEndpoint": self.create,
            "DescribeEndpoint": self.describe,
            "ListEndpoints": self.list,
            "DeleteEndpoint": self.delete,
        }

    def recover(self) -> None:
        """Let the endpoints of the account serve again after its process was started anew."""
        known = set()
        for body, _ in self.resources.all(ENDPOINT):
            name = body["EndpointName"]
            known.add(name)
            if body["EndpointStatus"] == "Creating":
                if body.get(DEPLOYMENT):
                    threading.Thread(target=self._finish, args=(name, body[DEPLOYMENT]), daemon=True).start()
                else:
                    self._fail(name, LOST)
            elif body["EndpointStatus"] == "InService":
                try:
                    # Whoever asks a container that is not ready yet waits for it.
                    self.serving[name] = self._begin(name, body[DEPLOYMENT])
                except Exception as error:  # one endpoint that cannot serve must not keep the account down
                    log.exception("endpoint %s", name)
                    self._fail(name, str(error) if isinstance(error, ValueError) else BROKEN)
        for folder in self.folder.glob("*"):
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def shut_down(self) -> None:
        """Kill what runs; ``recover`` lets it serve again."""
        for variant in list(self._variants):
            variant.stop(0)

    @executes
    def create(self, params: dict) -> dict:
        name = params["EndpointName"]
        if params.get("DeploymentConfig"):
            raise not_implemented("CreateEndpoint's DeploymentConfig")
        config = self.resources.get(ENDPOINT_CONFIG, params["EndpointConfigName"])
        self.resources.need_free(ENDPOINT, name)
        created = now()
        body = {
            "EndpointConfigName": config["EndpointConfigName"],
            "EndpointStatus": "Creating",
            "CreationTime": created,
            "LastModifiedTime": created,
        }
        arn = self.resources.add(ENDPOINT, name, body, params.get("Tags"))
        shutil.rmtree(self.folder / name, ignore_errors=True)
        plan = self._plan(config)
        threading.Thread(target=self._create, args=(name, plan), daemon=True).start()
        return {"EndpointArn": arn}

    def describe(self, params: dict) -> dict:
        body = self.resources.get(ENDPOINT, params["EndpointName"])
        body.pop(DEPLOYMENT, None)
        return body

    def list(self, params: dict) -> dict:
        shown = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        return self.resources.listed(ENDPOINT, params, shown)

    @executes
    def delete(self, params: dict) -> None:
        body = self.resources.get(ENDPOINT, params["EndpointName"])
        name = body["EndpointName"]
        if body["EndpointStatus"] == "Creating":
            raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{body["EndpointArn"]}".')
        variants = self.serving.pop(name, [])
        self.resources.delete(ENDPOINT, name)
        shutil.rmtree(self.folder / name, ignore_errors=True)
        self._end(variants)

    def _plan(self, config: dict) -> list[tuple[dict, dict]]:
        """The configuration's variants, each with its model's container (empty if there is no such model)."""
        plan = []
        for variant in config["ProductionVariants"]:
            model = self.resources.find(MODEL, variant["ModelName"]) or {}
            plan.append((variant, model.get("PrimaryContainer") or model.get("Containers", [{}])[0]))
        return plan

    def _create(self, name: str, plan: list[tuple[dict, dict]]) -> None:
        try:
            deployment, described = self._prepare(name, plan)
            self.resources.update(ENDPOINT, name, ProductionVariants=described, **{DEPLOYMENT: deployment})
        except ValueError as error:
            return self._fail(name, str(error))
        except Exception:  # the endpoint must leave Creating, whatever went wrong
            log.exception("endpoint %s", name)
            return self._fail(name, BROKEN)
        self._finish(name, deployment)

    def _finish(self, name: str, deployment: str) -> None:
        """Let a new endpoint serve what has been prepared."""
        try:
            variants = self._load(name, deployment)
        except ValueError as error:
            return self._fail(name, str(error))
        except Exception:  # as above
            log.exception("endpoint %s", name)
            return self._fail(name, BROKEN)
        self.serving[name] = variants
        self.resources.update(ENDPOINT, name, EndpointStatus="InService", LastModifiedTime=now())

    def _prepare(self, name: str, plan: list[tuple[dict, dict]]) -> tuple[str, list[dict]]:
        """Keep what a deployment needs; its name, and what Describe says of its variants.

        Raises ValueError with a FailureReason.
        """
        deployment = secrets.token_hex(4)
        folder = self.folder / name / deployment
        folder.mkdir(parents=True)
        kept, described = [], []
        for variant, container in plan:
            if not container:
                raise ValueError(f'Could not find model "{variant["ModelName"]}".')
            url = container.get("ModelDataUrl")
            if url:
                serving.fetch(self.objects, url, folder / f"{variant['VariantName']}.tar.gz")
            environment = container.get("Environment", {})
            serving.fetch_code(self.objects, environment, folder / f"{variant['VariantName']}.code.tar.gz")
            kept.append(
                {
                    "name": variant["VariantName"],
                    "image": container["Image"],
                    "environment": environment,
                    "url": url,
                    "startup": variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_TIMEOUT),
                    "weight": variant["InitialVariantWeight"],
                }
            )
            image = {"SpecifiedImage": container["Image"], "ResolvedImage": container["Image"], "ResolutionTime": now()}
            count = variant["InitialInstanceCount"]
            described.append(
                {
                    "VariantName": variant["VariantName"],
                    "DeployedImages": [image],
                    "CurrentWeight": variant["InitialVariantWeight"],
                    "DesiredWeight": variant["InitialVariantWeight"],
                    "CurrentInstanceCount": count,
                    "DesiredInstanceCount": count,
                }
            )
        replace_file(folder / "deployment.json", json.dumps(kept))
        return deployment, described

    def _begin(self, name: str, deployment: str) -> list[Variant]:
        """Begin to serve a deployment's variants, without waiting for their containers; ValueError as ``_load``."""
        folder = self.folder / name / deployment
        variants: list[Variant] = []
        try:
            for each in json.loads((folder / "deployment.json").read_text()):
                root = script_container.root_folder(folder / f"{each['name']}-{secrets.token_hex(4)}")
                stream = f"{each['name']}/i-{secrets.token_hex(8)}"
                if each["url"]:
                    serving.unpack(folder / f"{each['name']}.tar.gz", each["url"], root)
                serving.lay_code(folder / f"{each['name']}.code.tar.gz", root)

                def write(lines: list[tuple[float, str]], stream: str = stream) -> None:
                    self.logs.write(f"{LOG_GROUP}/{name}", stream, lines)

                try:
                    model = serving.begin(
                        each["image"], root, each["environment"], self.account.region, write, each["startup"]
                    )
                except ValueError:
                    raise ValueError(_unhealthy(each["name"])) from None
                variant = Variant(each["name"], each["weight"], model, stream, root)
                self._variants.add(variant)
                variants.append(variant)
        except BaseException:
            self._end(variants)
            raise
        return variants

    def _load(self, name: str, deployment: str) -> list[Variant]:
        """A deployment's variants, ready to answer; ValueError with a FailureReason."""
        variants = self._begin(name, deployment)
        for variant in variants:
            try:
                variant.model.wait_until_ready()
            except ValueError:
                self._end(variants)
                raise ValueError(_unhealthy(variant.name)) from None
        return variants

    def _end(self, variants: list[Variant]) -> None:
        """End variants that get no more requests.  A container may take its time, so nobody waits for it."""

        def end(variant: Variant) -> None:
            variant.stop(STOP_GRACE)
            self._variants.discard(variant)

        for variant in variants:
            threading.Thread(target=end, args=(variant,), daemon=True).start()

    def _fail(self, name: str, reason: str) -> None:
        self.resources.update(
            ENDPOINT, name, EndpointStatus="Failed", FailureReason=reason[:1024], LastModifiedTime=now()
        )


def _unhealthy(variant: str) -> str:
    return (
        f"The primary container for production variant {variant} did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )
