"""The template on tables that it was not written for: three lines are changed, and all eight steps run."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat import NotebookNode
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from tools.lessons.play import ROOT, Failure, play

PATH = ROOT / "notebooks" / "your_own_regression.ipynb"
BIKES = ["season", "yr", "mnth", "holiday", "weekday", "workingday", "weathersit", "temp", "hum", "windspeed"]


def changed(table: str, target: object, features: object) -> NotebookNode:
    """The template with three other lines: a call that reads a table, the target, the features."""
    notebook = nbformat.read(PATH, as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == "three-lines"]
    lines = cell.source.splitlines()
    assert [line.split(" = ")[0] for line in lines[-3:]] == ["table", "target", "features"]
    cell.source = "\n".join([*lines[:-3], f"table = {table}", f"target = {target!r}", f"features = {features!r}"])
    return notebook


def run(folder: Path, table: str, target: object, features: object) -> tuple[str, dict[str, dict[str, float]]]:
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


def test_the_task_of_the_template_comes_out_as_it_says(tmp_path):
    (cell,) = [cell for cell in nbformat.read(PATH, as_version=4).cells if cell.id == "task"]
    table = load_diabetes(as_frame=True, scaled=False).frame
    table.to_csv(tmp_path / "diabetes.csv", index=False)
    *features, target = table.columns
    said, scores = run(tmp_path, "pd.read_csv('diabetes.csv')", target, features)
    mean, line = (scores[model]["rmse"] for model in ("mean for everybody", "scikit-learn Ridge"))
    assert f"{line} against {mean}, on a scale of {table[target].min():.0f} to {table[target].max():.0f}" in cell.source
    assert line == pytest.approx(0.75 * mean, rel=0.03)
    assert scores["SageMaker LinearLearner"]["rmse"] == pytest.approx(line, abs=2)
    assert "numbers: ['age', 'sex'," in said and f"{len(table)} rows are used" in said


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


def test_sagemakers_own_form_beside_a_utils_of_the_reader(public_tables, tmp_path):
    """No header, the target first; a file `utils.py`, and a package in a folder of PYTHONPATH, are the reader's."""
    (tmp_path / "utils.py").write_text("raise SystemExit('the reader's own')")
    path = public_tables / "plagiarism.csv"
    said, scores = run(tmp_path, f"pd.read_csv({str(path)!r}, header=None)", 0, list(range(1, 9)))
    assert "numbers: ['1', '2', '3', '4', '5', '6', '7', '8']\nwords: []" in said
    assert "'0' has two different values: if they stand for yes and no, that is a classification." in said
    table = pd.read_csv(path, header=None)
    X_train, X_test, y_train, y_test = train_test_split(table[range(1, 9)], table[0], test_size=0.2, random_state=42)
    assert f"{len(y_train)} rows to train on, {len(y_test)} to test on" in said
    line = Ridge().fit(StandardScaler().fit(X_train).transform(X_train).astype("float32"), y_train)
    guess = line.predict(StandardScaler().fit(X_train).transform(X_test).astype("float32"))
    assert scores["scikit-learn Ridge"]["rmse"] == pytest.approx(root_mean_squared_error(y_test, guess), rel=0.01)


def test_a_package_of_the_reader_is_not_taken_for_the_course(tmp_path):
    (tmp_path / "utils").mkdir()
    (tmp_path / "utils" / "__init__.py").touch()
    cells = {cell.id: cell.source for cell in nbformat.read(PATH, as_version=4).cells}
    shown = "print(own_table.__name__, start.__module__)"
    program = cells["start"].replace("course = start", "0 and start").replace("own_table.explain_errors()", shown)
    for environment in ({}, {"PYTHONPATH": str(tmp_path)}):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True
        )
        assert (done.stdout, done.stderr) == ("utils.own_table utils.course\n", "")


@pytest.mark.parametrize(
    ("table", "target", "features", "told"),
    [
        ("insurance.csv", "charge", ["age"], "TableError: target: the table has no column 'charge'; the nearest is"),
        ("insurance.csv", "charges", ["age", "charges"], "TableError: 'charges' is the target, so it cannot be a"),
        ("insurance.csv", "sex", ["age"], "TableError: target = 'sex' holds words, such as female, and none of"),
        ("nothing.csv", "charges", ["age"], "FileNotFoundError: There is no file '"),
    ],
)
def test_a_reader_sees_one_sentence(tmp_path, table, target, features, told):
    notebook = changed(f"pd.read_csv({str(ROOT / 'data' / table)!r})", target, features)
    names = [cell.id for cell in notebook.cells]
    notebook.cells = notebook.cells[: names.index("explore-cell") + 1]
    with pytest.raises(Failure) as failure:
        play(notebook, tmp_path, lambda text: None)
    *_, source, last = str(failure.value).splitlines()
    assert last.strip().startswith(told) and source.strip() in (f"features = {features!r}", "checked.about")


def test_the_three_lines_are_the_parameters_of_papermill():
    tagged = [
        cell.id for cell in nbformat.read(PATH, as_version=4).cells if "parameters" in cell.metadata.get("tags", [])
    ]
    assert tagged == ["three-lines"]


def test_nothing_else_in_the_template_knows_its_table():
    sources = [cell.source for cell in nbformat.read(PATH, as_version=4).cells if cell.cell_type == "code"]
    assert len([source for source in sources if re.search("insurance|charges|smoker", source)]) == 1
