"""The insurance series' second script: its errors, against NumPy and another reader of the artifact."""

import json
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from support.training import QUICK, channel, coefficients, definition, ended, name

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "notebooks" / "insurance"


def run(script: str, source: Path, target: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, SCRIPTS / script, "--input-dir", source, "--output-dir", target]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def place(account, sagemaker, s3, bucket, tmp_path_factory) -> tuple[Path, str]:
    """A folder as evaluate.py wants it, and the address of the artifact in it."""
    folder = tmp_path_factory.mktemp("evaluate")
    assert run("prepare.py", ROOT / "data", folder).returncode == 0
    s3.upload_file(str(folder / "train" / "train.csv"), bucket, "evaluate/train.csv")
    job, train = name("evaluate"), channel(f"s3://{bucket}/evaluate/train.csv")
    settings = QUICK | {"mini_batch_size": "100"}
    sagemaker.create_training_job(**definition(account, job, train, bucket=bucket, hyperparameters=settings))
    artifact = ended(sagemaker, job)["ModelArtifacts"]["S3ModelArtifacts"]
    for part in ("model", "bills"):
        (folder / part).mkdir()
    s3.download_file(bucket, artifact.split("/", 3)[3], str(folder / "model" / "model.tar.gz"))
    pd.read_csv(ROOT / "data" / "insurance.csv").head(200).to_csv(folder / "bills" / "insurance.csv", index=False)
    return folder, artifact


def test_the_errors_are_those_of_the_artifact(place, s3, tmp_path):
    folder, artifact = place
    done = run("evaluate.py", folder, tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert json.loads(done.stdout) == report
    table = pd.read_csv(folder / "bills" / "insurance.csv")
    pair = np.where((table["smoker"] == "yes") & (table["bmi"] >= 30), 1, 0)
    features = joblib.load(folder / "encoder" / "encoder.joblib").transform(table.assign(smoker_bmi30=pair))
    weights, bias = coefficients(s3, artifact)
    error = table["charges"] - (features.to_numpy() @ weights + bias)
    found = {metric: value["value"] for metric, value in report["regression_metrics"].items()}
    assert found == pytest.approx({"mae": np.mean(np.abs(error)), "rmse": np.sqrt(np.mean(error**2))}, rel=1e-6)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("bills/insurance.csv", None, "insurance.csv: No such file or directory"),
        ("bills/insurance.csv", "age,charges\n1,2\n", "the model cannot be evaluated: 'smoker'"),
        ("model/model.tar.gz", "no archive", "the model cannot be evaluated: "),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_one_line(place, tmp_path, file, content, said):
    for source in place[0].glob("*/*"):
        target = tmp_path / source.parent.name / source.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(source.read_bytes())
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_text(content)
    done = run("evaluate.py", tmp_path, tmp_path / "out")
    assert done.returncode == 1 and done.stdout == "" and said in done.stderr and done.stderr.count("\n") == 1
