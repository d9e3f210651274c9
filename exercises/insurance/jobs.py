"""What jobs that train on the prepared insurance table are sent wrongly: faults that several lessons look for."""

from collections.abc import Iterator

from exercises.insurance.prepared import reads
from exercises.job_faults import Fault, csv_faults, setting

COLUMNS = 10  # the bill and nine features
LIMIT = 600  # seconds


def channel_faults() -> Iterator[Fault]:
    """Faults of the channels ``train`` and ``validation``."""
    yield from csv_faults("charges", COLUMNS, "bill")
    yield (
        lambda job, course: "validation" not in job.channels,
        "The job was sent no channel named validation, so the loss on the training rows chose its model.",
    )
    yield (reads("validation", "train"), "The channel validation reads the rows that the job learns from.")
    yield (
        reads("validation", "test"),
        "The channel validation reads the test rows: the test has then chosen the model that it is to judge.",
    )


def batch_faults(rows: int) -> Iterator[Fault]:
    """Faults of the size of batches."""
    return setting(
        "mini_batch_size",
        str(rows),
        "The hyperparameter mini_batch_size is missing, and its default, 1,000, is more than there are training rows.",
        f"The job took batches of {{}} rows, not of {rows}.",
    )


PREDICTS_NUMBERS: tuple[Fault, ...] = tuple(
    setting(
        "predictor_type",
        "regressor",
        "The hyperparameter predictor_type is missing, and Linear Learner needs it.",
        "The job was told to be a {}, and a bill is a number: regressor.",
    )
)
HUBER: tuple[Fault, ...] = tuple(
    setting(
        "loss",
        "huber_loss",
        "The hyperparameter loss is missing, so the job made the squared error small.",
        "The job made the {} small, and not Huber's.",
    )
)
