"""A classifier's labels: which are allowed, and how much the records of each class count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .channels import Channel
from .errors import CustomerError
from .hyperparameters import BINARY, REGRESSOR, Hyperparameters
from .losses import Loss

_ABSENT = 1_000_000.0


def check_labels(channel: Channel, hp: Hyperparameters) -> None:
    """Raise CustomerError if a classifier's label is not one of 0, 1, …, classes - 1."""
    if hp.predictor_type == REGRESSOR:
        return
    labels = channel.labels
    good = (labels >= 0) & (labels < hp.classes) & (labels == np.floor(labels))
    if good.all():
        return
    row = int(np.argmin(good))
    allowed = "0 or 1" if hp.predictor_type == BINARY else f"whole numbers from 0 to {hp.classes - 1}"
    hint = "" if hp.predictor_type == BINARY else f" (num_classes is {hp.classes})"
    raise CustomerError(
        f"The label {float(labels[row])!r} in the channel '{channel.name}' is not valid: the labels of a "
        f"{hp.predictor_type} must be {allowed}{hint}.",
        "ValueError",
        f"record {row + 1} of the channel '{channel.name}'",
    )


def weigh_classes(loss: Loss, labels: NDArray[np.float32], sample: int, hp: Hyperparameters) -> Loss:
    """``loss`` with the class weights that the job asks for.

    ``positive_example_weight_mult=balanced`` (and ``auto``) makes the positive records of
    the training data weigh as much as the negative ones; ``balance_multiclass_weights``
    weighs each class by the inverse of its frequency among the first ``sample`` records,
    and one that is not among them by 1,000,000.
    """
    if hp.predictor_type == REGRESSOR:
        return loss
    if hp.predictor_type == BINARY:
        positive = hp.positive_weight
        if positive is None:
            count = np.count_nonzero(labels)
            positive = (len(labels) - count) / count if 0 < count < len(labels) else 1.0
        return loss.weighted(np.array([1.0, positive]))
    if not hp.balance_multiclass_weights:
        return loss
    counts = np.bincount(labels[:sample].astype(np.int64), minlength=hp.classes)
    return loss.weighted(np.where(counts, counts.sum() / np.maximum(counts, 1), _ABSENT))
