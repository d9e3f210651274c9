"""Class labels and class weights of a classifier."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .channels import Channel
from .errors import CustomerError
from .hyperparameters import BINARY, REGRESSOR, Hyperparameters
from .losses import Loss
from .peers import Peers

_ABSENT = 1_000_000.0
_LOOKED_AT = 1 << 18  # numbers at a time


def count_classes(channel: Channel, hp: Hyperparameters) -> NDArray[np.int64]:
    """How many records of each class a channel has, shape (classes,); nothing for a regressor.

    Raises CustomerError if a label is not one of 0, 1, …, classes - 1.
    """
    counts = np.zeros(hp.classes, np.int64)
    if hp.predictor_type == REGRESSOR:
        return counts
    seen = 0
    for labels in _labels(channel):
        good = (labels >= 0) & (labels < hp.classes) & (labels == np.floor(labels))
        if not good.all():
            raise _not_a_class(channel, hp, seen + int(np.argmin(good)), labels[np.argmin(good)])
        counts += np.bincount(labels.astype(np.int64), minlength=hp.classes)
        seen += len(labels)
    return counts


def _not_a_class(channel: Channel, hp: Hyperparameters, row: int, label: np.float32) -> CustomerError:
    allowed = "0 or 1" if hp.predictor_type == BINARY else f"whole numbers from 0 to {hp.classes - 1}"
    hint = "" if hp.predictor_type == BINARY else f" (num_classes is {hp.classes})"
    return CustomerError(
        f"The label {float(label)!r} in the channel '{channel.name}' is not valid: the labels of a "
        f"{hp.predictor_type} must be {allowed}{hint}.",
        "ValueError",
        f"record {row + 1} of the channel '{channel.name}'",
    )


def _labels(channel: Channel, stop: int | None = None) -> Iterator[NDArray[np.float32]]:
    for block in channel.rows.pieces(_LOOKED_AT, stop):
        yield block.labels


def weigh_classes(
    loss: Loss, train: Channel, counts: NDArray[np.int64], sample: int, hp: Hyperparameters, peers: Peers
) -> Loss:
    """``loss`` with the class weights that the job asks for; ``counts`` are the classes of the channel ``train``.

    ``positive_example_weight_mult=balanced`` (and ``auto``) makes the positive records of
    the training data weigh as much as the negative ones; ``balance_multiclass_weights``
    weighs each class by the inverse of its frequency among the first ``sample`` records of each host,
    and one that is not among them by 1,000,000.
    """
    if hp.predictor_type == REGRESSOR:
        return loss
    if hp.predictor_type == BINARY:
        positive = hp.positive_weight
        if positive is None:
            negatives, positives = _of_all(counts, peers).tolist()
            positive = negatives / positives if negatives and positives else 1.0
        return loss.weighted(np.array([1.0, positive]))
    if not hp.balance_multiclass_weights:
        return loss
    own = np.zeros(hp.classes, np.int64)
    for labels in _labels(train, sample):
        own += np.bincount(labels.astype(np.int64), minlength=hp.classes)
    first = _of_all(own, peers)
    return loss.weighted(np.where(first, first.sum() / np.maximum(first, 1), _ABSENT))


def _of_all(counts: NDArray[np.int64], peers: Peers) -> NDArray[np.int64]:
    total: NDArray[np.int64] = np.sum(peers.all_gather(counts.tolist()), axis=0)
    return total
