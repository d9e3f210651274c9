"""Exercises of "Run your own script as a job"."""

from collections.abc import Callable
from typing import Any

import joblib
import numpy as np

from exercises.account import USER, Job, endpoints_left, newest_job
from exercises.insurance.prepared import parts, script
from exercises.kinds import Found, Number, Question, number
from exercises.scripts import arguments, metrics, packed, printed, program
from utils.check import ROOT, Unreadable
from utils.course import Course

SOURCE = ROOT / "notebooks" / "insurance" / "neural_network" / "sklearn_net"
LESSONS_JOB = "course-insurance-net"
CHANNELS, MENDED = {"train", "validation"}, {"epochs": 30, "hidden": 16}
PEOPLE, MONTHS = 3, 12
NEAR_ZERO = 20  # no monthly bill is that small, and no bill is so many standard deviations from the mean
CLOSE = 0.5  # dollars


def lessons_job(course: Course) -> Job:
    """The job that the lesson sends.  Raises Unreadable if there is none, or it has no model."""
    job = newest_job(LESSONS_JOB, course)
    if job.sent["TrainingJobStatus"] != "Completed":
        raise Unreadable("The newest job of the lesson has no model: run the cell with its fit again.")
    return job


def kept(course: Course, part: str) -> float:
    return metrics(lessons_job(course))[f"{part}:rmse"]


def at_its_best(course: Course) -> float:
    """The smallest error on the validation rows, from the log."""
    return min(map(float, printed(lessons_job(course), r"; validation_rmse=([\d.]+);", course)))


def three(answer: Any, course: Course) -> list[float]:
    """Three monthly bills."""
    if isinstance(answer, np.ndarray):
        answer = answer.reshape(-1).tolist()
    if not isinstance(answer, list | tuple) or len(answer) != PEOPLE:
        raise Unreadable("A list of three bills was expected, one for each of the first three people of the test set.")
    return [number(each) for each in answer]


def says(course: Course, scaled_back: Callable[[Any, float, float], Any]) -> list[float]:
    """What the newest model of the lesson says of the three people, if ``predict_fn`` were so."""
    artifact = lessons_job(course).sent["ModelArtifacts"]["S3ModelArtifacts"]
    saved = joblib.load(course.open_file(artifact, "model.joblib"))
    people = parts(course)["test"].drop(columns=["charges", script().INTERACTION]).to_numpy()[:PEOPLE]
    return [float(each) for each in scaled_back(saved["net"].predict(people), saved["mean"], saved["spread"])]


def monthly(net: Any, mean: float, spread: float) -> Any:
    return (net * spread + mean) / MONTHS


def answered(scaled_back: Callable[[Any, float, float], Any]) -> Callable[[list[float], Course], bool]:
    return lambda said, course: np.allclose(said, says(course, scaled_back), rtol=0, atol=CLOSE)


CHECKS = {
    "kept_metric": Number(
        solution=lambda course: kept(course, "validation"),
        tolerance=0.5,
        right="Each epoch's value goes to CloudWatch, and the job's description keeps the last, which is not the best.",
        mistakes=[
            (at_its_best, "That is the error of the best epoch. A metric does not know which value is the best one."),
            (lambda course: kept(course, "train"), "That is the metric of the rows that the network learns from."),
        ],
        far=("The account keeps a larger value than that.", "The account keeps a smaller value than that."),
        hints=(
            "The description of a job is a dictionary, and one of its keys speaks of metrics.",
            "FinalMetricDataList is a list of dictionaries: each has a name, a value and a time.",
            "The other metric's is next(each['Value'] for each in found if each['MetricName'] == 'train:rmse').",
        ),
    ),
    "mended_job": Found(
        look=newest_job,
        faults=[
            (
                lambda job, course: ", ".join(job.channels) or "none" if set(job.channels) != CHANNELS else None,
                "The job was sent these channels: {}. Which variables do they set, and which does the script read?",
            ),
            (
                lambda job, course: program(job) or "no script" if program(job) != "train.py" else None,
                "The job was told to run {}, and the script that trains is another one.",
            ),
            (
                lambda job, course: packed(job).get("train.py") != (SOURCE / "train.py").read_bytes(),
                "The train.py that was sent is not the lesson's: the fault is in the order, so the script can stay.",
            ),
            (
                lambda job, course: arguments(job) if arguments(job) != MENDED else None,
                "The script was given {}: it should train for 30 epochs with 16 units, and nothing else was asked.",
            ),
            (
                lambda job, course: USER not in job.tags,
                "The job carries none of the course's tags; they are among the order's parameters.",
            ),
            (
                lambda job, course: job.sent["TrainingJobStatus"] in ("InProgress", "Stopping"),
                "The job is at work: wait until it has ended, and check it again.",
            ),
            (
                lambda job, course: (
                    job.sent["TrainingJobStatus"] if job.sent["TrainingJobStatus"] != "Completed" else None
                ),
                "What was sent looks right, but the job has no model, and its status is {}: what does its log say?",
            ),
        ],
        right="A channel's name is part of what the script relies on: it makes the variable that the script reads.",
        hints=(
            "Print read_log(broken.latest_training_job): the script's own words are near its end.",
            "The script says which folders it has not been told. Which SM_CHANNEL_ variables does the log have?",
            "A channel named weather would set SM_CHANNEL_WEATHER. Compare that with the defaults in train.py.",
        ),
    ),
    "dollars_a_month": Found(
        look=three,
        faults=[
            (
                lambda said, course: all(abs(each) < NEAR_ZERO for each in said),
                "These are standard deviations from the mean: predict_fn has not scaled them back.",
            ),
            (
                answered(lambda net, mean, spread: net * spread + mean),
                "These are dollars a year, and the call centre asked for a month.",
            ),
            (
                answered(lambda net, mean, spread: net * spread / MONTHS + mean),
                "The mean is still that of a year: only what lies above or below it was divided.",
            ),
            (
                answered(lambda net, mean, spread: net * spread / MONTHS),
                "The standard deviation is back in, and the mean is not.",
            ),
            (
                lambda said, course: (
                    not answered(lambda net, mean, spread: (net * spread + mean) / MONTHS)(said, course)
                ),
                "This is not what the lesson's model says of the first three people of the test set.",
            ),
            (
                lambda said, course: endpoints_left(course),
                "The bills are right, and this still runs and costs: {}. With course.endpoint it would have ended.",
            ),
        ],
        right="Your function answers in the caller's unit, and the endpoint that ran it is gone.",
        hints=(
            "model_fn can be the lesson's; what it returns is the second argument of predict_fn, after the features.",
            "Undo the scaling first, as it was done: subtract and divide becomes multiply and add. Then go to months.",
            "Deploy as the cell above does, with your folder as source_dir; predictor.predict takes test[:3].",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "a",
        {
            "a": "A number near 0 is a bill in standard deviations: somebody has to scale it back.",
            "b": "A machine changes how fast an answer comes, not what it says.",
            "c": "The validation rows choose the epoch, and their order is of no effect on that.",
        },
    ),
    "question 2": Question(
        "b",
        {
            "a": "argparse does not pass over what it does not know.",
            "b": "argparse says “unrecognized arguments” and ends the script, and so the job fails.",
            "c": "argparse completes a name that is cut short at its end, such as --learn, and no other.",
        },
    ),
    "question 3": Question(
        "c",
        {
            "a": "Those paths are there in a container only.",
            "b": "Then you would have to know the container's folders when you write the order.",
            "c": "By hand you name the folders, and in the container the variables do.",
        },
    ),
}
