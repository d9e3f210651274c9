"""No packet leaves this machine: neither from a lesson nor from a script under ``run``, nor from the account.

The witness is an audit hook of Python itself, below every library: it refuses, and writes down, each address that is
not this machine's and each name that would have to be asked for.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from places import Place, until

from utils.local_aws.state import CHECKOUT

GUARD = """
import os, sys
log = os.open(os.environ["GUARD_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
HERE = ("127.0.0.1", "::1", "localhost", "", None, b"localhost")
NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
def guard(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        place = arguments[1]
        host = place[0] if isinstance(place, tuple) else None  # a path, in this machine
    elif event in NAMES:
        host = arguments[0]
    else:
        return
    if host not in HERE:
        os.write(log, f"{event} {host}\\n".encode())
        raise PermissionError(f"{host} is not on this machine")
sys.addaudithook(guard)
"""
CONTROL = """
import socket
for attempt in (
    lambda: socket.create_connection(("192.0.2.1", 9), timeout=1),
    lambda: socket.socket().connect_ex(("192.0.2.1", 9)),
    lambda: socket.getaddrinfo("example.com", 443),
    lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 9)),
):
    try:
        attempt()
        raise SystemExit("the guard let it pass")
    except PermissionError:
        pass
print("done")
"""
CONTROLLED = ["getaddrinfo 192.0.2.1", "connect 192.0.2.1", "getaddrinfo example.com", "sendto 192.0.2.1"]
# A lesson that trains, deploys, predicts and deletes: its cells, one after another.
LESSON = CHECKOUT / "notebooks" / "salary" / "04_deploy_predict_delete.ipynb"
SCRIPT = """
import boto3, sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer
session = sagemaker.Session()
role, bucket = sagemaker.get_execution_role(), session.default_bucket()
image = image_uris.retrieve("linear-learner", session.boto_region_name)
table = "".join(f"{3 * a},{a},{a % 7}\\n" for a in range(50))
data = session.upload_string_as_file_body(table, bucket, "offline/train.csv")
client = boto3.client("sagemaker")
# The generic estimator: the one whose fit() reports to AWS.
estimator = Estimator(image, role, 1, "ml.m5.large", output_path=f"s3://{bucket}/offline",
                      hyperparameters={"predictor_type": "regressor", "mini_batch_size": 10})
estimator.fit({"train": TrainingInput(data, content_type="text/csv")}, wait=False)
job = estimator.latest_training_job.name
client.get_waiter("training_job_completed_or_stopped").wait(
    TrainingJobName=job, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
predictor = estimator.deploy(1, "ml.t2.medium", wait=False, serializer=CSVSerializer())
client.get_waiter("endpoint_in_service").wait(
    EndpointName=predictor.endpoint_name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
print(predictor.predict([[1, 2]]))
predictor.delete_model()
predictor.delete_endpoint()
print(client.list_endpoints()["Endpoints"], client.list_models()["Models"])
"""


@pytest.fixture
def guarded(tmp_path):
    """An account whose process, and whose clients, cannot leave this machine; and what they tried."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    log = tmp_path / "guard.log"
    place = Place(tmp_path / "state")
    place.environment |= {"GUARD_LOG": str(log), "PYTHONPATH": f"{tmp_path / 'guard'}:{CHECKOUT}"}
    place.folder.mkdir()
    server = subprocess.Popen(
        [sys.executable, "-m", "utils.local_aws.server", str(place.folder)], env=place.environment, cwd=CHECKOUT
    )
    until(lambda: (place.folder / "server.json").exists() and place.running())
    assert place.running().pid == server.pid
    yield place, log
    place.close()
    server.wait(60)


def attempts(log: Path) -> list[str]:
    return [line.removeprefix("socket.") for line in log.read_text().splitlines()]


def test_a_lesson(guarded, tmp_path):
    place, log = guarded
    cells = nbformat.read(LESSON, as_version=4).cells
    script = tmp_path / "lesson.py"
    script.write_text("\n".join(cell.source for cell in cells if cell.cell_type == "code") + CONTROL)
    environment = {**place.environment, "MPLBACKEND": "agg"}
    done = subprocess.run([sys.executable, script], env=environment, cwd=LESSON.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no trained model found: training one now" in done.stdout
    assert "the block ended with: something went wrong in the middle\nnothing is running\ndone\n" in done.stdout
    assert attempts(log) == CONTROLLED


def test_a_script_under_run(guarded):
    place, log = guarded
    done = place.command("run", "--", sys.executable, "-c", SCRIPT + CONTROL)
    assert done.returncode == 0, done.stderr
    assert '"predictions"' in done.stdout and "[] []\ndone\n" in done.stdout
    assert attempts(log) == CONTROLLED


def test_without_the_account_the_sdk_would_leave(guarded):
    """The other half of the proof: what ``run`` and the lessons hold back is there to be held back."""
    place, log = guarded
    script = "import sagemaker\nsagemaker.Session().default_bucket()"
    account = place.running()
    variables = {name: value for name, value in account.environment().items() if value and name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=place.environment | variables, cwd=CHECKOUT, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert attempts(log)[0] == "getaddrinfo sts.us-east-1.amazonaws.com"
