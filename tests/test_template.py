"""The template on tables that it was not written for: three lines are changed, and all eight steps run."""

import csv
import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat import NotebookNode
from sklearn.linear_model import LinearRegression
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from utils.lessons.play import ROOT, TEMPLATE, play

PATH = ROOT / "notebooks" / TEMPLATE
BIKES = ["season", "yr", "mnth", "holiday", "weekday", "workingday", "weathersit", "temp", "hum", "windspeed"]


def changed(table: str, target: str, features: list[str]) -> NotebookNode:
    """The template with three other lines: a call that reads a table, the target, the features."""
    notebook = nbformat.read(PATH, as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == "three-lines"]
    lines = cell.source.splitlines()
    assert [line.split(" = ")[0] for line in lines[-3:]] == ["table", "target", "features"]
    cell.source = "\n".join([*lines[:-3], f"table = {table}", f"target = {target!r}", f"features = {features!r}"])
    return notebook


def run(folder: Path, table: str, target: str, features: list[str]) -> tuple[str, dict[str, dict[str, float]]]:
    """What the cells printed, and the scores of each model."""
    notebook = changed(table, target, features)
    play(notebook, folder, lambda text: None)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    said = "".join(output.get("text", "") for output in outputs)
    assert said.endswith("nothing is running\n")
    found = re.findall(r"(?m)^(.+): RMSE (\S+), MAE (\S+), R² (\S+)$", said)
    numbers = {model: [float(text.replace(",", "")) for text in texts] for model, *texts in found}
    return said, {model: dict(zip(("rmse", "mae", "r2"), values, strict=True)) for model, values in numbers.items()}


def test_bike_rentals(public_tables, tmp_path):
    path = public_tables / "bike_day.csv"
    said, scores = run(tmp_path, f"pd.read_csv({str(path)!r})", "cnt", BIKES)
    table = pd.read_csv(path)
    X_train, X_test, y_train, y_test = train_test_split(table[BIKES], table["cnt"], test_size=0.2, random_state=42)
    line = LinearRegression().fit(X_train, y_train).predict(X_test)
    assert scores["scikit-learn Ridge"]["rmse"] == pytest.approx(root_mean_squared_error(y_test, line), rel=0.02)
    assert scores["SageMaker LinearLearner"]["rmse"] == pytest.approx(root_mean_squared_error(y_test, line), rel=0.1)
    assert scores["SageMaker LinearLearner"]["rmse"] < 0.6 * scores["mean for everybody"]["rmse"]
    assert "584 rows to train on, 147 to test on" in said


def test_fourteen_rows_without_a_header(public_tables, tmp_path):
    path = public_tables / "management_experience.csv"
    read = f"pd.read_csv({str(path)!r}, names=['salary', 'months'])"
    said, scores = run(tmp_path, read, "salary", ["months"])
    assert "11 rows to train on, 3 to test on" in said and "mini-batches of 2 rows" in said
    learner, mean = scores["SageMaker LinearLearner"], scores["mean for everybody"]
    assert learner["rmse"] == pytest.approx(scores["scikit-learn Ridge"]["rmse"], rel=0.3)
    assert learner["rmse"] < mean["rmse"]


def awkward(path: Path) -> pd.DataFrame:
    """Write a table as a spreadsheet does; the price is known to be 3 a square metre and 100 for a garden."""
    random = np.random.default_rng(7)
    table = pd.DataFrame(
        {
            "size, in m²": random.uniform(20, 200, 120).round(1),
            "what is outside": random.choice(["nothing", "garden", "balcony, small"], 120),
            "country": "here",
            "remarks": np.nan,
            "floor": random.integers(0, 9, 120).astype(float),
            "sold": random.choice([True, False], 120),
        }
    )
    table["price ($) of $"] = 3 * table["size, in m²"] + 100 * (table["what is outside"] == "garden")
    table["price ($) of $"] += random.normal(0, 2, 120)
    table.loc[::10, "floor"] = np.nan
    table.loc[5::20, "what is outside"] = np.nan
    table.loc[3::40, "price ($) of $"] = np.nan
    table.to_csv(path, index=False, lineterminator="\r\n", encoding="utf-8-sig", quoting=csv.QUOTE_MINIMAL)
    assert path.read_bytes().count(b"\r\n") == 121
    return table


def test_an_awkward_table(tmp_path):
    table = awkward(tmp_path / "a table, of mine.csv")
    *features, target = table.columns
    said, scores = run(tmp_path, "pd.read_csv('a table, of mine.csv')", target, features)
    assert "117 rows are used; 3 without a number in 'price ($) of $' are left out" in said
    assert "numbers: ['size, in m²', 'floor', 'sold']\nwords: ['what is outside']" in said
    assert "left out, fewer than two values: ['country', 'remarks']" in said
    gaps = table.dropna(subset=[target])["floor"].isna().sum()
    assert f"4 columns became 7; {gaps} missing numbers were filled in" in said
    spread = table[target].std()
    for model in ("scikit-learn Ridge", "SageMaker LinearLearner"):
        assert scores[model]["r2"] > 0.97 and scores[model]["rmse"] < 0.17 * spread
    assert scores["mean for everybody"]["r2"] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("target", "features", "told"),
    [
        ("charge", ["age"], r"no column \['charge'\].*'charges'"),
        ("charges", ["age", "charges"], "'charges' is the target, so it cannot be a feature"),
        ("sex", ["age"], "0 rows have a number in 'sex'; at least 10 are needed"),
    ],
)
def test_lines_that_do_not_fit_are_named(target, features, told):
    """The cells up to the first that looks at the table, without a kernel."""
    notebook = changed(f"pd.read_csv({str(ROOT / 'data' / 'insurance.csv')!r})", target, features)
    cells = {cell.id: cell.source for cell in notebook.cells}
    with pytest.raises(ValueError, match=told):
        exec("\n".join(cells[name] for name in ("three-lines", "explore-cell", "kinds")), {})


def test_nothing_else_in_the_template_knows_its_table():
    sources = [cell.source for cell in nbformat.read(PATH, as_version=4).cells if cell.cell_type == "code"]
    assert len([source for source in sources if re.search("insurance|charges|smoker", source)]) == 1
