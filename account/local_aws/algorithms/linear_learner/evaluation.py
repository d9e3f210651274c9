"""Final metrics of a model, as AWS's image prints them.

What AWS's image prints as balanced accuracy and log loss of a binary classifier is taken
from a sigmoid of its scores, which are sigmoids already; a multiclass classifier's log loss
from a softmax of its probabilities.  r2 is printed as a loss.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .hyperparameters import BINARY, REGRESSOR, Hyperparameters
from .losses import LogisticLoss, Loss, SoftmaxLoss

Array = NDArray[np.float64]
Parts = Iterable[tuple[Array, NDArray[np.float32]]]
_COMPARED = 1 << 16


class Metrics(NamedTuple):
    """Final metrics in the log's order: those it calls ``<loss>``, then those it calls ``<score>``."""

    losses: dict[str, float]
    scores: dict[str, float]


def final_metrics(parts: Parts, rows: int, loss: Loss, threshold: float, hp: Hyperparameters) -> Metrics:
    """The metrics of ``rows`` records, which come in parts: outputs (n, 1) or (n, classes) and labels (n,).

    Both are in the label's unit.  Memory: that of a part, and for a binary classifier four bytes a record.
    """
    kinds: dict[str, type[_Sums]] = {REGRESSOR: _Regressor, BINARY: _Binary}
    sums, objective = kinds.get(hp.predictor_type, _Multiclass)(rows, threshold, hp), 0.0
    for outputs, single in parts:
        labels = single.astype(np.float64)
        by_model = outputs[:, None, :] if hp.outputs > 1 else outputs
        objective += float(loss.mean(by_model, labels)[0]) * (len(labels) / rows)
        sums.add(loss.scores(outputs), labels)
    first, metrics = {loss.objective: objective}, {name: float(value) for name, value in sums.metrics().items()}
    return Metrics(first | metrics, {}) if hp.predictor_type == REGRESSOR else Metrics(first, metrics)


class _Sums(ABC):
    """What is kept of ``rows`` records while their scores and labels come in parts."""

    @abstractmethod
    def __init__(self, rows: int, threshold: float, hp: Hyperparameters) -> None: ...

    @abstractmethod
    def add(self, scores: Array, labels: Array) -> None:
        """Take scores (n, 1) or (n, classes) and labels (n,)."""

    @abstractmethod
    def metrics(self) -> dict[str, float]:
        """The metrics of all records, by their names in the log."""


class _Regressor(_Sums):
    """Sums of errors, and the labels' spread put together from parts as Chan et al. 1979 do."""

    def __init__(self, rows: int, threshold: float, hp: Hyperparameters) -> None:
        self._count, self._mean, self._spread = 0, 0.0, 0.0
        self._squares, self._sizes = 0.0, 0.0

    def add(self, scores: Array, labels: Array) -> None:
        errors = scores[:, 0] - labels
        self._squares += float(np.sum(errors**2))
        self._sizes += float(np.sum(np.abs(errors)))
        mean, count = float(labels.mean()), len(labels)
        gap, total = mean - self._mean, self._count + count
        self._spread += float(np.sum((labels - mean) ** 2)) + gap**2 * (self._count * count / total)
        self._mean, self._count = self._mean + gap * (count / total), total

    def metrics(self) -> dict[str, float]:
        mse, mae = self._squares / self._count, self._sizes / self._count
        if self._spread:
            r2 = 1.0 - self._squares / self._spread
        else:  # as scikit-learn defines it where all labels are equal
            r2 = 0.0 if self._squares else 1.0
        return {"mse": mse, "absolute_loss": mae, "rmse": mse**0.5, "r2": r2, "mae": mae}


class _Binary(_Sums):
    """Counts of decisions; the scores are kept, since the area under the ROC curve needs their order."""

    def __init__(self, rows: int, threshold: float, hp: Hyperparameters) -> None:
        self._rows, self._threshold, self._beta = rows, threshold, hp.f_beta
        self._hits = self._said = self._right = self._positives = self._negatives = 0
        self._right_again, self._log_loss = np.zeros(2, np.int64), 0.0
        self._scores = np.empty(rows, np.float32)  # positive records from the front, the others from the back

    def add(self, scores: Array, labels: Array) -> None:
        column, positive = scores[:, 0].astype(np.float32), labels == 1
        predicted = column >= self._threshold
        self._hits += int(np.count_nonzero(predicted & positive))
        self._said += int(np.count_nonzero(predicted))
        self._right += int(np.count_nonzero(predicted == positive))
        twice, doubled = LogisticLoss(), column.astype(np.float64)
        again = (twice.scores(doubled) >= 0.5) == positive
        self._right_again += [np.count_nonzero(again & ~positive), np.count_nonzero(again & positive)]
        self._log_loss += float(twice.mean(doubled[:, None], labels)[0]) * (len(labels) / self._rows)
        above, below = column[positive], column[~positive]
        self._scores[self._positives : self._positives + len(above)] = above
        self._positives, self._negatives = self._positives + len(above), self._negatives + len(below)
        self._scores[self._rows - self._negatives : self._rows - self._negatives + len(below)] = below

    def metrics(self) -> dict[str, float]:
        precision, recall = _ratio(self._hits, self._said), _ratio(self._hits, self._positives)
        counts = self._negatives, self._positives
        again = [right / count for right, count in zip(self._right_again, counts, strict=True) if count]
        return {
            "binary_classification_accuracy": self._right / self._rows,
            f"binary_f_{self._beta:.3f}": float(_f_beta(np.array(precision), np.array(recall), self._beta)),
            "precision": precision,
            "recall": recall,
            "roc_auc_score": _area_under_roc(self._scores[: self._positives], self._scores[self._positives :]),
            "binary_balanced_accuracy": float(np.mean(again)),
            "binary_log_loss": self._log_loss,
        }


class _Multiclass(_Sums):
    """Counts of each class, and sums over the ranks of the right one."""

    def __init__(self, rows: int, threshold: float, hp: Hyperparameters) -> None:
        self._rows, self._hp = rows, hp
        self._hits, self._of_class, self._said = (np.zeros(hp.classes, np.int64) for _ in range(3))
        self._in_top, self._gain, self._log_loss = 0, 0.0, 0.0

    def add(self, scores: Array, labels: Array) -> None:
        right, classes = labels.astype(np.int64), self._hp.classes
        own = np.take_along_axis(scores, right[:, None], axis=1)
        predicted = scores.argmax(axis=1)
        # Of classes with equal scores, the first one stands before the others.
        before = (scores == own) & (np.arange(classes) < right[:, None])
        rank = 1 + (scores > own).sum(axis=1) + before.sum(axis=1)
        self._hits += np.bincount(right[predicted == right], minlength=classes)
        self._of_class += np.bincount(right, minlength=classes)
        self._said += np.bincount(predicted, minlength=classes)
        self._in_top += int(np.count_nonzero(rank <= self._hp.accuracy_top_k))
        self._gain += float(np.sum(1 / np.log2(rank + 1)))
        self._log_loss += float(SoftmaxLoss().mean(scores[:, None, :], labels)[0]) * (len(labels) / self._rows)

    def metrics(self) -> dict[str, float]:
        recalls = self._hits / np.maximum(self._of_class, 1)
        precisions = self._hits / np.maximum(self._said, 1)

        def macro(values: Array) -> float:
            return float(np.float32(np.mean(values)))

        return {
            "multiclass_accuracy": float(self._hits.sum() / self._rows),
            f"multiclass_top_k_accuracy_{self._hp.accuracy_top_k}": self._in_top / self._rows,
            "dcg": self._gain / self._rows,
            "macro_recall": macro(recalls),
            "macro_precision": macro(precisions),
            f"macro_f_{self._hp.f_beta:.3f}": macro(_f_beta(precisions, recalls, self._hp.f_beta)),
            "multiclass_balanced_accuracy": float(np.mean(recalls[self._of_class > 0])),
            "multiclass_log_loss": self._log_loss,
        }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _f_beta(precision: Array, recall: Array, beta: float) -> Array:
    return (1 + beta**2) * precision * recall / np.maximum(beta**2 * precision + recall, 1e-300)


def _area_under_roc(positives: NDArray[np.float32], negatives: NDArray[np.float32]) -> float:
    """The chance that a positive record scores higher than a negative one, a tie counting half; sorts both."""
    if not len(positives) or not len(negatives):
        return float("nan")
    positives.sort()
    negatives.sort()
    won = 0
    for first in range(0, len(positives), _COMPARED):
        part = positives[first : first + _COMPARED]
        won += int(np.searchsorted(negatives, part, "left").sum() + np.searchsorted(negatives, part, "right").sum())
    return won / (2 * len(positives) * len(negatives))
