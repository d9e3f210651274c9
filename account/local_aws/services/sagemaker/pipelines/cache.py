"""CacheConfig of a pipeline's steps: which may be cached, for how long, and which of their arguments count.

Reference: the developer guide, "Caching pipeline steps", "Turn on step caching" and "Default cache key attributes by
pipeline step type".
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from .expressions import json_object, need

# For each type of step that can be cached, the arguments by which two runs of it are told apart.
KEYS = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification", "CheckpointConfig", "DebugHookConfig", "DebugRuleConfigurations", "Environment",
        "HyperParameters", "InputDataConfig",
    ),
    "Tuning": ("HyperParameterTuningJobConfig", "TrainingJobDefinition", "TrainingJobDefinitions"),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
}  # fmt: skip
# Of a TrainingJobDefinition not all counts.
KEYS_OF_DEFINITION = (
    "AlgorithmSpecification", "HyperParameterRanges", "InputDataConfig", "StaticHyperParameters", "TuningObjective",
)  # fmt: skip
# The guide's examples and the SDK's are 30d, T16m, 30dT5h, p30d and P4DT12H.
DURATION = re.compile(
    r"P?(?=[0-9T])(?:([0-9]{1,9})Y)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?)?",
    re.IGNORECASE,
)
DAY = 86_400  # seconds
SECONDS = (365 * DAY, 30 * DAY, 7 * DAY, DAY, 3600, 60)  # of a year, a month, a week, a day, an hour, a minute


def check_cache(name: str, step_type: str, config: object) -> None:
    """Refuse the CacheConfig of the step ``name`` of the type ``step_type`` if the step cannot be cached so."""
    where = f"CacheConfig of step '{name}'"
    config = {} if config is None else json_object(config, f"Expecting start of Json Object in {where}.")
    for member in config:
        need(member in ("Enabled", "ExpireAfter"), f"Unknown member '{member}' in {where}.")
    enabled = config.get("Enabled", False)
    need(isinstance(enabled, bool), f"Enabled is neither true nor false in {where}.")
    if not enabled:
        return  # then the time is ignored
    need(step_type in KEYS, f"A {step_type} step cannot be cached ({where}); steps that can: {', '.join(KEYS)}.")
    need(
        _seconds(config.get("ExpireAfter")) is not None,
        f"ExpireAfter must be an ISO 8601 duration of years, months, weeks, days, hours and minutes, such as P30D or "
        f"PT1H, not {json.dumps(config.get('ExpireAfter'))}, in {where}.",
    )


def longest_age(config: dict[str, Any] | None) -> int | None:
    """How many seconds old a run may be for a step to use it again; None if the step is not cached."""
    return _seconds(config["ExpireAfter"]) if config and config.get("Enabled") else None


def _seconds(text: object) -> int | None:
    duration = DURATION.fullmatch(text) if isinstance(text, str) else None
    if duration is None:
        return None
    return sum(int(count or 0) * seconds for count, seconds in zip(duration.groups(), SECONDS, strict=True))


def signature(step_type: str, arguments: dict[str, Any]) -> str | None:
    """What is the same of two runs of a step that one may stand for the other; None for a step that cannot be cached.

    ``arguments`` are those that the step was run with, expressions exchanged for their values.
    """
    if step_type not in KEYS:
        return None
    counted = {key: arguments.get(key) for key in KEYS[step_type]}
    if definition := counted.get("TrainingJobDefinition"):
        counted["TrainingJobDefinition"] = {key: definition.get(key) for key in KEYS_OF_DEFINITION}
    return hashlib.sha256(json.dumps([step_type, counted], sort_keys=True).encode()).hexdigest()
