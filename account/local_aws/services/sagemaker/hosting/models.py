"""CreateModel, CreateEndpointConfig and their siblings.

Reference: the API reference of CreateModel and CreateEndpointConfig.
"""

from __future__ import annotations

from typing import Any

from local_aws.core.errors import AwsError
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.sagemaker.kinds import ENDPOINT_CONFIG, MODEL
from local_aws.services.sagemaker.registry import ModelRegistry, check_model_data
from local_aws.services.sagemaker.resources import Resources, now
from local_aws.wire.operation import operation
from local_aws.wire.refusals import not_implemented, refuse

from .inference_pipeline import containers_of
from .serverless import MEMORY_SIZES

REFUSED_OF_MODEL = ("VpcConfig",)
REFUSED_OF_CONTAINER = ("InferenceSpecificationName", "MultiModelConfig", "ModelDataSource",
                        "AdditionalModelDataSources", "ImageConfig")  # fmt: skip
REFUSED_OF_CONFIG = ("AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants",
                     "ExecutionRoleArn", "VpcConfig", "MetricsConfig")  # fmt: skip
REFUSED_OF_VARIANT = ("AcceleratorType", "CoreDumpConfig", "ManagedInstanceScaling",
                      "RoutingConfig", "CapacityReservationConfig", "InstancePools")  # fmt: skip


class Hosting:
    """The models and endpoint configurations of an account."""

    def __init__(self, resources: Resources, objects: ObjectStore, packages: ModelRegistry) -> None:
        self.resources = resources
        self.objects = objects
        self.packages = packages

    # Models

    @operation("CreateModel")
    def create_model(self, params: dict[str, Any]) -> dict[str, Any]:
        """Store a model; AwsError, in AWS's words, if one of its containers could not serve here."""
        name = params["ModelName"]
        refuse("CreateModel", params, REFUSED_OF_MODEL)
        containers = [params["PrimaryContainer"]] if params.get("PrimaryContainer") else params.get("Containers", [])
        if not containers:
            raise AwsError("ValidationException", "You must provide either PrimaryContainer or Containers.")
        if params.get("InferenceExecutionConfig", {}).get("Mode", "Serial") != "Serial":
            raise not_implemented("Containers that are invoked directly (InferenceExecutionConfig.Mode)")
        if not params.get("ExecutionRoleArn"):
            raise AwsError("ValidationException", "ExecutionRoleArn is required for a model.")
        self.resources.roles.check_of_model(params["ExecutionRoleArn"], self.resources.arn(MODEL, name))
        for container in containers:
            self._check_container(container)
        hostnames = [hostname for hostname, _ in containers_of({"Containers": containers})]
        if len(set(hostnames)) < len(hostnames):
            raise AwsError("ValidationException", "The ContainerHostnames of a model's containers must differ.")
        self.resources.need_free(MODEL, name)
        body = {key: value for key, value in params.items() if key not in ("ModelName", "Tags")}
        if len(containers) > 1:
            body["InferenceExecutionConfig"] = {"Mode": "Serial"}
        body["EnableNetworkIsolation"] = params.get("EnableNetworkIsolation", False)
        body["CreationTime"] = now()
        return {"ModelArn": self.resources.add(MODEL, name, body, params.get("Tags"))}

    def _check_container(self, container: dict[str, Any]) -> None:
        """Refuse a container that cannot be served; a package's becomes one with an image and an artifact."""
        refuse("CreateModel", container, REFUSED_OF_CONTAINER)
        if container.setdefault("Mode", "SingleModel") != "SingleModel":
            raise not_implemented("A multi-model container (Mode)")
        if container.get("ModelPackageName"):
            container |= self.packages.deployed(container)
        if not container.get("Image"):
            raise AwsError("ValidationException", "Image is required for a model's container.")
        image = self.packages.images.find(container["Image"], container.get("Environment", {}))
        if not image.load and not image.serve:
            raise not_implemented(f"Serving with the image {container['Image']}")
        if container.get("ModelDataUrl"):
            check_model_data(self.objects, container["ModelDataUrl"])

    @operation("DescribeModel")
    def describe_model(self, params: dict[str, Any]) -> dict[str, Any]:
        """A model by its name; AwsError if there is none."""
        return self.resources.get(MODEL, params["ModelName"])

    @operation("ListModels")
    def list_models(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of the models; a page may have fewer than MaxResults that pass the filters."""
        # That the filters count first: https://github.com/boto/boto3/issues/2521
        return self.resources.listed(MODEL, params, ("ModelName", "ModelArn", "CreationTime"), counted_first=True)

    @operation("DeleteModel")
    def delete_model(self, params: dict[str, Any]) -> None:
        """Delete a model; endpoints that serve it go on.  AwsError if there is none."""
        self.resources.get(MODEL, params["ModelName"])
        self.resources.delete(MODEL, params["ModelName"])

    # Endpoint configurations

    @operation("CreateEndpointConfig")
    def create_endpoint_config(self, params: dict[str, Any]) -> dict[str, Any]:
        """Store an endpoint configuration; AwsError if one of its variants could not serve here."""
        name, variants = params["EndpointConfigName"], params["ProductionVariants"]
        refuse("CreateEndpointConfig", params, REFUSED_OF_CONFIG)
        if params.get("DataCaptureConfig", {"EnableCapture": False}).get("EnableCapture", True):
            raise not_implemented("CreateEndpointConfig's DataCaptureConfig with EnableCapture")
        names = [variant["VariantName"] for variant in variants]
        if len(set(names)) < len(names):
            raise AwsError("ValidationException", "Variant names in an endpoint configuration must be unique.")
        for variant in variants:
            refuse("A production variant", variant, REFUSED_OF_VARIANT)
            if variant.get("ServerlessConfig"):
                _check_serverless(variant, len(variants))
            else:
                _require(variant, "InstanceType", "InitialInstanceCount")
            _require(variant, "ModelName")
            variant.setdefault("InitialVariantWeight", 1.0)
            model = self.resources.get(MODEL, variant["ModelName"])
            if variant.get("ServerlessConfig") and len(containers_of(model)) > 1:
                raise AwsError(
                    "ValidationException",
                    f"A model of several containers cannot be serverless (variant {variant['VariantName']}).",
                )
        self.resources.need_free(ENDPOINT_CONFIG, name)
        body = {key: value for key, value in params.items() if key not in ("EndpointConfigName", "Tags")}
        body |= {"EnableNetworkIsolation": params.get("EnableNetworkIsolation", False), "CreationTime": now()}
        return {"EndpointConfigArn": self.resources.add(ENDPOINT_CONFIG, name, body, params.get("Tags"))}

    @operation("DescribeEndpointConfig")
    def describe_endpoint_config(self, params: dict[str, Any]) -> dict[str, Any]:
        """An endpoint configuration by its name; AwsError if there is none."""
        return self.resources.get(ENDPOINT_CONFIG, params["EndpointConfigName"])

    @operation("ListEndpointConfigs")
    def list_endpoint_configs(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of the endpoint configurations, the newest first unless the request says otherwise."""
        return self.resources.listed(
            ENDPOINT_CONFIG, params, ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
        )

    @operation("DeleteEndpointConfig")
    def delete_endpoint_config(self, params: dict[str, Any]) -> None:
        """Delete an endpoint configuration; endpoints that were made with it go on.  AwsError if there is none."""
        self.resources.get(ENDPOINT_CONFIG, params["EndpointConfigName"])
        self.resources.delete(ENDPOINT_CONFIG, params["EndpointConfigName"])


def shown_capture(config: dict[str, Any]) -> dict[str, Any] | None:
    """What DescribeEndpoint shows of a configuration's data capture, which is switched off; None if it has none."""
    capture = config.get("DataCaptureConfig")
    return capture and {
        "EnableCapture": False,
        "CaptureStatus": "Stopped",
        "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
        "DestinationS3Uri": capture["DestinationS3Uri"],
        "KmsKeyId": capture.get("KmsKeyId", ""),
    }


def _require(variant: dict[str, Any], *members: str) -> None:
    for member in members:
        if variant.get(member) is None:
            raise AwsError("ValidationException", f"{member} is required for a production variant.")


def _check_serverless(variant: dict[str, Any], variants: int) -> None:
    """Refuse what a serverless variant cannot be; botocore's model has the limits of its numbers."""
    config, name = variant["ServerlessConfig"], variant["VariantName"]
    fault = None
    for member in ("InstanceType", "InitialInstanceCount"):
        if variant.get(member) is not None:
            fault = f"{member} cannot be specified together with ServerlessConfig"
    if variants > 1:
        fault = "An endpoint configuration with ServerlessConfig can have one production variant only"
    elif config["MemorySizeInMB"] not in MEMORY_SIZES:
        sizes = ", ".join(map(str, MEMORY_SIZES))
        fault = f"MemorySizeInMB {config['MemorySizeInMB']} is not valid; valid values are {sizes}"
    elif config.get("ProvisionedConcurrency", 0) > config["MaxConcurrency"]:
        fault = "ProvisionedConcurrency must not exceed MaxConcurrency"
    if fault:
        raise AwsError("ValidationException", f"{fault} (production variant {name}).")
