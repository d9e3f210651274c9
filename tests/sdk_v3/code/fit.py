"""A user's training script."""

import argparse
import os

import joblib
import numpy as np
from sklearn.linear_model import LinearRegression

parser = argparse.ArgumentParser()
parser.add_argument("--degree", type=int)
if (degree := parser.parse_args().degree) < 1:
    raise SystemExit(f"degree {degree} is too small")
table = np.loadtxt(f"{os.environ['SM_CHANNEL_TRAIN']}/train.csv", delimiter=",")
joblib.dump(LinearRegression().fit(table[:, 1:], table[:, 0]), "/opt/ml/model/model.joblib")
