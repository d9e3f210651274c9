"""Pickles of boosters as AWS's images up to 1.2 leave them, and what the library that made them predicts with them.

    pip install xgboost==0.90 numpy scipy    # in Python 3.7, and so 0.72.1 (in 3.6), 1.0.2, 1.2.0
    python make.py boosters.json

adds the boosters of the library that is installed to the file.  Each was asked as the images' inference container asks:
with the number of trees that the training found best.  An exception stands for the predictions of a booster that the
library then refuses to predict with.
"""

import base64
import json
import pickle
import sys
import zlib

import numpy as np
import xgboost

RANDOM = np.random.RandomState(0)
ROWS, ASKED = RANDOM.normal(size=(80, 3)), RANDOM.normal(size=(5, 3))
HELD_OUT = RANDOM.normal(size=(40, 3))
WEIGHTS = np.array([1, 2, 3])
KINDS = {
    "regressor": ({"objective": "reg:linear", "max_depth": 2}, {}),
    "stopped early": ({"objective": "reg:linear", "max_depth": 1, "eta": 1.5}, {"early_stopping_rounds": 2}),
    "binary": ({"objective": "binary:logistic", "max_depth": 2, "base_score": 0.3}, {}),
    "classes": ({"objective": "multi:softprob", "num_class": 3, "max_depth": 1}, {}),
    "dart": ({"objective": "reg:linear", "booster": "dart", "rate_drop": 0.3, "max_depth": 1}, {}),
    "linear": ({"objective": "reg:linear", "booster": "gblinear"}, {}),
    "forest": (
        {"objective": "reg:linear", "num_parallel_tree": 3, "subsample": 0.7, "max_depth": 1, "eta": 1.5},
        {"early_stopping_rounds": 2},
    ),
}
SOME = {
    "0.72.1": ("regressor", "stopped early"),
    "1.0.2": ("stopped early", "linear"),
    "1.2.0": ("classes", "forest"),
}  # of 0.90 all


def labels(rows, params):
    numbers = rows @ WEIGHTS + np.sin(7 * rows).sum(axis=1)
    if params["objective"].startswith("binary"):
        return numbers > 0
    return np.digitize(numbers, [-2, 2]) if "num_class" in params else numbers


def made(params, options):
    train, held_out = (xgboost.DMatrix(rows, label=labels(rows, params)) for rows in (ROWS, HELD_OUT))
    watched = [(train, "train"), (held_out, "validation")]
    booster = xgboost.train(
        dict(params, nthread=1, silent=1), train, 12 if options else 3, evals=watched, verbose_eval=False, **options
    )
    packed = base64.b64encode(zlib.compress(pickle.dumps(booster, protocol=4), 9)).decode()
    try:
        limit = booster.best_ntree_limit
        said = booster.predict(xgboost.DMatrix(ASKED), ntree_limit=limit, validate_features=False).tolist()
    except xgboost.core.XGBoostError as error:
        said = str(error)[str(error).index("Check failed") :].partition("\n")[0]
    return {"pickle": packed, "said": said}


path = sys.argv[1]
try:
    with open(path) as file:
        found = json.load(file)
except FileNotFoundError:
    found = {"asked": ASKED.tolist()}
kinds = SOME.get(xgboost.__version__, KINDS)
found[xgboost.__version__] = {kind: made(*KINDS[kind]) for kind in kinds}
with open(path, "w") as file:
    json.dump(found, file, indent=1)
    file.write("\n")
