"""A user's inference code."""

from pathlib import Path

import joblib


def model_fn(folder):
    return joblib.load(Path(folder, "model.joblib"))
