"""Prepare the insurance table for training: split it, turn words into numbers, bring numbers to one scale.

By hand:              python prepare.py --input-dir ../../data --output-dir prepared
As a processing job:  SageMaker runs it with its folders under /opt/ml/processing, which are the defaults.
"""

import argparse
import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TARGET = "charges"
NUMBERS = ["age", "bmi", "children"]
WORDS = ["sex", "smoker", "region"]
INTERACTION = "smoker_bmi30"
SEED = 42


def add_interaction(X: pd.DataFrame) -> pd.DataFrame:
    """A copy of X with one column more: 1 for smokers with a BMI of 30 or above, 0 for everybody else."""
    return X.assign(**{INTERACTION: ((X["smoker"] == "yes") & (X["bmi"] >= 30)).astype(int)})


def make_encoder(numbers: list[str]) -> ColumnTransformer:
    """One 0/1 column for each word but the first of its column; `numbers` with mean 0 and spread 1.

    Not fitted. What `numbers` does not name and is no word passes as it is.
    """
    words = OneHotEncoder(drop="first", sparse_output=False)
    steps = [("numbers", StandardScaler(), numbers), ("words", words, WORDS)]
    encoder = ColumnTransformer(steps, remainder="passthrough", verbose_feature_names_out=False)
    return encoder.set_output(transform="pandas")


def prepare(table: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], ColumnTransformer]:
    """The tables train, validation and test, the target first, and the encoder, fitted on train alone.

    A fifth of the rows is the test set; of the others, a fifth is the validation set.
    """
    X, y = add_interaction(table.drop(columns=TARGET)), table[TARGET]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=SEED)
    X_train, X_validation, y_train, y_validation = train_test_split(X_train, y_train, test_size=0.2, random_state=SEED)
    encoder = make_encoder(NUMBERS).fit(X_train)
    parts = {"train": (X_train, y_train), "validation": (X_validation, y_validation), "test": (X_test, y_test)}
    return {name: encoder.transform(X).pipe(_target_first, y) for name, (X, y) in parts.items()}, encoder


def _target_first(X: pd.DataFrame, y: pd.Series) -> pd.DataFrame:
    return pd.concat([y, X], axis=1)


def main() -> None:
    """Read insurance.csv from one folder; write a folder for each part, and one for the encoder, into another."""
    parser = argparse.ArgumentParser(description="Split, encode and scale the table insurance.csv.")
    parser.add_argument("--input-dir", type=Path, default=Path("/opt/ml/processing/input"))
    parser.add_argument("--output-dir", type=Path, default=Path("/opt/ml/processing/output"))
    folders = parser.parse_args()
    source = folders.input_dir / "insurance.csv"
    try:
        parts, encoder = prepare(read(source))
        for name, part in parts.items():
            part.to_csv(_folder(folders.output_dir / name) / f"{name}.csv", header=False, index=False)
            print(f"{name}: {len(part)} rows, {part.shape[1] - 1} features")
        joblib.dump(encoder, _folder(folders.output_dir / "encoder") / "encoder.joblib")
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
    except ValueError as error:  # what pandas and scikit-learn say of a table that they cannot use
        sys.exit(f"{source} cannot be prepared: {error}")
    print(f"features: {', '.join(encoder.get_feature_names_out())}")


def read(source: Path) -> pd.DataFrame:
    """The columns that are needed. Raises ValueError if one is missing or has a hole, OSError without the file."""
    table = pd.read_csv(source, skipinitialspace=True)
    for column in [*NUMBERS, *WORDS, TARGET]:
        if column not in table:
            raise ValueError(f"there is no column {column} among {', '.join(map(str, table))}")
        if table[column].isna().any():
            raise ValueError(f"{table[column].isna().sum()} rows have nothing in the column {column}")
    return table.astype({column: float for column in [*NUMBERS, TARGET]})[[*NUMBERS, *WORDS, TARGET]]


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


if __name__ == "__main__":
    main()
