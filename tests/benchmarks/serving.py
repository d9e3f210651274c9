"""The embedded account through boto3: a whole training job, and requests to an endpoint."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
from run import ROOT, in_process

FEATURES, CALLS, WARM = 30, 300, 50
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"


@contextlib.contextmanager
def account(folder: Path) -> Iterator:
    """An embedded account of its own, in whose environment this process lives meanwhile."""
    from local_aws import client

    before = dict(os.environ)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "account"), str(ROOT)])
    connection = client.connect(folder / "account")
    client.apply(connection.environment(), os.environ)
    try:
        yield connection
    finally:
        os.environ.clear()
        os.environ.update(before)
        client.stop(folder / "account")


def train(file: str, job: str, role: str) -> dict:
    """Elapsed seconds from CreateTrainingJob until the job, a regressor with default settings, is done."""
    import boto3

    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    s3.create_bucket(Bucket="bench")
    s3.upload_file(file, "bench", f"{job}/rows.csv")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://bench/{job}/", "S3DataDistributionType": "FullyReplicated"}
    start = time.perf_counter()
    sagemaker.create_training_job(
        TrainingJobName=job,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=role,
        InputDataConfig=[
            {"ChannelName": "train", "DataSource": {"S3DataSource": source}, "ContentType": "text/csv"},
        ],
        OutputDataConfig={"S3OutputPath": "s3://bench/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
        HyperParameters={"predictor_type": "regressor"},
    )
    status = ""
    while status not in ("Completed", "Failed", "Stopped"):
        time.sleep(0.05)
        found = sagemaker.describe_training_job(TrainingJobName=job)
        status = found["TrainingJobStatus"]
    if status != "Completed":
        raise SystemExit(f"the job is {status}: {found.get('FailureReason')}")
    return {"elapsed": time.perf_counter() - start, "model": found["ModelArtifacts"]["S3ModelArtifacts"]}


def whole_job(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    file = folder / "input" / "data" / "train" / "rows.csv"
    file.parent.mkdir(parents=True)
    rows = int(1_000_000 * scale)
    in_process("formats.write_csv", path=file, rows=rows)
    jobs, readings = [], []
    with account(folder) as connection:
        role = connection.account.role_arn
        for n in range(rounds):
            jobs.append(in_process("serving.train", file=file, job=f"bench-{n}", role=role)["elapsed"])
            readings.append(in_process("formats.ours", path=folder)["elapsed"])
    value = (median(jobs) - 1) / median(readings)
    yield f"{rows} x 30 CSV, (job in the account - 1 s) / reading it", value, "x", "≤", 1.3


NOTHING = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

async def answer(request):
    await request.body()
    return Response(b'{"predictions": [{"score": 1.0}]}', media_type="application/json")

app = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
uvicorn.run(app, port=int(sys.argv[1]), lifespan="off", access_log=False, log_config=None, server_header=False)
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def reachable(port: int) -> None:
    """Wait until a server listens there."""
    for _ in range(1000):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)
    raise SystemExit(f"nothing listens on port {port}")


@contextlib.contextmanager
def do_nothing() -> Iterator[str]:
    """The address of a server of the same stack that reads a request and gives a fixed answer."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", NOTHING, str(port)])
    try:
        reachable(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def call(url: str, calls: int, rows: int) -> dict:
    """Latencies in seconds of InvokeEndpoint through boto3."""
    import boto3

    runtime = boto3.client("sagemaker-runtime", endpoint_url=url)
    body = payload(rows)
    found = []
    for _ in range(calls + WARM):
        start = time.perf_counter()
        runtime.invoke_endpoint(EndpointName="bench", ContentType="text/csv", Body=body)["Body"].read()
        found.append(time.perf_counter() - start)
    return {"latencies": found[WARM:]}


def payload(rows: int) -> bytes:
    """A CSV request."""
    numbers = np.random.default_rng(1).normal(0, 100, (rows, FEATURES))
    return "\n".join(",".join(f"{value:.6f}" for value in row) for row in numbers).encode()


def parse(calls: int) -> dict:
    """CPU seconds of ``np.loadtxt`` for a body of 1,000 rows."""
    import io

    body = payload(1000)
    start = time.process_time()
    for _ in range(calls):
        np.loadtxt(io.BytesIO(body), np.float32, delimiter=",")
    return {"cpu": (time.process_time() - start) / calls}


def endpoint(file: str, role: str) -> None:
    """Train a model of 30 features and deploy it."""
    import boto3

    model = train(file, "bench", role)["model"]
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(
        ModelName="bench", PrimaryContainer={"Image": IMAGE, "ModelDataUrl": model}, ExecutionRoleArn=role
    )
    variant = {"VariantName": "all", "ModelName": "bench", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="bench", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="bench", EndpointConfigName="bench")
    while sagemaker.describe_endpoint(EndpointName="bench")["EndpointStatus"] != "InService":
        time.sleep(0.1)


def invoke(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    import psutil

    file = folder / "rows.csv"
    in_process("formats.write_csv", path=file, rows=1)
    with account(folder) as connection, do_nothing() as nothing:
        in_process("serving.endpoint", file=file, role=connection.account.role_arn)
        own, other = [], []
        for _ in range(rounds):
            own += in_process("serving.call", url=connection.url, calls=CALLS, rows=1)["latencies"]
            other += in_process("serving.call", url=nothing, calls=CALLS, rows=1)["latencies"]
        server, costs, parsing = psutil.Process(connection.pid), [], []
        for _ in range(rounds):
            before = server.cpu_times()
            in_process("serving.call", url=connection.url, calls=CALLS, rows=1000)
            after = server.cpu_times()
            costs.append((after.user + after.system - before.user - before.system) / (CALLS + WARM))
            parsing.append(in_process("serving.parse", calls=CALLS)["cpu"])
    yield "1 row through boto3 / a server that does nothing, median", median(own) / median(other), "x", "≤", 1.15
    slow = float(np.quantile(own, 0.99) / np.quantile(other, 0.99))
    yield "the same, 99th percentile", slow, "x", "≤", 1.5
    yield "1,000 rows, the server's CPU time / np.loadtxt's", median(costs) / median(parsing), "x", "≤", 1.3


BENCHMARKS = {"job": whole_job, "invoke": invoke}
