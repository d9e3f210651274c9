"""Typical wrong answers to the exercises of insurance/03_baseline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from support.wrong_answers import Wrong
from utils import split
from utils.course import Course

ALPHAS = np.logspace(-2, 4, 13)
WORDS = ["sex", "smoker", "region"]


def encoder() -> ColumnTransformer:
    return ColumnTransformer([("words", OneHotEncoder(drop="first"), WORDS)], remainder="passthrough")


def with_term(X: pd.DataFrame) -> pd.DataFrame:
    return X.assign(smoker_bmi30=((X["smoker"] == "yes") & (X["bmi"] >= 30)).astype(int))


def searched(
    *steps: Any, X: Callable[[pd.DataFrame], Any] = with_term, whole: bool = False, fit: bool = True, **options: Any
) -> Callable[[Course], GridSearchCV]:
    """A search over a pipeline of ``steps``, or over Ridge alone, that differs from what the exercise asks."""

    def search(course: Course) -> GridSearchCV:
        rows, _, target, _ = split(course.table, "charges")
        if whole:
            rows, target = course.table.drop(columns="charges"), course.table["charges"]
        model = make_pipeline(*steps) if steps else Ridge()
        name = "ridge__alpha" if isinstance(model, Pipeline) else "alpha"
        given = {"scoring": "neg_mean_absolute_error", "cv": 10, "param_grid": {name: ALPHAS}} | options
        found = GridSearchCV(model, **given)
        return found.fit(X(rows), target) if fit else found

    return search


def numbers_of(X: pd.DataFrame) -> pd.DataFrame:
    return with_term(pd.get_dummies(X, drop_first=True, dtype=float).assign(smoker=X["smoker"])).drop(columns="smoker")


def scaled(X: pd.DataFrame) -> np.ndarray:
    return StandardScaler().fit_transform(numbers_of(X))


WHOLE = (encoder(), StandardScaler(), Ridge())

WRONG: dict[tuple[str, str], Wrong] = {
    ("insurance/03_baseline", "folds"): [
        (lambda course: Ridge(), "a GridSearchCV, and this is a Ridge"),
        (searched(*WHOLE, fit=False), "has not been fitted"),
        (searched(X=scaled), "The scaler still stands before the search"),
        (searched(encoder(), Ridge()), "The pipeline has no StandardScaler"),
        (searched(StandardScaler(), Ridge(), X=numbers_of), "The encoder still stands before the search"),
        (searched(*WHOLE, X=lambda X: X), "without the interaction term"),
        (searched(*WHOLE, whole=True), "was not fitted on the training set"),
        (searched(*WHOLE, cv=5), "took turns over 5 folds"),
        (searched(*WHOLE, scoring=None), "chose by R²;"),
        (searched(*WHOLE, scoring="neg_mean_squared_error"), "chose by neg_mean_squared_error;"),
        (searched(*WHOLE, param_grid={"ridge__alpha": [1.0]}), "no choice of alpha, only of ridge__alpha"),
    ]
}
