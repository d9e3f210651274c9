"""Evaluate a Linear Learner model on people whose bills are known; write its errors as JSON.

By hand:              python evaluate.py --input-dir FOLDER --output-dir FOLDER
As a processing job:  SageMaker runs it with its folders under /opt/ml/processing, which are the defaults.

The input folder holds model/model.tar.gz (of a training job), encoder/encoder.joblib (of prepare.py), and
bills/insurance.csv: people as they applied, and what they have cost since.
"""

import argparse
import io
import json
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

TARGET = "charges"


def read_model(artifact: Path) -> tuple[np.ndarray, float]:
    """The weights, one for each feature, and the bias of a regressor: two arrays at known places of MXNet's file."""
    with tarfile.open(artifact, "r:gz") as packed:
        inner = io.BytesIO(packed.extractfile("model_algo-1").read())
    with zipfile.ZipFile(inner) as archive:
        parameters = archive.read("mx-mod-0000.params")
    rows, columns = struct.unpack_from("<qq", parameters, 36)  # the shape stands before the numbers, of 4 bytes each
    weights = np.frombuffer(parameters, "<f4", rows * columns, offset=64)
    (bias,) = np.frombuffer(parameters, "<f4", 1, offset=64 + 4 * rows * columns + 40)
    return weights, float(bias)


def evaluate(artifact: Path, encoder, table: pd.DataFrame) -> dict:
    """The errors in dollars, in the form in which SageMaker keeps a model's quality."""
    people, bills = table.drop(columns=TARGET), table[TARGET]
    pair = (people["smoker"] == "yes") & (people["bmi"] >= 30)
    weights, bias = read_model(artifact)
    error = bills - (encoder.transform(people.assign(smoker_bmi30=pair.astype(int))).to_numpy() @ weights + bias)
    errors = {"mae": error.abs().mean(), "rmse": (error**2).mean() ** 0.5}
    return {"regression_metrics": {name: {"value": float(value)} for name, value in errors.items()}}


def main() -> None:
    """Read model, encoder and bills from the folders of one place; write evaluation.json into another."""
    parser = argparse.ArgumentParser(description="Measure a Linear Learner model's errors on insurance.csv.")
    parser.add_argument("--input-dir", type=Path, default=Path("/opt/ml/processing/input"))
    parser.add_argument("--output-dir", type=Path, default=Path("/opt/ml/processing/output/evaluation"))
    folders = parser.parse_args()
    try:
        encoder = joblib.load(folders.input_dir / "encoder" / "encoder.joblib")
        table = pd.read_csv(folders.input_dir / "bills" / "insurance.csv")
        report = evaluate(folders.input_dir / "model" / "model.tar.gz", encoder, table)
        folders.output_dir.mkdir(parents=True, exist_ok=True)
        (folders.output_dir / "evaluation.json").write_text(json.dumps(report))
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
    except (ValueError, KeyError, tarfile.TarError, zipfile.BadZipFile, struct.error) as error:
        sys.exit(f"the model cannot be evaluated: {error}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
