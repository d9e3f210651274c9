"""Exercises of "Put the model to work, in three ways"."""

from exercises.kinds import Found, Number, Question
from exercises.serving import batch_faults, batch_of, served_by, serverless_faults
from utils.course import HOSTING

HOUR = HOSTING["ml.t2.medium"]  # dollars
GIGABYTE_SECOND = 0.00002  # dollars, as the lesson has it
BUSY = 0.1  # seconds for a request
MEMORY, CONCURRENCY = 2_048, 10  # of the colleague's endpoint
GIGABYTES, DAYS = 2, 30


def even(month: float = 24 * DAYS * HOUR, days: int = DAYS, busy: float = BUSY, gigabytes: int = GIGABYTES) -> float:
    """Requests a day at which the serverless endpoint costs as much as a machine does in a month."""
    return month / (days * busy * gigabytes * GIGABYTE_SECOND)


CHECKS = {
    "batch_joined": Found(
        look=batch_of,
        faults=list(batch_faults()),
        right="The model saw nine features, and each answer stands beside its person.",
        hints=(
            "The cell with the Transformer above needs another file, another content type, and the table's arguments.",
            "Three arguments of transform are about the lines: what is sent, whether to join, what is kept.",
            "Of {'a': 1, 'b': {'c': 2}} the filter $.b sends {'c': 2}; joined lines have a key more, SageMakerOutput.",
        ),
    ),
    "break_even": Number(
        solution=lambda course: even(),
        tolerance=1_500,
        right="Below that the serverless endpoint is the cheaper one, and twice the memory halves the number.",
        mistakes=[
            (lambda course: even(gigabytes=1), "That is for 1 GB, as in the lesson's cell."),
            (lambda course: even(days=1), "Those requests were spread over a month: how many are that each day?"),
            (
                lambda course: even(busy=1),
                "A request keeps the endpoint busy for a tenth of a second, not for a whole one.",
            ),
            (lambda course: even(month=HOUR), "That is what an hour of the machine buys; the requests are a month's."),
            (lambda course: even(month=24 * HOUR), "That sets a day of the machine against a month of requests."),
        ],
        far=(
            "It takes more requests than that to pay for a machine.",
            "Fewer requests than that already cost as much.",
        ),
        hints=(
            "What does one request cost, for its tenth of a second with 2 GB?",
            "One request a day is thirty a month. How many times does that fit into the price of the machine?",
            "At 3 dollars a month for one request a day, a machine for 12 dollars is worth 4 requests a day.",
        ),
    ),
    "on_call": Found(
        look=served_by,
        faults=list(serverless_faults(MEMORY, CONCURRENCY)),
        right="AWS takes the memory in steps of 1,024 MB, and the tags are what the clean-up looks for.",
        hints=(
            "Run the call as it is: AWS's message says which of its values are possible.",
            "Compare the call with the lesson's: which argument stands in every call that makes something?",
            "In binary units a gigabyte has 1,024 megabytes, not a thousand.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "That works, and sends 40,000 requests where one job sends a file.",
            "b": "It is paid for all week, and used for an hour of it.",
            "c": "All rows are there, nobody waits, and the machine runs for minutes.",
        },
    ),
    "question 2": Question(
        "b",
        {
            "a": "Nothing in a CSV file says which of its columns is the label: a filter has to leave it out.",
            "b": "It was trained on nine features and gets ten numbers, the bill first.",
            "c": "A line has a coefficient for each of nine features and none for a tenth.",
        },
    ),
    "question 3": Question(
        "a",
        {
            "a": "Premiums by this model would lose money on the group.",
            "b": "They would at a ratio below 100 %.",
            "c": "The ratio compares sums of dollars and counts no people.",
        },
    ),
}
