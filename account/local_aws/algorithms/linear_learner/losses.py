"""Loss functions: their values, derivatives and names.

Formulas: https://docs.aws.amazon.com/sagemaker/latest/dg/ll_hyperparameters.html and the
loss-function notebook of aws/amazon-sagemaker-examples.  A classifier's classes are the
labels 0, 1, …: the hinge, too, is drawn around 0 and 1, so it parts them at 0.5.

``outputs`` is what the linear functions say: shape (rows, models), or (rows, models,
classes) for a multiclass classifier; ``labels`` has shape (rows,).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .hyperparameters import Hyperparameters

Array = NDArray[np.float64]
_TOGETHER = 64


@dataclass(frozen=True)
class Loss(ABC):
    """A loss, with the names that the log and the artifact use for it.

    ``mxnet_output`` is the operator at the head of the artifact's graph.
    """

    name: ClassVar[str]
    mxnet_output: ClassVar[str] = "LinearRegressionOutput"

    @property
    @abstractmethod
    def objective(self) -> str:
        """The loss's name in the log."""

    @abstractmethod
    def values(self, outputs: Array, labels: Array) -> Array:
        """The loss of every record under every model, shape (rows, models)."""

    @abstractmethod
    def slope(self, outputs: Array, labels: Array) -> Array:
        """The derivative of ``values`` by the output, of the shape of ``outputs``; overwrites ``outputs``."""

    def mean(self, outputs: Array, labels: Array) -> Array:
        """The mean loss of each model, shape (models,)."""
        means: Array = self.values(outputs, labels).mean(axis=0)
        return means

    @property
    def scale(self) -> float:
        """What ``step`` wants the outputs multiplied by."""
        return 1.0

    def linear_part(self, labels: Array) -> Array | None:
        """Coefficients c, shape (rows,), of a part ``c · scale · f`` of the loss that ``step`` leaves to its caller.

        Over a mini-batch X that part is worth ``scale · (c'X) w``: one product with a vector for all models.
        """
        return None

    def step(self, outputs: Array, labels: Array, scratch: Array) -> Array:
        """The mean loss of each model on a mini-batch, shape (models,), but for its ``linear_part``.

        ``outputs`` have been multiplied by ``scale``, and are overwritten with the derivative by that product.
        ``scratch``, of the same shape, is overwritten with anything.
        """
        means = self.mean(outputs, labels)
        slope = self.slope(outputs, labels)
        if slope is not outputs:
            outputs[...] = slope
        return means

    def scores(self, outputs: Array) -> Array:
        """What the model answers for its outputs (…, classes or models): they, or probabilities."""
        return outputs

    def parameters(self) -> dict[str, object]:
        """The loss's own settings under their names in the artifact's ``metrics_params``."""
        return {}

    def weighted(self, class_weights: Array) -> Loss:
        """The same loss with the records of each class counted by a weight, shape (classes,)."""
        raise TypeError(f"{self.name} knows no classes")


class SquaredLoss(Loss):
    """``(f - y)²``. Its slope is the error itself, not twice it, as MXNet's LinearRegressionOutput has it."""

    name = "squared_loss"
    objective = "mse_objective"

    def values(self, outputs: Array, labels: Array) -> Array:
        return np.square(outputs - labels[:, None])

    def slope(self, outputs: Array, labels: Array) -> Array:
        outputs -= labels[:, None]
        return outputs

    def mean(self, outputs: Array, labels: Array) -> Array:
        errors = outputs - labels[:, None]
        means: Array = np.einsum("ij,ij->j", errors, errors) / len(errors)
        return means


class AbsoluteLoss(Loss):
    """``|f - y|``"""

    name = "absolute_loss"
    objective = "absolute_loss_objective"
    mxnet_output = "MAERegressionOutput"

    def values(self, outputs: Array, labels: Array) -> Array:
        return np.abs(outputs - labels[:, None])

    def slope(self, outputs: Array, labels: Array) -> Array:
        outputs -= labels[:, None]
        return np.sign(outputs, out=outputs)


@dataclass(frozen=True)
class QuantileLoss(Loss):
    """``q · (y - f)`` below the label, ``(1 - q) · (f - y)`` above it."""

    quantile: float
    name = "quantile_loss"
    objective = "quantile_loss_objective"

    def values(self, outputs: Array, labels: Array) -> Array:
        errors = outputs - labels[:, None]
        return np.maximum(-self.quantile * errors, (1 - self.quantile) * errors)

    def slope(self, outputs: Array, labels: Array) -> Array:
        errors = np.sign(np.subtract(outputs, labels[:, None], out=outputs), out=outputs)
        # -q, 0 or 1 - q for a sign of -1, 0 or 1
        errors += (1 - 2 * self.quantile) * np.abs(errors)
        errors *= 0.5
        return errors

    def parameters(self) -> dict[str, object]:
        return {"quantile": self.quantile}


@dataclass(frozen=True)
class HuberLoss(Loss):
    """``e² / 2`` for an error e within ``delta``, ``delta · |e| - delta² / 2`` beyond."""

    delta: float
    name = "huber_loss"
    objective = "huber_loss_objective"

    def values(self, outputs: Array, labels: Array) -> Array:
        errors = np.abs(outputs - labels[:, None])
        inside = np.minimum(errors, self.delta)
        return inside * (errors - inside / 2)

    def slope(self, outputs: Array, labels: Array) -> Array:
        outputs -= labels[:, None]
        return np.clip(outputs, -self.delta, self.delta, out=outputs)

    def parameters(self) -> dict[str, object]:
        return {"huber_delta": self.delta}


@dataclass(frozen=True)
class EpsInsensitiveLoss(Loss):
    """What an error's square (or size) exceeds that of ``insensitivity`` by, or 0."""

    insensitivity: float

    def parameters(self) -> dict[str, object]:
        return {"loss_insensitivity": self.insensitivity, "eps_insensitive_loss_type": self.name}


class EpsInsensitiveSquaredLoss(EpsInsensitiveLoss):
    """``max(0, e² - insensitivity²)``"""

    name = "eps_insensitive_squared_loss"
    objective = "eps_insensitive_squared_loss_objective"

    def values(self, outputs: Array, labels: Array) -> Array:
        return np.maximum(np.square(outputs - labels[:, None]) - self.insensitivity**2, 0)

    def slope(self, outputs: Array, labels: Array) -> Array:
        outputs -= labels[:, None]
        outputs[np.abs(outputs) <= self.insensitivity] = 0
        outputs *= 2
        return outputs


class EpsInsensitiveAbsoluteLoss(EpsInsensitiveLoss):
    """``max(0, |e| - insensitivity)``"""

    name = "eps_insensitive_absolute_loss"
    objective = "eps_insensitive_absolute_loss_objective"

    def values(self, outputs: Array, labels: Array) -> Array:
        return np.maximum(np.abs(outputs - labels[:, None]) - self.insensitivity, 0)

    def slope(self, outputs: Array, labels: Array) -> Array:
        outputs -= labels[:, None]
        outputs[np.abs(outputs) <= self.insensitivity] = 0
        return np.sign(outputs, out=outputs)


@dataclass(frozen=True)
class _BinaryLoss(Loss):
    """A loss of labels 0 and 1, in which a positive record counts ``positive_weight`` times."""

    positive_weight: float = 1.0

    def parameters(self) -> dict[str, object]:
        return {"positive_example_weight_mult": self.positive_weight}

    def weighted(self, class_weights: Array) -> Loss:
        return replace(self, positive_weight=float(class_weights[1]))

    def _count(self, losses: Array, labels: Array) -> Array:
        if self.positive_weight != 1:
            losses *= np.where(labels == 1, self.positive_weight, 1.0)[:, None]
        return losses

    def _name(self, kind: str) -> str:
        return f"binary_classification_{'weighted_' * (self.positive_weight != 1)}{kind}_objective"


class LogisticLoss(_BinaryLoss):
    """``-log p`` of a positive, ``-log (1 - p)`` of a negative record, where p = 1 / (1 + exp(-f))."""

    name = "logistic"
    mxnet_output = "LogisticRegressionOutput"

    @property
    def objective(self) -> str:
        return self._name("cross_entropy")

    def values(self, outputs: Array, labels: Array) -> Array:
        # log(1 + exp(f)) - y · f, with no exponential of a large number
        losses = np.log1p(np.exp(-np.abs(outputs)))
        losses += np.maximum(outputs, 0)
        losses -= labels[:, None] * outputs
        return self._count(losses, labels)

    @property
    def scale(self) -> float:
        return 0.5 if self.positive_weight == 1 else super().scale

    def linear_part(self, labels: Array) -> Array | None:
        return 1 - 2 * labels if self.positive_weight == 1 else None

    def step(self, outputs: Array, labels: Array, scratch: Array) -> Array:
        """From the hyperbolic tangent t of s = f / 2 alone: p = (1 + t) / 2, and

        ``|s| + log 2 - log(1 + |t|) + (1 - 2y) · s`` is the loss, ``t + (1 - 2y)`` its derivative by s.
        """
        if self.positive_weight != 1:
            return super().step(outputs, labels, scratch)
        sizes = np.abs(outputs, out=scratch)
        total = np.ones(len(labels), outputs.dtype) @ sizes
        np.tanh(outputs, out=outputs)
        np.abs(outputs, out=sizes)
        sizes += 1
        return (total - _sum_of_logs(sizes)) / len(labels) + math.log(2)

    def slope(self, outputs: Array, labels: Array) -> Array:
        outputs[...] = sigmoid(outputs)
        outputs -= labels[:, None]
        return self._count(outputs, labels)

    def scores(self, outputs: Array) -> Array:
        return sigmoid(outputs)


@dataclass(frozen=True)
class HingeLoss(_BinaryLoss):
    """``max(0, (m + 1) / 2 - f)`` of a positive, ``max(0, (m - 1) / 2 + f)`` of a negative record."""

    margin: float = 1.0
    name = "hinge_loss"

    @property
    def objective(self) -> str:
        return self._name("hinge_loss")

    def values(self, outputs: Array, labels: Array) -> Array:
        return self._count(np.maximum(self._shortfall(outputs, labels), 0), labels)

    def slope(self, outputs: Array, labels: Array) -> Array:
        short = self._shortfall(outputs, labels) > 0
        np.multiply(short, self._away(labels), out=outputs)
        return self._count(outputs, labels)

    def parameters(self) -> dict[str, object]:
        return super().parameters() | {"margin": self.margin}

    @staticmethod
    def _away(labels: Array) -> Array:
        """-1 for positives, 1 for negatives, shape (rows, 1)."""
        return 1 - 2 * labels[:, None]

    def _shortfall(self, outputs: Array, labels: Array) -> Array:
        away = self._away(labels)
        return (self.margin - away) / 2 + away * outputs


@dataclass(frozen=True, eq=False)
class SoftmaxLoss(Loss):
    """``-log p`` of the record's class, where p = exp(f) / (sum of exp(f) over the classes)."""

    class_weights: Array | None = None
    name = "softmax_loss"
    mxnet_output = "SoftmaxOutput"

    @property
    def objective(self) -> str:
        return f"multiclass_{'weighted_' * (self.class_weights is not None)}cross_entropy_objective"

    def values(self, outputs: Array, labels: Array) -> Array:
        shifted = outputs - outputs.max(axis=-1, keepdims=True)
        own = np.take_along_axis(shifted, labels.astype(int)[:, None, None], axis=-1)[..., 0]
        losses: Array = np.log(np.exp(shifted, out=shifted).sum(axis=-1)) - own
        if self.class_weights is not None:
            losses *= self.class_weights[labels.astype(int)][:, None]
        return losses

    def slope(self, outputs: Array, labels: Array) -> Array:
        outputs[...] = softmax(outputs)
        outputs[np.arange(len(labels)), :, labels.astype(int)] -= 1
        if self.class_weights is not None:
            outputs *= self.class_weights[labels.astype(int)][:, None, None]
        return outputs

    def scores(self, outputs: Array) -> Array:
        return softmax(outputs)

    def parameters(self) -> dict[str, object]:
        return {} if self.class_weights is None else {"class_weights": self.class_weights.tolist()}

    def weighted(self, class_weights: Array) -> Loss:
        return replace(self, class_weights=class_weights)


def _sum_of_logs(values: Array) -> Array:
    """Sums over the first axis of logarithms of numbers from 1 to 2: those of products of some at a time.

    64 of them stay within float32's range, and one logarithm costs more than 64 multiplications.
    """
    whole = len(values) // _TOGETHER * _TOGETHER
    products = np.multiply.reduce(values[:whole].reshape(_TOGETHER, -1, values.shape[1]), axis=0)
    sums: Array = np.log(products).sum(axis=0, dtype=np.float64)
    sums += np.log(np.multiply.reduce(values[whole:], axis=0))
    return sums


def sigmoid(values: Array) -> Array:
    """``1 / (1 + exp(-x))`` without overflow."""
    small = np.exp(-np.abs(values))
    probabilities: Array = np.where(values < 0, small, 1.0) / (1 + small)
    return probabilities


def softmax(values: Array) -> Array:
    """``exp(x) / (sum of exp(x))`` over the last axis, without overflow."""
    shifted: Array = np.exp(values - values.max(axis=-1, keepdims=True))
    shifted /= shifted.sum(axis=-1, keepdims=True)
    return shifted


def build_loss(hp: Hyperparameters) -> Loss:
    """The loss that a job trains with, its classes not weighted yet."""
    match hp.loss:
        case "quantile_loss":
            return QuantileLoss(hp.quantile)
        case "huber_loss":
            return HuberLoss(hp.huber_delta)
        case "eps_insensitive_squared_loss":
            return EpsInsensitiveSquaredLoss(hp.loss_insensitivity)
        case "eps_insensitive_absolute_loss":
            return EpsInsensitiveAbsoluteLoss(hp.loss_insensitivity)
        case "hinge_loss":
            return HingeLoss(margin=hp.margin)
        case name:
            plain = (SquaredLoss, AbsoluteLoss, LogisticLoss, SoftmaxLoss)
            return {loss.name: loss for loss in plain}[name]()
