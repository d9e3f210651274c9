"""How the endpoint uses what train.py saved; whatever is not here, the image does by itself."""

from pathlib import Path

import torch
from net import make_net


def model_fn(model_dir: str) -> dict:
    """Called once, when the container starts: the numbers, put back into the network."""
    saved = torch.load(Path(model_dir) / "model.pt", weights_only=True)
    net = make_net(saved["features"], saved["hidden"], saved["embedding"])
    net.load_state_dict(saved["weights"])
    return {"net": net.eval(), "mean": saved["mean"], "spread": saved["spread"]}


def predict_fn(data: torch.Tensor, model: dict) -> torch.Tensor:
    """Called for every request: features (rows, features) in, dollars (rows,) out."""
    with torch.no_grad():
        return model["net"](data.double())[:, 0] * model["spread"] + model["mean"]
