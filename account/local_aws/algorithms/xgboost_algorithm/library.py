"""XGBoost without its estimators for scikit-learn, which nothing here needs: it loads in less than half the time."""

from __future__ import annotations

import sys

_kept_out = "sklearn" not in sys.modules
if _kept_out:
    # XGBoost then goes on as if it were not installed; typeshed knows nothing of the None that says so.
    sys.modules["sklearn"] = None  # type: ignore[assignment]

import xgboost  # noqa: E402

if _kept_out:
    del sys.modules["sklearn"]

__all__ = ["xgboost"]
