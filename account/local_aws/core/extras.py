"""Libraries that the account uses where they are installed: the distribution's extras, and how one is asked for."""

from __future__ import annotations

import importlib
import importlib.util

DISTRIBUTION = "embedded-aws-account"
# Of each extra: the module without which its part of the account does nothing, and what people call the library.
EXTRAS = {
    "xgboost": ("xgboost", "XGBoost"),
    "sklearn": ("sklearn", "scikit-learn"),
    "iam": ("moto", "moto"),
    "torch": ("torch", "PyTorch"),
    "tensorflow": ("tensorflow", "TensorFlow"),
}


def lack_of(extra: str) -> str | None:
    """The sentence that names what is missing, and how to install it; None if the extra is installed."""
    module, library = EXTRAS[extra]
    importlib.invalidate_caches()  # it may have been installed while this process runs
    if importlib.util.find_spec(module) is not None:
        return None
    return (
        f"{library} is not installed in the Python that the embedded AWS account runs in. "
        f"Install it there: pip install '{DISTRIBUTION}[{extra}]'"
    )
