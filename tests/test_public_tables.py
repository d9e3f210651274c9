"""The lessons on a table that they were not written for: the well-known public one, where it is at hand."""

import nbformat
import pytest

from utils.lessons.play import lessons, play
from utils.lessons.report import scores_in


@pytest.mark.parametrize("series", ["salary"])
def test_a_series_runs_on_the_public_table(series, public_tables, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(public_tables))
    scores = {}
    for path in lessons(series):
        if path.parent.name == series:
            notebook = nbformat.read(path, as_version=4)
            play(notebook, path.parent, lambda text: None)
            scores |= {score["model"]: score for score in scores_in(notebook)}
    baseline, learner = scores["scikit-learn LinearRegression"], scores["SageMaker LinearLearner"]
    # scikit-learn's numbers for this table and split are published many times over: R² 0.90, RMSE $7,059.
    assert baseline["r2"] == pytest.approx(0.9024, abs=1e-4)
    assert baseline["rmse"] == pytest.approx(7059.0, abs=1)
    assert learner["rmse"] == pytest.approx(baseline["rmse"], rel=0.25)
