"""Releases of the image: all run here on the library of the newest one; what the older ones do otherwise.

Sources: the branches of the open container (https://github.com/aws/sagemaker-xgboost-container), from which a release's
image is built anew whenever it is patched; the libraries of the releases themselves; the release notes of XGBoost 1.3
and 2.0.  The hyperparameters and their ranges by release are in ``hyperparameters.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import MAXIMIZED, MINIMIZED

NEWEST = "3.0-5"
RELEASES = (NEWEST, "1.7-1", "1.5-1", "1.3-1", "1.2-2", "1.2-1", "1.0-1", "0.90-2", "0.90-1")
"""The tags of ``sagemaker-xgboost``."""
FIRST = "0.72"
"""What the tags ``1`` and ``latest`` of ``xgboost`` name: an image of its own, without a way for scripts.

Its code is not public: where that of 0.90-1 is known, it is held to be the same.
"""

LARGE = 2**22  # rows, from which on XGBoost before 2.0 took approximate splits
# The metrics that libraries showed unasked, and the number of the release from which on it is another.
_DEFAULT_METRICS = {
    "binary:logistic": ("error", (1, 3)),
    "multi:softmax": ("merror", (1, 3)),
    "multi:softprob": ("merror", (1, 3)),
    "binary:logitraw": ("auc", (1, 5)),
    "rank:pairwise": ("map", (2,)),
    "rank:ndcg": ("map", (2,)),
    "rank:map": ("map", (2,)),
    "reg:gamma": ("gamma-nloglik", (2,)),
}
# Each of these makes XGBoost before 2.0 take another way than the exact one, or rules it out.
_NOT_EXACT = ("tree_method", "updater", "process_type", "grow_policy", "max_leaves", "max_bin")
_METRICS_SINCE = {
    "rmsle": (1, 0),
    **dict.fromkeys(("r2", "aft-nloglik", "interval-regression-accuracy", "mphe"), (1, 2)),
    **dict.fromkeys(("f1_binary", "f1_macro"), (1, 2, 2)),
    **dict.fromkeys(("balanced_accuracy", "mape", "precision", "precision_macro", "precision_micro"), (1, 3)),
    **dict.fromkeys(("recall", "recall_macro", "recall_micro"), (1, 3)),
}
# Losses that the first public release called scores.
_MAXIMIZED_BEFORE_1 = ("cox-nloglik", "gamma-nloglik", "poisson-nloglik", "tweedie-nloglik")
# Metrics that the container computed itself before 1.3, in which rmse and mae were the library's.
_COMPUTED_BEFORE_1_3 = frozenset({"accuracy", "f1", "f1_binary", "f1_macro", "mse", "r2"})


@dataclass(frozen=True)
class Release:
    """A release by its name: ``1.7-1``."""

    name: str = NEWEST

    def before(self, *number: int) -> bool:
        """Whether it came before the release of the number: ``before(1, 2, 2)`` is true of 1.2-1."""
        return tuple(map(int, re.split("[.-]", self.name))) < number

    # Metrics

    @property
    def maximized(self) -> list[str]:
        """The metrics that ``eval_metric`` takes and that are better the higher they are, in the container's order."""
        names = [name for name in MAXIMIZED if self._has(name)]
        return sorted([*names, *_MAXIMIZED_BEFORE_1]) if self.before(1) else names

    @property
    def minimized(self) -> list[str]:
        """Those that are better the lower they are."""
        not_these = _MAXIMIZED_BEFORE_1 if self.before(1) else ()
        return [name for name in MINIMIZED if self._has(name) and name not in not_these]

    def _has(self, metric: str) -> bool:
        return not self.before(*_METRICS_SINCE.get(metric, (0,)))

    @property
    def objectives(self) -> dict[str, str]:
        """What automatic model tuning may optimize, and in which direction."""
        directions = (("Maximize", self.maximized), ("Minimize", self.minimized))
        return {f"validation:{name}": direction for direction, names in directions for name in names}

    def computes(self, metric: str) -> bool:
        """Whether the container computes a metric that it could compute, rather than the library."""
        return not self.before(1, 3) or metric in _COMPUTED_BEFORE_1_3

    @property
    def rounds_predictions(self) -> bool:
        """Whether the container's metrics of classes take the nearest whole number for a prediction's class."""
        return self.before(1, 2)

    # Training

    @property
    def hands_on_early_stopping(self) -> bool:
        """Whether ``early_stopping_rounds`` goes to the library as it is.

        It then looks at the last metric of the last channel, asked for or not, keeps all rounds, and notes the best.
        """
        return self.before(1, 3)

    @property
    def calls_squared_error_linear(self) -> bool:
        """Whether the best rounds of a model of ``reg:linear`` can be cut out, which the newest library refuses."""
        return self.before(3)

    def defaults(self, values: Mapping[str, Any], rows: int) -> dict[str, Any]:
        """The XGBoost parameters that the release's library would have set, and today's sets otherwise."""
        defaults: dict[str, Any] = {}
        if self.before(2):
            if values.get("objective") != "reg:absoluteerror":  # for which 1.7 takes the median of the labels, too
                defaults["base_score"] = 0.5
            if values.get("booster") != "gblinear" and rows < LARGE and not any(n in values for n in _NOT_EXACT):
                defaults["tree_method"] = "exact"
        metric, number = _DEFAULT_METRICS.get(values.get("objective", ""), ("", (0,)))
        if self.before(*number):
            defaults["eval_metric"] = metric
        return {name: value for name, value in defaults.items() if name not in values}

    @property
    def pickles(self) -> bool:
        """Whether the model is a pickle of the Booster, not what ``Booster.save_model`` writes."""
        return self.before(1, 3)

    # Serving

    @property
    def counts_trees(self) -> bool:
        """Whether a pickle's ``best_ntree_limit`` is a number of trees, not of rounds."""
        return self.before(2)

    @property
    def joins(self) -> bool:
        """Whether all predictions of an answer stand in one line of CSV, whatever ``Accept`` asks for."""
        return self.before(1, 2, 2)

    @property
    def selects(self) -> bool:
        """Whether ``SAGEMAKER_INFERENCE_OUTPUT`` selects what an answer holds."""
        return not self.before(1)

    @property
    def content_type(self) -> str | None:
        """What a request holds that does not say it; None: LIBSVM, as of a channel."""
        return "text/csv" if self.name == FIRST else None
