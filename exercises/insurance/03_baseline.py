"""Exercises of "Fit the baseline, and hold it back"."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from exercises.kinds import Found, Number, Question
from utils import split
from utils.check import Unreadable
from utils.course import Course

FOLDS, SCORING = 10, "neg_mean_absolute_error"
TERM = "smoker_bmi30"
FROM, TO = 29, 31  # BMI


# ---- the line with the interaction term


def features(X: pd.DataFrame, term: bool) -> pd.DataFrame:
    """The columns of words as 0 and 1, and the interaction term if it is wanted."""
    found = pd.get_dummies(X, drop_first=True, dtype=float)
    return found.assign(**{TERM: found["smoker_yes"] * (found["bmi"] >= 30)}) if term else found


def line(course: Course, term: bool = True) -> dict[str, float]:
    """The coefficients of the lesson's line, by column."""
    X_train, _, y_train, _ = split(course.table, "charges")
    X = features(X_train, term)
    return dict(zip(X, LinearRegression().fit(X, y_train).coef_, strict=True))


def errors(course: Course, smokers: bool | None = True, term: bool = True, part: str = "test") -> np.ndarray:
    """Errors of the lesson's line in dollars, for smokers, for the others, or for everybody (None)."""
    X_train, X_test, y_train, y_test = split(course.table, "charges")
    fitted = LinearRegression().fit(features(X_train, term), y_train)
    X, y = (X_test, y_test) if part == "test" else (X_train, y_train)
    error = (y - fitted.predict(features(X, term))).to_numpy()
    return error if smokers is None else error[((X["smoker"] == "yes") == smokers).to_numpy()]


def rmse(error: np.ndarray) -> float:
    return float(np.sqrt((error**2).mean()))


# ---- a search with everything inside the folds


def search(answer: Any, course: Course) -> GridSearchCV:
    """A search that has been fitted.  Raises Unreadable."""
    if not isinstance(answer, GridSearchCV):
        raise Unreadable(f"The search itself was expected, a GridSearchCV, and this is a {type(answer).__name__}.")
    if not hasattr(answer, "best_estimator_"):
        raise Unreadable("The search has not been fitted: call its fit with the training set, and hand it over then.")
    return answer


def steps(found: GridSearchCV) -> list[BaseEstimator]:
    """The steps of what is searched, in their order; none if it is no pipeline."""
    return [step for _, step in found.estimator.steps] if isinstance(found.estimator, Pipeline) else []


def has(found: GridSearchCV, kind: type) -> bool:
    return any(isinstance(step, kind) for step in steps(found))


def folds(found: GridSearchCV) -> int | None:
    return getattr(found, "n_splits_", None)


def fold_faults() -> Iterator[tuple[Any, str]]:
    """Faults of a search."""
    yield (
        lambda found, course: not steps(found),
        "The scaler still stands before the search, so it has seen all folds: search a pipeline in its place.",
    )
    yield (
        lambda found, course: not has(found, StandardScaler),
        "The pipeline has no StandardScaler, so the penalty depends on the columns' units.",
    )
    yield (
        lambda found, course: not has(found, ColumnTransformer),
        "The encoder still stands before the search: it learns from rows too, so it belongs into the pipeline.",
    )
    yield (
        lambda found, course: TERM not in getattr(found, "feature_names_in_", ()),
        "The search was fitted without the interaction term: XI_train has it.",
    )
    yield (
        lambda found, course: not np.isclose(mean_target(found), split(course.table, "charges")[2].mean()),
        "The search was not fitted on the training set, and the rows of the test set are for the end.",
    )
    yield (
        lambda found, course: folds(found) if folds(found) != FOLDS else None,
        f"The search took turns over {{}} folds, and the colleague's was over {FOLDS}.",
    )
    yield (
        lambda found, course: found.scoring or "R²" if found.scoring != SCORING else None,
        "The search chose by {}; the colleague's was by the mean absolute error.",
    )
    yield (
        lambda found, course: ", ".join(found.best_params_) if tried(found) < 2 else None,
        "The search had no choice of alpha, only of {}: it takes a list of several.",
    )


def mean_target(found: GridSearchCV) -> float:
    """The mean of the targets that a model saw: the intercept, since its columns have the mean 0."""
    return float(found.best_estimator_[-1].intercept_)


def tried(found: GridSearchCV) -> int:
    """How many different alphas were tried."""
    return len({value for each in found.cv_results_["params"] for name, value in each.items() if "alpha" in name})


CHECKS = {
    "premium": Number(
        solution=lambda course: (TO - FROM) * line(course)["bmi"] + line(course)[TERM],
        tolerance=10,
        right="Two points of BMI, and the interaction term, which is 0 at 29 and 1 at 31.",
        mistakes=[
            (
                lambda course: (TO - FROM) * line(course)["bmi"],
                "Those are the two points of BMI; but which other column is different at 31?",
            ),
            (
                lambda course: line(course)[TERM],
                "That is the interaction term; the two points of BMI have a price of their own.",
            ),
            (
                lambda course: line(course)["bmi"] + line(course)[TERM],
                "From 29 to 31 are two points of BMI, and this counts one.",
            ),
            (
                lambda course: (TO - FROM) * line(course)["bmi"] + line(course)[TERM] + line(course)["smoker_yes"],
                "The person smokes before and after, so the coefficient of smoking is in both predictions.",
            ),
            (
                lambda course: (TO - FROM) * line(course, term=False)["bmi"],
                "That is the first line, without the interaction term.",
            ),
            (lambda course: (TO - FROM) * line(course)[TERM], "The interaction term is 1 or 0, it counts no points."),
        ],
        far=("The prediction rises by more than that.", "The prediction rises by less than that."),
        hints=(
            "All else is equal: look at the list of coefficients, and at the columns that change.",
            "Ask of each column of the table whether it has another value at 31 than at 29, and by how much.",
            "If a point of BMI cost 5 dollars and the term 100, going from 28 to 31 would cost 3 × 5 + 100 = 115.",
        ),
    ),
    "smokers_rmse": Number(
        solution=lambda course: rmse(errors(course)),
        tolerance=2,
        right="In dollars the smokers are hardly worse off than the others now; without the term they were by far.",
        mistakes=[
            (lambda course: rmse(errors(course, None)), "That is the RMSE of everybody in the test set."),
            (
                lambda course: rmse(errors(course, False)),
                "Those are the people who do not smoke: turn the condition round.",
            ),
            (
                lambda course: float(abs(errors(course)).mean()),
                "That is the MAE of the smokers: square the errors before the mean, and take the root after it.",
            ),
            (
                lambda course: rmse(errors(course, term=False)),
                "That is the first line, without the interaction term: pair_pred are the predictions with it.",
            ),
            (
                lambda course: float(np.sqrt((errors(course) ** 2).sum())),
                "The mean comes before the root; this is the root of the sum.",
            ),
            (
                lambda course: float((errors(course) ** 2).mean()),
                "Those are squared dollars: take the root of the mean.",
            ),
            (
                lambda course: rmse(errors(course, part="train")),
                "Those are the smokers of the training set, from whom the line has learned.",
            ),
        ],
        far=("For the smokers the line is further off than that.", "For the smokers the line is less far off."),
        hints=(
            "The cell with the small and the large bills does the same for two other groups.",
            "X_test['smoker'] == 'yes' chooses the smokers among the predictions and among the true bills.",
            "For the errors 3 and -4 the squares are 9 and 16, their mean is 12.5, and its root is 3.54.",
        ),
    ),
    "folds": Found(
        look=search,
        faults=list(fold_faults()),
        right="In each turn encoder and scaler are fitted on nine folds, and the tenth is new to them.",
        hints=(
            "Whatever is fitted before the search has seen all folds, the one that is measured included.",
            "make_pipeline joins encoder, scaler and Ridge; the search gets the pipeline, and its fit gets XI_train.",
            "In a pipeline with a step KNeighborsRegressor() the list would be for kneighborsregressor__n_neighbors.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "b",
        {
            "a": "With the scaler it keeps nine tenths of the very same effect, so it is not its importance.",
            "b": "The penalty counts the number, and a column of 0 and a few 1 needs a large one for its effect.",
            "c": "The bills are the same in both; what differs is the unit of the column.",
        },
    ),
    "question 2": Question(
        "c",
        {
            "a": "It says how much better than the mean the model is, and nothing about one estimate.",
            "b": "It depends most on the large bills, and a customer with a small one learns nothing from it.",
            "c": "It weighs each error by the size of the bill; and it favours models that predict too little.",
        },
    ),
    "question 3": Question(
        "a",
        {
            "a": "With a smaller alpha it comes back, as the figure shows.",
            "b": "That goes too far: the table may be too small to tell.",
            "c": "Lasso looks for no mistakes.",
        },
    ),
}
