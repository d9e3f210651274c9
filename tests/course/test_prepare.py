"""The insurance series' script: what it writes, against pandas alone; and what it says of a bad table."""

import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "notebooks" / "insurance" / "prepare.py"
TABLE = (ROOT / "data" / "insurance.csv").read_text("utf-8")


def prepare(source: Path, target: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, SCRIPT, "--input-dir", source, "--output-dir", target]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("prepared")
    done = prepare(ROOT / "data", target)
    assert (done.returncode, done.stderr) == (0, "")
    return target


def by_pandas() -> dict[str, pd.DataFrame]:
    table = pd.read_csv(ROOT / "data" / "insurance.csv")
    others, test = train_test_split(table, test_size=0.2, random_state=42)
    train, validation = train_test_split(others, test_size=0.2, random_state=42)
    parts = {}
    for name, part in [("train", train), ("validation", validation), ("test", test)]:
        rows = part[["charges"]].copy()
        for column in ("age", "bmi", "children"):
            rows[column] = (part[column] - train[column].mean()) / train[column].std(ddof=0)
        for column, word in [("sex", "male"), ("smoker", "yes")]:
            rows[column] = (part[column] == word) * 1.0
        for word in ("northwest", "southeast", "southwest"):
            rows[word] = (part["region"] == word) * 1.0
        rows["pair"] = np.where(part["bmi"] >= 30, rows["smoker"], 0.0)
        parts[name] = rows
    return parts


@pytest.mark.parametrize(("name", "count"), [("train", 856), ("validation", 214), ("test", 268)])
def test_a_part_is_what_pandas_makes_of_it(prepared, name, count):
    found = pd.read_csv(prepared / name / f"{name}.csv", header=None).to_numpy()
    assert found.shape == (count, 10)
    np.testing.assert_allclose(found, by_pandas()[name].to_numpy(), atol=1e-12)


def test_the_encoder_is_the_one_that_made_the_parts(prepared):
    table = pd.read_csv(ROOT / "data" / "insurance.csv")
    pair = ((table["smoker"] == "yes") & (table["bmi"] >= 30)).astype(int)
    encoded = joblib.load(prepared / "encoder" / "encoder.joblib").transform(table.assign(smoker_bmi30=pair))
    expected = by_pandas()["test"]
    np.testing.assert_allclose(encoded.loc[expected.index], expected.drop(columns="charges"), atol=1e-12)


def test_a_second_run_writes_the_same_bytes_over_the_first(prepared, tmp_path):
    first = {path.relative_to(prepared): path.read_bytes() for path in prepared.glob("*/*")}
    for _ in range(2):
        assert prepare(ROOT / "data", tmp_path).returncode == 0
    assert {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.glob("*/*")} == first


@pytest.mark.parametrize(("text", "said"), [
    (None, r"insurance\.csv: No such file or directory"),
    ("", "No columns to parse from file"),
    (TABLE.replace("smoker", "smokes", 1), "there is no column smoker among age, sex, bmi"),
    (TABLE.replace("\n64,", "\n,", 1), "1 rows have nothing in the column age"),
    (TABLE.replace("\n64,", "\nold,", 1), "could not convert string to float: 'old'"),
    (TABLE[: TABLE.index("\n", TABLE.index("\n") + 1)], "the resulting train set will be empty"),
    (re.sub(r"\w+(?=,60412\.92)", "atlantis", TABLE), r"Found unknown categories \['atlantis'\]"),  # in the test set
    (TABLE.encode("utf-16"), "can't decode byte"),
])  # fmt: skip
def test_a_bad_table_is_refused_in_one_line(tmp_path, text, said):
    if text is not None:
        (tmp_path / "insurance.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = prepare(tmp_path, tmp_path / "out")
    assert done.returncode == 1 and done.stdout == "" and not (tmp_path / "out").exists()
    assert re.search(said, done.stderr) and str(tmp_path) in done.stderr and done.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    done = prepare(ROOT / "data", tmp_path / "file")
    assert done.returncode == 1 and f"{tmp_path / 'file' / 'train'}: Not a directory" in done.stderr
    assert "Traceback" not in done.stderr
