"""No packet leaves this machine: neither from a lesson nor from a script under ``run``, nor from the account.

The witness is an audit hook of Python itself, below every library: it refuses, and writes down, each address that is
not this machine's and each name that would have to be asked for.
"""

from __future__ import annotations

import subprocess
import sys

import nbformat

from support import ROOT
from support.offline import CONTROL, CONTROLLED, attempts

# A lesson that trains, deploys, predicts and deletes: its cells, one after another.
LESSON = ROOT / "notebooks" / "salary" / "05_deploy_predict_delete.ipynb"
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


def test_a_lesson(guarded, tmp_path):
    place, log = guarded
    cells = nbformat.read(LESSON, as_version=4).cells
    script = tmp_path / "lesson.py"
    script.write_text("\n".join(cell.source for cell in cells if cell.cell_type == "code") + CONTROL)
    environment = {**place.environment, "MPLBACKEND": "agg"}
    done = subprocess.run([sys.executable, script], env=environment, cwd=LESSON.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Training job completed" in done.stdout
    assert "the block ended with: something went wrong in the middle\nnothing is running\n" in done.stdout
    assert done.stdout.endswith("done\n")
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
        [sys.executable, "-c", script], env=place.environment | variables, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert attempts(log)[0] == "getaddrinfo sts.us-east-1.amazonaws.com"
