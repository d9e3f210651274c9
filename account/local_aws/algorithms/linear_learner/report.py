"""Log and metrics of a training job: which lines of AWS's log, in which order, and the counts in them.

:mod:`.log` has the form of a line.
"""

from __future__ import annotations

import math
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from .channels import RECORDIO, Channel
from .early_stopping import Verdict
from .evaluation import Metrics
from .hyperparameters import DEFAULTS, Hyperparameters, merge
from .log import Log, now
from .losses import Loss
from .scaler import Scaler
from .selection import Criterion

_RESOURCES = "/opt/amazon/lib/python3.8/site-packages/algorithm/resources/default-input.json"
_PROVIDED = "/opt/ml/input/config/hyperparameters.json"
_NO_SYNC = "wait_for_all_workers will not sync workers since the kv store is not running distributed"


def report_configuration(log: Log, hyperparameters: Mapping[str, str]) -> None:
    """The lines about a job's hyperparameters, before they are checked."""
    log.plain("Docker entrypoint called with argument(s): train")
    log.plain("Running default environment configuration script")
    log.info(f"Reading default configuration from {_RESOURCES}: {DEFAULTS}")
    log.info(f"Merging with provided configuration from {_PROVIDED}: {hyperparameters}")
    final = merge(hyperparameters)
    for _ in range(2):
        log.info(f"Final configuration: {final}")
        log.warning("Loggers have already been setup.")


def report_worker(log: Log, pipes: Iterable[str]) -> None:
    """The lines about this process, and about the channels that come through ``pipes``."""
    log.plain(f"Process {os.getpid()} is a worker.")
    log.info("Using default worker.")
    log.info("Checkpoint loading and saving are disabled.")
    for name in pipes:
        log.info(f"The channel '{name}' is in pipe input mode under /opt/ml/input/data/{name}.")
    log.flush()


class Report:
    """The lines of a job from its first look at the data on, and the times and counts that they hold.

    ``began`` is when the job did and ``ready`` when it began to read its channels, in seconds of ``log.now``.
    ``criterion`` is what chooses the model, if that is not the loss.
    """

    def __init__(
        self,
        log: Log,
        hp: Hyperparameters,
        train: Channel,
        criterion: Criterion | None,
        began: float,
        ready: float,
    ) -> None:
        self._log, self._train = log, train
        self._rows, self._batch, self._epochs = len(train), hp.mini_batch_size, hp.epochs
        self._points = hp.num_point_for_scaler
        self._criterion = criterion
        # By how many the reader's count of passes over the validation data grows in an epoch.
        self._passes = 3 if criterion else 2
        self._scaler_rows = self._rows
        self._began, self._ready, self._read = began, ready, now()
        self._initialization = self._end = 0.0  # milliseconds; seconds of ``time.perf_counter``
        self._checks: list[float] = []  # milliseconds
        self._updates: list[float] = []  # milliseconds

    def first_batch(self) -> None:
        """The reader has looked at a mini-batch of the training data."""
        self._data_pass(self._train, 0, self._train.seconds, self._batch)

    def fewer_models(self, number: int) -> None:
        """The job asked for more models than the ``number`` that can differ."""
        for _ in range(15):
            self._log.warning(f"Setting num_models to {number}.")

    def store(self, hosts: int) -> None:
        """The hosts' common store of parameters."""
        self._log.info(f"Create Store: {'dist_sync' if hosts > 1 else 'local'}")

    def scaled(self, scaler: Scaler, used: int, seconds: float) -> None:
        """The ``scaler`` has been made of the first ``used`` rows."""
        # The reader notices the end of the data only by reading the partial batch there.
        self._scaler_rows = used if used > self._points else self._rows
        self._data_pass(self._train, 1, seconds, self._scaler_rows)
        address = f"{id(scaler):#x}"
        self._log.info(f"Scaler algorithm parameters\n <algorithm.scaler.ScalerAlgorithmStable object at {address}>")
        self._log.info(f"Scaling model computed with parameters:\n {scaler.describe()}")
        start = time.perf_counter()
        shutil.which("nvidia-smi")
        self._log.info(f"nvidia-smi: took {time.perf_counter() - start:.3f} seconds to run.")
        self._log.info("nvidia-smi identified 0 GPUs.")
        self._log.info("Number of GPUs being used: 0")

    def batches(self, start: float) -> None:
        """The mini-batches, begun at ``start``, are ready."""
        self._data_iterator("init_train_data_iter", start)
        self._log.flush()

    def initialized(self) -> None:
        """The models are ready to be trained."""
        self._initialization = _milliseconds(now() - self._read)

    def trained(self, epoch: int, start: float, loss: Loss, objective: NDArray[np.float64]) -> None:
        """A pass over the training data, begun at ``start``, gave each model's ``objective``, a ``loss``."""
        self._data_pass(self._train, 2 * epoch + 3, now() - start)
        self._objectives("train", epoch, loss, objective)

    def validated(self, channel: Channel, epoch: int, start: float, loss: Loss, objective: NDArray[np.float64]) -> None:
        """As :meth:`trained`, of the validation data."""
        if not epoch:
            self._data_pass(channel, 0, channel.seconds, self._batch)
        self._data_pass(channel, self._passes * epoch + 2, now() - start)
        self._objectives("validation", epoch, loss, objective)

    def judged(self, epoch: int, loss: Loss, value: float, verdict: Verdict, waited: int) -> None:
        """An epoch's criterion, lower being better, and what it means; ``waited`` is the length of the wait so far.

        It is the ``loss``, unless another criterion chooses the model.
        """
        self._early_stopping(epoch, loss, value)
        if verdict is Verdict.IMPROVED:
            self._improved(epoch)
            self._log.info(f"Saving model for epoch: {epoch}")
            self._saved()
        elif verdict is Verdict.WAIT:
            self._log.info(f"Epoch {epoch}: Loss has not improved for {waited} epochs.")
        else:
            self._log.info("Early stop condition met. Stopping training.")
        done = "100 % epochs" if verdict is Verdict.STOP else f"{100 * (epoch + 1) / self._epochs!r} % of epochs"
        self._log.info(f"#progress_metric: host={self._log.host}, completed {done}")

    def epoch(self, number: int, start: float, checked: float) -> None:
        """The end of an epoch that began at ``start``.

        It was looked at since ``checked``, in seconds of ``time.perf_counter``.
        """
        self._checks.append(_milliseconds(time.perf_counter() - checked))
        self._updates.append(_milliseconds(now() - start))
        self._data_iterator("training_data_iter", start, number)
        throughput = self._rows / (self._updates[-1] / 1000)
        self._log.info(f"#throughput_metric: host={self._log.host}, train throughput={throughput!r} records/second")
        self._log.flush()

    def end(self, hosts: int) -> None:
        """There is no further epoch."""
        self._end = time.perf_counter()
        if hosts == 1:
            self._log.warning(_NO_SYNC)
            self._log.warning(_NO_SYNC)

    def judged_again(self, channel: Channel, epoch: int, loss: Loss, value: float, verdict: Verdict) -> None:
        """The last epoch's criterion once more, and what it means now."""
        number = self._passes * (epoch + 1) + 2
        self._data_pass(channel, number, time.perf_counter() - self._end)
        self._early_stopping(epoch, loss, value)
        if verdict is Verdict.IMPROVED:
            self._improved(epoch)
        self._data_pass(channel, number + 2, time.perf_counter() - self._end)

    def checked(self) -> None:
        """What follows the last epoch has been looked at."""
        self._checks.append(_milliseconds(time.perf_counter() - self._end))

    def scores(self, channel: Channel, metrics: Metrics) -> None:
        """The final ``metrics`` of the best model on a channel."""
        for item in (metrics.losses | metrics.scores).items():
            self._log.info(f"#{channel.name}_score ({self._log.host}) : {item}")
        for kind, values in (("loss", metrics.losses), ("score", metrics.scores)):
            for name, value in values.items():
                self._log.quality(channel.name, name, value, kind=kind)

    def best(self, description: str) -> None:
        """Which of the models is the best."""
        self._log.info(f"Best model found for hyperparameters: {description}")

    def written(self) -> None:
        """The model has been written."""
        self._saved()

    def tested(self, channel: Channel | None) -> None:
        """A pass over the test data, if there are any."""
        if channel is None:
            self._log.info("Test data is not provided.")
            return
        start = now()
        self._data_pass(channel, 0, start - self._read, self._batch)
        self._data_pass(channel, 1, channel.seconds)
        rows, batches = len(channel), math.ceil(len(channel) / self._batch)
        self._log.metrics(start, _counters(rows, batches, rows, batches, 1, rows, batches), Meta="test_data_iter")

    def total(self) -> None:
        """The last line: the milliseconds of each phase."""
        finalization = _milliseconds(time.perf_counter() - self._end)
        times: dict[str, list[float] | float] = {
            "initialize.time": self._initialization,
            "epochs": self._epochs,
            "check_early_stopping.time": self._checks,
            "update.time": self._updates,
            "finalize.time": finalization,
            "setuptime": _milliseconds(self._ready - self._began),
            "totaltime": _milliseconds(now() - self._began),
        }
        self._log.metrics(self._began, times)
        self._log.flush()

    def _data_pass(self, channel: Channel, number: int, seconds: float, rows: int | None = None) -> None:
        """The line of AWS's record reader after all or the first ``rows`` of a channel; it reads protobuf only."""
        if channel.content_type != RECORDIO:
            return
        rows = min(rows or len(channel), len(channel))
        size = channel.size * rows // len(channel)
        self._log.data_pass(channel.name, number, seconds, math.ceil(rows / self._batch), size)

    def _objectives(self, channel: str, epoch: int, loss: Loss, objective: NDArray[np.float64]) -> None:
        for model, value in enumerate(objective.tolist()):
            self._log.metrics(now(), {f"{channel}_{loss.objective}": value}, epoch=epoch, model=model)
        self._log.quality(channel, loss.objective, float(objective[0]), epoch)

    def _early_stopping(self, epoch: int, loss: Loss, value: float) -> None:
        name, shown = loss.objective, value
        if self._criterion:
            name, shown = self._criterion.name, -value
        host = self._log.host
        self._log.info(f"#early_stopping_criteria_metric: host={host}, epoch={epoch}, criteria={name}, value={shown!r}")

    def _improved(self, epoch: int) -> None:
        self._log.info(f"Epoch {epoch}: Loss improved. Updating best model")

    def _saved(self) -> None:
        self._log.info(f'Saved checkpoint to "/tmp/tmp{secrets.token_hex(4)}/mx-mod-0000.params"')

    def _data_iterator(self, meta: str, start: float, epoch: int | None = None) -> None:
        passes = 0 if epoch is None else epoch + 1
        rows, batches = self._rows, math.ceil(self._rows / self._batch)
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
        dimensions: dict[str, object] = {"Meta": meta} if epoch is None else {"epoch": epoch, "Meta": meta}
        self._log.metrics(start, counters, **dimensions)


def _milliseconds(seconds: float) -> float:
    return seconds * 1000


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
