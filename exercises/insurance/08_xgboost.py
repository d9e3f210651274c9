"""Exercises of "Let trees find the interaction, and see what they cost"."""

import io
import tarfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from exercises.account import Job, newest_job
from exercises.job_faults import A_DAY, Fault, csv_faults, end_faults, setting
from exercises.kinds import Found, Number, Question
from utils.check import Unreadable
from utils.course import Course

ROUNDS = 20  # without a smaller validation error, after which the lesson's job ends
GROWN_AT_MOST = 200
LIMIT = 600  # seconds
COLUMNS = 9  # the charges and eight features
WANTED = {"max_depth": "3", "eta": "0.05", "num_round": "500", "early_stopping_rounds": "20"}
CSV = "text/csv"


def kept(course: Course) -> int:
    """How many trees the newest model of the lesson holds.  Raises Unreadable if early stopping did not make it."""
    import xgboost  # takes a second

    job = newest_job("course-insurance-xgboost", course)
    if "early_stopping_rounds" not in job.hyperparameters:
        raise Unreadable("The newest job of this lesson had no early stopping: run the cell above that sends one.")
    address = urlsplit(job.sent["ModelArtifacts"]["S3ModelArtifacts"])
    packed = job.s3.get_object(Bucket=address.netloc, Key=address.path.lstrip("/"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        file = archive.extractfile("xgboost-model")
        assert file is not None  # a file, in every artifact of XGBoost
        return xgboost.Booster(model_file=bytearray(file.read())).num_boosted_rounds()


def validation(job: Job) -> dict[str, Any]:
    return job.channels.get("validation", {})


def differs(name: str, sentence: str) -> Fault:
    """A fault: a hyperparameter is not the one that the exercise asks for; its value stands in the sentence."""

    def found(job: Job, course: Course) -> str | None:
        given = job.hyperparameters.get(name, "nothing")
        return given if given != WANTED[name] else None

    return found, sentence


def job_faults() -> Iterator[Fault]:
    yield from csv_faults("charges", COLUMNS, "bill", "XGBoost")
    yield (
        lambda job, course: not validation(job),
        "No channel is named validation, so nothing could say when to stop.",
    )
    yield (
        lambda job, course: "csv" not in validation(job).get("ContentType", ""),
        "The channel validation does not say that its file is CSV.",
    )
    yield differs("num_round", "The most trees that it may grow, num_round, is {} and not what is asked.")
    yield differs("max_depth", "The questions in a row, max_depth, are {} and not what is asked.")
    yield differs("eta", "The step, eta, is {}, which is not half of the lesson's.")
    yield from setting(
        "eval_metric",
        "rmse",
        "The hyperparameter eval_metric is missing, and without it SageMaker's XGBoost watches nothing.",
        "The job watched {}, and the lesson compares by rmse.",
    )
    yield differs("early_stopping_rounds", "It was told {} by early_stopping_rounds, the trees that may bring nothing.")
    yield from end_faults(LIMIT, A_DAY, "max_run")


def channel(answer: Any, course: Course) -> dict[str, Any]:
    """What a channel says of its files, as a request would send it."""
    config = getattr(answer, "config", None)
    if isinstance(answer, type) or not isinstance(config, dict) or "DataSource" not in config:
        raise Unreadable(
            "A channel was expected: TrainingInput(…), with the file's address in S3 and one argument more."
        )
    return config


def file_of(config: dict[str, Any]) -> str:
    return config["DataSource"]["S3DataSource"]["S3Uri"].rpartition("/")[2]


CHECKS = {
    "trees_kept": Number(
        solution=kept,
        tolerance=0.5,
        right="The first tree has the number 0, so the best one is not counted by its own number.",
        mistakes=[
            (lambda course: kept(course) - 1, "That is the number of the best tree, and the first has the number 0."),
            (lambda course: kept(course) + ROUNDS, "So many were grown: those after the best one are not kept."),
            (lambda course: kept(course) + ROUNDS - 1, "That is the number of the last tree that was grown."),
            (lambda course: GROWN_AT_MOST, "That is num_round, the most trees that the job may grow."),
            (lambda course: ROUNDS, "So many trees had to bring nothing before the job ended."),
        ],
        far=("The model holds more trees than that.", "The model holds fewer trees than that."),
        hints=(
            "The cell with the curves prints which tree is the best one.",
            "The trees up to the best one are kept. What number has the first?",
            "If the best of the trees 0, 1, 2 and 3 is tree 2, three trees are kept.",
        ),
    ),
    "own_trees": Found(
        look=newest_job,
        faults=list(job_faults()),
        right="The account was sent what you were asked for: smaller steps need more trees to come about as far.",
        hints=(
            "The Estimator of this lesson needs another name, another limit and other hyperparameters.",
            "Five of the seven settings stand in the lesson's table; early_stopping_rounds is the sixth.",
            "A job without a channel to watch cannot stop early: hand fit the same dictionary of channels.",
        ),
    ),
    "mended_channel": Found(
        look=channel,
        faults=[
            (
                lambda config, course: file if (file := file_of(config)) != "train.csv" else None,
                "This channel reads {}, and not the training set.",
            ),
            (
                lambda config, course: "ContentType" not in config,
                "Nothing says what the file is, as in the colleague's call, so XGBoost takes it for LIBSVM.",
            ),
            (
                lambda config, course: "libsvm" in config["ContentType"].lower(),
                "LIBSVM is what XGBoost took it for, and the file has commas.",
            ),
            (
                lambda config, course: given if (given := config["ContentType"]).partition(";")[0] != CSV else None,
                "XGBoost knows no content type {}; the lesson's own channels have the one it needs.",
            ),
        ],
        right="A content type is no decoration: a program that is not told the format has a default.",
        hints=(
            "What does the message say that XGBoost took the file for?",
            "Compare the colleague's TrainingInput with the lesson's: one argument is missing.",
            "The upload's cell has the address: the course's folder in the bucket, then xgboost, then the file's name.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "That goes further the wrong way.",
            "b": "That takes away the one number that told you.",
            "c": "Early stopping does it for you.",
        },
    ),
    "question 2": Question(
        "b",
        {
            "a": "Gain has no dollars: that reads it as a coefficient.",
            "b": "It is a share of the squared error that all questions took away.",
            "c": "Gain has no direction.",
        },
    ),
    "question 3": Question(
        "a",
        {
            "a": "Questions lie between values that were seen, and beyond the last one there are none.",
            "b": "It looks so, and nobody has measured it.",
            "c": "The model takes any number.",
        },
    ),
}
