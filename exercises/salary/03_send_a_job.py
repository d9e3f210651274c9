"""Exercises of "Train a linear model in the cloud"."""

from typing import Any

from exercises.account import newest_job
from exercises.job_faults import A_DAY, csv_faults, end_faults, setting
from exercises.kinds import Found, Number, Question
from exercises.salary.jobs import BATCH, LIMIT, MISSES_BATCH, MISSES_LOSS, MISSES_TEST
from utils import split
from utils.check import Unreadable
from utils.course import Course

EPOCHS, LESSONS_BATCH = 15, 7
MENDED_LIMIT = 900  # seconds


def rows(course: Course) -> int:
    return len(split(course.table, "Salary")[0])


def order(answer: Any, course: Course) -> tuple[dict[str, str], int | None]:
    """The hyperparameters that an estimator would send, and its limit in seconds."""
    if not hasattr(answer, "hyperparameters") or not hasattr(answer, "max_run") or isinstance(answer, type):
        raise Unreadable("An estimator was expected: mended = LinearLearner(…), with its parameters.")
    return {name: str(value) for name, value in answer.hyperparameters().items()}, answer.max_run


CHECKS = {
    "csv_job": Found(
        look=newest_job,
        faults=[
            *csv_faults("Salary", 2, "salary"),
            *setting(
                "predictor_type",
                "regressor",
                "The hyperparameter predictor_type is missing, and Linear Learner needs it.",
                "The job was told to be a {}, and a salary is a number: regressor.",
            ),
            *MISSES_BATCH,
            *MISSES_LOSS,
            MISSES_TEST,
            *end_faults(LIMIT, A_DAY, "max_run"),
        ],
        right="The account was sent what you were asked for, and the job has left a model.",
        hints=(
            "The section above has all of it for another job: the rows as text, the upload, the Estimator, its fit.",
            "Each channel is a TrainingInput with content_type='text/csv'; fit takes a dictionary of them, by name.",
            "X_test.assign(Salary=y_test) is a table of both columns; to_csv has the options header and index.",
        ),
    ),
    "absolute_loss": Found(
        look=order,
        faults=[
            (
                lambda order, course: order[0] if "loss" not in order[0] else None,
                "What would be sent is {}: it names no loss, so the SDK has swallowed a word that it does not know.",
            ),
            (lambda order, course: order[0]["loss"] == "squared_loss", "This is still the squared error."),
            (
                lambda order, course: order[0]["loss"] if order[0]["loss"] != "absolute_loss" else None,
                "{} is another loss; AWS's table of hyperparameters lists those of a regressor.",
            ),
            (
                lambda order, course: order[0].get("predictor_type") != "regressor",
                "A salary is a number, and predictor_type says so.",
            ),
            (
                lambda order, course: order[1] in (None, A_DAY),
                "The order has no limit of yours: without max_run a job may take a day.",
            ),
            (
                lambda order, course: order[1] if order[1] != MENDED_LIMIT else None,
                "max_run counts seconds, and says {}.",
            ),
        ],
        right="hyperparameters() shows what an order would send, before it costs anything.",
        hints=(
            "Ask wrong.hyperparameters() what became of objective.",
            "The parameter for what is made small has another name; the first order of this lesson uses it.",
            "AWS's table of hyperparameters, linked below under In practice, lists its values for a regressor.",
        ),
    ),
    "moves": Number(
        solution=lambda course: rows(course) // BATCH * EPOCHS,
        tolerance=0.5,
        right="Each whole batch is one move, in every epoch.",
        mistakes=[
            (
                lambda course: rows(course) // LESSONS_BATCH * EPOCHS,
                "That is the number for batches of 7, as in the job above.",
            ),
            (lambda course: rows(course) // BATCH, "That is one epoch; there are fifteen at most."),
            (lambda course: rows(course) * EPOCHS, "That counts every row, and a move is made from a whole batch."),
            (
                lambda course: len(course.table) // BATCH * EPOCHS,
                "The rows of the test set take no part in the learning.",
            ),
        ],
        far=("More moves are made than that.", "Fewer moves are made than that."),
        hints=(
            "How many whole batches are in one pass over the training set?",
            "The whole batches of one epoch, times the epochs.",
            "With 10 rows, batches of 3 and 2 epochs there are 3 whole batches in each epoch, and 6 moves.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "b",
        {
            "a": "Dollars come back only in the final scores.",
            "b": "While it trains, losses are on the scale of mean 0 and standard deviation 1, here of one model.",
            "c": "The best model has a line of its own in the log, and no loss here is a percentage.",
        },
    ),
    "question 2": Question(
        "c",
        {
            "a": "On the training rows it is the worse one, and seven test rows are too few to decide.",
            "b": "On the training rows the baseline is the better one, as least squares has to be.",
            "c": "The next seven people may turn the order round.",
        },
    ),
    "question 3": Question(
        "a",
        {
            "a": "This is the form that AWS asks of CSV for its built-in algorithms.",
            "b": "TrainingInput has no such parameter.",
            "c": "The type says how the columns are divided, not which of them is the label.",
        },
    ),
}
