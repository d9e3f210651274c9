"""Exercises of "Let SageMaker search, and read what it found"."""

from exercises.insurance.searches import MENDED, own_faults
from exercises.job_faults import A_DAY
from exercises.kinds import Found, Number, Question
from exercises.tuning import tuning_of

JOBS, MINUTES, HOURLY, WORTH = 20, 3, 0.115, 0.001  # of the search; dollars an hour; dollars an estimate

CHECKS = {
    "own_tuner": Found(
        look=tuning_of,
        faults=own_faults(A_DAY, "max_run of the estimator"),
        right="The account ran your search, and its best job is the one you name.",
        hints=(
            "Two cells above have all of it: the one that makes the tuner, and the one that starts it.",
            "What every job is told belongs to the estimator, as do its limit and its tags; the ranges to the tuner.",
            "A tuner knows tuner.best_training_job(), and a pair is written (tuner, 'name').",
        ),
    ),
    "mended_tuner": MENDED,
    "break_even": Number(
        solution=lambda course: JOBS * MINUTES / 60 * HOURLY / WORTH,
        tolerance=1,
        right="A search costs little; what it finds is small, too, and has to be used often enough.",
        mistakes=[
            (lambda course: MINUTES / 60 * HOURLY / WORTH, "That pays for one job; the search has twenty."),
            (lambda course: JOBS * MINUTES * HOURLY / WORTH, "The price is for an hour, and these are minutes."),
            (
                lambda course: JOBS * MINUTES / 60 * HOURLY / WORTH / 10,
                "That takes each estimate to be worth 0.01 dollars.",
            ),
            (
                lambda course: JOBS * MINUTES / 60 * HOURLY,
                "That is the bill in dollars; divide it by an estimate's worth.",
            ),
        ],
        far=("It takes more estimates than that.", "It takes fewer estimates than that."),
        hints=(
            "How many hours of a machine does the whole search take?",
            "The bill in dollars, divided by what one estimate is worth in dollars.",
            "A bill of 2 dollars is paid for by 400 estimates that are worth 0.005 dollars each.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "It does know it, and scores the finished model on it, so test:rmse exists.",
            "b": "They are fewer here, and that is not the point.",
            "c": "Then no rows are left that say what the best one is worth on new people.",
        },
    ),
    "question 2": Question(
        "a",
        {
            "a": "On it each power of ten is as likely as any other; on a linear scale nearly all draws exceed 0.1.",
            "b": "Another seed draws other values, over the same powers of ten.",
            "c": "Random learns nothing from earlier jobs; Bayesian does.",
        },
    ),
    "question 3": Question(
        "b",
        {
            "a": "That says whether to widen the range, and not whether the difference would last.",
            "b": "The best of 100 looks better than it is on the very rows by which it was chosen.",
            "c": "The smallest of 100 numbers is small for two reasons, and one of them is chance.",
        },
    ),
}
