"""Exercises of "When one machine is not enough"."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from exercises.account import Job, newest_job
from exercises.job_faults import A_DAY, end_faults, setting
from exercises.kinds import Found, Number, Question
from utils.check import Unreadable
from utils.course import JOBS, Course

MACHINES, BILLED = 8, 1_800  # of the job whose cost is asked, and its billable seconds
PRICE = JOBS["ml.m5.large"]
LIMIT = 600  # seconds
RECORDS = "application/x-recordio-protobuf"
SHARDED = "ShardedByS3Key"


def cost(machines: int = MACHINES, seconds: float = BILLED) -> float:
    """Dollars for so many machines of a job that is billed so many seconds."""
    return machines * seconds / 3600 * PRICE


def input_mode(job: Job) -> str:
    """How the channel ``train`` reaches the machines: it has a mode of its own, or the job's."""
    return job.channels["train"].get("InputMode") or job.sent["AlgorithmSpecification"]["TrainingInputMode"]


def distribution(job: Job) -> str:
    """How S3's objects of the channel ``train`` are given to the machines."""
    return job.channels["train"]["DataSource"]["S3DataSource"].get("S3DataDistributionType", "FullyReplicated")


@dataclass(frozen=True)
class Shared:
    """What a ``TrainingInput`` says, and how many objects it names."""

    distribution: str
    content_type: str
    objects: int


def shared(answer: Any, course: Course) -> Shared:
    """A ``TrainingInput``, and what S3 holds of it."""
    source = getattr(answer, "config", None)
    if not isinstance(source, dict) or "DataSource" not in source:
        raise Unreadable("A TrainingInput was expected: TrainingInput(address, content_type=…, distribution=…).")
    s3_source = source["DataSource"]["S3DataSource"]
    address = urlsplit(s3_source["S3Uri"])
    s3 = course.session.boto_session.client("s3")
    found = s3.list_objects_v2(Bucket=address.netloc, Prefix=address.path.lstrip("/"))["KeyCount"]
    return Shared(s3_source.get("S3DataDistributionType", "FullyReplicated"), source.get("ContentType") or "", found)


CHECKS = {
    "bill": Number(
        solution=lambda course: cost(),
        tolerance=0.006,
        right="Each of the machines is paid for from the first second to the last.",
        mistakes=[
            (lambda course: cost(machines=1), "That is one of the machines; all of them are billed."),
            (lambda course: cost(seconds=3600), "That is a whole hour, and the job was billed for less."),
            (lambda course: cost(seconds=BILLED * 3600), "The price is for an hour, and these are seconds."),
            (lambda course: cost(seconds=BILLED * 60), "The price is for an hour, and it was set against minutes."),
        ],
        far=("The job costs more than that.", "The job costs less than that."),
        hints=(
            "For which part of an hour is a machine billed?",
            "The part of an hour, times the price of an hour, times the machines.",
            "900 seconds of 2 machines at 0.20 dollars an hour cost 0.10 dollars.",
        ),
    ),
    "sharded_job": Found(
        look=newest_job,
        faults=[
            (
                lambda job, course: ", ".join(job.channels) or "none" if "train" not in job.channels else None,
                "Linear Learner learns from a channel named train; the job was sent these channels: {}.",
            ),
            (
                lambda job, course: job.sent["ResourceConfig"]["InstanceCount"] == 1,
                "The job was sent to one machine: instance_count says how many there are.",
            ),
            (
                lambda job, course: n if (n := job.sent["ResourceConfig"]["InstanceCount"]) != 2 else None,
                "The job was sent to {} machines, and two were asked for.",
            ),
            (
                lambda job, course: (
                    kind or "not named" if (kind := job.channels["train"].get("ContentType")) != RECORDS else None
                ),
                "The shards hold protobuf records, and the content type of the channel train is {}.",
            ),
            (
                lambda job, course: distribution(job) != SHARDED,
                "Each machine was given all shards: distribution says who gets which objects.",
            ),
            (
                lambda job, course: mode if (mode := input_mode(job)) != "Pipe" else None,
                "The channel train came in {} mode, not through a pipe.",
            ),
            *setting(
                "predictor_type",
                "regressor",
                "The hyperparameter predictor_type is missing, and Linear Learner needs it.",
                "The job was told to be a {}, and a bill is a number: regressor.",
            ),
            *end_faults(LIMIT, A_DAY, "max_run"),
        ],
        right="Two machines read their own shards through pipes, and neither copied anything to a disk.",
        hints=(
            "The cell with halves has two of the three things that are needed.",
            "The table above names the parameter for the third; order | {'max_run': …} changes what the jobs share.",
            "input_mode='FastFile' would be a third mode, given to the Estimator or to one TrainingInput.",
        ),
    ),
    "idle_machine": Found(
        look=shared,
        faults=[
            (lambda found, course: found.objects == 0, "S3 holds no object below this address."),
            (
                lambda found, course: found.distribution != SHARDED,
                "Now both machines would read every object: the work would be done twice, and not shared.",
            ),
            (
                lambda found, course: found.objects == 1,
                "This is still one object for two machines, and SageMaker hands out whole objects.",
            ),
            (
                lambda found, course: found.content_type or "not named" if found.content_type != RECORDS else None,
                "The objects hold protobuf records, and the content type is {}.",
            ),
        ],
        right="With ShardedByS3Key there have to be at least as many objects as machines.",
        hints=(
            "How many objects does the address name, and how many machines are there?",
            "SageMaker deals objects out to the machines like cards, and never cuts one.",
            "An address is the beginning of names: under logs/2025- lie twelve objects, if each month has one.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "b",
        {
            "a": "All machines take every step together, so none is done before the others.",
            "b": "All hold the same line after each step, so algo-1 alone scores it and writes the model.",
            "c": "Run found(sharded, BATCHES): it read as many batches as the other one.",
        },
    ),
    "question 2": Question(
        "c",
        {
            "a": "That is two shards; ten cannot be dealt out to four machines so that nobody has more.",
            "b": "That would need two and a half shards for each, and no shard is cut.",
            "c": "Two machines get three shards and two get two, and every step waits for the former.",
        },
    ),
    "question 3": Question(
        "a",
        {
            "a": "Each further machine is billed for its own start, and the exchange comes on top.",
            "b": "The three minutes of work are halved, and the two minutes of start are billed twice.",
            "c": "It is the fastest way, and each machine's start is on the bill.",
        },
    ),
}
