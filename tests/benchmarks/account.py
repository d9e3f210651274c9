"""The embedded account as a server: its start, its calls, S3, many clients at once, and the SDK's waits.

Beside it stand moto's own server, Flask on werkzeug (which moto's is made of), and a server that does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
from run import in_process
from serving import CALLS, WARM, account, do_nothing, free_port, payload, reachable

CLIENTS, REQUESTS = 16, 600  # clients at once, requests of each
SECONDS = 7  # how long a job of the SDK takes

FLASK = """
import io, logging, sys
import numpy as np
from flask import Flask, request

app, weights = Flask(__name__), np.ones(30)
logging.getLogger("werkzeug").setLevel(logging.ERROR)

@app.post("/endpoints/<name>/invocations")
def answer(name):
    rows = np.loadtxt(io.BytesIO(request.get_data()), delimiter=",", ndmin=2)
    return {"predictions": [{"score": score} for score in (rows @ weights).tolist()]}

app.run(port=int(sys.argv[1]), threaded=True)
"""


@contextlib.contextmanager
def server(*command: str) -> Iterator[tuple[str, int]]:
    """A server's address and process, once it can be reached; the port is its last argument."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, *command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        reachable(port)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def moto():
    return server("-m", "moto.server", "-p")


# ---- start


def starts(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    import boto3

    own, other = [], []
    for n in range(rounds):
        begun = time.perf_counter()
        with account(folder / str(n)) as connection:
            who = connection.account
            keys = boto3.Session(who.access_key_id, who.secret_access_key, who.session_token, who.region)
            keys.client("sts", endpoint_url=connection.url).get_caller_identity()
            own.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        with moto() as (url, _):
            keys = boto3.Session("key", "secret", region_name="us-east-1")
            keys.client("sts", endpoint_url=url).get_caller_identity()
            other.append(time.perf_counter() - begun)
    yield "from nothing to the first answer / moto's server", median(own) / median(other), "x", "≤", 2


# ---- calls


def call(url: str) -> dict:
    """Seconds of each of some calls, as a client meets them, by name."""
    import boto3

    sts, sagemaker, s3 = (boto3.client(name, endpoint_url=url) for name in ("sts", "sagemaker", "s3"))
    group = f"bench-{time.time_ns()}"
    s3.create_bucket(Bucket=group)
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    work = {
        "identity": sts.get_caller_identity,
        "describe": lambda: sagemaker.describe_model_package_group(ModelPackageGroupName=group),
        "list": sagemaker.list_endpoints,
        "put": lambda: s3.put_object(Bucket=group, Key="key", Body=bytes(1000)),
        "get": lambda: s3.get_object(Bucket=group, Key="key")["Body"].read(),
    }
    found: dict[str, list[float]] = {name: [] for name in work}
    for n in range(CALLS + WARM):
        for name, ask in work.items():
            begun = time.perf_counter()
            ask()
            if n >= WARM:
                found[name].append(time.perf_counter() - begun)
    return {name: median(times) for name, times in found.items()}


def calls(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    own, other = [], []
    with account(folder) as connection, moto() as (url, _):
        for _ in range(rounds):
            own.append(in_process("account.call", url=connection.url))
            other.append(in_process("account.call", url=url))
    for name in (name for name in own[0] if name != "peak"):
        value = median(each[name] for each in own) / median(each[name] for each in other)
        yield f"{name}, through boto3 / moto's server, median", value, "x", "≤", 1


# ---- S3


def move(url: str, megabytes: int) -> dict:
    """MB a second of one PutObject and one GetObject of so many MiB."""
    import boto3

    s3, body = boto3.client("s3", endpoint_url=url), np.random.default_rng(0).bytes(megabytes << 20)
    s3.create_bucket(Bucket="bench-s3")
    begun = time.perf_counter()
    s3.put_object(Bucket="bench-s3", Key="large", Body=body)
    put = time.perf_counter()
    if s3.get_object(Bucket="bench-s3", Key="large")["Body"].read() != body:
        raise SystemExit("other bytes came back")
    return {"put": megabytes / (put - begun), "get": megabytes / (time.perf_counter() - put)}


def pass_through(url: str, gigabytes: float) -> None:
    """Upload a file of so many GiB as boto3 does, and read it again."""
    import tempfile

    import boto3

    s3 = boto3.client("s3", endpoint_url=url)
    with tempfile.TemporaryFile() as file:
        file.truncate(int(gigabytes * (1 << 30)))
        s3.upload_fileobj(file, "bench-s3", "huge")
    for _ in s3.get_object(Bucket="bench-s3", Key="huge")["Body"].iter_chunks(1 << 20):
        pass


def storage(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    import psutil

    own, other = [], []
    with account(folder) as connection, moto() as (url, _):
        for _ in range(rounds):
            own.append(in_process("account.move", url=connection.url, megabytes=64))
            other.append(in_process("account.move", url=url, megabytes=64))
        before = psutil.Process(connection.pid).memory_info().rss
        in_process("account.pass_through", url=connection.url, gigabytes=5 * scale)
        lines = Path(f"/proc/{connection.pid}/status")
        peak = next(line for line in lines.read_text().splitlines() if line.startswith("VmHWM"))
        grown = (int(peak.split()[1]) * 1024 - before) / 1e6
    for name in ("put", "get"):
        value = median(each[name] for each in own) / median(each[name] for each in other)
        yield f"{name} of 64 MiB, MB/s to and from disk / moto's in memory", value, "x", "≥", 1
    yield f"{5 * scale:g} GB there and back: the server's memory grows by", grown, "MB", "≤", 100


# ---- many clients


def signed(url: str, body: bytes) -> bytes:
    """An invocation as it goes over the wire; the account takes it again for a quarter of an hour."""
    import boto3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest("POST", f"{url}/endpoints/bench/invocations", {"Content-Type": "text/csv"}, body)
    SigV4Auth(boto3.Session().get_credentials(), "sagemaker", "us-east-1").add_auth(request)
    headers = {"Host": url.partition("//")[2]} | dict(request.prepare().headers)
    lines = [f"{name}: {value.decode() if isinstance(value, bytes) else value}" for name, value in headers.items()]
    return "\r\n".join(["POST /endpoints/bench/invocations HTTP/1.1", *lines, "", ""]).encode() + body


async def _client(port: int, request: bytes, requests: int) -> None:
    reader = writer = None
    for _ in range(requests):
        if writer is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise SystemExit(f"refused: {head.decode()}")
        await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
        if b"connection: close" in head or head.startswith(b"http/1.0"):
            writer.close()
            writer = None


def press(url: str, requests: int) -> dict:
    """Requests a second when clients that cost next to nothing ask at once."""
    request, port = signed(url, payload(1)), int(url.rpartition(":")[2])

    async def all_clients() -> None:
        await asyncio.gather(*(_client(port, request, requests) for _ in range(CLIENTS)))

    begun = time.perf_counter()
    asyncio.run(all_clients())
    return {"rate": CLIENTS * requests / (time.perf_counter() - begun)}


def crowd(url: str, requests: int) -> dict:
    """Latencies in seconds when threads ask at once through boto3."""
    from concurrent.futures import ThreadPoolExecutor

    import boto3
    from botocore.config import Config

    runtime = boto3.client("sagemaker-runtime", endpoint_url=url, config=Config(max_pool_connections=CLIENTS))
    body = payload(1)

    def ask(_: int) -> float:
        begun = time.perf_counter()
        runtime.invoke_endpoint(EndpointName="bench", ContentType="text/csv", Body=body)["Body"].read()
        return time.perf_counter() - begun

    with ThreadPoolExecutor(CLIENTS) as threads:
        return {"latencies": list(threads.map(ask, range(requests)))[CLIENTS * 4 :]}


def load(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    import psutil

    file = folder / "rows.csv"
    in_process("formats.write_csv", path=file, rows=1)
    with account(folder) as connection, server("-c", FLASK) as (flask, pid), do_nothing() as nothing:
        in_process("serving.endpoint", file=file, role=connection.account.role_arn)
        rates, costs, crowds = {}, {}, {}
        for _ in range(rounds):
            for url, number in ((connection.url, connection.pid), (flask, pid)):
                requests = REQUESTS if url == connection.url else REQUESTS // 4
                before = psutil.Process(number).cpu_times()
                rates.setdefault(url, []).append(in_process("account.press", url=url, requests=requests)["rate"])
                after = psutil.Process(number).cpu_times()
                used = after.user + after.system - before.user - before.system
                costs.setdefault(url, []).append(used / requests)
            for url in (connection.url, nothing):
                found = in_process("account.crowd", url=url, requests=2000)["latencies"]
                crowds.setdefault(url, []).append(float(np.quantile(found, 0.99)))
    rate, cost = (median(each[connection.url]) / median(each[flask]) for each in (rates, costs))
    yield f"1 row, {CLIENTS} clients, requests a second / Flask on werkzeug", rate, "x", "≥", 8
    yield "the same, the server's CPU time a request / Flask's", cost, "x", "≤", 0.15
    slow = median(crowds[connection.url]) / median(crowds[nothing])
    yield f"{CLIENTS} clients through boto3 / a server that does nothing, p99", slow, "x", "≤", 1.5


# ---- the SDK


def waits(seconds: int, folder: str) -> dict:
    """Seconds by which ``fit`` of a job of ``seconds`` outlasts the job, and seconds of ``deploy``."""
    import logging
    import os

    os.environ["SAGEMAKER_SUPPRESS_V2_WARNING"] = "1"
    from sagemaker import LinearLearner
    from sagemaker.sklearn import SKLearn

    from local_aws.client.session import open_session

    logging.disable(logging.WARNING)
    session, role = open_session()
    script = Path(folder) / "sleep.py"
    script.write_text(f"import time\nfor _ in range({seconds}):\n    print('at work', flush=True)\n    time.sleep(1)\n")
    common = {"role": role, "instance_count": 1, "instance_type": "ml.m5.large", "sagemaker_session": session}
    slow = SKLearn(str(script), framework_version="1.2-1", **common)
    begun = time.time()
    slow.fit(wait=True, logs=True)
    whole = time.time() - begun
    job = session.describe_training_job(slow.latest_training_job.name)
    in_job = (job["TrainingEndTime"] - job["CreationTime"]).total_seconds()

    x = np.random.default_rng(0).normal(size=(200, 3)).astype("f4")
    quick = LinearLearner(predictor_type="regressor", epochs=1, num_models=1, **common)
    quick.fit(quick.record_set(x, x.sum(axis=1)), mini_batch_size=50, logs=False)
    begun = time.time()
    predictor = quick.deploy(1, "ml.m5.large")
    predictor.predict(x[:1])
    return {"beyond": whole - in_job, "deploy": time.time() - begun}


def sdk(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    found = []
    with account(folder):
        for _ in range(min(rounds, 3)):
            found.append(in_process("account.waits", seconds=SECONDS, folder=folder))
    beyond, deploy = (median(each[name] for each in found) for name in ("beyond", "deploy"))
    yield f"fit(wait=True, logs=True) of a job of {SECONDS} s: beyond the job", beyond, "s", "≤", 1
    yield "deploy, and the first prediction", deploy, "s", "≤", 1


BENCHMARKS = {"start": starts, "calls": calls, "s3": storage, "load": load, "sdk": sdk}
