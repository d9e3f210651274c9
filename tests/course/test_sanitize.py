"""What nbval does not compare, and what it must go on comparing."""

import base64
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from nbval.plugin import get_sanitize_patterns

CONFIG = Path(__file__).parents[1] / "nbval_sanitize.cfg"
PATTERNS = dict(get_sanitize_patterns(CONFIG.read_text("utf-8")))

DIFFER_ONLY_BY_THE_RUN = [
    ("course-salary-2026-11-21-22-10-33-123", "course-salary-2027-01-02-03-04-05-006"),
    ('<table class="dataframe tex2jax_ignore mathjax_ignore">', '<table class="dataframe tex2jax_ignore">'),
    ("found course-salary-20261121221033", "found course-salary-20270102030405"),
    (
        "linear-learner-2026-11-21-22-10-33-123/output/model.tar.gz",
        "linear-learner-2026-11-21-22-10-34-999/output/model.tar.gz",
    ),
    (
        "[11/21/2026 22:10:33 INFO 140437362366272] Epoch 0: Loss improved.",
        "[01/02/2027 03:04:05 INFO 8366272] Epoch 0: Loss improved.",
    ),
    (
        "[11/21/2026 22:10:33 INFO 140437362366272 integration.py:636] worker started",
        "[11/21/2026 22:10:34 INFO 139 integration.py:636] worker started",
    ),
    (
        "2026-11-21 22:10:33 Starting - Starting the training job...",
        "2026-11-21 22:10:40 Starting - Starting the training job......",
    ),
    (
        "2026-11-21 22:10:33 Training - Training image download completed. Training in progress.",
        "2026-11-22 00:00:00 Training - Training image download completed. Training in progress...",
    ),
    ("created 2026-11-21T22:10:33.123456Z", "created 2026-11-21T22:10:34Z"),
    ("created 2026-11-21 22:10:33.123000+00:00", "created 2026-11-22 01:02:03.4+09:00"),
    ("begun at 22:10:33", "begun at 09:00:00"),
    ("as of 2026-11-21", "as of 2027-01-02"),
    ('#metrics {"StartTime": 1795299033.12, "EndTime": 1795299033.99}', '#metrics {"StartTime": 1.5, "EndTime": 2}'),
    (
        '{"update.time": {"sum": 3.1, "count": 1, "min": 3.1, "max": 3.1}}',
        '{"update.time": {"sum": 9, "count": 1, "min": 9, "max": 9}}',
    ),
    ('{"totaltime": {"sum": 3.1, "count": 1}}', '{"totaltime": {"sum": 4.1, "count": 1}}'),
    ("train throughput=1676.9030939964105 records/second", "train throughput=12 records/second"),
    ("Training seconds: 3\nBillable seconds: 3", "Training seconds: 41\nBillable seconds: 40"),
    ("the job took 12 s", "the job took 3.25 s"),
    ("trained in 1 second", "trained in 2 seconds"),
    ("------!", "-!"),
    ("...................!", "....!"),
    ("<Endpoint object at 0x7f3a5c0a1b20>", "<Endpoint object at 0x10f3a5c0a1b20>"),
    ("RequestId: 0aa1b2c3-0000-4000-8000-0123456789ab", "RequestId: ffffffff-1111-4222-9333-444455556666"),
    ("http://127.0.0.1:54321/endpoints", "http://127.0.0.1:8000/endpoints"),
    ("/tmp/ipykernel_27004/123.py:1: UserWarning: x", "/var/folders/a/ipykernel_8/99.py:1: UserWarning: x"),
]

TAUGHT = [
    "slope $8,740 per year of experience",
    "intercept $25,792",
    "RMSE $5,592",
    "MAE $4,644.12, R² 0.957",
    "28 rows to train, 7 to test",
    "validation mse_objective <loss>=73.92864118303571",
    "#quality_metric: host=algo-1, epoch=0, train mse_objective <loss>=0.9666845703125",
    "completed 6.666666666666667 % of epochs",
    "early stop after 12 epochs",
    "epoch 3 of 15",
    "1.3 years -> $37,154",
    "0  1.1  39343.0\n1  1.3  46205.0",
    "ml.t2.medium costs $0.056 an hour",
    "max_run=900",
    "status InService",
    "3 of 7 predictions lie within $5,000",
    "in 7 years the salary rises by $61,180",
    "residuals from -11,000 to 9,500",
    '"Metrics": {"Total Records Seen": {"sum": 1170.0, "count": 1, "min": 1170, "max": 1170}}',
    "(-1.25, 3)",
]


PICTURE = base64.b64encode(Random(0).randbytes(750_000)).decode()
RUNS = [PICTURE, *("ab 01.-_/[]{}\"'= \n")]
# The beginnings of what is masked, each cut where its end could be searched for in vain.
BEGINNINGS = sorted({one[: len(one) * part // 4] for one, _ in DIFFER_ONLY_BY_THE_RUN for part in (2, 3, 4)})


def masked(text: str) -> str:
    for pattern, replacement in PATTERNS.items():
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize(("one", "other"), DIFFER_ONLY_BY_THE_RUN)
def test_what_a_run_changes_is_masked(one: str, other: str) -> None:
    assert masked(one) == masked(other)


@pytest.mark.parametrize("text", TAUGHT)
def test_what_a_lesson_teaches_survives(text: str) -> None:
    assert masked(text) == text


def test_no_pattern_is_given_twice() -> None:
    """nbval keeps one replacement per pattern: the second would silently win."""
    lines = [line for line in CONFIG.read_text("utf-8").splitlines() if line.startswith("regex: ")]
    assert len(lines) == len(PATTERNS)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail what takes longer, in the middle of a search, too: a quadratic one would take hours."""

    def late(*_: object) -> None:
        pytest.fail(f"not done after {seconds} s")

    handler = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run[:1]!r}")
def test_a_megabyte_of_one_thing_is_masked_in_seconds(run: str) -> None:
    text = run * (1_000_000 // len(run))
    for end in ("", "x"):
        with at_most(seconds=20):
            masked(text + end)


def test_what_only_begins_like_something_masked_takes_no_longer() -> None:
    for beginning in BEGINNINGS:
        with at_most(seconds=20):
            masked(beginning * (200_000 // len(beginning)))
            masked(beginning + beginning[-1] * 200_000 + "x")
