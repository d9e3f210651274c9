"""A training job: from the configuration in ``input`` to the model file in ``model``."""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import artifact
from .batches import Batches, Scale, precision
from .channels import EMPTY, PIPE, RECORDIO, Channel, read_channels
from .classes import count_classes, weigh_classes
from .early_stopping import EarlyStopping, Verdict
from .ensemble import Ensemble, LinearModel
from .errors import CustomerError
from .evaluation import Parts, final_metrics
from .grid import Grid, largest
from .hyperparameters import DEFAULTS, Hyperparameters, merge
from .log import Log, now
from .losses import build_loss
from .peers import Peers
from .scaler import Scaler, whole_batches
from .selection import DEFAULT_THRESHOLD, Samples, calibrate, decision_criterion

_RESOURCES = "/opt/amazon/lib/python3.8/site-packages/algorithm/resources/default-input.json"
_PROVIDED = "/opt/ml/input/config/hyperparameters.json"
_NO_SYNC = "wait_for_all_workers will not sync workers since the kv store is not running distributed"


def train(base: Path, log: Log) -> None:
    """Run the job that lies below ``base`` (a container's ``/opt/ml``); writes ``model/model_algo-1``.

    Raises CustomerError if the job cannot run with what it was given.
    """
    began = now()
    given = {name: str(value) for name, value in _config(base, "hyperparameters").items()}
    _print_configuration(given, log)
    hp = Hyperparameters.parse(given)
    resources = _config(base, "resourceconfig")
    peers = Peers(resources.get("current_host", "algo-1"), resources.get("hosts", ["algo-1"]))
    log.host = peers.host
    log.plain(f"Process {os.getpid()} is a worker.")
    log.info("Using default worker.")
    log.info("Checkpoint loading and saving are disabled.")
    inputs = _config(base, "inputdataconfig")
    for name, config in inputs.items():
        if config.get("TrainingInputMode") == PIPE:
            log.info(f"The channel '{name}' is in pipe input mode under /opt/ml/input/data/{name}.")
    log.flush()
    ready = now()
    # The first host evaluates, so the others need the training data only.
    names = set(inputs) if peers.first else {"train"}
    channels = read_channels(base, inputs, hp.mini_batch_size, names)
    job = _Job(channels, hp, log, peers, "validation" in inputs)
    times = job.run(base / "model")
    times["setuptime"] = (ready - began) * 1000
    times["totaltime"] = (now() - began) * 1000
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


_SCORED = 1 << 21  # numbers at a time


class _Epoch(NamedTuple):
    """What is known of the models after an epoch: a criterion for each, lower being better."""

    criteria: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    @property
    def best(self) -> int:
        return int(np.argmin(self.criteria))


class _Snapshot(NamedTuple):
    """The best model of the last epoch that improved."""

    number: int
    model: LinearModel
    threshold: float


class _Job:
    """The models, their data, and the bookkeeping that the log reports."""

    def __init__(
        self, channels: Mapping[str, Channel], hp: Hyperparameters, log: Log, peers: Peers, validated: bool
    ) -> None:
        self._hp, self._log, self._peers = hp, log, peers
        self._train = train = channels["train"]
        self._validation, self._test = channels.get("validation"), channels.get("test")
        self._began = now()
        self._rows, self._batch = len(train), hp.mini_batch_size
        width = train.rows.features
        if hp.feature_dim not in (None, width):
            raise CustomerError(
                f"The hyperparameter feature_dim is {hp.feature_dim}, but the records of the channel 'train' "
                f"have {width} features. Set feature_dim to {width} or leave it out.",
                "ValueError",
                f"cannot copy sequence with size {width} to array axis with dimension {hp.feature_dim}",
            )
        if self._rows < self._batch:
            raise CustomerError(
                EMPTY,
                "ValueError",
                f"mini_batch_size is {self._batch}, but the channel 'train' has {self._rows} records",
            )
        widths = dict(zip(peers.hosts, peers.everyone(width), strict=True))
        if len(set(widths.values())) > 1:
            raise CustomerError(
                "The hosts' records in the channel 'train' differ in their number of features",
                "ValueError",
                ", ".join(f"{found} on {host}" for host, found in widths.items()),
            )
        self._print_pass(train, 0, train.seconds, self._batch)
        if (hp.num_models or 0) > largest(hp) and not hp.tuned:
            for _ in range(15):
                log.warning(f"Setting num_models to {largest(hp)}.")
        counts = {name: count_classes(channel, hp) for name, channel in channels.items()}
        sample = self._batch * whole_batches(self._rows, self._batch, hp.num_point_for_scaler)
        self._loss = weigh_classes(build_loss(hp), train, counts["train"], sample, hp, peers)
        # Without validation data the training objective decides, whatever the job asked for.
        self._criterion = decision_criterion(hp)
        self._decide = self._criterion if validated else None
        # By how many the reader's count of passes over the validation data grows in an epoch.
        self._passes = 3 if self._decide else 2
        log.info(f"Create Store: {'dist_sync' if len(peers.hosts) > 1 else 'local'}")
        self._scale(sample)
        self._grid = Grid.build(hp)
        self._ensemble = Ensemble(self._grid, hp, self._batches, self._loss, peers)

    def run(self, folder: Path) -> dict[str, list[float] | float]:
        """Train, evaluate and save; the milliseconds of each phase for the log's last line."""
        hp, log = self._hp, self._log
        times: dict[str, list[float] | float] = {"initialize.time": (now() - self._began) * 1000}
        times["epochs"] = hp.epochs
        checks: list[float] = []
        updates: list[float] = []
        stopping = EarlyStopping(hp.early_stopping_patience, hp.early_stopping_tolerance)
        for epoch in range(hp.epochs):
            start = now()
            result = self._epoch(epoch)
            checked = time.perf_counter()
            value = float(result.criteria[result.best])
            verdict = stopping.judge(value)
            # What the first host finds counts for all.
            value, verdict, stopping.waited = self._peers.told([value, verdict, stopping.waited])
            self._print_criterion(epoch, value)
            if verdict == Verdict.IMPROVED:
                log.info(f"Epoch {epoch}: Loss improved. Updating best model")
                self._best = _Snapshot(
                    result.best,
                    self._ensemble.model(result.best, self._scaler),
                    float(result.thresholds[result.best]),
                )
                log.info(f"Saving model for epoch: {epoch}")
                self._print_saved()
            elif verdict == Verdict.WAIT:
                log.info(f"Epoch {epoch}: Loss has not improved for {stopping.waited} epochs.")
            else:
                log.info("Early stop condition met. Stopping training.")
            stop = verdict == Verdict.STOP
            done = "100 % epochs" if stop else f"{100 * (epoch + 1) / hp.epochs!r} % of epochs"
            log.info(f"#progress_metric: host={log.host}, completed {done}")
            checks.append((time.perf_counter() - checked) * 1000)
            updates.append((now() - start) * 1000)
            self._print_data_iterator("training_data_iter", start, epoch)
            log.info(
                f"#throughput_metric: host={log.host}, "
                f"train throughput={self._rows / (updates[-1] / 1000)!r} records/second"
            )
            log.flush()
            if stop:
                break
        start_of_end = time.perf_counter()
        if len(self._peers.hosts) == 1:
            log.warning(_NO_SYNC)
            log.warning(_NO_SYNC)
        if self._validation:
            # The last epoch is judged once more; a score that stays the same counts as improved.
            last = self._passes * (epoch + 1) + 2
            self._print_pass(self._validation, last, time.perf_counter() - start_of_end)
            self._print_criterion(epoch, value)
            if stopping.judge(value) is Verdict.IMPROVED:
                log.info(f"Epoch {epoch}: Loss improved. Updating best model")
            self._print_pass(self._validation, last + 2, time.perf_counter() - start_of_end)
        checks.append((time.perf_counter() - start_of_end) * 1000)
        if self._peers.first:
            self._finish(folder)
        times |= {"check_early_stopping.time": checks, "update.time": updates}
        times["finalize.time"] = (time.perf_counter() - start_of_end) * 1000
        return times

    def _scale(self, used: int) -> None:
        hp, log, train = self._hp, self._log, self._train
        start = time.perf_counter()
        scaler = Scaler.fit(train.rows, used, hp, self._peers)
        dtype = precision(train.rows, scaler)
        if any(self._peers.everyone(dtype is np.float64)):
            dtype = np.float64
        self._scaler = scaler = scaler if dtype is np.float64 else scaler.in_single_precision()
        # The reader notices the end of the data only by reading the partial batch there.
        self._scaler_rows = used if used > hp.num_point_for_scaler else self._rows
        self._print_pass(train, 1, time.perf_counter() - start, self._scaler_rows)
        address = f"{id(scaler):#x}"
        log.info(f"Scaler algorithm parameters\n <algorithm.scaler.ScalerAlgorithmStable object at {address}>")
        log.info(f"Scaling model computed with parameters:\n {scaler.describe()}")
        start = time.perf_counter()
        shutil.which("nvidia-smi")
        log.info(f"nvidia-smi: took {time.perf_counter() - start:.3f} seconds to run.")
        log.info("nvidia-smi identified 0 GPUs.")
        log.info("Number of GPUs being used: 0")
        start = now()
        self._batches = Batches(train.rows, scaler, self._batch, dtype)
        self._to_scale = Scale(scaler, dtype)
        self._print_data_iterator("init_train_data_iter", start)
        log.flush()

    def _epoch(self, epoch: int) -> _Epoch:
        """One pass over the training data and, if there are any, the validation data."""
        start = now()
        thresholds = np.full(len(self._grid), DEFAULT_THRESHOLD)
        with np.errstate(over="ignore", invalid="ignore"):
            objective = self._ensemble.train()
            self._print_pass(self._train, 2 * epoch + 3, now() - start)
            self._print_objectives("train", epoch, objective)
            criteria = objective
            if self._validation:
                start = now()
                samples = self._samples(self._validation)
                criteria = objective = self._validate(samples)
                if not epoch:
                    self._print_pass(self._validation, 0, self._validation.seconds, self._batch)
                self._print_pass(self._validation, self._passes * epoch + 2, now() - start)
                self._print_objectives("validation", epoch, objective)
            if not np.isfinite(objective).any():
                raise CustomerError(
                    "Training has diverged: the objective of no model is a finite number",
                    "FloatingPointError",
                    "the features or labels are too large, or the learning rate is too high",
                )
            if self._decide and self._peers.first:
                found = [calibrate(scores, samples.labels, self._decide) for scores in samples.scores]
                thresholds = np.array([calibration.threshold for calibration in found])
                criteria = -np.array([calibration.value for calibration in found])
        return _Epoch(np.where(np.isfinite(objective), criteria, np.inf), thresholds)

    def _validate(self, samples: Samples) -> NDArray[np.float64]:
        """Mean loss of each model on the validation channel, in the label's unit; fills ``samples``."""
        rows, total = self._validation.rows, np.zeros(len(self._grid))
        for block in rows.pieces(_SCORED, columns=len(self._grid) * self._hp.classes):
            labels = block.labels.astype(np.float64)
            outputs = self._ensemble.outputs(self._to_scale.apply(block))
            if self._decide:
                samples.add(self._loss.scores(outputs), labels)
            total += self._loss.mean(self._scaler.raw_outputs(outputs), labels) * (len(labels) / len(rows))
        return total

    def _samples(self, channel: Channel) -> Samples:
        """Room for the scores of the first ``num_calibration_samples`` records, if anything is decided by them."""
        most = min(len(channel), self._hp.num_calibration_samples) if self._decide else 0
        return Samples(len(self._grid), most)

    def _calibrate_on_training_data(self) -> None:
        """The threshold of a model that the training objective has chosen, from whole mini-batches."""
        most = min(self._hp.num_calibration_samples, len(self._batches) * self._batch)
        samples = Samples(1, most)
        for outputs, labels in self._outputs_of_best(self._train, most):
            samples.add(self._loss.scores(outputs), labels)
        found = calibrate(samples.scores[0], samples.labels, self._criterion)
        self._best = self._best._replace(threshold=found.threshold)

    def _outputs_of_best(self, channel: Channel, stop: int | None = None) -> Parts:
        """What the best model says of a channel's records, and their labels, some at a time."""
        for block in channel.rows.pieces(_SCORED, stop, self._hp.classes):
            yield self._best.model.outputs(block.features), block.labels

    def _finish(self, folder: Path) -> None:
        """Score the snapshot on all records, tail included, and write it."""
        log = self._log
        if self._criterion and not self._decide:
            self._calibrate_on_training_data()
        best = self._best
        self._print_scores(self._validation or self._train)
        log.info(f"Best model found for hyperparameters: {self._grid.describe(best.number)}")
        with np.errstate(over="ignore"):
            weights, bias = (part.astype(np.float32) for part in best.model)
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            raise CustomerError("The weights are too large for float32: scale the features or the label")
        folder.mkdir(parents=True, exist_ok=True)
        artifact.write(folder / artifact.FILE_NAME, weights, bias, self._loss, best.threshold, self._hp)
        self._print_saved()
        if self._test is None:
            log.info("Test data is not provided.")
            return
        start = now()
        self._print_pass(self._test, 0, start - self._began, self._batch)
        self._print_pass(self._test, 1, self._test.seconds)
        rows, batches = len(self._test), math.ceil(len(self._test) / self._batch)
        log.metrics(start, _counters(rows, batches, rows, batches, 1, rows, batches), Meta="test_data_iter")
        self._print_scores(self._test)

    def _read_batches(self) -> int:
        return math.ceil(self._rows / self._batch)

    def _print_pass(self, channel: Channel, number: int, seconds: float, rows: int | None = None) -> None:
        """The line of AWS's record reader after all or the first ``rows`` of a channel; it reads protobuf only."""
        if channel.content_type != RECORDIO:
            return
        rows = min(rows or len(channel), len(channel))
        size = channel.size * rows // len(channel)
        self._log.data_pass(channel.name, number, seconds, math.ceil(rows / self._batch), size)

    def _print_scores(self, channel: Channel) -> None:
        parts = self._outputs_of_best(channel)
        metrics = final_metrics(parts, len(channel), self._loss, self._best.threshold, self._hp)
        for item in (metrics.losses | metrics.scores).items():
            self._log.info(f"#{channel.name}_score ({self._log.host}) : {item}")
        for kind, values in (("loss", metrics.losses), ("score", metrics.scores)):
            for name, value in values.items():
                self._log.quality(channel.name, name, value, kind=kind)

    def _print_objectives(self, channel: str, epoch: int, objective: NDArray[np.float64]) -> None:
        name = self._loss.objective
        for model, value in enumerate(objective.tolist()):
            self._log.metrics(now(), {f"{channel}_{name}": value}, epoch=epoch, model=model)
        self._log.quality(channel, name, float(objective[0]), epoch)

    def _print_criterion(self, epoch: int, value: float) -> None:
        name, shown = self._loss.objective, value
        if self._decide:
            name, shown = self._decide.name, -value
        host = self._log.host
        self._log.info(f"#early_stopping_criteria_metric: host={host}, epoch={epoch}, criteria={name}, value={shown!r}")

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
