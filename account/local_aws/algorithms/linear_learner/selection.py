"""Model selection: the best model, and the threshold of a binary classifier.

https://docs.aws.amazon.com/sagemaker/latest/dg/ll_hyperparameters.html
(``binary_classifier_model_selection_criteria``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .hyperparameters import BINARY, Hyperparameters

Counts = NDArray[np.float64]
DEFAULT_THRESHOLD = 0.5
_IN_MEMORY = 64 << 20  # bytes of scores


class Calibration(NamedTuple):
    """A threshold, and what the criterion says of it on the records that it was found on."""

    threshold: float
    value: float


class Samples:
    """The labels and, model by model, the scores of the records that thresholds are looked for on.

    Many scores (32 models have 1.3 GB for the 10,000,000 records of the default) lie in a file.
    """

    def __init__(self, models: int, records: int) -> None:
        self._filled = 0
        self.labels = np.empty(records, np.float32)
        shape = models, records
        if 4 * models * records <= _IN_MEMORY:
            self.scores = np.empty(shape, np.float32)
        else:
            self.scores = np.memmap(TemporaryFile(), np.float32, shape=shape)  # noqa: SIM115 - it ends with the scores

    def add(self, scores: NDArray[np.float64], labels: NDArray[np.float32]) -> None:
        """Take the scores (n, models) of more records, as many of them as there is room for."""
        first = self._filled
        self._filled = last = min(first + len(labels), len(self.labels))
        self.labels[first:last] = labels[: last - first]
        self.scores[:, first:last] = scores[: last - first].T


@dataclass(frozen=True)
class Criterion(ABC):
    """A measure of a binary classifier's decisions; higher is better."""

    @property
    @abstractmethod
    def name(self) -> str:
        """As the log calls it."""

    @abstractmethod
    def rank(self, true: Counts, positive: Counts, total: int, positives: int) -> Counts:
        """The measure for each candidate threshold.

        ``true`` counts the records above the threshold that are positive, ``positive`` all
        of them; of ``total`` records ``positives`` are positive.
        """


@dataclass(frozen=True)
class Accuracy(Criterion):
    """The share of right decisions."""

    name = "sampled_accuracy"

    def rank(self, true: Counts, positive: Counts, total: int, positives: int) -> Counts:
        return (2 * true - positive + (total - positives)) / total


@dataclass(frozen=True)
class FBeta(Criterion):
    """The weighted harmonic mean of precision and recall; recall counts ``beta`` times."""

    beta: float
    name = "sampled_f_beta"

    def rank(self, true: Counts, positive: Counts, total: int, positives: int) -> Counts:
        square = self.beta**2
        return (1 + square) * true / np.maximum(square * positives + positive, 1e-300)


@dataclass(frozen=True)
class PrecisionAtTargetRecall(Criterion):
    """Precision where recall is at least ``target``, 0 elsewhere."""

    target: float
    name = "sampled_precision_at_target_recall"

    def rank(self, true: Counts, positive: Counts, total: int, positives: int) -> Counts:
        return np.where(true >= self.target * positives, true / np.maximum(positive, 1), 0.0)


@dataclass(frozen=True)
class RecallAtTargetPrecision(Criterion):
    """Recall where precision is at least ``target``, 0 elsewhere."""

    target: float
    name = "sampled_recall_at_target_precision"

    def rank(self, true: Counts, positive: Counts, total: int, positives: int) -> Counts:
        return np.where(true >= self.target * np.maximum(positive, 1), true / max(positives, 1), 0.0)


def decision_criterion(hp: Hyperparameters) -> Criterion | None:
    """The criterion that a job chooses model and threshold by; None where the loss decides."""
    if hp.predictor_type != BINARY:
        return None
    return {
        "accuracy": Accuracy(),
        "f_beta": FBeta(hp.f_beta),
        "precision_at_target_recall": PrecisionAtTargetRecall(hp.target_recall),
        "recall_at_target_precision": RecallAtTargetPrecision(hp.target_precision),
    }.get(hp.criterion)


def calibrate(scores: NDArray[np.float32], labels: NDArray[np.float32], criterion: Criterion) -> Calibration:
    """The threshold among ``scores`` (n,) at which ``score > threshold`` is best; ``labels`` are 0 and 1.

    The lowest of several that are equally good.  The finished model says 1 where
    ``score >= threshold``: as in AWS's reports, it says so once more than was counted here.
    """
    order = np.argsort(scores, kind="stable")
    scores, labels = scores[order], labels[order]
    last = np.append(scores[1:] != scores[:-1], True)
    positives = int(labels.sum(dtype=np.int64))
    true = positives - np.cumsum(labels, dtype=np.float64)[last]
    positive = (len(labels) - 1 - np.flatnonzero(last)).astype(np.float64)
    values = criterion.rank(true, positive, len(labels), positives)
    best = int(np.argmax(values))
    return Calibration(float(scores[last][best]), float(values[best]))
