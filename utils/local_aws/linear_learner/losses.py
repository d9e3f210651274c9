"""The losses of a regressor.

Formulas: https://docs.aws.amazon.com/sagemaker/latest/dg/ll_hyperparameters.html and the
loss-function notebook of aws/amazon-sagemaker-examples.  ``errors`` is prediction minus
label, one column per model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Loss:
    """A loss with the names that the log and the artifact use for it.

    ``mean`` gives the mean loss of each model, shape (models,).  ``slope`` writes the
    derivative by the prediction into its second argument, if it must: for the square it is the error
    itself, not twice the error, as MXNet's LinearRegressionOutput has it.  ``degree``
    says how the loss grows with the label's unit: 2 for the square, 1 for the absolute value.
    """

    name: str
    objective: str
    mxnet_output: str
    degree: int
    mean: Callable[[Matrix], NDArray[np.float64]]
    slope: Callable[[Matrix, Matrix], Matrix]


def _mean_square(errors: Matrix) -> NDArray[np.float64]:
    return np.einsum("ij,ij->j", errors, errors) / len(errors)


def _mean_absolute(errors: Matrix) -> NDArray[np.float64]:
    return np.abs(errors).mean(axis=0)


LOSSES = {
    loss.name: loss
    for loss in (
        Loss(
            "squared_loss",
            "mse_objective",
            "LinearRegressionOutput",
            2,
            _mean_square,
            lambda errors, _: errors,
        ),
        Loss("absolute_loss", "absolute_loss_objective", "MAERegressionOutput", 1, _mean_absolute, np.sign),
    )
}
