"""Amazon SageMaker's built-in algorithm Linear Learner, written from its documented and observed behaviour.

``python -m local_aws.algorithms.linear_learner train`` is the training container,
:mod:`.serving` the inference container.  Nothing here imports NumPy: the account reads
``METRIC_DEFINITIONS`` when it accepts a job.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/linear-learner.html and the
pages below it, the SageMaker Python SDK, and training logs that people have published.
"""

from __future__ import annotations

_QUALITY = r"#quality_metric: host=\S+, "
_TOP_K = "multiclass_top_k_accuracy"
_CHANNELS = ("train", "validation", "test")


def _definition(name: str, regex: str) -> dict[str, str]:
    return {"Name": name, "Regex": regex}


METRIC_DEFINITIONS: list[dict[str, str]] = [
    _definition("train:throughput", r"#throughput_metric: host=\S+, train throughput=(\S+) records/second"),
    _definition("train:progress", r"#progress_metric: host=\S+, completed (\S+) %"),
    *(
        _definition(f"{c}:objective_loss", rf"{_QUALITY}epoch=\S+, {c} \S+_objective <loss>=(\S+)")
        for c in ("train", "validation")
    ),
    *(
        _definition(f"{c}:objective_loss:final", rf"{_QUALITY}{c} \S+_objective <loss>=(\S+)")
        for c in ("train", "validation")
    ),
    _definition("test:objective_loss", rf"{_QUALITY}test \S+_objective <loss>=(\S+)"),
    *(
        _definition(f"{c}:{name}", rf"{_QUALITY}{c} {name} <loss>=(\S+)")
        for name in ("mse", "absolute_loss")
        for c in _CHANNELS
    ),
    # Documented as an objective of automatic model tuning, and printed by images since 2022.
    _definition("validation:rmse", rf"{_QUALITY}validation rmse <loss>=(\S+)"),
    *(
        _definition(f"{c}:{name}", rf"{_QUALITY}{c} {name} <score>=(\S+)")
        for name in ("binary_classification_accuracy", "precision", "recall")
        for c in _CHANNELS
    ),
    *(_definition(f"{c}:binary_f_beta", rf"{_QUALITY}{c} binary_f_\S+ <score>=(\S+)") for c in _CHANNELS),
    *(
        _definition(f"{c}:{name}", rf"{_QUALITY}{c} {name} <score>=(\S+)")
        for name in ("roc_auc_score", "multiclass_accuracy", "dcg", "macro_recall", "macro_precision")
        for c in _CHANNELS[1:]
    ),
    *(_definition(f"{c}:macro_f_beta", rf"{_QUALITY}{c} macro_f_\S+ <score>=(\S+)") for c in _CHANNELS[1:]),
    *(_definition(f"{c}:{_TOP_K}", rf"{_QUALITY}{c} {_TOP_K}_\S+ <score>=(\S+)") for c in _CHANNELS[1:]),
]
"""Metrics that the service reads from the log of every job of this image: name and regular expression."""

_DIRECTIONS = {"<loss>": "Minimize", "<score>": "Maximize"}
OBJECTIVES = {
    definition["Name"]: next((way for kind, way in _DIRECTIONS.items() if kind in definition["Regex"]), None)
    for definition in METRIC_DEFINITIONS
}
"""What automatic model tuning may optimize, and in which direction, if not in both."""

TUNABLE = {
    "wd": "Continuous",
    "l1": "Continuous",
    "learning_rate": "Continuous",
    "mini_batch_size": "Integer",
    "use_bias": "Categorical",
    "positive_example_weight_mult": "Continuous",
}
"""What automatic model tuning may search, with the kind of range that the documentation gives for it."""
