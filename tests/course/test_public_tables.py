"""The lessons on a table that they were not written for: the well-known public one, where it is at hand."""

import nbformat
import pytest

from tools.lessons.play import lessons, play
from tools.lessons.report import scores_in

# scikit-learn's numbers for these tables and this split are published many times over.
PUBLISHED = {
    "salary": {"scikit-learn LinearRegression": {"r2": 0.9024, "rmse": 7059.0}},
    "insurance": {"scikit-learn LinearRegression": {"r2": 0.7836, "rmse": 5796.3, "mae": 4181.2}},
}


@pytest.fixture
def played(public_tables, monkeypatch):
    """Play the lessons of a series with these numbers on the public table: their scores, by the model."""
    monkeypatch.setenv("COURSE_DATA", str(public_tables))

    def play_them(series: str, *numbers: int) -> dict[str, dict]:
        scores: dict[str, dict] = {}
        own = [path for path in lessons(series, sdk="2") if path.parent.name == series]
        found = [path for path in own if int(path.name[:2]) in numbers]
        assert len(found) == len(numbers)
        for path in found:
            notebook = nbformat.read(path, as_version=4)
            play(notebook, path.parent, lambda text: None)
            scores |= {score["model"]: score for score in scores_in(notebook)}
        return scores

    return play_them


def is_as_published(series: str, scores: dict[str, dict]) -> None:
    for model, published in PUBLISHED[series].items():
        found = {name: scores[model][name] for name in published}
        assert found == pytest.approx(published, rel=2e-4)


def test_the_salaries(played):
    scores = played("salary", 1, 2, 3, 4, 5, 6)
    is_as_published("salary", scores)
    baseline, learner = scores["scikit-learn LinearRegression"], scores["SageMaker LinearLearner"]
    assert learner["rmse"] == pytest.approx(baseline["rmse"], rel=0.25)


def test_the_insurances(played):
    scores = played("insurance", 3, 4, 5, 6)
    is_as_published("insurance", scores)
    # A line that knows the pair of smoking and a BMI of 30 is far better on the same rows.
    with_pair = scores["LinearRegression, smoker × BMI ≥ 30"]
    assert with_pair["rmse"] < 0.8 * scores["scikit-learn LinearRegression"]["rmse"]
    for model in ("SageMaker LinearLearner", "LinearLearner, tuned"):
        assert scores[model]["rmse"] == pytest.approx(with_pair["rmse"], rel=0.1)
    assert scores["LinearLearner, absolute loss"]["mae"] < 0.8 * with_pair["mae"]


@pytest.mark.soak
def test_the_other_lessons_on_the_insurances(played):
    """Trees see that pair by themselves."""
    scores = played("insurance", 1, 2, *range(7, 15))
    assert scores["SageMaker XGBoost"]["rmse"] < 0.9 * PUBLISHED["insurance"]["scikit-learn LinearRegression"]["rmse"]
