"""Exercises of "Search with version 3 of the SDK"."""

import math

from exercises.insurance.searches import MENDED, own_faults
from exercises.job_faults import AN_HOUR
from exercises.kinds import Found, Number, Question
from exercises.tuning import tuning_of

JOBS, AT_ONCE, MINUTES = 10, 4, 3

CHECKS = {
    "own_search": Found(
        look=tuning_of,
        faults=own_faults(AN_HOUR, "max_runtime_in_seconds of the trainer's StoppingCondition"),
        right="The account ran your search, and its best job is the one you name.",
        hints=(
            "Three cells above have all of it: one makes the trainer, one the tuner, and one starts it.",
            "What every job is told belongs to the trainer, as does its limit; ranges and tags belong to the tuner.",
            "A tuner knows tuner.best_training_job(), and a pair is written (tuner, 'name').",
        ),
    ),
    "mended_search": MENDED,
    "parallel": Number(
        solution=lambda course: math.ceil(JOBS / AT_ONCE) * MINUTES,
        tolerance=0.1,
        right="In the last round two of the four machines have nothing to do; the bill is the same.",
        mistakes=[
            (lambda course: JOBS * MINUTES, "That is one after another."),
            (
                lambda course: JOBS / AT_ONCE * MINUTES,
                "There is no half round: the last two jobs take as long as four.",
            ),
            (lambda course: JOBS // AT_ONCE * MINUTES, "Two jobs are still to run then."),
            (lambda course: MINUTES, "That is all ten at once; four may run at a time."),
        ],
        far=("They take longer than that.", "They are done sooner than that."),
        hints=(
            "How many jobs run in the first round, and how many are left then?",
            "Count the rounds until all have run, and what each takes.",
            "Five jobs of 10 minutes, two at once, are three rounds, and take 30 minutes.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "SageMaker draws them, from the seed in the request.",
            "b": "The account starts the jobs; the SDK only waits, if it is to.",
            "c": "So two SDKs find the same.",
        },
    ),
    "question 2": Question(
        "b",
        {
            "a": "The trainer's hyperparameters name a type, a loss and epochs.",
            "b": "It tells each of its training jobs which metric counts.",
            "c": "An ordinary job has no such hyperparameter, as DescribeTrainingJob shows.",
        },
    ),
    "question 3": Question(
        "a",
        {
            "a": "It is a resource of the account, and costs what it costs until it has ended.",
            "b": "No kernel runs it, so none can end it by closing.",
            "c": "wait only watches.",
        },
    ),
}
