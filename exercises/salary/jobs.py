"""What the job of both editions' "Your turn" is sent wrongly: absolute loss, batches of four, a channel ``test``."""

from exercises.job_faults import Fault, setting

BATCH = 4  # rows
LIMIT = 600  # seconds
MISSES_LOSS: tuple[Fault, ...] = tuple(
    setting(
        "loss",
        "absolute_loss",
        "The hyperparameter loss is missing, so the job made the squared error small.",
        "The job made the {} small, and not the absolute one.",
    )
)
MISSES_BATCH: tuple[Fault, ...] = tuple(
    setting(
        "mini_batch_size",
        str(BATCH),
        "The hyperparameter mini_batch_size is missing, and the default, 1,000, is more than there are rows.",
        "The job took batches of {} rows.",
    )
)
MISSES_TEST: Fault = (
    lambda job, course: "test" not in job.channels,
    "The job was sent no channel named test, so nothing scored its model on the seven people.",
)
