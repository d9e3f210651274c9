"""The lessons on a table that they were not written for: the well-known public one, where it is at hand."""

import nbformat
import pytest

from utils.lessons.play import lessons, play
from utils.lessons.report import scores_in

# scikit-learn's numbers for these tables and this split are published many times over.
PUBLISHED = {
    "salary": {"scikit-learn LinearRegression": {"r2": 0.9024, "rmse": 7059.0}},
    "insurance": {"scikit-learn LinearRegression": {"r2": 0.7836, "rmse": 5796.3, "mae": 4181.2}},
}


@pytest.mark.parametrize("series", PUBLISHED)
def test_a_series_runs_on_the_public_table(series, public_tables, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(public_tables))
    scores = {}
    for path in lessons(series, sdk="2"):
        if path.parent.name == series:
            notebook = nbformat.read(path, as_version=4)
            play(notebook, path.parent, lambda text: None)
            scores |= {score["model"]: score for score in scores_in(notebook)}
    for model, published in PUBLISHED[series].items():
        found = {name: scores[model][name] for name in published}
        assert found == pytest.approx(published, rel=2e-4)
    if series == "salary":
        baseline, learner = scores["scikit-learn LinearRegression"], scores["SageMaker LinearLearner"]
        assert learner["rmse"] == pytest.approx(baseline["rmse"], rel=0.25)
    else:
        # A line that knows the pair of smoking and a BMI of 30 is far better on the same rows.
        with_pair = scores["LinearRegression, smoker × BMI ≥ 30"]
        assert with_pair["rmse"] < 0.8 * scores["scikit-learn LinearRegression"]["rmse"]
        for model in ("SageMaker LinearLearner", "LinearLearner, tuned"):
            assert scores[model]["rmse"] == pytest.approx(with_pair["rmse"], rel=0.1)
        assert scores["LinearLearner, absolute loss"]["mae"] < 0.8 * with_pair["mae"]
