"""Models, endpoint configurations, endpoints, and the requests that endpoints answer.

An endpoint's variants hold their model in the account's own process: the images that run here score with
this project's code, which reads the artifact and executes nothing from it.  Reference: the API reference of
CreateModel, CreateEndpointConfig, CreateEndpoint and the SageMaker runtime's InvokeEndpoint.
"""

from __future__ import annotations

import logging
import lzma
import random
import secrets
import shutil
import tarfile
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from .errors import AwsError
from .images import ServedModel, find_image
from .logs import Logs
from .protocols import not_implemented, request_id
from .resources import ENDPOINT, ENDPOINT_CONFIG, MODEL, Resources, now
from .s3 import S3
from .state import Account
from .uris import split_uri

MAX_BODY = 25 * 1024 * 1024  # bytes that InvokeEndpoint takes
LOG_GROUP = "/aws/sagemaker/Endpoints"
REFUSED_OF_MODEL = ("InferenceExecutionConfig", "VpcConfig")
REFUSED_OF_CONTAINER = ("ModelPackageName", "InferenceSpecificationName", "MultiModelConfig", "ModelDataSource",
                        "AdditionalModelDataSources", "ImageConfig")  # fmt: skip
REFUSED_OF_CONFIG = ("AsyncInferenceConfig", "DataCaptureConfig", "ExplainerConfig", "ShadowProductionVariants",
                     "ExecutionRoleArn", "VpcConfig", "MetricsConfig")  # fmt: skip
REFUSED_OF_VARIANT = ("ServerlessConfig", "AcceleratorType", "CoreDumpConfig", "ManagedInstanceScaling",
                      "RoutingConfig", "CapacityReservationConfig", "InstancePools")  # fmt: skip
REFUSED_HEADERS = ("target-model", "target-container-hostname", "inference-component", "session-id",
                   "enable-explanations")  # fmt: skip

log = logging.getLogger("local_aws")


@dataclass
class Variant:
    """A production variant as it serves: its share of the requests, its model, where it logs."""

    name: str
    weight: float
    model: ServedModel
    log_stream: str


class Hosting:
    """What SageMaker hosts in an account."""

    def __init__(
        self, folder: Path, account: Account, resources: Resources, objects: S3, logs: Logs
    ) -> None:
        self.folder = folder / "endpoints"
        self.account = account
        self.resources = resources
        self.objects = objects
        self.logs = logs
        self.serving: dict[str, list[Variant]] = {}
        self.operations = {
            "CreateModel": self.create_model,
            "DescribeModel": lambda params: resources.get(MODEL, params["ModelName"]),
            "ListModels": self.list_models,
            "DeleteModel": self.delete_model,
            "CreateEndpointConfig": self.create_endpoint_config,
            "DescribeEndpointConfig": lambda params: resources.get(ENDPOINT_CONFIG, params["EndpointConfigName"]),
            "ListEndpointConfigs": self.list_endpoint_configs,
            "DeleteEndpointConfig": self.delete_endpoint_config,
            "CreateEndpoint": self.create_endpoint,
            "DescribeEndpoint": lambda params: resources.get(ENDPOINT, params["EndpointName"]),
            "ListEndpoints": self.list_endpoints,
            "DeleteEndpoint": self.delete_endpoint,
        }

    def recover(self) -> None:
        """Let the endpoints of the account serve again after its process was started anew."""
        known = set()
        for body, _ in self.resources.all(ENDPOINT):
            known.add(body["EndpointName"])
            if body["EndpointStatus"] in ("InService", "Creating"):
                self._start(body["EndpointName"])
        for folder in self.folder.glob("*"):
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    # Models

    def create_model(self, params: dict) -> dict:
        name = params["ModelName"]
        _refuse("CreateModel", params, REFUSED_OF_MODEL)
        containers = params.get("Containers", [])
        primary = params.get("PrimaryContainer") or (containers[0] if len(containers) == 1 else None)
        if len(containers) > 1:
            raise not_implemented("An inference pipeline (CreateModel with more than one container)")
        if primary is None:
            raise AwsError("ValidationException", "You must provide either PrimaryContainer or Containers.")
        _refuse("CreateModel", primary, REFUSED_OF_CONTAINER)
        if primary.get("Mode", "SingleModel") != "SingleModel":
            raise not_implemented("A multi-model container (Mode)")
        if not params.get("ExecutionRoleArn"):
            raise AwsError("ValidationException", "ExecutionRoleArn is required for a model.")
        self.resources.check_role(params["ExecutionRoleArn"])
        if not primary.get("Image"):
            raise AwsError("ValidationException", "Image is required for a model's container.")
        find_image(primary["Image"])
        url = primary.get("ModelDataUrl")
        if url:
            try:
                self.objects.object(*split_uri(url))
            except AwsError as error:
                if error.code not in ("NoSuchBucket", "NoSuchKey"):
                    raise
                raise AwsError("ValidationException", f"Could not find model data at {url}.") from None
        self._need_free(MODEL, name)
        body = {key: value for key, value in params.items() if key not in ("ModelName", "Tags")}
        body["EnableNetworkIsolation"] = params.get("EnableNetworkIsolation", False)
        body["CreationTime"] = now()
        for container in [body.get("PrimaryContainer"), *body.get("Containers", [])]:
            if container is not None:
                container.setdefault("Mode", "SingleModel")
        return {"ModelArn": self.resources.add(MODEL, name, body, params.get("Tags"))}

    def list_models(self, params: dict) -> dict:
        return self._list(MODEL, params, ("ModelName", "ModelArn", "CreationTime"))

    def delete_model(self, params: dict) -> None:
        self.resources.get(MODEL, params["ModelName"])
        self.resources.delete(MODEL, params["ModelName"])

    # Endpoint configurations

    def create_endpoint_config(self, params: dict) -> dict:
        name, variants = params["EndpointConfigName"], params["ProductionVariants"]
        _refuse("CreateEndpointConfig", params, REFUSED_OF_CONFIG)
        names = [variant["VariantName"] for variant in variants]
        if len(set(names)) < len(names):
            raise AwsError("ValidationException", "Variant names in an endpoint configuration must be unique.")
        for variant in variants:
            _refuse("A production variant", variant, REFUSED_OF_VARIANT)
            for member in ("ModelName", "InstanceType", "InitialInstanceCount"):
                if variant.get(member) is None:
                    raise AwsError("ValidationException", f"{member} is required for a production variant.")
            variant.setdefault("InitialVariantWeight", 1.0)
            self.resources.get(MODEL, variant["ModelName"])
        self._need_free(ENDPOINT_CONFIG, name)
        body = {key: value for key, value in params.items() if key not in ("EndpointConfigName", "Tags")}
        body |= {"EnableNetworkIsolation": params.get("EnableNetworkIsolation", False), "CreationTime": now()}
        return {"EndpointConfigArn": self.resources.add(ENDPOINT_CONFIG, name, body, params.get("Tags"))}

    def list_endpoint_configs(self, params: dict) -> dict:
        return self._list(ENDPOINT_CONFIG, params, ("EndpointConfigName", "EndpointConfigArn", "CreationTime"))

    def delete_endpoint_config(self, params: dict) -> None:
        self.resources.get(ENDPOINT_CONFIG, params["EndpointConfigName"])
        self.resources.delete(ENDPOINT_CONFIG, params["EndpointConfigName"])

    # Endpoints

    def create_endpoint(self, params: dict) -> dict:
        name = params["EndpointName"]
        if params.get("DeploymentConfig"):
            raise not_implemented("CreateEndpoint's DeploymentConfig")
        config = self.resources.get(ENDPOINT_CONFIG, params["EndpointConfigName"])
        self._need_free(ENDPOINT, name)
        created = now()
        body = {
            "EndpointConfigName": config["EndpointConfigName"],
            "EndpointStatus": "Creating",
            "CreationTime": created,
            "LastModifiedTime": created,
        }
        arn = self.resources.add(ENDPOINT, name, body, params.get("Tags"))
        # The artifacts are unpacked now: the endpoint serves what the models held when it was made, whatever
        # becomes of the models, as on AWS.
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        plan = []
        for variant in config["ProductionVariants"]:
            model = self.resources.find(MODEL, variant["ModelName"]) or {}
            container = model.get("PrimaryContainer") or model.get("Containers", [{}])[0]
            plan.append((variant, container))
        threading.Thread(target=self._deploy, args=(name, plan), daemon=True).start()
        return {"EndpointArn": arn}

    def _deploy(self, name: str, plan: list[tuple[dict, dict]]) -> None:
        """Unpack each variant's artifact into the endpoint's folder, then serve."""
        described = []
        try:
            for variant, container in plan:
                if not container:
                    raise ValueError(f'Could not find model "{variant["ModelName"]}".')
                folder = self.folder / name / variant["VariantName"]
                folder.mkdir(parents=True)
                url = container.get("ModelDataUrl")
                if url:
                    self.extract(url, folder)
                count = variant["InitialInstanceCount"]
                described.append(
                    {
                        "VariantName": variant["VariantName"],
                        "DeployedImages": [
                            {
                                "SpecifiedImage": container["Image"],
                                "ResolvedImage": container["Image"],
                                "ResolutionTime": now(),
                            }
                        ],
                        "CurrentWeight": variant["InitialVariantWeight"],
                        "DesiredWeight": variant["InitialVariantWeight"],
                        "CurrentInstanceCount": count,
                        "DesiredInstanceCount": count,
                    }
                )
        except ValueError as error:
            return self._fail(name, str(error))
        except Exception:  # the endpoint must leave Creating, whatever went wrong
            log.exception("endpoint %s", name)
            return self._fail(name, BROKEN)
        self.resources.update(ENDPOINT, name, ProductionVariants=described)
        self._start(name)

    def extract(self, url: str, folder: Path) -> None:
        """Unpack an artifact; ValueError with AWS's sentence if it is no archive that could be unpacked."""
        try:
            artifact = self.objects.object(*split_uri(url))
        except AwsError:
            raise ValueError(f"Could not find model data at {url}.") from None
        try:
            with tarfile.open(artifact.path) as archive:
                archive.extractall(folder, filter="data")
        except (ValueError, OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError) as error:
            log.warning("%s cannot be unpacked: %s", url, error)
            raise ValueError(
                f'Failed to extract model data archive from URL "{url}". Please ensure that the object located at '
                "the URL is a valid tar.gz archive."
            ) from None

    def _start(self, name: str) -> None:
        """Load the endpoint's models from its folder and let it answer."""
        body = self.resources.find(ENDPOINT, name)
        variants = []
        for described in body.get("ProductionVariants", []):
            variant = described["VariantName"]
            stream = f"{variant}/i-{secrets.token_hex(8)}"
            self._log(name, stream, "loading model...")
            folder = self.folder / name / variant
            try:
                image = find_image(described["DeployedImages"][0]["SpecifiedImage"])
                model = image.load(folder)
            except Exception as error:  # an artifact may hold anything
                why = str(error).replace(str(folder), "/opt/ml/model")
                self._log(name, stream, f"The model cannot be loaded: {why}")
                return self._fail(
                    name,
                    f"The primary container for production variant {variant} did not pass the ping health check. "
                    "Please check CloudWatch logs for this endpoint.",
                )
            self._log(name, stream, "...model loaded.")
            variants.append(Variant(variant, described["CurrentWeight"], model, stream))
        if not variants:
            return self._fail(name, LOST)
        self.serving[name] = variants
        self.resources.update(ENDPOINT, name, EndpointStatus="InService", LastModifiedTime=now())

    def _fail(self, name: str, reason: str) -> None:
        self.resources.update(
            ENDPOINT, name, EndpointStatus="Failed", FailureReason=reason[:1024], LastModifiedTime=now()
        )

    def list_endpoints(self, params: dict) -> dict:
        shown = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        return self._list(ENDPOINT, params, shown)

    def delete_endpoint(self, params: dict) -> None:
        body = self.resources.get(ENDPOINT, params["EndpointName"])
        name = body["EndpointName"]
        if body["EndpointStatus"] == "Creating":
            raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{body["EndpointArn"]}".')
        self.serving.pop(name, None)
        self.resources.delete(ENDPOINT, name)
        shutil.rmtree(self.folder / name, ignore_errors=True)

    # The runtime

    def invoke(self, request: Request, body: bytes) -> Response:
        """Answer ``POST /endpoints/NAME/invocations``."""
        name = unquote(request.url.path.split("/")[2])
        variants = self.serving.get(name)
        if variants is None:
            name, variants = self._serving_as(name)
        headers = request.headers
        for header in REFUSED_HEADERS:
            if headers.get(f"x-amzn-sagemaker-{header}"):
                raise not_implemented(f"InvokeEndpoint's header X-Amzn-SageMaker-{header.title()}")
        if len(body) > MAX_BODY:
            raise AwsError("ValidationError", f"The request's body is larger than {MAX_BODY} bytes.", 413)
        variant = self._choose(name, variants, headers.get("x-amzn-sagemaker-target-variant"))
        answer = variant.model.invoke(body, headers.get("content-type"), headers.get("accept"))
        if answer.log_line:
            self._log(name, variant.log_stream, answer.log_line)
        if answer.status != 200:
            raise self._model_error(name, variant, answer.status, answer.body.decode(errors="replace"))
        return Response(
            answer.body,
            headers={
                "Content-Type": answer.content_type,
                "x-Amzn-Invoked-Production-Variant": variant.name,
                "x-amzn-RequestId": request_id(),
            },
        )

    def _choose(self, name: str, variants: list[Variant], wanted: str | None) -> Variant:
        if wanted:
            for variant in variants:
                if variant.name == wanted:
                    return variant
            raise AwsError("ValidationError", f"Variant {wanted} of endpoint {name} not found.")
        if len(variants) == 1:
            return variants[0]
        return random.choices(variants, [max(variant.weight, 0.0) or 1e-12 for variant in variants])[0]

    def _serving_as(self, name: str) -> tuple[str, list[Variant]]:
        """The endpoint that was made with this name in another case; AwsError if there is none that answers."""
        body = self.resources.find(ENDPOINT, name)
        if body is None:
            raise AwsError("ValidationError", f"Endpoint {name} of account {self.account.account_id} not found.")
        variants = self.serving.get(body["EndpointName"])
        if variants is None:
            raise AwsError(
                "ValidationError",
                f"Endpoint {name} of account {self.account.account_id} is in status {body['EndpointStatus']}: "
                "it answers when it is InService.",
            )
        return body["EndpointName"], variants

    def _model_error(self, name: str, variant: Variant, status: int, text: str) -> AwsError:
        region, account = self.account.region, self.account.account_id
        whose = "client" if status < 500 else "server"
        link = (
            f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
            f"#logEventViewer:group={LOG_GROUP}/{name}"
        )
        return AwsError(
            "ModelError",
            f'Received {whose} error ({status}) from primary with message "{text}". '
            f"See {link} in account {account} for more information.",
            424,
            OriginalStatusCode=status,
            OriginalMessage=text,
            LogStreamArn=(
                f"arn:aws:logs:{region}:{account}:log-group:{LOG_GROUP}/{name}:log-stream:"
                f"{quote(variant.log_stream)}"
            ),
        )

    def _log(self, name: str, stream: str, line: str) -> None:
        self.logs.write(f"{LOG_GROUP}/{name}", stream, [(time.time(), line)])

    def _list(self, kind, params: dict, shown: tuple[str, ...]) -> dict:
        found, token = self.resources.page(kind, params, lambda body: {key: body.get(key) for key in shown})
        return {f"{kind.name}s": found, "NextToken": token}

    def _need_free(self, kind, name: str) -> None:
        if self.resources.find(kind, name):
            arn = self.resources.arn(kind, name)
            raise AwsError("ValidationException", f'Cannot create already existing {kind.noun} "{arn}".')


LOST = "The embedded account's process ended while this endpoint was created. Delete it and create it again."
BROKEN = "Request to service failed. ('python -m utils.local_aws logs' shows what happened.)"


def _refuse(what: str, params: dict, members: tuple[str, ...]) -> None:
    for member in members:
        if params.get(member):
            raise not_implemented(f"{what}'s {member}")
