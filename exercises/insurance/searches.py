"""What both editions of the lesson on tuning ask for: a search for a learning rate, and its price."""

from exercises.insurance.jobs import LIMIT, batch_faults
from exercises.insurance.prepared import reads
from exercises.job_faults import end_faults, setting
from exercises.kinds import Found
from exercises.tuning import (
    BEST,
    TuningFault,
    limit_faults,
    objective_faults,
    of_its_jobs,
    range_faults,
    search_faults,
    unsent,
)

RATE = "learning_rate"

MENDED = Found(
    look=unsent,
    faults=[*search_faults(RATE, 0.001, 0.3, 10)],
    right="Now the account would take it, and it would look for what you want.",
    hints=(
        "Read it from the top: which metric, in which direction, over which range, how many jobs?",
        "The lesson's own tuner has an objective that Linear Learner reports.",
        "A range from 1 to 5 on such a scale is written ContinuousParameter(1, 5, scaling_type='Logarithmic').",
    ),
)


def own_faults(without: int, argument: str) -> list[TuningFault]:
    """Faults of the learner's own search; ``without`` is the limit in seconds that the SDK sends by itself."""
    return [
        *objective_faults("validation:absolute_loss"),
        *range_faults(RATE, 0.001, 0.1),
        *of_its_jobs(
            [
                *setting(
                    "loss",
                    "absolute_loss",
                    "The jobs are not told their loss, so each makes the squared error small.",
                    "Each job makes the {} small.",
                ),
                *batch_faults(100),
                (reads("validation", "train"), "The channel validation reads the rows that the jobs learn from."),
                (reads("validation", "test"), "The channel validation reads the test rows, which are for the end."),
            ]
        ),
        *limit_faults(3),
        *of_its_jobs(end_faults(LIMIT, without, argument)),
        BEST,
    ]
