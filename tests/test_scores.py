"""The scores against arithmetic done here, what a notebook keeps of them, and the figures' words."""

import math

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from utils import plots
from utils.scoring import scores

matplotlib.use("agg")
TRUE, GUESS = [40_000, 60_000, 80_000, 100_000], [43_000, 59_000, 80_000, 94_000]
RMSE, MAE, R2 = math.sqrt((3**2 + 1 + 6**2) / 4) * 1000, 2500, 1 - (9 + 1 + 36) / (900 + 100 + 100 + 900)


@pytest.fixture
def shown(monkeypatch):
    """What is displayed: a list of (object, metadata)."""
    seen = []

    def keep(what, metadata=None):
        seen.append((what, metadata))

    monkeypatch.setattr("utils.scoring.display", keep)
    monkeypatch.setattr("utils.plots.display", keep)
    return seen


def test_scores_are_in_the_unit_of_the_target(shown):
    assert scores(TRUE, GUESS, "any") == pytest.approx({"rmse": RMSE, "mae": MAE, "r2": R2})


@pytest.mark.parametrize("shape", [list, np.array, pd.Series, lambda v: np.array(v, "f4").reshape(-1, 1)])
def test_any_column_of_numbers_is_scored(shown, shape):
    assert scores(shape(TRUE), shape(GUESS), "any")["mae"] == pytest.approx(MAE)


def test_the_table_is_shown_once_as_dollars(shown):
    scores(TRUE, GUESS, model="a line")
    [(table, metadata)] = shown
    assert table.to_dict("index") == {"a line": {"RMSE": "$3,391", "MAE": "$2,500", "R²": "0.977"}}
    assert metadata is None


def test_mape_is_a_share_of_each_true_value(shown):
    share = (3 / 40 + 1 / 60 + 0 / 80 + 6 / 100) / 4
    assert scores(TRUE, GUESS, "a line", mape=True)["mape"] == pytest.approx(share)
    [(table, _)] = shown
    assert list(table) == ["RMSE", "MAE", "MAPE", "R²"] and table["MAPE"].tolist() == ["3.8%"]


def test_mape_of_a_true_value_of_nothing_is_refused(shown):
    with pytest.raises(ValueError, match="MAPE divides by the true value, and one of them is 0."):
        scores([0, 1], [1, 1], "any", mape=True)
    assert scores([0, 1], [1, 1], "any")["mae"] == 0.5


def test_show_can_be_off(shown):
    assert scores(TRUE, GUESS, "any", show=False)["mae"] == MAE and shown == []


def test_a_notebook_keeps_the_numbers_as_metadata():
    import nbformat
    from nbclient import NotebookClient

    source = f"from utils.scoring import scores\nresult = scores({TRUE}, {GUESS}, 'a line', series='salary')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, kernel_name="python3").execute()
    nbformat.validate(notebook)
    [output] = notebook.cells[0].outputs
    assert output.metadata["course"] == {
        "series": "salary", "model": "a line", "rmse": round(RMSE, 1), "mae": MAE, "r2": 0.977,
    }  # fmt: skip
    assert "$3,391" in output.data["text/plain"]


@pytest.mark.parametrize(("true", "guess", "said"), [
    ([1, 2, 3], [1, 2], "3 true values and 2 predictions cannot be compared."),
    ([1], [1], "There are 1 rows to score; R² needs at least 2."),
    ([], [], "There are 0 rows to score"),
    ([1, 2], [1, math.nan], "Only finite numbers can be scored"),
    ([1, math.inf], [1, 2], "Only finite numbers can be scored"),
])  # fmt: skip
def test_what_cannot_be_scored_is_refused(shown, true, guess, said):
    with pytest.raises(ValueError, match=said):
        scores(true, guess, "any")
    assert shown == []


YEARS = pd.Series([1.0, 2.0, 4.0], name="YearsExperience")
PAY = pd.Series([40_000.0, 52_000.0, 70_000.0], name="Salary")
SMOKER = pd.Series(["yes", "no", "yes"], name="smoker")


@pytest.mark.parametrize(("draw", "x", "y"), [
    (lambda text: plots.spread(PAY, text), "Salary (dollars a year)", ""),
    (lambda text: plots.histogram(PAY, SMOKER, text), "Salary (dollars a year)", "rows"),
    (lambda text: plots.scatter(YEARS, PAY, text, groups=SMOKER),
     "YearsExperience (years)", "Salary (dollars a year)"),
    (lambda text: plots.scatter(YEARS, PAY, text, {"by hand": (9_000, 30_000)}, gaps=True),
     "YearsExperience (years)", "Salary (dollars a year)"),
    (lambda text: plots.residuals(YEARS, PAY - PAY.mean(), text),
     "YearsExperience (years)", "true − predicted\nSalary (dollars a year)"),
    (lambda text: plots.predictions(YEARS, PAY, {"baseline": PAY + 1, "SageMaker": PAY - 1}, text),
     "YearsExperience (years)", "Salary (dollars a year)"),
])  # fmt: skip
def test_a_figure_has_units_a_caption_and_alternative_text(shown, draw, x, y):
    draw("Pay rises with experience.")
    [(figure, metadata)] = shown
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == (x, y)
    assert axes.get_title(loc="left") == metadata["image/png"]["alt"] == "Pay rises with experience."
    assert matplotlib.pyplot.get_fignums() == []


def test_the_line_is_drawn_where_its_numbers_say(shown):
    plots.scatter(YEARS, PAY, "caption", {"by hand": (9_000, 30_000), "fitted": (10_000, 31_000)}, gaps=True)
    axes = shown[0][0].axes[0]
    drawn = {line.get_label(): line.get_ydata().tolist() for line in axes.lines}
    assert drawn == {"by hand": [39_000, 66_000], "fitted": [41_000, 71_000]}
    [gaps] = [c for c in axes.collections if hasattr(c, "get_segments")]
    assert [tuple(end[1] for end in segment) for segment in gaps.get_segments()] == [
        (40_000, 39_000), (52_000, 48_000), (70_000, 66_000),
    ]  # fmt: skip


def test_predictions_lie_beside_the_truth(shown):
    plots.predictions(YEARS, PAY, {"baseline": PAY + 1, "SageMaker": PAY - 1}, "caption")
    points = {c.get_label(): c.get_offsets()[:, 1].tolist() for c in shown[0][0].axes[0].collections}
    assert points == {"true": PAY.tolist(), "baseline": (PAY + 1).tolist(), "SageMaker": (PAY - 1).tolist()}


def test_the_colour_of_a_group_does_not_depend_on_the_order_of_the_rows(shown):
    for rows in (slice(None), slice(None, None, -1), slice(1, None)):
        plots.scatter(YEARS[rows], PAY[rows], "caption", groups=SMOKER[rows])
        dots = shown.pop()[0].axes[0].collections[0]
        found = zip(dots.get_offsets()[:, 0], dots.get_facecolors()[:, :3], strict=True)
        drawn = {year: to_hex(colour) for year, colour in found}
        smokes = dict(zip(YEARS[rows], SMOKER[rows] == "yes", strict=True))
        assert drawn == {year: plots.ORANGE if smoker else plots.BLUE for year, smoker in smokes.items()}


def test_a_histogram_stacks_its_groups(shown):
    plots.histogram(PAY, SMOKER, "caption")
    axes = shown[0][0].axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == 3
    assert sum(bar.get_height() for bar in axes.patches if to_hex(bar.get_facecolor()) == plots.ORANGE) == 2
