"""The scripts of insurance/09 and 10 by hand, what opens their artifacts, and the second where there is no PyTorch."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from tools.lessons.play import ROOT, play
from utils.course import Course

FOLDER = ROOT / "notebooks" / "insurance" / "neural_network"
NOTEBOOK = ROOT / "notebooks" / "insurance" / "10_neural_network.ipynb"
# What the endpoint would do with rows: its arguments are the model's folder and the features' file.
ANSWER = """
import sys, numpy, inference
data = numpy.load(sys.argv[2])
if "torch" in sys.modules:
    data = sys.modules["torch"].from_numpy(data)
print(*numpy.asarray(inference.predict_fn(data, inference.model_fn(sys.argv[1]))))
"""


@pytest.fixture(params=["sklearn_net", "pytorch_net"])
def script(request) -> Path:
    if request.param == "pytorch_net":
        pytest.importorskip("torch", reason="torch is not installed")
    return FOLDER / request.param


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Rows whose target is a step: a line is off by much more than a network."""
    random = np.random.default_rng(5)
    for name, rows in (("train", 300), ("validation", 100), ("test", 100)):
        X = random.normal(0, 1, (rows, 2))
        y = 10_000 + 20_000 * (X[:, 0] > 0) + random.normal(0, 500, rows)
        (tmp_path / name).mkdir()
        np.savetxt(tmp_path / name / f"{name}.csv", np.column_stack([y, X]), delimiter=",")
    return tmp_path


def run(script: Path, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "train.py", *map(str, arguments)]
    return subprocess.run(command, cwd=script, capture_output=True, text=True, timeout=300)


def test_a_script_trains_by_hand_and_its_answers_are_dollars(script: Path, data: Path) -> None:
    folders = ["--train", data / "train", "--validation", data / "validation", "--model-dir", data / "model"]
    done = run(script, "--epochs", 15, *folders)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"epoch=(\d+) train_rmse=([\d.]+); validation_rmse=([\d.]+);", done.stdout)
    assert [int(epoch) for epoch, _, _ in found] == list(range(1, 16))
    best = re.search(r"best_epoch=(\d+); best_rmse=([\d.]+);", done.stdout)
    on_validation = [float(value) for _, _, value in found]
    assert float(best[2]) == min(on_validation) == on_validation[int(best[1]) - 1]
    test = np.loadtxt(data / "test" / "test.csv", delimiter=",")
    np.save(data / "features.npy", test[:, 1:])
    command = [sys.executable, "-c", ANSWER, data / "model", data / "features.npy"]
    answer = subprocess.run(command, cwd=script, capture_output=True, text=True, timeout=300)
    guess = np.array(answer.stdout.split(), dtype=float)
    line = LinearRegression().fit(test[:, 1:], test[:, 0]).predict(test[:, 1:])
    off = {name: np.sqrt(np.mean((each - test[:, 0]) ** 2)) for name, each in (("net", guess), ("line", line))}
    assert off["net"] < 0.7 * off["line"], answer.stderr
    again = run(script, "--epochs", 15, *folders)
    assert again.stdout == done.stdout


def test_a_script_says_what_is_missing(script: Path, data: Path) -> None:
    done = run(script, "--train", data / "train")
    assert done.returncode == 2 and "--model-dir are needed outside of SageMaker" in done.stderr
    empty = data / "empty"
    empty.mkdir()
    done = run(script, "--train", empty, "--validation", data / "validation", "--model-dir", data / "model")
    assert done.returncode == 1 and f"{empty} holds no CSV file" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_embedding_learns_numbers_for_each_region(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    random = np.random.default_rng(5)
    for name, rows in (("train", 300), ("validation", 100)):
        region = random.integers(0, 4, rows)
        y = np.array([10_000, 30_000, 20_000, 5_000])[region] + random.normal(0, 500, rows)
        (tmp_path / name).mkdir()
        table = np.column_stack([y, random.normal(0, 1, rows), np.eye(4)[region][:, 1:]])
        np.savetxt(tmp_path / name / f"{name}.csv", table, delimiter=",")
    folders = ["--train", tmp_path / "train", "--validation", tmp_path / "validation", "--model-dir", tmp_path]
    done = run(FOLDER / "pytorch_net", "--embedding", 2, "--epochs", 15, *folders)
    assert done.returncode == 0, done.stderr
    assert float(re.search(r"best_rmse=([\d.]+);", done.stdout)[1]) < 3_000  # the four means are off by 9,000
    saved = torch.load(tmp_path / "model.pt", weights_only=True)
    assert saved["embedding"] == 2 and saved["weights"]["0.table.weight"].shape == (4, 2)
    program = "import sys, inference; print(len(inference.model_fn(sys.argv[1])['net']))"
    command = [sys.executable, "-c", program, tmp_path]
    loaded = subprocess.run(command, cwd=FOLDER / "pytorch_net", capture_output=True, text=True, timeout=300)
    assert loaded.stdout == "6\n", loaded.stderr  # the embedding, three layers and two cuts between them


def test_a_file_in_an_artifact_is_read() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("model.pt")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"net"))
    asked = []

    def get_object(**address: str) -> dict:
        asked.append(address)
        return {"Body": io.BytesIO(packed.getvalue())}

    session = SimpleNamespace(boto_session=SimpleNamespace(client=lambda _: SimpleNamespace(get_object=get_object)))
    course = Course("insurance", "insurance/10_neural_network", session, "a-role", [])
    assert course.open_file("s3://bucket/a/model.tar.gz", "model.pt").read() == b"net"
    assert asked == [{"Bucket": "bucket", "Key": "a/model.tar.gz"}]
    with pytest.raises(KeyError, match=r"model\.joblib"):
        course.open_file("s3://bucket/a/model.tar.gz", "model.joblib")


def test_without_pytorch_the_lesson_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("COURSE_AWS", "local")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    play(notebook, NOTEBOOK.parent, lambda text: None)
    outputs = {cell.id: cell.get("outputs", []) for cell in notebook.cells}
    told = ["".join(each.get("text", "") for each in found) for found in outputs.values()]
    assert sum("PyTorch is not installed here" in text for text in told) == 3
    [table] = outputs["compare-cell"]
    assert len(table["data"]["text/plain"].splitlines()) == 1 + 5 and "PyTorch" not in table["data"]["text/plain"]
