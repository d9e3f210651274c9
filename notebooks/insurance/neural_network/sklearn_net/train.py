"""Train a small neural network with scikit-learn, epoch by epoch; keep it as it was at its best on the validation rows.

By hand:            python train.py --train prepared/train --validation prepared/validation --model-dir model
As a training job:  SageMaker names the folders in SM_CHANNEL_TRAIN, SM_CHANNEL_VALIDATION and SM_MODEL_DIR.
"""

import argparse
import copy
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.neural_network import MLPRegressor


def read(folder: str) -> tuple[np.ndarray, np.ndarray]:
    """Features (rows, features) and targets (rows,) of all CSV files in a folder, the target first."""
    files = sorted(Path(folder).glob("*.csv"))
    if not files:
        raise SystemExit(f"{folder} holds no CSV file")
    rows = np.vstack([np.loadtxt(file, delimiter=",", ndmin=2) for file in files])
    return rows[:, 1:], rows[:, 0]


def rmse(true: np.ndarray, guess: np.ndarray) -> float:
    return float(np.sqrt(np.mean((true - guess) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", type=int, default=32, help="units of the first hidden layer, twice the second")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--learning-rate", type=float, default=0.005)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--validation", default=os.environ.get("SM_CHANNEL_VALIDATION"))
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR"))
    args = parser.parse_args()
    if not (args.train and args.validation and args.model_dir):
        parser.error("--train, --validation and --model-dir are needed outside of SageMaker")

    X, y = read(args.train)
    X_validation, y_validation = read(args.validation)
    # The net learns numbers near 0, so the target is scaled too, and scaled back for every guess.
    mean, spread = y.mean(), y.std()
    net = MLPRegressor(
        hidden_layer_sizes=(args.hidden, args.hidden // 2),
        batch_size=32,
        learning_rate_init=args.learning_rate,
        random_state=args.seed,
    )
    best, best_rmse = None, np.inf
    for epoch in range(1, args.epochs + 1):
        net.partial_fit(X, (y - mean) / spread)
        on_train = rmse(y, net.predict(X) * spread + mean)
        on_validation = rmse(y_validation, net.predict(X_validation) * spread + mean)
        print(f"epoch={epoch} train_rmse={on_train:.0f}; validation_rmse={on_validation:.0f};")
        if on_validation < best_rmse:
            best, best_rmse, best_epoch = copy.deepcopy(net), on_validation, epoch
    print(f"best_epoch={best_epoch}; best_rmse={best_rmse:.0f};")
    Path(args.model_dir).mkdir(parents=True, exist_ok=True)
    joblib.dump({"net": best, "mean": mean, "spread": spread}, Path(args.model_dir) / "model.joblib")


if __name__ == "__main__":
    main()
