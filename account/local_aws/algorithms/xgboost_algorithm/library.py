"""XGBoost without its estimators for scikit-learn, which nothing here needs: it loads in less than half the time."""

from __future__ import annotations

import sys

_kept_out = "sklearn" not in sys.modules
if _kept_out:
    sys.modules["sklearn"] = None  # XGBoost then goes on as if it were not installed

import xgboost  # noqa: E402

if _kept_out:
    del sys.modules["sklearn"]

__all__ = ["xgboost"]
