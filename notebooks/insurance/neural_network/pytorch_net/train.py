"""Train a neural network with PyTorch; keep it as it was at its best on the validation rows.

By hand:            python train.py --train prepared/train --validation prepared/validation --model-dir model
As a training job:  SageMaker names the folders in SM_CHANNEL_TRAIN, SM_CHANNEL_VALIDATION and SM_MODEL_DIR.
"""

import argparse
import copy
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from net import make_net


def learn(net: torch.nn.Module, train: tuple, validation: tuple, epochs: int, rate: float) -> Iterator[list[float]]:
    """Train a network on (features, scaled targets); yields its RMSE on both pairs after every epoch."""
    X, y = train
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    for _ in range(epochs):
        for batch in torch.randperm(len(X)).split(32):
            optimizer.zero_grad()
            loss = ((net(X[batch]) - y[batch]) ** 2).mean()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            yield [((net(rows) - true) ** 2).mean().sqrt().item() for rows, true in (train, validation)]


def scaled(train: np.ndarray, validation: np.ndarray) -> tuple[list[tuple], float, float]:
    """Both tables, the target first, as pairs of features and targets near 0; and the target's mean and spread."""
    mean, spread = train[:, 0].mean(), train[:, 0].std(ddof=1)
    tables = [torch.tensor(rows) for rows in (train, validation)]
    return [(rows[:, 1:], (rows[:, :1] - mean) / spread) for rows in tables], float(mean), float(spread)


def read(folder: str) -> np.ndarray:
    """The rows of all CSV files in a folder."""
    files = sorted(Path(folder).glob("*.csv"))
    if not files:
        raise SystemExit(f"{folder} holds no CSV file")
    return np.vstack([np.loadtxt(file, delimiter=",", ndmin=2) for file in files])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", type=int, default=32, help="units of the first hidden layer, twice the second")
    parser.add_argument("--embedding", type=int, default=0, help="numbers for each region, in place of 0/1 columns")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--learning-rate", type=float, default=0.005)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--validation", default=os.environ.get("SM_CHANNEL_VALIDATION"))
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR"))
    args = parser.parse_args()
    if not (args.train and args.validation and args.model_dir):
        parser.error("--train, --validation and --model-dir are needed outside of SageMaker")

    torch.manual_seed(args.seed)
    torch.set_num_threads(1)  # sums in one order: the same numbers on every run
    # A network learns numbers near 0, so the target is scaled too, and scaled back for every guess.
    pairs, mean, spread = scaled(read(args.train), read(args.validation))
    features = pairs[0][0].shape[1]
    net = make_net(features, args.hidden, args.embedding)
    best, best_rmse = None, np.inf
    for epoch, errors in enumerate(learn(net, *pairs, args.epochs, args.learning_rate), 1):
        on_train, on_validation = (spread * error for error in errors)
        print(f"epoch={epoch} train_rmse={on_train:.0f}; validation_rmse={on_validation:.0f};")
        if on_validation < best_rmse:
            best, best_rmse, best_epoch = copy.deepcopy(net.state_dict()), on_validation, epoch
    print(f"best_epoch={best_epoch}; best_rmse={best_rmse:.0f};")
    saved = {"weights": best, "features": features, "hidden": args.hidden, "embedding": args.embedding}
    folder = Path(args.model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({**saved, "mean": mean, "spread": spread}, folder / "model.pt")


if __name__ == "__main__":
    main()
