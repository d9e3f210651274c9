"""The numbers printed about the finished model, oddities included.

What AWS's image prints as balanced accuracy and log loss of a binary classifier is taken
from a sigmoid of its scores, which are sigmoids already; a multiclass classifier's log loss
from a softmax of its probabilities.  r2 is printed as a loss.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .hyperparameters import BINARY, REGRESSOR, Hyperparameters
from .losses import LogisticLoss, Loss, SoftmaxLoss

Array = NDArray[np.float64]


class Metrics(NamedTuple):
    """Final metrics in the log's order: those it calls ``<loss>``, then those it calls ``<score>``."""

    losses: dict[str, float]
    scores: dict[str, float]


def final_metrics(
    outputs: Array, labels: NDArray[np.float32], loss: Loss, threshold: float, hp: Hyperparameters
) -> Metrics:
    """The metrics of outputs (n, 1) or (n, classes) for labels (n,), both in the label's unit."""
    labels = labels.astype(np.float64)
    by_model = outputs[:, None, :] if hp.outputs > 1 else outputs
    objective = {loss.objective: float(loss.mean(by_model, labels)[0])}
    if hp.predictor_type == REGRESSOR:
        return Metrics(objective | _regressor(outputs[:, 0], labels), {})
    scores = loss.scores(outputs)
    if hp.predictor_type == BINARY:
        return Metrics(objective, _binary(scores[:, 0].astype(np.float32), labels, threshold, hp.f_beta))
    return Metrics(objective, _multiclass(scores, labels.astype(np.int64), hp))


def _regressor(scores: Array, labels: Array) -> dict[str, float]:
    errors = scores - labels
    mse, mae = float(np.mean(errors**2)), float(np.mean(np.abs(errors)))
    spread, residual = float(np.sum((labels - labels.mean()) ** 2)), float(np.sum(errors**2))
    if spread:
        r2 = 1.0 - residual / spread
    else:  # as scikit-learn defines it where all labels are equal
        r2 = 0.0 if residual else 1.0
    return {"mse": mse, "absolute_loss": mae, "rmse": float(np.sqrt(mse)), "r2": r2, "mae": mae}


def _binary(scores: NDArray[np.float32], labels: Array, threshold: float, beta: float) -> dict[str, float]:
    said = scores >= threshold
    hits, positives = float(np.sum(said & (labels == 1))), float(labels.sum())
    precision, recall = _ratio(hits, float(said.sum())), _ratio(hits, positives)
    twice = LogisticLoss()
    again = twice.scores(scores.astype(np.float64))
    right = [np.mean((again >= 0.5)[labels == c] == c) for c in (0, 1) if (labels == c).any()]
    return {
        "binary_classification_accuracy": float(np.mean(said == labels)),
        f"binary_f_{beta:.3f}": float(_f_beta(np.array(precision), np.array(recall), beta)),
        "precision": precision,
        "recall": recall,
        "roc_auc_score": _area_under_roc(scores, labels),
        "binary_balanced_accuracy": float(np.mean(right)),
        "binary_log_loss": float(twice.mean(scores.astype(np.float64)[:, None], labels)[0]),
    }


def _multiclass(scores: Array, labels: NDArray[np.int64], hp: Hyperparameters) -> dict[str, float]:
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    said = scores.argmax(axis=1)
    # Of classes with equal scores, the first one stands before the others.
    before = (scores == own) & (np.arange(hp.classes) < labels[:, None])
    rank = 1 + (scores > own).sum(axis=1) + before.sum(axis=1)
    hits = np.bincount(labels[said == labels], minlength=hp.classes).astype(np.float64)
    of_class = np.bincount(labels, minlength=hp.classes)
    recalls = hits / np.maximum(of_class, 1)
    precisions = hits / np.maximum(np.bincount(said, minlength=hp.classes), 1)

    def macro(values: Array) -> float:
        return float(np.float32(np.mean(values)))

    return {
        "multiclass_accuracy": float(np.mean(said == labels)),
        f"multiclass_top_k_accuracy_{hp.accuracy_top_k}": float(np.mean(rank <= hp.accuracy_top_k)),
        "dcg": float(np.mean(1 / np.log2(rank + 1))),
        "macro_recall": macro(recalls),
        "macro_precision": macro(precisions),
        f"macro_f_{hp.f_beta:.3f}": macro(_f_beta(precisions, recalls, hp.f_beta)),
        "multiclass_balanced_accuracy": float(np.mean(recalls[of_class > 0])),
        "multiclass_log_loss": float(SoftmaxLoss().mean(scores[:, None, :], labels)[0]),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _f_beta(precision: Array, recall: Array, beta: float) -> Array:
    return (1 + beta**2) * precision * recall / np.maximum(beta**2 * precision + recall, 1e-300)


def _area_under_roc(scores: NDArray[np.float32], labels: Array) -> float:
    """The chance that a positive record scores higher than a negative one, a tie counting half."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((rank[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))
