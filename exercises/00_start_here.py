"""The exercise of "Start here"."""

from exercises.kinds import Number, Question

HOURLY = 0.056  # dollars: ml.t2.medium for hosting, in us-east-1
HOURS = 63  # from Friday at six in the evening to Monday at nine in the morning

CHECKS = {
    "weekend": Number(
        solution=lambda course: HOURS * HOURLY,
        tolerance=0.015,
        right="Nobody asked the machine anything, and it is paid for by the hour all the same.",
        mistakes=[
            (lambda course: 100 * HOURS * HOURLY, "Those are cents; the answer is in dollars."),
            (lambda course: HOURS, "Those are the hours; each costs 0.056 dollars."),
            (
                lambda course: 48 * HOURLY,
                "That is Saturday and Sunday; it also ran on Friday evening and Monday morning.",
            ),
            (lambda course: 72 * HOURLY, "That is three whole days; it was found at nine in the morning."),
        ],
        far=("The weekend costs more than that.", "The weekend costs less than that."),
        hints=(
            "First count the hours from Friday evening to Monday morning.",
            "Six hours are left of Friday, then come two whole days, and then Monday until nine.",
            "Ten hours would cost 10 × 0.056 = 0.56 dollars.",
        ),
    ),
}

QUIZ: dict[str, Question] = {}
