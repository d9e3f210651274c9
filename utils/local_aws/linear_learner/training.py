"""A training job: from the configuration in ``input`` to the model file in ``model``."""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import artifact
from .channels import EMPTY, RECORDIO, Channel, read_channels
from .early_stopping import EarlyStopping, Verdict
from .errors import CustomerError, not_implemented
from .evaluation import final_metrics
from .grid import LARGEST, Grid, first_weights
from .hyperparameters import DEFAULTS, Hyperparameters, merge
from .log import Log
from .losses import LOSSES, Loss
from .optimizer import Adam
from .scaler import Scaler, whole_batches

_RESOURCES = "/opt/amazon/lib/python3.8/site-packages/algorithm/resources/default-input.json"
_PROVIDED = "/opt/ml/input/config/hyperparameters.json"
_CHUNK = 65_536
_NO_SYNC = "wait_for_all_workers will not sync workers since the kv store is not running distributed"


def train(base: Path, log: Log) -> None:
    """Run the job that lies below ``base`` (a container's ``/opt/ml``); writes ``model/model_algo-1``.

    Raises CustomerError if the job cannot run with what it was given.
    """
    began = time.time()
    given = {name: str(value) for name, value in _config(base, "hyperparameters").items()}
    _print_configuration(given, log)
    hp = Hyperparameters.parse(given)
    hosts = _config(base, "resourceconfig").get("hosts", ["algo-1"])
    if len(hosts) > 1:
        raise not_implemented(f"Training on {len(hosts)} instances", "Use an instance count of 1.")
    log.plain(f"Process {os.getpid()} is a worker.")
    log.info("Using default worker.")
    log.info("Checkpoint loading and saving are disabled.")
    log.flush()
    ready = time.time()
    channels = read_channels(base, _config(base, "inputdataconfig"), hp.mini_batch_size)
    job = _Job(channels, hp, log)
    times = job.run(base / "model")
    times["setuptime"] = (ready - began) * 1000
    times["totaltime"] = (time.time() - began) * 1000
    log.metrics(began, times)
    log.flush()


def _config(base: Path, name: str) -> Mapping[str, object]:
    path = base / "input" / "config" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _print_configuration(given: Mapping[str, str], log: Log) -> None:
    log.plain("Docker entrypoint called with argument(s): train")
    log.plain("Running default environment configuration script")
    log.info(f"Reading default configuration from {_RESOURCES}: {DEFAULTS}")
    log.info(f"Merging with provided configuration from {_PROVIDED}: {given}")
    final = merge(given)
    for _ in range(2):
        log.info(f"Final configuration: {final}")
        log.warning("Loggers have already been setup.")


@dataclass
class _Snapshot:
    """The best model of the last epoch that improved."""

    model: int
    weights: NDArray[np.float64]
    bias: float


class _Job:
    """The models, their data, and the bookkeeping that the log reports."""

    def __init__(self, channels: Mapping[str, Channel], hp: Hyperparameters, log: Log) -> None:
        self._hp, self._log = hp, log
        self._train = train = channels["train"]
        self._validation, self._test = channels.get("validation"), channels.get("test")
        self._loss: Loss = LOSSES[hp.loss]
        self._began = time.time()
        self._rows, self._batch = train.features.shape[0], hp.mini_batch_size
        width = train.features.shape[1]
        if hp.feature_dim not in (None, width):
            raise CustomerError(
                f"The hyperparameter feature_dim is {hp.feature_dim}, but the records of the channel 'train' "
                f"have {width} features. Set feature_dim to {width} or leave it out.",
                "ValueError",
                f"cannot copy sequence with size {width} to array axis with dimension {hp.feature_dim}",
            )
        self._batches = self._rows // self._batch
        if not self._batches:
            raise CustomerError(
                EMPTY,
                "ValueError",
                f"mini_batch_size is {self._batch}, but the channel 'train' has {self._rows} records",
            )
        if train.content_type == RECORDIO:
            peeked = min(self._batch, self._rows)
            log.data_pass("train", 0, train.seconds, 1, train.size * peeked // self._rows)
        if (hp.num_models or 0) > LARGEST and not hp.tuned:
            for _ in range(15):
                log.warning(f"Setting num_models to {LARGEST}.")
        log.info("Create Store: local")
        self._scale()
        self._grid = Grid.build(hp)
        models = len(self._grid)
        self._parameters = np.full((width + hp.use_bias, models), hp.init_bias)
        self._parameters[:width] = first_weights(width, models, hp)
        self._adam = Adam(self._grid, hp, width)

    def run(self, folder: Path) -> dict[str, list[float] | float]:
        """Train, evaluate and save; the milliseconds of each phase for the log's last line."""
        hp, log = self._hp, self._log
        times: dict[str, list[float] | float] = {"initialize.time": (time.time() - self._began) * 1000}
        times["epochs"] = hp.epochs
        checks: list[float] = []
        updates: list[float] = []
        stopping = EarlyStopping(hp.early_stopping_patience, hp.early_stopping_tolerance)
        for epoch in range(hp.epochs):
            start = time.time()
            criteria = self._epoch(epoch)
            best = int(np.argmin(criteria))
            checked = time.perf_counter()
            self._print_criterion(epoch, float(criteria[best]))
            verdict = stopping.judge(float(criteria[best]))
            if verdict is Verdict.IMPROVED:
                log.info(f"Epoch {epoch}: Loss improved. Updating best model")
                self._best = self._snapshot(best)
                log.info(f"Saving model for epoch: {epoch}")
                self._print_saved()
            elif verdict is Verdict.WAIT:
                log.info(f"Epoch {epoch}: Loss has not improved for {stopping.waited} epochs.")
            else:
                log.info("Early stop condition met. Stopping training.")
            stop = verdict is Verdict.STOP
            done = "100 % epochs" if stop else f"{100 * (epoch + 1) / hp.epochs!r} % of epochs"
            log.info(f"#progress_metric: host=algo-1, completed {done}")
            checks.append((time.perf_counter() - checked) * 1000)
            updates.append((time.time() - start) * 1000)
            self._print_data_iterator("training_data_iter", start, epoch)
            log.info(
                "#throughput_metric: host=algo-1, "
                f"train throughput={self._rows / (updates[-1] / 1000)!r} records/second"
            )
            log.flush()
            if stop:
                break
        start_of_end = time.perf_counter()
        log.warning(_NO_SYNC)
        log.warning(_NO_SYNC)
        if self._validation:
            self._print_criterion(epoch, float(criteria[best]))
        checks.append((time.perf_counter() - start_of_end) * 1000)
        self._finish(folder)
        times |= {"check_early_stopping.time": checks, "update.time": updates}
        times["finalize.time"] = (time.perf_counter() - start_of_end) * 1000
        return times

    def _scale(self) -> None:
        hp, log, train = self._hp, self._log, self._train
        batches = whole_batches(self._rows, self._batch, hp.num_point_for_scaler)
        used = batches * self._batch
        scaler = self._scaler = Scaler.fit(train.features[:used], train.labels[:used], hp)
        # The reader notices the end of the data only by reading the partial batch there.
        self._scaler_rows = used if used > hp.num_point_for_scaler else self._rows
        address = f"{id(scaler):#x}"
        log.info(f"Scaler algorithm parameters\n <algorithm.scaler.ScalerAlgorithmStable object at {address}>")
        log.info(f"Scaling model computed with parameters:\n {scaler.describe()}")
        start = time.perf_counter()
        shutil.which("nvidia-smi")
        log.info(f"nvidia-smi: took {time.perf_counter() - start:.3f} seconds to run.")
        log.info("nvidia-smi identified 0 GPUs.")
        log.info("Number of GPUs being used: 0")
        start = time.time()
        width = train.features.shape[1]
        ones = [np.ones((self._rows, 1))] if hp.use_bias else []
        self._inputs = np.concatenate([scaler.features(train.features), *ones], axis=1)
        self._targets = scaler.labels(train.labels)[:, None]
        if self._validation:
            self._validation_inputs = scaler.features(self._validation.features)
            self._validation_targets = scaler.labels(self._validation.labels)[:, None]
        self._weights = slice(0, width)
        self._print_data_iterator("init_train_data_iter", start)
        log.flush()

    def _epoch(self, epoch: int) -> NDArray[np.float64]:
        """One pass over the whole mini-batches; the criterion of each model."""
        start = time.time()
        parameters, loss, batch = self._parameters, self._loss, self._batch
        errors = np.empty((batch, parameters.shape[1]))
        slope, gradient = np.empty_like(errors), np.empty_like(parameters)
        total = np.zeros(parameters.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            for first in range(0, self._batches * batch, batch):
                inputs = self._inputs[first : first + batch]
                np.matmul(inputs, parameters, out=errors)
                errors -= self._targets[first : first + batch]
                total += loss.mean(errors)
                np.matmul(inputs.T, loss.slope(errors, slope), out=gradient)
                gradient /= batch
                self._adam.update(parameters, gradient)
            objective = total / self._batches
            if self._train.content_type == RECORDIO:
                seconds = time.time() - start
                self._log.data_pass("train", 2 * epoch + 3, seconds, self._read_batches(), self._train.size)
            self._print_objectives("train", epoch, objective)
            if self._validation:
                objective = self._validate()
                self._print_objectives("validation", epoch, objective)
        if not np.isfinite(objective).any():
            raise CustomerError(
                "Training has diverged: the objective of no model is a finite number",
                "FloatingPointError",
                "the features or labels are too large, or the learning rate is too high",
            )
        return np.where(np.isfinite(objective), objective, np.inf)

    def _validate(self) -> NDArray[np.float64]:
        """Mean loss of each model on the validation channel, in the label's unit."""
        rows = len(self._validation_inputs)
        total = np.zeros(len(self._grid))
        for first in range(0, rows, _CHUNK):
            errors = self._validation_inputs[first : first + _CHUNK] @ self._parameters[self._weights]
            if self._hp.use_bias:
                errors += self._parameters[-1]
            errors -= self._validation_targets[first : first + _CHUNK]
            total += self._loss.mean(errors) * len(errors)
        return total / rows * self._scaler.label_deviation**self._loss.degree

    def _snapshot(self, model: int) -> _Snapshot:
        bias = float(self._parameters[-1, model]) if self._hp.use_bias else 0.0
        return _Snapshot(model, *self._scaler.raw_units(self._parameters[self._weights, model], bias))

    def _finish(self, folder: Path) -> None:
        """Score the snapshot on all records, tail included, and write it."""
        log, best = self._log, self._best
        self._print_scores(self._validation or self._train)
        log.info(f"Best model found for hyperparameters: {self._grid.describe(best.model)}")
        with np.errstate(over="ignore"):
            weights, bias = best.weights.astype(np.float32), np.float32(best.bias)
        if not (np.isfinite(weights).all() and math.isfinite(bias)):
            raise CustomerError("The weights are too large for float32: scale the features or the label")
        folder.mkdir(parents=True, exist_ok=True)
        artifact.write(folder / artifact.FILE_NAME, weights, bias, self._loss, self._hp.accuracy_top_k)
        self._print_saved()
        if self._test is None:
            log.info("Test data is not provided.")
            return
        start = time.time()
        rows, batches = len(self._test), math.ceil(len(self._test) / self._batch)
        log.metrics(start, _counters(rows, batches, rows, batches, 0, rows, batches), Meta="test_data_iter")
        self._print_scores(self._test)

    def _read_batches(self) -> int:
        return math.ceil(self._rows / self._batch)

    def _print_scores(self, channel: Channel) -> None:
        scores = channel.features.astype(np.float64) @ self._best.weights + self._best.bias
        values = final_metrics(scores, channel.labels, self._loss)
        for item in values.items():
            self._log.info(f"#{channel.name}_score (algo-1) : {item}")
        for name, value in values.items():
            self._log.quality(channel.name, name, value)

    def _print_objectives(self, channel: str, epoch: int, objective: NDArray[np.float64]) -> None:
        name = self._loss.objective
        for model, value in enumerate(objective.tolist()):
            self._log.metrics(time.time(), {f"{channel}_{name}": value}, epoch=epoch, model=model)
        self._log.quality(channel, name, float(objective[0]), epoch)

    def _print_criterion(self, epoch: int, value: float) -> None:
        self._log.info(
            f"#early_stopping_criteria_metric: host=algo-1, epoch={epoch}, "
            f"criteria={self._loss.objective}, value={value!r}"
        )

    def _print_saved(self) -> None:
        self._log.info(f'Saved checkpoint to "/tmp/tmp{secrets.token_hex(4)}/mx-mod-0000.params"')

    def _print_data_iterator(self, meta: str, start: float, epoch: int | None = None) -> None:
        passes = 0 if epoch is None else epoch + 1
        rows, batches = self._rows, self._read_batches()
        scaler_batches = math.ceil(self._scaler_rows / self._batch)
        counters = _counters(
            self._batch + self._scaler_rows + passes * rows,
            1 + scaler_batches + passes * batches,
            rows if passes else self._scaler_rows,
            batches if passes else scaler_batches,
            2 + passes,
            rows if passes else 0,
            batches if passes else 0,
        )
        dimensions = {"Meta": meta} if epoch is None else {"epoch": epoch, "Meta": meta}
        self._log.metrics(start, counters, **dimensions)


def _counters(
    rows: int,
    batches: int,
    most_rows: int,
    most_batches: int,
    resets: int,
    rows_since: int,
    batches_since: int,
) -> dict[str, list[float] | float]:
    return {
        "Total Records Seen": rows,
        "Total Batches Seen": batches,
        "Max Records Seen Between Resets": most_rows,
        "Max Batches Seen Between Resets": most_batches,
        "Reset Count": resets,
        "Number of Records Since Last Reset": rows_since,
        "Number of Batches Since Last Reset": batches_since,
    }
