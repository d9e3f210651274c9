"""Exercises of "Choose a loss with version 3 of the SDK"."""

from exercises.account import newest_job
from exercises.insurance.jobs import HUBER, LIMIT, PREDICTS_NUMBERS, batch_faults, channel_faults
from exercises.job_faults import AN_HOUR, end_faults
from exercises.kinds import Choice, Found, Number, Question

JOBS, SECONDS, HOURLY = 100, 180, 0.115  # of each job; dollars

CHECKS = {
    "stale_tags": Choice(
        solution="4",
        right="The tags were made from the first hyperparameters: a changed job needs a trainer of its own.",
        mistakes={
            "1": "These tags are right for the hyperparameters that they are made of.",
            "2": "Here tags and hyperparameters still agree.",
            "3": "This job is what its tags say.",
            "5": "It sends what the trainer holds by then. Since when does that no longer fit together?",
        },
        hints=(
            "Follow both, the hyperparameters and the tags, from line to line.",
            "Tags are texts: nothing computes them again when something else changes.",
            "Whoever fills a jar with salt and leaves the label sugar made the mistake when filling.",
        ),
    ),
    "huber_trainer": Found(
        look=newest_job,
        faults=[
            *channel_faults(),
            *PREDICTS_NUMBERS,
            *HUBER,
            *batch_faults(100),
            *end_faults(LIMIT, AN_HOUR, "max_runtime_in_seconds of StoppingCondition"),
        ],
        right="The account was sent both channels, and the validation rows have chosen the model.",
        hints=(
            "The cell that makes the lesson's trainer needs other hyperparameters, another name, other tags.",
            "A dictionary given as **order can be changed first: order | {'stopping_condition': …}.",
            "The tags are made by tagged, and StoppingCondition(max_runtime_in_seconds=60) is a limit of a minute.",
        ),
    ),
    "bill": Number(
        solution=lambda course: JOBS * SECONDS / 3600 * HOURLY,
        tolerance=0.006,
        right="Waiting less costs nothing more: the bill counts the machines' seconds.",
        mistakes=[
            (
                lambda course: SECONDS / 3600 * HOURLY,
                "That is one job. At once or one after another, each of the hundred is billed for its own seconds.",
            ),
            (lambda course: JOBS * HOURLY, "That is an hour for each; a job is billed for 180 seconds."),
            (lambda course: JOBS * SECONDS / 60 * HOURLY, "The price is for an hour, and those are minutes."),
            (lambda course: JOBS * SECONDS / 3600 * HOURLY * 100, "That is in cents."),
        ],
        far=("They cost more than that.", "They cost less than that."),
        hints=(
            "How many seconds are billed in all?",
            "The seconds of all jobs in hours, times the price of an hour.",
            "Four jobs of 900 seconds at 0.20 dollars an hour cost 0.20 dollars.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "They may explain a difference once you have found it.",
            "b": "Neither SDK draws anything.",
            "c": "The result follows from the request; what differs there is the reason.",
        },
    ),
    "question 2": Question(
        "a",
        {
            "a": "A name ends with the time in whole seconds, and AWS refuses a name that is taken.",
            "b": "Each result lies below its job's name.",
            "c": "It takes as many as your quota allows.",
        },
    ),
    "question 3": Question(
        "c",
        {
            "a": "The expression hyperparameters | change makes a new dictionary each time; order holds none.",
            "b": "train only reads them.",
            "c": "Each variant has a dictionary of its own, so the trainer still says what it was trained with.",
        },
    ),
}
