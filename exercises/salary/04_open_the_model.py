"""Exercises of "Open the model"."""

from typing import Any

from exercises.account import line_of_newest_model, newest_job
from exercises.job_faults import A_DAY
from exercises.kinds import Choice, Found, Number, Question
from exercises.salary.predictions import HYPERPARAMETERS, baseline
from utils.check import Unreadable
from utils.course import Course

LIMIT = 900  # seconds
MENDED = "course-mended"


def order(answer: Any, course: Course) -> tuple[dict[str, str], int | None, str | None]:
    """The hyperparameters that an estimator would send, its limit in seconds, and how its jobs' names begin."""
    if not hasattr(answer, "hyperparameters") or not hasattr(answer, "max_run") or isinstance(answer, type):
        raise Unreadable("An estimator was expected: mended = LinearLearner(…), with its parameters.")
    return {name: str(value) for name, value in answer.hyperparameters().items()}, answer.max_run, answer.base_job_name


def mended_line(course: Course) -> tuple[float, float]:
    """Slope and intercept of the newest job that is named as the exercise asks.

    Raises Unreadable if there is none, or if it has another loss or no model.
    """
    job = newest_job(MENDED, course)
    if (loss := job.hyperparameters.get("loss")) != "absolute_loss":
        raise Unreadable(f"Your newest job {MENDED} was sent the loss {loss}: mend the order before you send it.")
    if (status := job.sent["TrainingJobStatus"]) != "Completed":
        raise Unreadable(f"Your newest job {MENDED} is {status}, and only a completed one has left a model.")
    (slope,), intercept = course.open_model(job.sent["ModelArtifacts"]["S3ModelArtifacts"])
    return float(slope), intercept


CHECKS = {
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
                lambda order, course: order[1] if order[1] != LIMIT else None,
                "max_run counts seconds, and says {}.",
            ),
            (
                lambda order, course: str(order[2]) if order[2] != MENDED else None,
                "base_job_name is {}, and the next check looks for your job by the name that was asked for.",
            ),
        ],
        right="hyperparameters() shows what an order would send, before it costs anything.",
        hints=(
            "Ask wrong.hyperparameters() what became of objective.",
            "The parameter for what is made small has another name; the hyperparameters of this lesson's job use it.",
            "The other values of this parameter end like squared_loss; AWS's table of hyperparameters lists them.",
        ),
    ),
    "absolute_slope": Number(
        solution=lambda course: mended_line(course)[0],
        tolerance=1,
        right="The job was sent, its model lies in S3, and you have read it; another loss gives another line.",
        mistakes=[
            (lambda course: mended_line(course)[1], "That is the intercept: open_model returns the slope first."),
            (
                lambda course: line_of_newest_model(course, HYPERPARAMETERS)[0],
                "That is the line of the squared loss, which learner.model_data leads to.",
            ),
            (
                lambda course: baseline(course, 1) - baseline(course, 0),
                "That is the baseline's slope, which scikit-learn computed.",
            ),
        ],
        far=("The slope of your job's line is larger than that.", "The slope of your job's line is smaller than that."),
        hints=(
            "A LinearLearner is given its data by record_set, with the labels beside the features, as float32.",
            "mini_batch_size is an argument of its fit; model_data, after fit, is where its artifact lies.",
            "For arrays a and b of another table: other.fit(other.record_set(a, labels=b), mini_batch_size=50).",
        ),
    ),
    "note_fault": Choice(
        solution="3",
        right="0.041 counts squared standard deviations: its root times 25,469 dollars is about 5,200 dollars.",
        mistakes={
            "1": "Note 1 is right: each of the models sees all rows of the training set.",
            "2": "Note 2 is right: the loss of model 0 falls from line to line, in small steps.",
            "4": "Note 4 is right: the epochs 13 and 14 carry no remark.",
        },
        hints=(
            "Ask of each note in which column of the printed lines it can be checked.",
            "In which unit are the losses of the training?",
            "A loss of 0.25 on this scale is an RMSE of half a standard deviation.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "Multiply it by the standard deviation of the salaries, 25,469 dollars, and it is.",
            "b": "R² compares two sums of squares; this is the root of one mean.",
            "c": "The loss counts squared standard deviations, and the root takes the square away.",
        },
    ),
    "question 2": Question(
        "a",
        {
            "a": "It walks in steps, and stops when the epochs are used up or the loss no longer falls.",
            "b": "32 bits are exact to a few hundredths of a dollar here.",
            "c": "Both were given the same 28 people.",
        },
    ),
    "question 3": Question(
        "b",
        {
            "a": "Version 2 takes any word, and forgets those that it does not know.",
            "b": "The word is swallowed, so the job is sent without a loss and takes the default.",
            "c": "The word never reaches the machine, so nothing there can object to it.",
        },
    ),
}
