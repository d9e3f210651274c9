"""The network, for train.py, which fills it with numbers, and inference.py, which uses them."""

import torch

torch.set_num_threads(1)  # so small a network gains nothing from a second, and waits for it where others work
REGIONS = 3  # 0/1 columns of the region, the last of the features; a fourth region has a 0 in all of them


class Embedding(torch.nn.Module):
    """In place of the region's 0/1 columns, numbers that are learned for each region."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(REGIONS + 1, size)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Features (rows, features), with the region's numbers at the end."""
        region = (X[:, -REGIONS:] * torch.arange(1, REGIONS + 1)).sum(dim=1).round().long()
        return torch.cat([X[:, :-REGIONS], self.table(region)], dim=1)


def make_net(features: int, hidden: int, embedding: int = 0) -> torch.nn.Module:
    """Two hidden layers and one output, in double precision; not trained.

    With ``embedding``, the region is told by so many numbers and not by its 0/1 columns.
    """
    first = [Embedding(embedding)] if embedding else []
    inputs = features - REGIONS + embedding if embedding else features
    return torch.nn.Sequential(
        *first,
        torch.nn.Linear(inputs, hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden, hidden // 2),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden // 2, 1),
    ).double()
