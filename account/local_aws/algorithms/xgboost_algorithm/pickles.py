"""Pickles of boosters, which the images up to 1.2 wrote, read by the newest library.

That reads the pickles of XGBoost 1.0 to 1.2 itself.  What earlier ones pickled is not a booster with its settings but
the model alone, as ``Booster.save_model`` wrote it: it is loaded as such.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from .library import xgboost


class _Booster(xgboost.Booster):
    """A booster out of a pickle of any version."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        model = bytes(state["handle"])
        try:
            super().__setstate__({**state, "handle": bytearray(model)})
        except xgboost.core.XGBoostError:
            super().__init__()
            self.load_model(bytearray(model))
            self.__dict__ |= {name: value for name, value in state.items() if name == _LIMIT}


_LIMIT = "best_ntree_limit"


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        return _Booster if (module, name) == ("xgboost.core", "Booster") else super().find_class(module, name)


def read(data: bytes) -> object:
    """What was pickled.  Whatever else than a booster is in there is run: it is the container's to run.

    Raises any exception at all for what is no pickle.
    """
    return _Unpickler(io.BytesIO(data)).load()


def tree_limit(booster: xgboost.Booster) -> int:
    """How many trees of a booster its library's training found best, as a pickle says it; 0 if it says nothing."""
    return int(getattr(booster, _LIMIT, 0) or 0)


def trees_in_a_round(learner: dict[str, Any]) -> int:
    """How many trees for one class a round of boosting made, by the ``learner`` of ``Booster.save_config``."""
    booster = learner["gradient_booster"]
    parameters = booster.get("gbtree", booster).get("gbtree_model_param", {})
    return max(int(parameters.get("num_parallel_tree", 1)), 1)
