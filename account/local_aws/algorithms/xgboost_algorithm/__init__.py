"""Amazon SageMaker's built-in algorithm XGBoost, as its image 3.0-5 runs it: the library XGBoost 3.0.5 in a container.

``python -m local_aws.algorithms.xgboost_algorithm train`` is the training container, ``… serve`` the inference
container.  Nothing here imports XGBoost: the account reads the tables below when it accepts a job.

Sources: the open container (https://github.com/aws/sagemaker-xgboost-container), and
https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html with the pages below it.
"""

from __future__ import annotations

MAXIMIZED = (
    "accuracy", "auc", "aucpr", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "map", "ndcg", "precision", "r2",
    "recall", "precision_macro", "precision_micro", "recall_macro", "recall_micro",
)  # fmt: skip
MINIMIZED = (
    "aft-nloglik", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik", "interval-regression-accuracy", "logloss",
    "mae", "mape", "merror", "mlogloss", "mphe", "mse", "poisson-nloglik", "rmse", "rmsle", "tweedie-nloglik",
)  # fmt: skip
"""Names that ``eval_metric`` takes in the newest release; earlier ones have fewer, see ``releases.py``."""

_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"

METRIC_DEFINITIONS: list[dict[str, str]] = [
    # As AWS's jobs show them; #011 is the tab of XGBoost's line, in the log.
    {"Name": f"{channel}:{metric}", "Regex": rf".*\[[0-9]+\].*#011{channel}-{metric}:{_NUMBER}.*"}
    for channel in ("train", "validation")
    for metric in MAXIMIZED + MINIMIZED
]
"""Metrics that the service reads from the log of every job of this image: name and regular expression."""

TUNABLE = {
    "alpha": "Continuous",
    "colsample_bylevel": "Continuous",
    "colsample_bynode": "Continuous",
    "colsample_bytree": "Continuous",
    "eta": "Continuous",
    "gamma": "Continuous",
    "lambda": "Continuous",
    "max_delta_step": "Continuous",
    "max_depth": "Integer",
    "min_child_weight": "Continuous",
    "num_round": "Integer",
    "subsample": "Continuous",
}
"""What automatic model tuning may search, and the type that the container declares for it, the same in all releases."""
