"""How the endpoint uses what train.py saved; whatever is not here, the image does by itself."""

from pathlib import Path

import joblib


def model_fn(model_dir: str) -> dict:
    """Called once, when the container starts."""
    return joblib.load(Path(model_dir) / "model.joblib")


def predict_fn(data, model: dict):
    """Called for every request: features (rows, features) in, dollars (rows,) out."""
    return model["net"].predict(data) * model["spread"] + model["mean"]
