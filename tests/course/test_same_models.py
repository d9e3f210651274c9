"""A model that two lessons of a series name has the same settings and the same scores in both.

`scores` leaves what it showed as metadata in the stored outputs, with the settings where a lesson gives them; and a
table that compares models repeats the names and the numbers of such outputs.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tools.lessons.play import course

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
DOLLARS = ("salary", "insurance")  # the series whose models are scored in dollars, and compared in a table of all
SCORE = re.compile(r"^ *(\S.*?) {2,}\$([\d,]+) +\$([\d,]+)(?: |$)", re.MULTILINE)  # a row: model, RMSE, MAE


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def scored(notebook: NotebookNode) -> list[dict]:
    """What `scores` left with a series: model, settings, rmse and others."""
    found = [output.get("metadata", {}).get("course") for output in outputs(notebook)]
    return [each for each in found if each]


def rows(notebook: NotebookNode) -> list[tuple[str, tuple[str, str], bool]]:
    """Model, (RMSE, MAE) as they are shown, and whether the table compares several, for each table of scores."""
    found = []
    for output in outputs(notebook):
        text = output.get("data", {}).get("text/plain", "")
        if "RMSE" in text and "MAE" in text:
            table = SCORE.findall(text)
            found += [(model, (rmse, mae), len(table) > 1) for model, rmse, mae in table]
    return found


def contradictions(notebooks: dict[str, NotebookNode]) -> list[str]:
    """A sentence for each model of a series whose settings or scores are not the same wherever it is named."""
    found: list[str] = []
    settings: dict[str, tuple[str, dict]] = {}
    shown: dict[str, tuple[str, tuple[str, str]]] = {}
    for name, notebook in notebooks.items():
        for each in scored(notebook):
            model, given = each["model"], {k: v for k, v in each.items() if k not in ("model", "series", "mape")}
            where, first = settings.setdefault(model, (name, given))
            if first | given != given | first:
                found.append(f"{model}: {first} in {where}, {given} in {name}")
    for name, notebook in notebooks.items():
        for model, numbers, _ in rows(notebook):
            where, first = shown.setdefault(model, (name, numbers))
            if first != numbers:
                found.append(f"{model}: {first} in {where}, {numbers} in {name}")
    return found


def strangers(notebooks: dict[str, NotebookNode]) -> list[str]:
    """The models of comparing tables that no lesson of the series has scored under this name."""
    known = {each["model"] for notebook in notebooks.values() for each in scored(notebook)}
    found = [(name, *row) for name, notebook in notebooks.items() for row in rows(notebook)]
    return [f"{name}: {model}" for name, model, _, compares in found if compares and model not in known]


def of_series(series: str) -> dict[str, NotebookNode]:
    paths = [path for path, lesson in course().items() if lesson.series == series]
    return {path.stem: nbformat.read(path, as_version=4) for path in paths}


@pytest.mark.parametrize("series", DOLLARS)
def test_a_model_is_the_same_in_every_lesson(series: str) -> None:
    notebooks = of_series(series)
    assert sum(len(scored(notebook)) for notebook in notebooks.values()) >= 2
    assert contradictions(notebooks) == []


@pytest.mark.parametrize("series", DOLLARS)
def test_a_comparison_names_models_that_were_scored(series: str) -> None:
    assert strangers(of_series(series)) == []


# ---- the rules themselves, on notebooks that break them ----


def lesson(*made: tuple[str, str, dict | None]) -> NotebookNode:
    """A notebook whose cells show tables: text, and what `scores` leaves beside it."""
    cells = []
    for number, (text, _, metadata) in enumerate(made):
        output = nbformat.v4.new_output("display_data", data={"text/plain": text})
        output.metadata = {"course": metadata} if metadata else {}
        cells.append(nbformat.v4.new_code_cell("scores()", id=f"cell-{number}", outputs=[output]))
    return nbformat.v4.new_notebook(cells=cells)


def one(model: str, rmse: str, mae: str, **more) -> tuple[str, str, dict]:
    numbers = {"rmse": float(rmse.replace(",", "")), "mae": float(mae.replace(",", ""))}
    head = " " * len(model)
    text = f"{head}    RMSE     MAE     R²\n{model}  ${rmse}  ${mae}  0.903"
    return text, model, {"series": "insurance", "model": model, **numbers, **more}


TREES = one("trees", "3,828", "2,644", settings={"max_depth": "4"})
TABLE = "       RMSE     MAE more\ntrees  $3,828  $2,644     \nline   $3,854  $2,686  -1 to +1", "", None


def test_the_same_scores_are_no_contradiction() -> None:
    both = {"06": lesson(TREES), "07": lesson(TREES, one("line", "3,854", "2,686"), TABLE)}
    assert contradictions(both) == [] and strangers(both) == []


@pytest.mark.parametrize("other", [
    one("trees", "3,733", "2,576", settings={"max_depth": "4"}),
    one("trees", "3,828", "2,644", settings={"max_depth": "3"}),
])  # fmt: skip
def test_other_scores_or_settings_under_one_name_are_found(other: tuple) -> None:
    assert contradictions({"06": lesson(TREES), "07": lesson(other)})


def test_another_number_in_a_comparison_is_found() -> None:
    table = TABLE[0].replace("3,828", "3,733")
    found = contradictions({"06": lesson(TREES, one("line", "3,854", "2,686")), "07": lesson((table, "", None))})
    assert found == ["trees: ('3,828', '2,644') in 06, ('3,733', '2,644') in 07"]


def test_a_model_that_only_a_comparison_names_is_found() -> None:
    assert strangers({"06": lesson(TREES), "07": lesson(TABLE)}) == ["07: line"]
