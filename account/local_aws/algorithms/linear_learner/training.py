"""A training job: from the configuration in ``input`` to the model file in ``model``."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import artifact
from .batches import Batches, Scale, precision
from .channels import EMPTY, PIPE, Channel, read_channels
from .classes import count_classes, weigh_classes
from .early_stopping import EarlyStopping, Verdict
from .ensemble import Ensemble, LinearModel
from .errors import CustomerError
from .evaluation import Parts, final_metrics
from .grid import Grid, largest
from .hyperparameters import Hyperparameters
from .log import Log, now
from .losses import build_loss
from .peers import Peers
from .report import Report, report_configuration, report_worker
from .scaler import Scaler, whole_batches
from .selection import DEFAULT_THRESHOLD, Criterion, Samples, calibrate, decision_criterion


def train(base: Path, log: Log) -> None:
    """Run the job that lies below ``base`` (a container's ``/opt/ml``); writes ``model/model_algo-1``.

    Raises CustomerError if the job cannot run with what it was given.
    """
    began = now()
    hyperparameters = {name: str(value) for name, value in _config(base, "hyperparameters").items()}
    report_configuration(log, hyperparameters)
    hp = Hyperparameters.parse(hyperparameters)
    resources = _config(base, "resourceconfig")
    peers = Peers(resources.get("current_host", "algo-1"), resources.get("hosts", ["algo-1"]))
    log.host = peers.host
    inputs = _config(base, "inputdataconfig")
    report_worker(log, [name for name, config in inputs.items() if config.get("TrainingInputMode") == PIPE])
    ready = now()
    # The first host evaluates, so the others need the training data only.
    names = set(inputs) if peers.first else {"train"}
    channels = read_channels(base, inputs, hp.mini_batch_size, names)
    # Without validation data the training objective decides, whatever the job asked for.
    decide = decision_criterion(hp) if "validation" in inputs else None
    report = Report(log, hp, channels["train"], decide, began, ready)
    _check(channels["train"], hp, peers)
    _Job(channels, hp, report, peers, decide).run(base / "model")
    report.total()


def _config(base: Path, name: str) -> Mapping[str, Any]:
    path = base / "input" / "config" / f"{name}.json"
    config: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return config


def _check(train: Channel, hp: Hyperparameters, peers: Peers) -> None:
    """Raise CustomerError if the training data do not suit the hyperparameters, or those of another host."""
    width = train.rows.features
    if hp.feature_dim not in (None, width):
        raise CustomerError(
            f"The hyperparameter feature_dim is {hp.feature_dim}, but the records of the channel 'train' "
            f"have {width} features. Set feature_dim to {width} or leave it out.",
            "ValueError",
            f"cannot copy sequence with size {width} to array axis with dimension {hp.feature_dim}",
        )
    if len(train) < hp.mini_batch_size:
        raise CustomerError(
            EMPTY,
            "ValueError",
            f"mini_batch_size is {hp.mini_batch_size}, but the channel 'train' has {len(train)} records",
        )
    widths = dict(zip(peers.hosts, peers.all_gather(width), strict=True))
    if len(set(widths.values())) > 1:
        raise CustomerError(
            "The hosts' records in the channel 'train' differ in their number of features",
            "ValueError",
            ", ".join(f"{features} on {host}" for host, features in widths.items()),
        )


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


class _Scaled(NamedTuple):
    """The training data on the scale that the models are trained on."""

    scaler: Scaler
    batches: Batches
    scale: Scale


class _Job:
    """The models, and the data that they are trained and judged on.

    ``decide`` is the criterion that chooses the model, None where the objective does.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        hp: Hyperparameters,
        report: Report,
        peers: Peers,
        decide: Criterion | None,
    ) -> None:
        self._hp, self._report, self._peers, self._decide = hp, report, peers, decide
        self._train = train = channels["train"]
        self._validation, self._test = channels.get("validation"), channels.get("test")
        report.first_batch()
        if (hp.num_models or 0) > largest(hp) and not hp.tuned:
            report.fewer_models(largest(hp))
        counts = {name: count_classes(channel, hp) for name, channel in channels.items()}
        used = hp.mini_batch_size * whole_batches(len(train), hp.mini_batch_size, hp.num_point_for_scaler)
        self._loss = weigh_classes(build_loss(hp), train, counts["train"], used, hp, peers)
        report.store(len(peers.hosts))
        self._scaler, batches, self._scale = _scaled(train, used, hp, peers, report)
        self._calibrated = min(hp.num_calibration_samples, len(batches) * hp.mini_batch_size)
        self._grid = Grid.build(hp)
        self._ensemble = Ensemble(self._grid, hp, batches, self._loss, peers)
        self._stopping = EarlyStopping(hp.early_stopping_patience, hp.early_stopping_tolerance)
        with np.errstate(all="ignore"):
            self._best = self._snapshot(0, DEFAULT_THRESHOLD)

    def run(self, folder: Path) -> None:
        """Train, evaluate and save."""
        self._report.initialized()
        epoch, value = self._fit()
        self._report.end(len(self._peers.hosts))
        if self._validation:
            # The last epoch is judged once more; a score that stays the same counts as improved.
            verdict = self._stopping.judge(value)
            self._report.judged_again(self._validation, epoch, self._loss, value, verdict)
        self._report.checked()
        if self._peers.first:
            self._finish(folder)

    def _fit(self) -> tuple[int, float]:
        """Train for all epochs, or until they help no more; the last one's number and criterion."""
        epoch, value, verdict = -1, np.inf, Verdict.WAIT
        while epoch + 1 < self._hp.epochs and verdict is not Verdict.STOP:
            epoch, start = epoch + 1, now()
            result = self._epoch(epoch)
            checked = time.perf_counter()
            value = float(result.criteria[result.best])
            verdict = self._stopping.judge(value)
            # What the first host finds counts for all.
            value, name, self._stopping.waited = self._peers.broadcast([value, verdict, self._stopping.waited])
            verdict = Verdict(name)
            if verdict is Verdict.IMPROVED:
                self._best = self._snapshot(result.best, float(result.thresholds[result.best]))
            self._report.judged(epoch, self._loss, value, verdict, self._stopping.waited)
            self._report.epoch(epoch, start, checked)
        return epoch, value

    def _snapshot(self, number: int, threshold: float) -> _Snapshot:
        return _Snapshot(number, self._ensemble.model(number, self._scaler), threshold)

    def _epoch(self, epoch: int) -> _Epoch:
        """One pass over the training data and, if there are any, the validation data."""
        start, samples = now(), None
        thresholds = np.full(len(self._grid), DEFAULT_THRESHOLD)
        with np.errstate(over="ignore", invalid="ignore"):
            objective = self._ensemble.train()
            self._report.trained(epoch, start, self._loss, objective)
            criteria = objective
            if self._validation:
                start = now()
                samples = self._samples(self._validation)
                criteria = objective = self._validate(self._validation, samples)
                self._report.validated(self._validation, epoch, start, self._loss, objective)
            if not np.isfinite(objective).any():
                raise CustomerError(
                    "Training has diverged: the objective of no model is a finite number",
                    "FloatingPointError",
                    "the features or labels are too large, or the learning rate is too high",
                )
            if self._decide and samples:
                calibrations = [calibrate(scores, samples.labels, self._decide) for scores in samples.scores]
                thresholds = np.array([calibration.threshold for calibration in calibrations])
                criteria = -np.array([calibration.value for calibration in calibrations])
        return _Epoch(np.where(np.isfinite(objective), criteria, np.inf), thresholds)

    def _validate(self, channel: Channel, samples: Samples) -> NDArray[np.float64]:
        """Mean loss of each model on the validation channel, in the label's unit; fills ``samples``."""
        rows, total = channel.rows, np.zeros(len(self._grid))
        for block in rows.pieces(_SCORED, columns=len(self._grid) * self._hp.classes):
            labels = block.labels.astype(np.float64)
            outputs = self._ensemble.outputs(self._scale.apply(block))
            if self._decide:
                samples.add(self._loss.scores(outputs), block.labels)
            total += self._loss.mean(self._scaler.raw_outputs(outputs), labels) * (len(labels) / len(rows))
        return total

    def _samples(self, channel: Channel) -> Samples:
        """Room for the scores of the first ``num_calibration_samples`` records, if anything is decided by them."""
        most = min(len(channel), self._hp.num_calibration_samples) if self._decide else 0
        return Samples(len(self._grid), most)

    def _calibrate_on_training_data(self, criterion: Criterion) -> None:
        """The threshold of a model that the training objective has chosen, from whole mini-batches."""
        samples = Samples(1, self._calibrated)
        for outputs, labels in self._outputs_of_best(self._train, self._calibrated):
            samples.add(self._loss.scores(outputs), labels)
        threshold = calibrate(samples.scores[0], samples.labels, criterion).threshold
        self._best = self._best._replace(threshold=threshold)

    def _outputs_of_best(self, channel: Channel, stop: int | None = None) -> Parts:
        """What the best model says of a channel's records, and their labels, some at a time."""
        for block in channel.rows.pieces(_SCORED, stop, self._hp.classes):
            yield self._best.model.outputs(block.features), block.labels

    def _finish(self, folder: Path) -> None:
        """Score the snapshot on all records, tail included, and write it."""
        criterion = decision_criterion(self._hp)
        if criterion and not self._decide:
            self._calibrate_on_training_data(criterion)
        best = self._best
        self._score(self._validation or self._train)
        self._report.best(self._grid.describe(best.number))
        with np.errstate(over="ignore"):
            weights, bias = (part.astype(np.float32) for part in best.model)
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            raise CustomerError("The weights are too large for float32: scale the features or the label")
        folder.mkdir(parents=True, exist_ok=True)
        artifact.write(folder / artifact.FILE_NAME, weights, bias, self._loss, best.threshold, self._hp)
        self._report.written()
        self._report.tested(self._test)
        if self._test is not None:
            self._score(self._test)

    def _score(self, channel: Channel) -> None:
        parts = self._outputs_of_best(channel)
        metrics = final_metrics(parts, len(channel), self._loss, self._best.threshold, self._hp)
        self._report.scores(channel, metrics)


def _scaled(train: Channel, used: int, hp: Hyperparameters, peers: Peers, report: Report) -> _Scaled:
    """The scaler that the first ``used`` rows of each host give, and the data on its scale."""
    start = time.perf_counter()
    scaler = Scaler.fit(train.rows, used, hp, peers)
    dtype = precision(train.rows, scaler)
    if any(peers.all_gather(dtype is np.float64)):
        dtype = np.float64
    scaler = scaler if dtype is np.float64 else scaler.in_single_precision()
    report.scaled(scaler, used, time.perf_counter() - start)
    begun = now()
    batches = Batches(train.rows, scaler, hp.mini_batch_size, dtype)
    scale = Scale(scaler, dtype)
    report.batches(begun)
    return _Scaled(scaler, batches, scale)
