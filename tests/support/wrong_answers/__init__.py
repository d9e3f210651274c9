"""Typical wrong answers to the exercises that a learner writes code for: what makes each, and what is to be said.

The modules of this package hold them, by lesson and exercise, each made from the ``Course`` of the lesson; a module
may also say what a lesson's checks need to find in the account.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

from utils.course import Course

Wrong = list[tuple[Callable[[Course], Any], str]]

WRONG: dict[tuple[str, str], Wrong] = {}
PREPARED: dict[str, Callable[[Course], None]] = {}
"""By lesson, what trains the models that its checks look for; called once, before the first of them."""

for _module in pkgutil.iter_modules(__path__):
    _found = importlib.import_module(f"{__name__}.{_module.name}")
    WRONG |= _found.WRONG
    PREPARED |= getattr(_found, "PREPARED", {})
