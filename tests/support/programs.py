"""An embedded account that knows one more image, ``programs``: its models are served by ``served_program.py``."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path

from local_aws import images
from local_aws.containers.image import Image
from local_aws.door import server
from local_aws.services.sagemaker.hosting import serverless
from support.account import OwnProgram
from support.training import wait_until

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/programs:1"
ROLE = "arn:aws:iam::000000000000:role/service-role/AmazonSageMaker-ExecutionRole-Local"
PROGRAM = (sys.executable, str(Path(__file__).with_name("served_program.py")), "serve")


class Account(OwnProgram):
    """An account that knows the image ``programs``."""

    program = __file__

    def begin(self) -> None:
        super().begin()
        self.sagemaker, self.runtime = self.client("sagemaker"), self.client("sagemaker-runtime")

    def kill(self) -> None:
        super().kill()
        self.process.wait()

    def model(self, name: str, files: dict[str, str] | None = None, **environment: str) -> str:
        s3 = self.client("s3")
        s3.create_bucket(Bucket="models")
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w:gz") as archive:
            for path, text in (files or {"name": name}).items():
                member = tarfile.TarInfo(path)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        s3.put_object(Bucket="models", Key=f"{name}/model.tar.gz", Body=made.getvalue())
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://models/{name}/model.tar.gz", "Environment": environment}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        return name

    def config(self, name: str, *models: str, **members) -> str:
        """A configuration with a variant for each model, called after it; ``members`` are those of all variants."""
        members = members or {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        variants = [{"VariantName": model, "ModelName": model, **members} for model in models]
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        return name

    def endpoint(self, name: str, files: dict[str, str] | None = None, **environment: str) -> dict:
        """What Describe says of a new endpoint, its variant called as itself, when it is no longer Creating."""
        self.config(name, self.model(name, files, **environment))
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        return self.ready(name)

    def ready(self, name: str) -> dict:
        return wait_until(
            lambda: self.sagemaker.describe_endpoint(EndpointName=name),
            lambda body: body["EndpointStatus"] not in ("Creating", "Updating"),
            name,
        )

    def ask(self, name: str, body: str = "tell", **members) -> dict:
        answer = self.runtime.invoke_endpoint(EndpointName=name, Body=body, **members)
        return json.loads(answer["Body"].read())

    def lines(self, group: str, beginning: str = "") -> list[str]:
        """All that the group's streams hold whose names begin so; nothing before the first line, which the account
        writes a little late."""
        logs = self.client("logs")
        chosen = {"logStreamNamePrefix": beginning} if beginning else {}
        try:
            streams = logs.describe_log_streams(logGroupName=group, **chosen)["logStreams"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [
            event["message"]
            for stream in streams
            for event in logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        ]


if __name__ == "__main__":
    images.IMAGES["programs"] = Image("programs", (), None, (), {}, PROGRAM)
    serverless.IDLE_SECONDS = 3
    sys.exit(server.main())
