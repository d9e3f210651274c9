"""The container's log: ``[2026-01-31:12:00:00:INFO] message``, in UTC, on standard output."""

from __future__ import annotations

import logging
import sys
import time
import warnings

logger = logging.getLogger(__name__)


def start() -> None:
    """Let the program's messages, and XGBoost's warnings, go to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    formatter = logging.Formatter("[%(asctime)s:%(levelname)s] %(message)s", "%Y-%m-%d:%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # XGBoost's own sentence says where it comes from: no file of this machine.
    warnings.showwarning = lambda message, *_, **__: print(message, flush=True)
