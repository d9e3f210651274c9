"""Exercises of "Deploy, ask and delete with version 3 of the SDK"."""

from exercises.kinds import Choice, Found, Number, Question
from exercises.salary.predictions import CLOSE, baseline, deployed, faults_of_three, three

YEARS = 5

CHECKS = {
    "five_years": Number(
        solution=lambda course: deployed(course, YEARS),
        tolerance=CLOSE,
        right="You have sent text and read JSON: the model is the one of the job, whichever SDK asks it.",
        mistakes=[
            (lambda course: baseline(course, YEARS), "That is what the baseline says, not the endpoint."),
            (lambda course: deployed(course, 1.3), "That is the first of the two answers above, for 1.3 years."),
            (lambda course: deployed(course, 10), "That is the second of the two answers above, for 10 years."),
        ],
        far=("The endpoint says more than that.", "The endpoint says less than that."),
        hints=(
            "The cell that scores the seven people asks the endpoint in the same way.",
            "With a deserializer on the endpoint the answer's body is a dictionary.",
            "In {'predictions': [{'score': 1.5}]} the number is under ['predictions'][0]['score'].",
        ),
    ),
    "with_stack": Found(
        look=three,
        faults=faults_of_three(
            "The answers are right, and this still runs and costs: {}. The stack deletes what is put on it."
        ),
        right="The account has no endpoint of this lesson left, and you have its answers.",
        hints=(
            "The cell above has the block without its last part; the cells under Step 6 have the rest.",
            "One request may hold several lines: one for each person.",
            "Read the body inside the block, while the endpoint is there; '1.3\\n10' are two people.",
        ),
    ),
    "stack_fault": Choice(
        solution="5",
        right="If line 3 fails, nothing has been told to delete the model: its callback belongs right after line 2.",
        mistakes={
            "2": "Line 2 makes the model first, as the configuration names it.",
            "3": "Line 3 may fail, and then the stack deletes what is on it by then. What is on it?",
            "4": "Line 4 comes right after what it is to delete.",
        },
        hints=(
            "Let one line after the other fail, and ask each time what is left.",
            "Whatever has been made goes onto the stack at once.",
            "A seat belt that is fastened at the second corner does not help at the first.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "a",
        {
            "a": "A field holds what was true when it was fetched, and refresh fetches it anew.",
            "b": "On AWS six to ten minutes are usual.",
            "c": "That would show as Failed, after a refresh.",
        },
    ),
    "question 2": Question(
        "c",
        {
            "a": "Keep the text in a variable instead: the stream does not go back.",
            "b": "Each request has an answer of its own.",
            "c": "The stream is empty after the first.",
        },
    ),
    "question 3": Question(
        "b",
        {
            "a": "It takes the same three calls in any order.",
            "b": "An endpoint uses its configuration, which names its model, so no part ever lacks what it stands on.",
            "c": "AWS takes any order, as you saw.",
        },
    ),
}
