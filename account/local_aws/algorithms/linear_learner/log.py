"""The training log, line for line in the form of AWS's Python 3 images."""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TextIO

_ZERO = time.time() - time.perf_counter()  # so that the machine's clock, when it is set, makes no second negative
_IDENTITY = {"Algorithm": "Linear Learner", "Host": "algo-1", "Operation": "training"}


class Log:
    """Writes to ``stream`` (standard output by default); call :meth:`flush` where a reader should catch up.

    Times are UTC, as in a container.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._thread = threading.get_ident()
        self.host = _IDENTITY["Host"]  # whose log it is

    def info(self, message: str) -> None:
        """``[01/31/2026 12:00:00 INFO <thread>] message``"""
        self._record("INFO", message)

    def warning(self, message: str) -> None:
        """As :meth:`info`, with WARNING."""
        self._record("WARNING", message)

    def error(self, message: str) -> None:
        """As :meth:`info`, with ERROR."""
        self._record("ERROR", message)

    def plain(self, line: str) -> None:
        """A line without a prefix, as the container's entry point prints."""
        self._stream.write(line + "\n")

    def data_pass(self, channel: str, epoch: int, seconds: float, batches: int, size: int) -> None:
        """The line of AWS's record reader: one pass over ``size`` bytes in ``batches`` mini-batches."""
        stamp = datetime.fromtimestamp(now(), UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        stats = {
            "data_pipeline": f"/opt/ml/input/data/{channel}",
            "epoch": epoch,
            "duration": round(seconds * 1000),
            "num_examples": batches,
            "num_bytes": size,
        }
        self.plain(f"[{stamp}] [tensorio] [info] epoch_stats={json.dumps(stats)}")

    def metrics(self, start: float, values: dict[str, list[float] | float], **dimensions: object) -> None:
        """A ``#metrics`` line: ``values`` maps a name to one measurement or several, begun at ``start``."""
        record = {
            "StartTime": start,
            "EndTime": now(),
            "Dimensions": _IDENTITY | {"Host": self.host} | dimensions,
            "Metrics": {name: _summary(value) for name, value in values.items()},
        }
        self.plain(f"#metrics {json.dumps(record)}")

    def quality(self, channel: str, name: str, value: float, epoch: int | None = None, kind: str = "loss") -> None:
        """A ``#quality_metric`` line, the source of the job's metrics; ``kind`` is ``loss`` or ``score``."""
        at = "" if epoch is None else f"epoch={epoch}, "
        self.info(f"#quality_metric: host={self.host}, {at}{channel} {name} <{kind}>={value!r}")

    def flush(self) -> None:
        """Hand everything written so far to the reader."""
        self._stream.flush()

    def _record(self, level: str, message: str) -> None:
        stamp = datetime.fromtimestamp(now(), UTC).strftime("%m/%d/%Y %H:%M:%S")
        self._stream.write(f"[{stamp} {level} {self._thread}] {message}\n")


def now() -> float:
    """Seconds since the epoch, by a clock that nobody sets while this process lives."""
    return _ZERO + time.perf_counter()


def _summary(value: list[float] | float) -> dict[str, float]:
    many = value if isinstance(value, list) else [value]
    return {"sum": float(sum(many)), "count": len(many), "min": min(many), "max": max(many)}
