"""The image's releases, all of which run here on the library of the newest one: what the older ones do otherwise.

Sources: the open container's history (pull requests 87 and 269 to 271 of aws/sagemaker-xgboost-container), the release
notes of XGBoost 1.3 and 2.0, and AWS's page on XGBoost (how a model is written).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NEWEST = "3.0-5"
RELEASES = (NEWEST, "1.7-1", "1.5-1", "1.3-1", "1.2-2", "1.2-1", "1.0-1", "0.90-2", "0.90-1")
"""The tags of ``sagemaker-xgboost``."""
FIRST = "0.72"
"""What the tags ``1`` and ``latest`` of ``xgboost`` name: an image of its own, without a way for scripts."""

LARGE = 2**22  # rows, from which on XGBoost before 2.0 took approximate splits
_ERRORS = {"binary:logistic": "error", "multi:softmax": "merror", "multi:softprob": "merror"}
# Each of these makes XGBoost before 2.0 take another way than the exact one, or rules it out.
_NOT_EXACT = ("tree_method", "updater", "process_type", "grow_policy", "max_leaves", "max_bin")


@dataclass(frozen=True)
class Release:
    """A release by its name: ``1.7-1``."""

    name: str = NEWEST

    def _before(self, *number: int) -> bool:
        return tuple(map(int, re.split("[.-]", self.name))) < number

    @property
    def takes_silent(self) -> bool:
        """Whether ``silent`` is a hyperparameter; ``verbosity`` took its place."""
        return self._before(1)

    @property
    def pickles(self) -> bool:
        """Whether the model is a pickle of the Booster, not what ``Booster.save_model`` writes."""
        return self._before(1, 3)

    @property
    def joins(self) -> bool:
        """Whether all predictions of an answer stand in one line of CSV, whatever ``Accept`` asks for."""
        return self._before(1, 2, 2)

    @property
    def content_type(self) -> str | None:
        """What a request holds that does not say it; None: LIBSVM, as of a channel."""
        return "text/csv" if self._before(1, 2) else None

    def defaults(self, values: dict[str, object], rows: int) -> dict[str, object]:
        """The XGBoost parameters that the release's library would have set, and today's sets otherwise."""
        found: dict[str, object] = {}
        if self._before(2):
            found["base_score"] = 0.5
            if values.get("booster") != "gblinear" and rows < LARGE and not any(n in values for n in _NOT_EXACT):
                found["tree_method"] = "exact"
        if self._before(1, 3) and values.get("objective") in _ERRORS:
            found["eval_metric"] = _ERRORS[values["objective"]]
        return {name: value for name, value in found.items() if name not in values}
