"""Exercises of "Deploy the model, ask it, delete it"."""

from exercises.kinds import Choice, Found, Number, Question
from exercises.salary.predictions import CLOSE, baseline, deployed, faults_of_three, three

YEARS = 5

CHECKS = {
    "five_years": Number(
        solution=lambda course: deployed(course, YEARS),
        tolerance=CLOSE,
        right="A serializer wrote the 5, a deserializer read the answer, and the model is the one of the job.",
        mistakes=[
            (lambda course: baseline(course, YEARS), "That is what the baseline says, not the endpoint."),
            (lambda course: deployed(course, 1.3), "That is the first of the two answers above, for 1.3 years."),
            (
                lambda course: YEARS * deployed(course, 1),
                "That is five times the answer for one year.",
            ),
        ],
        far=("The endpoint says more than that.", "The endpoint says less than that."),
        hints=(
            "The cell above asks for two people, and you want one.",
            "Each row is a list of features, and the rows are a list; the answer is a dictionary with a list in it.",
            "For one person predictor.predict([[1.3]]) asks, and ['predictions'][0]['score'] takes the number out.",
        ),
    ),
    "with_block": Found(
        look=three,
        faults=faults_of_three(
            "The answers are right, and this still runs and costs: {}. A with block ends what it began."
        ),
        right="The account has no endpoint of this lesson left, and you have its answers.",
        hints=(
            "The cells above have all of it: the one with course.endpoint, and the one with deploy and its serializer.",
            "What is asked inside the block has to be kept in a variable, since the endpoint is gone after it.",
            "A list of numbers is made of the endpoint's answer by [each['score'] for each in answer['predictions']].",
        ),
    ),
    "order_fault": Choice(
        solution="4",
        right="delete_model asks the endpoint configuration which model it names, and line 3 has deleted that.",
        mistakes={
            "1": "Line 1 makes the model, the configuration and the endpoint.",
            "2": "Line 2 asks an endpoint that is in service.",
            "3": "Line 3 works: it deletes the endpoint together with its configuration. What needs them afterwards?",
        },
        hints=(
            "Which of the lines needs something that an earlier one has deleted?",
            "An endpoint knows its configuration, a configuration knows its model, and not the other way round.",
            "Whoever throws the list away cannot look up in it afterwards.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "That would be a price for each request; an endpoint on a machine has none.",
            "b": "That is how serverless inference is billed, another kind of endpoint.",
            "c": "The machine is yours until you give it back, whether it is asked or not.",
        },
    ),
    "question 2": Question(
        "b",
        {
            "a": "It has answered, once for each person.",
            "b": "Each record holds its number inside: unpack it, or ask for JSON.",
            "c": "How a model was trained and how it is asked are independent.",
        },
    ),
    "question 3": Question(
        "a",
        {
            "a": "It cleans up on every way out of the block.",
            "b": "After an error that line is never reached.",
            "c": "It waits until the whole program ends, and in a notebook that may be tomorrow.",
        },
    ),
}
