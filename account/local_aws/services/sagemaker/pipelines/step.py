"""Step: one entry of the Steps of a pipeline definition.

Reference: the JSON schema of the pipeline definition (version 2020-12-01).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Step:
    """One step: what it calls, on which steps it waits, and in which branch of which Condition step it stands."""

    name: str
    type: str
    arguments: dict[str, Any]
    body: dict[str, Any]
    waits_for: set[str] = field(default_factory=set)
    branch_of: tuple[str, bool] | None = None

    @property
    def own_arguments(self) -> object:
        """The arguments without the steps in a Condition step's branches, which stand for themselves."""
        return self.arguments["Conditions"] if self.type == "Condition" else self.arguments
