"""Images of one's own whose containers serve: ``docker run IMAGE serve``, and an HTTP server on port 8080."""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
import threading
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from sagemaker.model import Model
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor

from local_aws.client.sdk_v2 import EmbeddedSession
from local_aws.core.account import open_account
from support.account import Place, living, until
from support.training import name, wait_until

# What each server answers: what its container has, and what the request's header asks for.
WHAT = """
import json, os, pathlib, sys

def said(body, attributes):
    if attributes.startswith("status="):
        return int(attributes[7:]), "the model will not do that"
    model = pathlib.Path("/opt/ml/model")
    return 200, json.dumps({
        "body": body,
        "attributes": attributes,
        "model": {path.name: path.read_text() for path in sorted(model.iterdir())},
        "greeting": os.environ.get("GREETING"),
        "of": os.environ.get("OF"),
        "arguments": sys.argv[1:],
        "cwd": os.getcwd(),
        "pid": os.getpid(),
    })
"""
STANDARD = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen
from what import said

class Handler(BaseHTTPRequestHandler):
    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", "seen")
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        self.answer(200 if self.path == "/ping" else 404, "")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if body == "yourself":
            body = str(urlopen("http://localhost:8080/ping").status)
        self.answer(*said(body, self.headers.get("X-Amzn-SageMaker-Custom-Attributes", "")))

server = ThreadingHTTPServer(("0.0.0.0", 8080), Handler)
print("listening on", server.server_address, flush=True)
server.serve_forever()
"""
FLASK = """#!/usr/bin/env python3
from flask import Flask, Response, request
from what import said

app = Flask(__name__)

@app.get("/ping")
def ping():
    return ""

@app.post("/invocations")
def invocations():
    status, text = said(request.get_data(as_text=True), request.headers.get("X-Amzn-SageMaker-Custom-Attributes", ""))
    seen = {"X-Amzn-SageMaker-Custom-Attributes": "seen"}
    return Response(text, status, headers=seen, mimetype="application/json")

app.run("0.0.0.0", 8080)
"""
ASGI = """
from fastapi import FastAPI, Request, Response
from what import said

app = FastAPI()

@app.get("/ping")
async def ping(request: Request):
    assert request.client.host == "127.0.0.1"

@app.post("/invocations")
async def invocations(request: Request):
    body = (await request.body()).decode()
    status, text = said(body, request.headers.get("X-Amzn-SageMaker-Custom-Attributes", ""))
    seen = {"X-Amzn-SageMaker-Custom-Attributes": "seen"}
    return Response(text, status, headers=seen, media_type="application/json")
"""
TORNADO = """
import asyncio
from tornado.web import Application, RequestHandler
from what import said

class Ping(RequestHandler):
    def get(self):
        pass

class Invocations(RequestHandler):
    def post(self):
        attributes = self.request.headers.get("X-Amzn-SageMaker-Custom-Attributes", "")
        status, text = said(self.request.body.decode(), attributes)
        self.set_status(status)
        self.set_header("X-Amzn-SageMaker-Custom-Attributes", "seen")
        self.write(text)

async def main():
    Application([("/ping", Ping), ("/invocations", Invocations)]).listen(8080)
    await asyncio.Event().wait()

asyncio.run(main())
"""
SERVE = "#!/bin/sh\nexec uvicorn server:app --host 0.0.0.0 --port 8080 "
FIRST = "FROM python:3.12-slim\nENV OF=image GREETING=image\nCOPY what.py /opt/program/\nWORKDIR /opt/program\n"
PROGRAM = f"{FIRST}ENV PATH=/opt/program:$PATH\nCOPY --chmod=755 serve server.py ./\n"
# Each kind's Dockerfile, and its files.
SERVERS = {
    "standard": (f'{FIRST}COPY server.py .\nENTRYPOINT ["python3", "server.py"]\nCMD ["x"]\n', {"server.py": STANDARD}),
    "flask": (f"{FIRST}RUN pip install flask\nENV PATH=/opt/program:$PATH\nCOPY --chmod=755 serve .\n",
              {"serve": FLASK}),
    # It binds the port twice: of IPv4, and of IPv6.
    "tornado": (f'{FIRST}COPY server.py .\nENTRYPOINT ["python3", "server.py"]\n', {"server.py": TORNADO}),
    "uvicorn": (PROGRAM, {"serve": f"{SERVE}--loop asyncio\n", "server.py": ASGI}),
    "uvloop": (PROGRAM, {"serve": f"{SERVE}--loop uvloop\n", "server.py": ASGI}),
    "workers": (PROGRAM, {"serve": f"{SERVE}--workers 2\n", "server.py": ASGI}),
}  # fmt: skip
HEALTH = "did not pass the ping health check"


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("images")


class Serving(Place):
    """An account with images of one's own, of which it makes models and endpoints."""

    images: Path

    def start(self, **variables: str):
        connection = super().start(LOCAL_AWS_IMAGES=str(self.images), **variables)
        self.sagemaker, self.runtime = self.client("sagemaker"), self.client("sagemaker-runtime")
        self.s3, self.role = self.client("s3"), connection.account.role_arn
        return connection

    def image(self, dockerfile: str, **files: str) -> str:
        """A new image: its address."""
        repository = name("image").lower()
        (self.images / repository).mkdir()
        for path, text in {"Dockerfile": dockerfile, "what.py": WHAT, **files}.items():
            (self.images / repository / path).write_text(text)
        return self.address(repository)

    def address(self, repository: str) -> str:
        return f"{self.connection().account.account_id}.dkr.ecr.us-east-1.amazonaws.com/{repository}:1"

    def artifact(self, **files: str) -> str:
        made, key = io.BytesIO(), f"{name('artifact')}/model.tar.gz"
        with tarfile.open(fileobj=made, mode="w:gz") as archive:
            for path, text in files.items():
                member = tarfile.TarInfo(path)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        self.s3.put_object(Bucket="models", Key=key, Body=made.getvalue())
        return f"s3://models/{key}"

    def model(self, image: str, **container) -> str:
        model = name("Model")
        self.sagemaker.create_model(
            ModelName=model, ExecutionRoleArn=self.role, PrimaryContainer={"Image": image, **container}
        )
        return model

    def config(self, model: str, **variant) -> str:
        config = name("Config")
        variant = variant or {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        variants = [{"VariantName": "AllTraffic", "ModelName": model, **variant}]
        self.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
        return config

    def endpoint(self, model: str, **variant) -> str:
        endpoint = name("Endpoint")
        self.sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=self.config(model, **variant))
        return endpoint

    def ready(self, endpoint: str) -> dict:
        return wait_until(
            lambda: self.sagemaker.describe_endpoint(EndpointName=endpoint),
            lambda body: body["EndpointStatus"] not in ("Creating", "Updating"),
            endpoint,
        )

    def ask(self, endpoint: str, body: str = "1,2", attributes: str = "a=1") -> dict:
        answer = self.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, CustomAttributes=attributes)
        assert answer["CustomAttributes"] == "seen"
        return json.loads(answer["Body"].read())

    def lines(self, group: str) -> list[str]:
        logs = self.client("logs")
        try:
            return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
        except logs.exceptions.ResourceNotFoundException:  # nothing has been written yet
            return []


@pytest.fixture(scope="module")
def account(tmp_path_factory, images):
    account = Serving(tmp_path_factory.mktemp("serving") / "state")
    account.images = images
    account.start()
    account.s3.create_bucket(Bucket="models")
    yield account
    account.close()


@pytest.fixture(scope="module")
def served(account):
    """An endpoint of the standard library's server, its image, and the model."""
    dockerfile, files = SERVERS["standard"]
    image = account.image(dockerfile, **files)
    model = account.model(image, ModelDataUrl=account.artifact(weights="0.5"), Environment={"GREETING": "hello"})
    endpoint = account.endpoint(model)
    assert account.ready(endpoint)["EndpointStatus"] == "InService", account.ready(endpoint)
    return endpoint, image, model


@pytest.mark.parametrize("kind", SERVERS)
def test_servers_that_bind_port_8080(account, kind) -> None:
    dockerfile, files = SERVERS[kind]
    endpoint = account.endpoint(account.model(account.image(dockerfile, **files)))
    body = account.ready(endpoint)
    assert body["EndpointStatus"] == "InService", account.lines(f"/aws/sagemaker/Endpoints/{endpoint}")
    said = account.ask(endpoint, "1,2", "a=1")
    assert (said["body"], said["attributes"], said["of"], said["cwd"]) == ("1,2", "a=1", "image", "/opt/program")
    for status in (400, 503):
        with pytest.raises(ClientError) as caught:
            account.ask(endpoint, attributes=f"status={status}")
        assert caught.value.response["Error"]["Code"] == "ModelError"
        assert caught.value.response["OriginalStatusCode"] == status
        assert caught.value.response["OriginalMessage"] == "the model will not do that"
    account.sagemaker.delete_endpoint(EndpointName=endpoint)
    until(lambda: not living([said["pid"]]))


def test_what_its_container_is_given(account, served) -> None:
    endpoint, _, _ = served
    said = account.ask(endpoint)
    assert said["model"] == {"weights": "0.5"}
    assert (said["greeting"], said["of"]) == ("hello", "image")  # the model's variables take the place of the image's
    assert said["arguments"] == ["serve"]  # in the place of CMD
    until(lambda: account.lines(f"/aws/sagemaker/Endpoints/{endpoint}"))  # a line may wait a moment to be kept
    assert account.lines(f"/aws/sagemaker/Endpoints/{endpoint}")[0] == "listening on ('0.0.0.0', 8080)"


def test_each_container_has_a_port_8080_that_only_the_account_reaches(account, served) -> None:
    endpoint, _, model = served
    other = account.endpoint(model)
    assert account.ready(other)["EndpointStatus"] == "InService"
    pids = {account.ask(each)["pid"] for each in (endpoint, other)}
    assert len(pids) == 2
    if Path("/proc/net/tcp").exists():
        for pid in pids:
            open_sockets = {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()}
            listening = [
                line.split()
                for table in ("tcp", "tcp6")
                for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
            ]
            assert not [line for line in listening if line[3] == "0A" and f"socket:[{line[9]}]" in open_sockets]
    account.sagemaker.delete_endpoint(EndpointName=other)


def test_a_program_reaches_itself_at_its_port(account, served) -> None:
    assert account.ask(served[0], "yourself")["body"] == "200"


def test_many_ask_at_once(account, served) -> None:
    answers = []
    threads = [
        threading.Thread(target=lambda body=str(number): answers.append(account.ask(served[0], body)["body"]))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == sorted(map(str, range(8)))


def test_without_an_artifact_it_has_what_the_image_holds(account) -> None:
    dockerfile, files = SERVERS["standard"]
    image = account.image(f"{dockerfile}COPY what.py /opt/ml/model/inside\n", **files)
    for expected, container in (("inside", {}), ("weights", {"ModelDataUrl": account.artifact(weights="1")})):
        endpoint = account.endpoint(account.model(image, **container))
        assert account.ready(endpoint)["EndpointStatus"] == "InService"
        assert list(account.ask(endpoint)["model"]) == [expected]
        account.sagemaker.delete_endpoint(EndpointName=endpoint)


def test_an_update_takes_the_image_as_it_is_now(account) -> None:
    dockerfile, files = SERVERS["standard"]
    image = account.image(dockerfile, **files)
    endpoint = account.endpoint(account.model(image))
    account.ready(endpoint)
    folder = account.images / image.rpartition("/")[2].removesuffix(":1")
    (folder / "Dockerfile").write_text(dockerfile.replace("OF=image", "OF=update"))
    assert account.ask(endpoint)["of"] == "image"
    config = account.config(account.model(image))
    account.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    assert account.ready(endpoint)["EndpointConfigName"] == config
    assert account.ask(endpoint)["of"] == "update"
    account.sagemaker.delete_endpoint(EndpointName=endpoint)


def test_a_serverless_endpoint(account, served) -> None:
    endpoint = account.endpoint(served[2], ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 2})
    assert account.ready(endpoint)["EndpointStatus"] == "InService"
    assert account.ask(endpoint)["model"] == {"weights": "0.5"}
    account.sagemaker.delete_endpoint(EndpointName=endpoint)


def test_its_program_is_killed_and_its_account_starts_again(account, served) -> None:
    endpoint = served[0]
    pid = account.ask(endpoint)["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: not living([pid]))
    pid = account.ask(endpoint)["pid"]
    account.kill()
    until(lambda: not living([pid]))
    account.start()
    assert account.ask(endpoint)["pid"] != pid


def test_a_batch_transform(account, served) -> None:
    account.s3.put_object(Bucket="models", Key="batch/rows.csv", Body=b"1\n2\n")
    job = name("Transform")
    account.sagemaker.create_transform_job(
        TransformJobName=job,
        ModelName=served[2],
        BatchStrategy="SingleRecord",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://models/batch/"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": f"s3://models/{job}", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    body = wait_until(
        lambda: account.sagemaker.describe_transform_job(TransformJobName=job),
        lambda body: body["TransformJobStatus"] != "InProgress",
        job,
    )
    assert body["TransformJobStatus"] == "Completed", body
    made = account.s3.get_object(Bucket="models", Key=f"{job}/rows.csv.out")["Body"].read().decode()
    assert [json.loads(line)["body"].strip() for line in made.splitlines()] == ["1", "2"]


# ---- what goes wrong


def refusal(call, **params) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return caught.value.response["Error"]["Message"]


def test_an_image_that_is_not_there_is_refused_in_awss_words(account) -> None:
    uri = account.address("no/such-image")
    assert refusal(account.model, image=uri) == f"Requested image {uri} not found."


def test_a_dockerfile_that_is_not_understood_is_refused_with_its_line(account) -> None:
    assert "Dockerfile, line 2: RUN make: only RUN pip install" in refusal(
        account.model, image=account.image("FROM python:3\nRUN make\n")
    )


def test_an_image_that_has_gone_fails_the_endpoint_in_awss_words(account) -> None:
    dockerfile, files = SERVERS["standard"]
    image = account.image(dockerfile, **files)
    model = account.model(image)
    folder = account.images / image.rpartition("/")[2].removesuffix(":1")
    folder.rename(folder.with_name(f"{folder.name}-gone"))
    body = account.ready(account.endpoint(model))
    assert body["FailureReason"] == (
        "Please make sure all images included in the model for the production variant AllTraffic exist, and that the "
        "execution role used to create the model has permissions to access them."
    )


NEVER_READY = {
    "no serve": ("FROM python:3\n", "CannotStartContainerError: exec: 'serve': not found."),
    "it ends": (
        'FROM python:3\nENTRYPOINT ["python3", "-c", "import sys; sys.exit(3)"]\n',
        "The container exited with code 3 before it answered GET /ping with 200.",
    ),
    "the port is taken": (
        f'{FIRST}COPY twice.py .\nENTRYPOINT ["python3", "twice.py"]\n',
        "Address already in use",
    ),
}
TWICE = """
import os, socket
first = socket.create_server(("", 8080))
try:
    socket.create_server(("127.0.0.1", 8080))
except OSError as error:
    print(os.strerror(error.errno))
"""


@pytest.mark.parametrize("kind", NEVER_READY)
def test_a_container_that_is_never_ready(account, kind) -> None:
    dockerfile, line = NEVER_READY[kind]
    endpoint = account.endpoint(account.model(account.image(dockerfile, **{"twice.py": TWICE})))
    body = account.ready(endpoint)
    assert body["EndpointStatus"] == "Failed" and HEALTH in body["FailureReason"]
    until(lambda: line in account.lines(f"/aws/sagemaker/Endpoints/{endpoint}"))


# ---- the SDK


def test_the_sdks_model_is_deployed_alone_and_in_a_pipeline(account, served) -> None:
    keys = open_account(account.folder)
    session = EmbeddedSession(
        boto3.Session(keys.access_key_id, keys.secret_access_key, keys.session_token, region_name=keys.region),
        sagemaker_client=account.sagemaker,
        sagemaker_runtime_client=account.runtime,
    )
    made = [
        Model(
            image_uri=served[1],
            model_data=account.artifact(weights=weights),
            role=account.role,
            env={"GREETING": weights},
            sagemaker_session=session,
            predictor_cls=Predictor,
        )
        for weights in ("1", "2")
    ]
    predictor = made[0].deploy(1, "ml.m5.large")
    assert json.loads(predictor.predict("7"))["model"] == {"weights": "1"}
    predictor.delete_endpoint()
    both = PipelineModel(made, account.role, predictor_cls=Predictor, sagemaker_session=session)
    predictor = both.deploy(1, "ml.m5.large")
    said = json.loads(predictor.predict("7"))
    assert said["greeting"] == "2" and json.loads(said["body"])["greeting"] == "1"
    predictor.delete_endpoint()
