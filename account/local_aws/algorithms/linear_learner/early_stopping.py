"""Early stopping: when training ends, and which epoch's model is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """What an epoch's criterion means."""

    IMPROVED = "improved"
    WAIT = "wait"
    STOP = "stop"


@dataclass
class EarlyStopping:
    """The rule that reproduces the published logs.  Lower is better: a score comes negated.

    An epoch has improved if it is the first, or lower than the lowest of all before it by
    more than ``tolerance`` (relative).  If it has not, but is that much lower than the
    lowest of the ``patience`` epochs before it, waiting begins anew; else it goes on, and
    training stops after more than ``patience`` epochs of it.

    A negated score improves as long as it is not worse by more than the tolerance, since
    the bar then lies above the best of the scores.
    """

    patience: int
    tolerance: float
    waited: int = 0
    _history: list[float] = field(default_factory=list)

    def judge(self, value: float) -> Verdict:
        """Take the criterion of one more epoch; ``waited`` is then the length of the wait so far."""
        before, recent = self._history, self._history[-self.patience :]
        self._history = [*before, value]
        if not before or value < (1 - self.tolerance) * min(before):
            self.waited = 0
            return Verdict.IMPROVED
        self.waited = 0 if value < (1 - self.tolerance) * min(recent) else self.waited + 1
        return Verdict.STOP if self.waited > self.patience else Verdict.WAIT
