"""The numbers printed about the finished model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .losses import Loss


def final_metrics(scores: NDArray[np.float64], labels: NDArray[np.float32], loss: Loss) -> dict[str, float]:
    """A regressor's final metrics in the log's order, from scores (n,) and labels (n,) in their unit."""
    errors = scores - labels
    mse = float(np.mean(errors**2))
    mae = float(np.mean(np.abs(errors)))
    spread = float(np.sum((labels - labels.mean(dtype=np.float64)) ** 2))
    residual = float(np.sum(errors**2))
    if spread:
        r2 = 1.0 - residual / spread
    else:  # as scikit-learn defines it where all labels are equal
        r2 = 0.0 if residual else 1.0
    return {
        loss.objective: float(loss.mean(errors[:, None])[0]),
        "mse": mse,
        "absolute_loss": mae,
        "rmse": float(np.sqrt(mse)),
        "r2": r2,
        "mae": mae,
    }
