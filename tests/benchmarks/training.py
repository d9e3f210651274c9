"""Training, from rows that lie ready: 32 models beside scikit-learn's one model of one epoch.

What is timed of ours is the scaler's statistics, reading and scaling the mini-batches, and every update of all
models; of scikit-learn's, ``fit(max_iter=1, tol=None)`` on an array in memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
from run import in_process

BLOCK = 50_000


def write_data(path: str, rows: int, features: int, classes: bool) -> None:
    """Correlated float32 features and labels with R² of about 0.9, as rows ``label, features…``."""
    random = np.random.default_rng(0)
    mix = np.eye(features, dtype="f4") + 0.3 * random.standard_normal((features, features), "f4")
    slope = random.standard_normal(features, "f4")
    slope /= np.linalg.norm(mix @ slope)
    with open(path, "wb") as file:
        for _ in range(0, rows, BLOCK):
            x = random.standard_normal((BLOCK, features), "f4") @ mix
            y = x @ slope + 0.3 * random.standard_normal(BLOCK, "f4")
            file.write(np.column_stack([y > 0 if classes else y, x]).astype("f4"))


def scikit_learn(path: str, features: int, classes: bool) -> dict:
    """One model, one epoch."""
    from sklearn.linear_model import SGDClassifier, SGDRegressor

    table = np.fromfile(path, "f4").reshape(-1, features + 1)
    x, y = np.ascontiguousarray(table[:, 1:]), table[:, 0].copy()
    del table
    model = (SGDClassifier(loss="log_loss") if classes else SGDRegressor()).set_params(max_iter=1, tol=None)
    start = time.process_time()
    model.fit(x, y)
    return {"cpu": time.process_time() - start}


def ours(path: str, features: int, classes: bool, epochs: int, way: str = "") -> dict:
    """The default models; ``way`` forces one through squared loss: ``rows`` or ``grams``."""
    from local_aws.algorithms.linear_learner import ensemble
    from local_aws.algorithms.linear_learner.batches import Batches, precision
    from local_aws.algorithms.linear_learner.grid import Grid
    from local_aws.algorithms.linear_learner.hyperparameters import Hyperparameters
    from local_aws.algorithms.linear_learner.losses import build_loss
    from local_aws.algorithms.linear_learner.peers import Peers
    from local_aws.algorithms.linear_learner.rows import DenseRows
    from local_aws.algorithms.linear_learner.scaler import Scaler

    rows = DenseRows(Path(path).parent)
    with open(path, "rb") as file:
        while (table := np.fromfile(file, "f4", BLOCK * (features + 1)).reshape(-1, features + 1)).size:
            rows.append(table[:, 1:], table[:, 0])
    kind = "binary_classifier" if classes else "regressor"
    hp = Hyperparameters.parse({"predictor_type": kind, "epochs": str(epochs)})
    if way:
        ensemble.pays = lambda *_: way == "grams"
    start = time.process_time()
    scaler = Scaler.fit(rows, 11_000, hp, Peers())
    dtype = precision(rows, scaler)
    scaler = scaler if dtype is np.float64 else scaler.in_single_precision()
    models = ensemble.Ensemble(Grid.build(hp), hp, Batches(rows, scaler, 1000, dtype), build_loss(hp))
    losses = [models.train().tolist() for _ in range(epochs)]
    return {"cpu": time.process_time() - start, "losses": losses}


def compare(folder: Path, rounds: int, rows: int, features: int, classes: bool, epochs: int) -> Iterator[tuple]:
    """Pairs of results, ours and scikit-learn's."""
    data = {"path": folder / "rows", "features": features, "classes": classes}
    in_process("training.write_data", rows=rows, **data)
    for _ in range(rounds):
        yield in_process("training.ours", epochs=epochs, **data), in_process("training.scikit_learn", **data)


def squared(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    rows = int(1_000_000 * scale)
    pairs = list(compare(folder, rounds, rows, 30, False, 15))
    yield f"{rows} x 30, 32 models x 15 epochs / SGDRegressor x 1", ratio(pairs), "x", "≤", 1.0


def squared_large(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    rows = int(5_000_000 * scale)
    pairs = list(compare(folder, rounds, rows, 100, False, 15))
    yield f"{rows} x 100, 32 models x 15 epochs / SGDRegressor x 1", ratio(pairs), "x", "≤", 1.0
    yield "the same: peak memory", max(own["peak"] for own, _ in pairs), "MB", "≤", 1000


def logistic(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    rows = int(1_000_000 * scale)
    pairs = list(compare(folder, rounds, rows, 30, True, 1))
    yield f"{rows} x 30, 32 logistic models / SGDClassifier, 1 epoch", ratio(pairs), "x", "≤", 0.4


def trajectory(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    rows = int(1_000_000 * scale)
    data = {"path": folder / "rows", "features": 30, "classes": False}
    in_process("training.write_data", rows=rows, **data)
    grams, loop = (np.array(in_process("training.ours", epochs=15, way=w, **data)["losses"]) for w in ("grams", "rows"))
    yield f"{rows} x 30, Gram matrices against rows: losses", float(np.abs(grams / loop - 1).max()), "", "≤", 1e-5


def ratio(pairs: list[tuple[dict, dict]]) -> float:
    """Of the medians of CPU time."""
    return median(own["cpu"] for own, _ in pairs) / median(other["cpu"] for _, other in pairs)


BENCHMARKS = {"squared": squared, "large": squared_large, "logistic": logistic, "paths": trajectory}
