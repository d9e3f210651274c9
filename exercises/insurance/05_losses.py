"""Exercises of "Choose a loss, and rows to choose by"."""

from typing import Any

import numpy as np

from exercises.account import Job, newest_job
from exercises.insurance.jobs import HUBER, LIMIT, PREDICTS_NUMBERS, batch_faults, channel_faults
from exercises.insurance.prepared import PLAIN, bills, reads, said
from exercises.job_faults import A_DAY, end_faults
from exercises.kinds import Found, Number, Question
from utils.check import Unreadable
from utils.course import Course

ABSOLUTE = PLAIN | {"loss": "absolute_loss"}


def missing(course: Course, hyperparameters: dict) -> np.ndarray:
    """Bills minus predictions."""
    return bills(course) - said(course, hyperparameters)


def channels(answer: Any, course: Course) -> Job:
    """The channels of a job that was not sent."""
    if not isinstance(answer, dict) or not answer or not all(hasattr(each, "config") for each in answer.values()):
        raise Unreadable("A dictionary was expected, with a TrainingInput for the name of each channel.")
    sent = [{**each.config, "ChannelName": str(name)} for name, each in answer.items()]
    return Job({"InputDataConfig": sent}, {}, course.session.boto_session.client("s3"))


def no_channel(name: str):
    return lambda job, course: ", ".join(job.channels) if name not in job.channels else None


CHECKS = {
    "shortfall": Number(
        solution=lambda course: missing(course, ABSOLUTE).mean(),
        tolerance=1,
        right="That is what the few expensive people cost whom the median forgets.",
        mistakes=[
            (
                lambda course: np.abs(missing(course, ABSOLUTE)).mean(),
                "That is the MAE: in it bills that are too high and too low do not cancel, and in money they do.",
            ),
            (lambda course: missing(course, ABSOLUTE).sum(), "That is the sum for everybody; divide it by the people."),
            (
                lambda course: -missing(course, ABSOLUTE).mean(),
                "That is predictions minus bills: it says how much too much is charged.",
            ),
            (lambda course: missing(course, PLAIN).mean(), "That is the line with the squared loss."),
            (
                lambda course: 100 * missing(course, ABSOLUTE).sum() / bills(course).sum(),
                "That is a percentage of the bills, and dollars were asked for.",
            ),
        ],
        far=("More is missing than that.", "Less is missing than that."),
        hints=(
            "The dictionary says holds the predictions of each model, by its name, and y_test the bills.",
            "What is missing for one person is the bill minus the prediction, and may be negative.",
            "For bills of 10 and 30 dollars and predictions of 12 and 20 it is the mean of -2 and 10, which is 4.",
        ),
    ),
    "huber_job": Found(
        look=newest_job,
        faults=[
            *channel_faults(),
            *PREDICTS_NUMBERS,
            *HUBER,
            *batch_faults(100),
            *end_faults(LIMIT, A_DAY, "max_run"),
        ],
        right="The account was sent both channels, and the validation rows have chosen the model.",
        hints=(
            "The cell of Step 4 makes such an estimator; three things differ.",
            "The same order with another limit is order | {'max_run': 300}.",
            "A hyperparameter is changed alike: hyperparameters | {'epochs': 30}; channels can stay as they are.",
        ),
    ),
    "mended_channels": Found(
        look=channels,
        faults=[
            (no_channel("train"), "Linear Learner learns from a channel named train; these are {}."),
            (no_channel("validation"), "There is no channel named validation to choose by; these are {}."),
            (no_channel("test"), "There is no channel named test for the finished model; these are {}."),
            (
                lambda job, course: next(
                    (name for name, each in job.channels.items() if "csv" not in each.get("ContentType", "")), None
                ),
                "The channel {} does not say that its file is CSV.",
            ),
            (
                lambda job, course: not reads("train", "train")(job, course),
                "The channel train does not read the training rows.",
            ),
            (reads("validation", "test"), "The test rows choose the model here: no error would ever tell you."),
            (
                lambda job, course: not reads("validation", "validation")(job, course),
                "The channel validation does not read the validation rows.",
            ),
            (
                lambda job, course: not reads("test", "test")(job, course),
                "The channel test does not read the test rows.",
            ),
        ],
        right="Two of the faults would have ended the job; the rows of validation would only have flattered its score.",
        hints=(
            "Compare the names with those that this lesson uses, then ask of each channel which rows it reads.",
            "The files in S3 are the ones that the second code cell uploaded, all of one kind.",
            "A channel is written {'name': TrainingInput(address, content_type='…')}; the addresses are in uris.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "b",
        {
            "a": "The steps are part of the 32 settings; validation only picks among what came of them.",
            "b": "The models never learn from these rows, and yet the rows decide which of them you get.",
            "c": "That is for the test rows, which have decided nothing.",
        },
    ),
    "question 2": Question(
        "a",
        {
            "a": "A little fewer than one in ten: the model saw other people when it learned where nine of ten lie.",
            "b": "The aim was nine in ten among the training rows; new people do not keep to it exactly.",
            "c": "Those are the people whose bill lies at or below the prediction.",
        },
    ),
    "question 3": Question(
        "a",
        {
            "a": "Its steps do not land on 0, so small is all that a useless column becomes.",
            "b": "Each penalty works alone, as the jobs of this lesson have shown.",
            "c": "That mistakes how the number was computed for a fact about the table.",
        },
    ),
}
