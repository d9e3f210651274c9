"""Exercises of "Send the job with version 3 of the SDK"."""

from exercises.account import newest_job
from exercises.job_faults import AN_HOUR, csv_faults, end_faults
from exercises.kinds import Choice, Found, Number, Question
from exercises.salary.jobs import LIMIT, MISSES_BATCH, MISSES_LOSS, MISSES_TEST

HOURLY = 0.115  # dollars: ml.m5.large for training, in us-east-1
A_DAY = 86_400  # seconds

CHECKS = {
    "limit": Number(
        solution=lambda course: A_DAY / 3600 * HOURLY,
        tolerance=0.011,
        right="A limit of your own costs one line.",
        mistakes=[
            (lambda course: HOURLY, "That is one hour, the limit that version 3 sets by itself."),
            (lambda course: A_DAY * HOURLY, "The price is for an hour, and these are seconds."),
            (lambda course: 900 / 3600 * HOURLY, "That is the limit of this lesson's jobs, 900 seconds."),
        ],
        far=("A day costs more than that.", "A day costs less than that."),
        hints=(
            "How many hours are 86,400 seconds?",
            "The hours, times the price of an hour.",
            "7,200 seconds of a machine for 0.20 dollars an hour cost 0.40 dollars.",
        ),
    ),
    "trainer_job": Found(
        look=newest_job,
        faults=[
            *csv_faults("Salary", 2, "salary"),
            *MISSES_LOSS,
            *MISSES_BATCH,
            MISSES_TEST,
            *end_faults(LIMIT, AN_HOUR, "max_runtime_in_seconds of StoppingCondition"),
        ],
        right="The account was sent what you were asked for, and the job has left a model.",
        hints=(
            "The trainer of this lesson needs other hyperparameters, another name and another limit.",
            "A dictionary given as **order can be changed first: order | {'stopping_condition': …}.",
            "StoppingCondition(max_runtime_in_seconds=60) is a limit of one minute; channels holds both channels.",
        ),
    ),
    "who_complains": Choice(
        solution="sdk",
        right="The name of a field belongs to an object of the SDK, and pydantic knows its fields.",
        mistakes={
            "account": "The account would have to get the request first, and none is sent.",
            "job": "A job would have to be started first, and none is.",
            "nobody": "That was version 2, which swallows words that it does not know.",
        },
        hints=(
            "Is the mistake in a name of the SDK's, or in a dictionary that is passed on?",
            "Run the line: is there a job afterwards?",
            "In InputData(chanel_name=…) a name is misspelt, too.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "A model is an artifact and the image that reads it, and neither knows an SDK.",
            "b": "Their images read the same artifacts, whichever SDK sent the job.",
            "c": "The models stay where they are; what changes is the code that sends requests.",
        },
    ),
    "question 2": Question(
        "a",
        {
            "a": "train waits and returns nothing; the job is a thing of the account.",
            "b": "A job that fails raises FailedStatusError, with its reason.",
            "c": "Building a ModelTrainer sends nothing; train does.",
        },
    ),
    "question 3": Question(
        "b",
        {
            "a": "pydantic checks names and types of the SDK's own objects, not what a dictionary holds.",
            "b": "The dictionary is passed on as it is, and only the program knows its data.",
            "c": "A batch that is larger than the table is an error of Linear Learner's.",
        },
    ),
}
