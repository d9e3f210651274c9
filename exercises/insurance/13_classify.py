"""Exercises of "Answer yes or no instead of dollars"."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from exercises.account import newest_job
from exercises.insurance.prepared import parts
from exercises.job_faults import A_DAY, end_faults, setting
from exercises.kinds import Found, Number, Question
from utils.check import Unreadable
from utils.course import Course

SHARE = 0.8  # of the training people have no high bill
THRESHOLD = 0.3
COLUMNS = 8  # the class and seven features
LIMIT = 600  # seconds
CRITERION = "binary_classifier_model_selection_criteria"
CUTS = [0.5, 0.9]


def people(course: Course) -> dict[str, pd.DataFrame]:
    """Those who do not smoke, the target first."""
    found = {name: part[part["smoker_yes"] == 0] for name, part in parts(course).items()}
    return {name: part.drop(columns=["smoker_yes", "smoker_bmi30"]) for name, part in found.items()}


def high(course: Course) -> dict[str, np.ndarray]:
    """Who has a high bill."""
    bills = {name: part["charges"] for name, part in people(course).items()}
    limit = bills["train"].quantile(SHARE).round(-2)
    return {name: (values > limit).to_numpy() for name, values in bills.items()}


def called(course: Course, part: str, threshold: float = THRESHOLD) -> tuple[np.ndarray, np.ndarray]:
    """Whom logistic regression calls, and who has a high bill."""
    X, y = {name: rows.drop(columns="charges") for name, rows in people(course).items()}, high(course)
    said = LogisticRegression().fit(X["train"], y["train"]).predict_proba(X[part])[:, 1] > threshold
    return said, y[part]


def recall(course: Course, part: str = "validation", threshold: float = THRESHOLD) -> float:
    """Which percentage of the high bills is found."""
    said, true = called(course, part, threshold)
    return 100 * said[true].mean()


def precision(course: Course) -> float:
    """Which percentage of the calls goes to somebody with a high bill."""
    said, true = called(course, "validation")
    return 100 * true[said].mean()


def accuracy(course: Course) -> float:
    """Which percentage of the people is treated rightly."""
    said, true = called(course, "validation")
    return 100 * (said == true).mean()


def labels(answer: Any, course: Course) -> pd.Series:
    """The classes of the training people."""
    if not isinstance(answer, pd.Series):
        raise Unreadable(f"A Series of classes was expected, and this is of type {type(answer).__name__}.")
    train = people(course)["train"]
    if len(answer) != len(train):
        raise Unreadable(f"A class for each of {len(train)} training people was expected, and these are {len(answer)}.")
    if not pd.api.types.is_numeric_dtype(answer) or answer.isna().any():
        raise Unreadable("Each class is a whole number, for the file has to hold nothing else.")
    return answer.astype(int).reset_index(drop=True)


def wanted(course: Course) -> pd.Series:
    """The classes that the colleague meant, counted from 0."""
    bills = people(course)["train"]["charges"]
    return pd.Series(np.digitize(bills, bills.quantile(CUTS), right=True))


CHECKS = {
    "recall": Number(
        solution=recall,
        tolerance=0.1,
        right="That percentage is the recall at this threshold.",
        mistakes=[
            (
                lambda course: recall(course, threshold=0.5),
                "That is the recall at a half; the threshold is 0.3 here.",
            ),
            (lambda course: recall(course, "test"), "Those are the test people; they have nothing to choose."),
            (precision, "That is the precision: the high bills among the calls, not the calls among the high bills."),
            (accuracy, "That is the accuracy, which counts the people without a high bill, too."),
            (lambda course: recall(course) / 100, "That is the share; the question asks for a percentage."),
        ],
        far=("More of the high bills are found than that.", "Fewer of the high bills are found than that."),
        hints=(
            "Two numbers are needed: the high bills on the validation rows, and those of them that are called.",
            "logistic.predict_proba(X['validation'])[:, 1] > 0.3 says who is called; the dictionary y has the truth.",
            "If 6 of 8 high bills are called and 20 other people as well, the answer is 100 × 6 / 8.",
        ),
    ),
    "target_job": Found(
        look=newest_job,
        faults=[
            (
                lambda job, course: ", ".join(job.channels) or "none" if "train" not in job.channels else None,
                "Linear Learner learns from a channel named train; the job was sent these channels: {}.",
            ),
            (
                lambda job, course: "csv" not in job.channels["train"].get("ContentType", ""),
                "The channel train does not say that its files are CSV; upload gives channels that do.",
            ),
            (
                lambda job, course: n if (n := len(job.first_line("train").split(","))) != COLUMNS else None,
                f"The first line of the channel train has {{}} values where {COLUMNS} are expected, with the class.",
            ),
            (
                lambda job, course: (
                    first if (first := job.first_line("train").split(",")[0]) not in ("0", "1") else None
                ),
                "The first value of the first line is {}, and the label of a binary classifier is 0 or 1.",
            ),
            (
                lambda job, course: "validation" not in job.channels,
                "Without the channel validation the training people decide which model and threshold is best.",
            ),
            *setting(
                "predictor_type",
                "binary_classifier",
                "The hyperparameter predictor_type is missing, and Linear Learner needs it.",
                "The job was told to be a {}, and yes or no are two classes.",
            ),
            (
                lambda job, course: job.hyperparameters.get(CRITERION) == "recall_at_target_precision",
                "That criterion fixes the precision; four of five high bills found is a recall.",
            ),
            *setting(
                CRITERION,
                "precision_at_target_recall",
                f"The hyperparameter {CRITERION} is missing, so the job chose by its accuracy.",
                "The job chose by {}, which knows no target.",
            ),
            (
                lambda job, course: "target_recall" not in job.hyperparameters,
                "The hyperparameter target_recall is missing. Its default is what you were asked for, by luck: say it.",
            ),
            (
                lambda job, course: value if float(value := job.hyperparameters["target_recall"]) != SHARE else None,
                "The target is {}, and four of five is another share.",
            ),
            *end_faults(LIMIT, A_DAY, "max_run"),
        ],
        right="The model and its threshold were chosen for the recall that you asked for, on the validation rows.",
        hints=(
            "The cell under Step 5 needs other hyperparameters, another name and another limit.",
            "A dictionary given as **order can be changed first: order | {'max_run': …}.",
            "The table under Step 4 has the criterion; what it calls the target is a hyperparameter of its own.",
        ),
    ),
    "labels": Found(
        look=labels,
        faults=[
            (
                lambda found, course: found.max() if found.min() == 1 and found.max() == 3 else None,
                "The job fails as before: with num_classes=3 the labels are 0, 1 and 2, and here one is {}.",
            ),
            (
                lambda found, course: found.nunique() if found.nunique() != 3 else None,
                "The colleague means three classes, and these are {}.",
            ),
            (
                lambda found, course: sorted(set(found.tolist())) if set(found) != {0, 1, 2} else None,
                "The labels have to count from 0, without a gap, and these are {}.",
            ),
            (
                lambda found, course: bool((found == 2 - wanted(course)).all()),
                "The classes are turned round: 0 is to be the lowest bills.",
            ),
            (
                lambda found, course: int((found != wanted(course)).sum()) or None,
                "The job would run, but {} people are in another class than the colleague means.",
            ),
        ],
        right="Labels that count from 0 are positions: the score of class 2 is the third number of an answer.",
        hints=(
            "Which labels does line 2 give to the lowest, the middle and the highest bills?",
            "Compare them with what the lesson says of the labels of a multiclass_classifier.",
            "Counting stations as 1st, 2nd and 3rd is one habit; a list's positions begin elsewhere.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "It treats fewer people rightly than a half does; look at the column right in %.",
            "b": "The first part is true; look at the column of dollars once more.",
            "c": "To be right most often and to cost least are two questions: the half misses too many high bills.",
        },
    ),
    "question 2": Question(
        "b",
        {
            "a": "How rare high bills are is in the probabilities already.",
            "b": "Then a call pays when a high bill is likelier than none.",
            "c": "How many have none is in the probabilities already.",
        },
    ),
    "question 3": Question(
        "a",
        {
            "a": "The line predicts dollars, and any limit can be held against them.",
            "b": "The line has never heard of a limit; the two others learned nothing else.",
            "c": "Their labels were made with the old limit, and nothing in them tells 13,000 dollars from 30,000.",
        },
    ),
}
