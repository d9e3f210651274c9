"""Train a neural network with PyTorch; keep it as it was at its best on the validation rows.

By hand:            python train.py --train prepared/train --validation prepared/validation --model-dir model
As a training job:  SageMaker names the folders in SM_CHANNEL_TRAIN, SM_CHANNEL_VALIDATION and SM_MODEL_DIR.
"""

import argparse
import copy
import os
from pathlib import Path

import numpy as np
import torch
from net import make_net


def read(folder: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (rows, features) and targets (rows, 1) of all CSV files in a folder, the target first."""
    files = sorted(Path(folder).glob("*.csv"))
    if not files:
        raise SystemExit(f"{folder} holds no CSV file")
    rows = torch.from_numpy(np.vstack([np.loadtxt(file, delimiter=",", ndmin=2) for file in files]))
    return rows[:, 1:], rows[:, :1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", type=int, default=32, help="units of the first hidden layer")
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
    X, y = read(args.train)
    X_validation, y_validation = read(args.validation)
    # The net learns numbers near 0, so the target is scaled too, and scaled back for every guess.
    mean, spread = y.mean().item(), y.std().item()
    net = make_net(X.shape[1], args.hidden)
    optimizer = torch.optim.Adam(net.parameters(), lr=args.learning_rate)

    def rmse(X: torch.Tensor, y: torch.Tensor) -> float:
        with torch.no_grad():
            return ((net(X) * spread + mean - y) ** 2).mean().sqrt().item()

    best, best_rmse = None, np.inf
    for epoch in range(1, args.epochs + 1):
        for batch in torch.randperm(len(X)).split(32):
            optimizer.zero_grad()
            loss = ((net(X[batch]) - (y[batch] - mean) / spread) ** 2).mean()
            loss.backward()
            optimizer.step()
        on_train, on_validation = rmse(X, y), rmse(X_validation, y_validation)
        print(f"epoch={epoch} train_rmse={on_train:.0f}; validation_rmse={on_validation:.0f};")
        if on_validation < best_rmse:
            best, best_rmse, best_epoch = copy.deepcopy(net.state_dict()), on_validation, epoch
    print(f"best_epoch={best_epoch}; best_rmse={best_rmse:.0f};")
    saved = {"weights": best, "features": X.shape[1], "hidden": args.hidden, "mean": mean, "spread": spread}
    folder = Path(args.model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(saved, folder / "model.pt")


if __name__ == "__main__":
    main()
