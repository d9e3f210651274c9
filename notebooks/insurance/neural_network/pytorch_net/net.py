"""The network, for train.py, which fills it with numbers, and inference.py, which uses them."""

import torch


def make_net(features: int, hidden: int) -> torch.nn.Module:
    """Two hidden layers and one output, in double precision; not trained."""
    return torch.nn.Sequential(
        torch.nn.Linear(features, hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden, hidden // 2),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden // 2, 1),
    ).double()
