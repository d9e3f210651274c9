"""Models that are trained, served and asked."""

from __future__ import annotations

from botocore.exceptions import ClientError

from support.training import (
    IMAGE,
    name,
    table,
    wait_until,
)

X, Y = table(40, 3)


RECORDIO, CSV = "application/x-recordio-protobuf", "text/csv"


class Hosts:
    """Makes models, configurations and endpoints, and deletes what is left of them."""

    def __init__(self, account, client) -> None:
        self.role, self.client = account.account.role_arn, client
        self.endpoints: list[str] = []
        self.configs: list[str] = []
        self.models: list[str] = []

    def model(self, uri: str, **members) -> str:
        model = name("Model")
        self.models.append(model)
        self.client.create_model(
            ModelName=model,
            ExecutionRoleArn=self.role,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": uri},
            **members,
        )
        return model

    def config(self, *models: str, **members) -> str:
        config = name("Config")
        self.configs.append(config)
        variants = [variant(model, f"variant-{number}") for number, model in enumerate(models)]
        self.client.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants, **members)
        return config

    def create(self, config: str, endpoint: str | None = None, **members) -> str:
        endpoint = endpoint or name("Endpoint")
        self.endpoints.append(endpoint)
        self.client.create_endpoint(EndpointName=endpoint, EndpointConfigName=config, **members)
        return endpoint

    def ready(self, endpoint: str) -> dict:
        return wait_until(
            lambda: self.client.describe_endpoint(EndpointName=endpoint),
            lambda body: body["EndpointStatus"] != "Creating",
            endpoint,
        )

    def delete_all(self) -> None:
        for endpoint in self.endpoints:
            self._delete(self.ready, endpoint)
            self._delete(self.client.delete_endpoint, EndpointName=endpoint)
        for config in self.configs:
            self._delete(self.client.delete_endpoint_config, EndpointConfigName=config)
        for model in self.models:
            self._delete(self.client.delete_model, ModelName=model)

    def _delete(self, call, *args, **kwargs) -> None:
        try:
            call(*args, **kwargs)
        except ClientError as error:
            if "Could not find" not in str(error):
                raise


def variant(model: str, variant_name: str = "AllTraffic", **members) -> dict:
    found = {"ModelName": model, "VariantName": variant_name}
    return found | {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1} | members


def as_csv(x) -> bytes:
    return "\n".join(",".join(repr(float(value)) for value in row) for row in x).encode()
