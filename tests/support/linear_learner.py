"""Linear Learner's training program, run alone: its folders, its log, what it has learned."""

import json
import os
import re
import struct
import subprocess
import sys
import zipfile

import numpy as np

from support import ROOT

DATA = ROOT / os.environ.get("COURSE_TEST_DATA", "../shared/data")


CSV = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "ContentType": "text/csv"}


RECORDIO = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}


def lay_out(base, hyperparameters, channels, config=None):
    """A job folder; a channel is a pair (X, y), written as CSV, or a dict from file name to bytes."""
    (base / "input" / "config").mkdir(parents=True)
    settings = {}
    for name, content in channels.items():
        folder = base / "input" / "data" / name
        folder.mkdir(parents=True)
        settings[name] = CSV
        if isinstance(content, dict):
            for file, body in content.items():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_bytes(body)
        else:
            np.savetxt(folder / "data.csv", np.column_stack(content[::-1]), "%.9g", delimiter=",")
    for name, value in {
        "hyperparameters": {"predictor_type": "regressor"} | hyperparameters,
        "inputdataconfig": settings | (config or {}),
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }.items():
        (base / "input" / "config" / f"{name}.json").write_text(json.dumps(value))
    return base


def program(base, *command: str) -> subprocess.CompletedProcess:
    """A Python, with these arguments, that finds a job below ``base``, run to its end."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(base), "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run(base):
    """Exit code and log of the job."""
    done = program(base, "-m", "local_aws.algorithms.linear_learner", "train")
    assert done.stderr == ""
    return done.returncode, done.stdout


def fit(base, hyperparameters, channels, config=None):
    """The log of a job that succeeds."""
    code, log = run(lay_out(base, hyperparameters, channels, config))
    assert code == 0, log
    assert not (base / "output" / "failure").exists()
    return log


def coefficients(base):
    """Weights and bias in the artifact, read byte by byte by the layout of MXNet's files."""
    with zipfile.ZipFile(base / "model" / "model_algo-1") as archive:
        body = archive.read("mx-mod-0000.params")
    magic, reserved, count = struct.unpack_from("<QQQ", body, 0)
    assert (magic, reserved, count) == (0x112, 0, 2)
    position, arrays = 24, []
    for _ in range(2):
        assert struct.unpack_from("<IiI", body, position) == (0xF993FAC9, 0, 2)
        rows, columns, device, number, dtype = struct.unpack_from("<qqiii", body, position + 12)
        assert (columns, device, number, dtype) == (1, 1, 0, 0)
        arrays.append(np.frombuffer(body, "<f4", rows, position + 40))
        position += 40 + 4 * rows
    names = struct.pack("<QQ", 2, 14) + b"arg:fc0_weight" + struct.pack("<Q", 12) + b"arg:fc0_bias"
    assert body[position:] == names
    assert len(arrays[1]) == 1
    return arrays[0], arrays[1][0]


def metric_lines(log):
    return [json.loads(line.removeprefix("#metrics ")) for line in log.splitlines() if line.startswith("#metrics ")]


def objectives(log, name):
    """Array (epochs, models) of a per-model metric in the log."""
    values = {}
    for record in metric_lines(log):
        if name in record["Metrics"]:
            where = record["Dimensions"]["epoch"], record["Dimensions"]["model"]
            assert where not in values
            values[where] = record["Metrics"][name]["sum"]
    epochs, models = (max(column) + 1 for column in zip(*values, strict=True))
    return np.array([[values[e, m] for m in range(models)] for e in range(epochs)])


def quality(log, channel):
    return {
        name: float(value)
        for name, value in re.findall(rf"#quality_metric: host=algo-1, {channel} (\S+) <loss>=(\S+)", log)
    }


def example(rows, features=3, seed=0):
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(rows, features)) * [3, 0.5, 20][:features] + [1, -2, 300][:features]).astype(np.float32)
    y = (x @ [2.0, -30.0, 0.4][:features] + 50 + rng.normal(size=rows) * 6).astype(np.float32)
    return x, y


def winner(log):
    return json.loads(re.search(r"Best model found for hyperparameters: (.*)", log)[1])


CONVERGE = {
    "num_models": "1",
    "epochs": "1500",
    "learning_rate": "0.05",
    "lr_scheduler_factor": "0.96",
    "mini_batch_size": "40",
    "early_stopping_tolerance": "1e-14",
    "early_stopping_patience": "5000",
}
