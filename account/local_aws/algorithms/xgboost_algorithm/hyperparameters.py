"""Hyperparameters: their types, ranges and dependencies, and the messages about wrong ones.

Source: ``algorithm_mode/hyperparameter_validation.py`` and ``sagemaker_algorithm_toolkit`` of AWS's container.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Uncaught, UserError
from .releases import Release

_TREE_UPDATERS = (
    "grow_colmaker", "distcol", "grow_histmaker", "grow_local_histmaker", "grow_skmaker", "sync", "refresh", "prune",
    "grow_quantile_histmaker",
)  # fmt: skip
# In the order in which the container's sentence lists them.
_LISTED_UPDATERS = (*_TREE_UPDATERS[:5], "grow_quantile_histmaker", *_TREE_UPDATERS[5:8])
_GROWERS = ("grow_colmaker", "distcol", "grow_histmaker", "grow_local_histmaker", "grow_quantile_histmaker")
_LINEAR_UPDATERS = ("shotgun", "coord_descent")
_OBJECTIVES: dict[str, tuple[int, ...]] = {  # and the number of the first release that takes it
    "aft_loss_distribution": (1, 2), "binary:logistic": (), "binary:logitraw": (), "binary:hinge": (),
    "count:poisson": (), "multi:softmax": (), "multi:softprob": (), "rank:pairwise": (), "rank:ndcg": (),
    "rank:map": (), "reg:linear": (), "reg:squarederror": (), "reg:logistic": (), "reg:gamma": (),
    "reg:pseudohubererror": (1, 2), "reg:squaredlogerror": (1, 0), "reg:absoluteerror": (1, 7), "reg:tweedie": (),
    "survival:aft": (1, 2), "survival:cox": (),
}  # fmt: skip
_ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}


class Interval:
    """A range of numbers: ``Interval("(0, 1]")``."""

    def __init__(self, text: str) -> None:
        self._text = text
        low, high = text[1:-1].split(", ")
        self._low, self._high = float(low), float(high)

    def __contains__(self, value: float) -> bool:
        above = value > self._low if self._text[0] == "(" else value >= self._low
        return above and (value < self._high if self._text[-1] == ")" else value <= self._high)

    def __str__(self) -> str:
        return self._text


class Metrics(list[str]):
    """The names that ``eval_metric`` takes, and those with a threshold, as ``error@0.4``."""

    def __contains__(self, metric: object) -> bool:
        if "<function" in str(metric):
            raise UserError(f"User defined evaluation metric {metric} is not supported yet.")
        name, at, threshold = str(metric).partition("@")
        if not at:
            return super().__contains__(metric)
        if name.strip() not in ("error", "ndcg", "map"):
            raise UserError(
                f"Metric '{metric}' is not supported. Parameter 'eval_metric' with customized threshold should "
                "be one of these options: 'error', 'ndcg', 'map'."
            )
        try:
            float(threshold)
        except ValueError:
            raise UserError(f"Threshold value 't' in '{name.strip()}@t' expects float input.") from None
        return True


class OnCpu(list[str]):
    """The names that a hyperparameter takes in a release that does not train on GPUs."""

    def __contains__(self, value: object) -> bool:
        if "gpu" in str(value):
            raise UserError("GPU training is not supported yet.")
        return super().__contains__(value)


@dataclass(frozen=True)
class Rule:
    """How a value is parsed, and where it must lie; ``elementwise``: of a list, each element must.

    ``since`` and ``until`` are the numbers of the first release that takes the hyperparameter, and of the first one
    that no longer does.
    """

    parse: Callable[[str], Any]
    range: Collection[Any] | Interval
    elementwise: bool = False
    since: tuple[int, ...] = ()
    until: tuple[int, ...] = (1_000,)

    def check(self, name: str, value: Any) -> None:
        """Raise UserError for a value outside the range."""
        elements = value if self.elementwise else [value]
        if self.parse is _nested:
            elements = [element for inner in value for element in inner]
        if not all(element in self.range for element in elements):
            if self.elementwise:
                raise UserError(f"Hyperparameter {name}: value {value} not in range {self.range}")
            raise UserError(f"Hyperparameter {name}: {value} is not in {self.range}")


def _integer(
    low: str, high: str = "+inf)", *, since: tuple[int, ...] = Rule.since, until: tuple[int, ...] = Rule.until
) -> Rule:
    return Rule(int, Interval(f"{low}, {high}"), since=since, until=until)


def _continuous(low: str, high: str = "+inf)", *, since: tuple[int, ...] = Rule.since) -> Rule:
    return Rule(float, Interval(f"{low}, {high}"), since=since)


def _categorical(*values: str, since: tuple[int, ...] = Rule.since, until: tuple[int, ...] = Rule.until) -> Rule:
    return Rule(str, list(values), since=since, until=until)


def _names(text: str) -> list[str]:
    return text.split(",")


def _tuple(text: str) -> tuple[Any, ...]:
    value = _literal(text)
    return value if isinstance(value, tuple) else (value,)


def _nested(text: str) -> list[list[Any]]:
    value = _literal(text)
    if not isinstance(value, list) or not all(isinstance(inner, list) for inner in value):
        raise ValueError("not a list of lists")
    return value


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(str(error)) from None


_RULES = {
    "num_round": _integer("[1"),
    "csv_weights": _integer("[0", "1]"),
    "early_stopping_rounds": _integer("[1"),
    "booster": _categorical("gbtree", "gblinear", "dart"),
    "silent": _integer("[0", "1]", until=(1, 2)),
    "verbosity": _integer("[0", "3]"),
    "nthread": _integer("[1"),
    "eta": _continuous("[0", "1]"),
    "gamma": _continuous("[0"),
    "max_depth": _integer("[0"),
    "min_child_weight": _continuous("[0"),
    "max_delta_step": _continuous("[0"),
    "subsample": _continuous("(0", "1]"),
    "colsample_bytree": _continuous("(0", "1]"),
    "colsample_bylevel": _continuous("(0", "1]"),
    "colsample_bynode": _continuous("(0", "1]"),
    "lambda": _continuous("[0"),
    "alpha": _continuous("[0"),
    "sketch_eps": _continuous("(0", "1)"),
    "scale_pos_weight": _continuous("(0"),
    "dsplit": _categorical("row", "col"),
    "refresh_leaf": _integer("[0", "1]"),
    "process_type": _categorical("default", "update"),
    "grow_policy": _categorical("depthwise", "lossguide"),
    "max_leaves": _integer("[0"),
    "max_bin": _integer("[0"),
    "monotone_constraints": Rule(_tuple, [-1, 0, 1], elementwise=True, since=(1, 0)),
    "interaction_constraints": Rule(_nested, Interval("[1, +inf)"), elementwise=True, since=(1, 0)),
    "sample_type": _categorical("uniform", "weighted"),
    "normalize_type": _categorical("tree", "forest"),
    "rate_drop": _continuous("[0", "1]"),
    "one_drop": _integer("[0", "1]"),
    "skip_drop": _continuous("[0", "1]"),
    "lambda_bias": _continuous("[0", "1]"),
    "tweedie_variance_power": _continuous("(1", "2)"),
    "num_class": _integer("[2"),
    "base_score": _continuous("[0"),
    "_nfold": _integer("[2", since=(1, 2), until=(1, 2, 2)),
    "_kfold": _integer("[2", since=(1, 2, 2)),
    "_num_cv_round": _integer("[1", since=(1, 2, 2)),
    "seed": _integer("(-2147483648", "2147483647)"),
    "num_parallel_tree": _integer("[1", since=(0, 90, 2)),
    "save_model_on_termination": _categorical("true", "false", since=(1, 0)),
    "aft_loss_distribution": _categorical("normal", "logistic", "extreme", since=(1, 2)),
    "aft_loss_distribution_scale": _continuous("[0", since=(1, 2)),
    "single_precision_histogram": _categorical("true", "false", since=(1, 2), until=(1, 7)),
    "deterministic_histogram": _categorical("true", "false", since=(1, 2)),
    "sampling_method": _categorical("uniform", "gradient_based", since=(1, 3)),
    "prob_buffer_row": _integer("(1.0", since=(1, 3)),
    "use_dask_gpu_training": _categorical("true", "false", since=(1, 5)),
}  # and those whose range itself is a release's


def rules(release: Release) -> dict[str, Rule]:
    """The hyperparameters that a release takes, in the container's names, with their rules."""
    taken = {
        name: rule for name, rule in _RULES.items() if not release.before(*rule.since) and release.before(*rule.until)
    }
    methods, predictors = ["auto", "exact", "approx", "hist"], ["cpu_predictor"]
    on_cpu = release.before(1, 2)
    trees = [name for name in _tree_updaters(release) if name != "grow_quantile_histmaker"]
    growers = [name for name in _GROWERS if name in trees]
    # The container's list names some of them more than once, and so does its sentence.
    updaters = [*trees, *growers, "grow_colmaker", *_LINEAR_UPDATERS, "refresh", "prune"]
    return taken | {
        "tree_method": Rule(str, OnCpu(methods) if on_cpu else [*methods, "gpu_hist"]),
        "predictor": Rule(str, OnCpu(predictors) if on_cpu else ["auto", *predictors, "gpu_predictor"]),
        "updater": Rule(_names, updaters, elementwise=True),
        "objective": Rule(str, [name for name, since in _OBJECTIVES.items() if not release.before(*since)]),
        "_tuning_objective_metric": _categorical(*release.objectives),
        "eval_metric": Rule(_names, Metrics([*release.maximized, *release.minimized]), elementwise=True),
    }


def _tree_updaters(release: Release) -> list[str]:
    gone = () if release.before(1, 7) else ("grow_local_histmaker",)
    to_come = ("grow_quantile_histmaker",) if release.before(1, 0) else ()
    return [name for name in _TREE_UPDATERS if name not in (*gone, *to_come)]


def read(texts: Mapping[str, str], release: Release = Release()) -> dict[str, Any]:  # noqa: B008 - it is frozen
    """The hyperparameters of a job, parsed and checked; ``texts`` are those of ``hyperparameters.json``.

    Raises UserError, which says which one is wrong, and why; Uncaught where AWS's container overlooks something.
    """
    if not release.before(0, 90, 2):
        texts = {_ALIASES.get(name, name): text for name, text in texts.items()}
    if "num_round" not in texts:
        raise UserError("Missing required hyperparameter: num_round")
    taken = rules(release)
    values: dict[str, Any] = {}
    for name, text in texts.items():
        if name not in taken:
            raise UserError(f"Extraneous hyperparameter found: {name}")
        try:
            values[name] = taken[name].parse(text)
        except ValueError as error:
            raise UserError(f"Hyperparameter {name}: could not parse value", caused_by=error) from None
    for name, value in values.items():
        taken[name].check(name, value)
    _check_dependencies(values, release)
    return values


def _check_dependencies(values: Mapping[str, Any], release: Release) -> None:
    objective, tree_method = values.get("objective"), values.get("tree_method")
    if objective in ("multi:softmax", "multi:softprob") and "num_class" not in values:
        raise UserError("Require input for parameter 'num_class' for multi-classification")
    metrics = values.get("eval_metric", ())
    if objective is None and metrics and ("auc" in metrics or not release.before(1, 2)):
        raise Uncaught(KeyError("objective"))
    if "auc" in metrics and objective and not objective.startswith(("binary:", "rank:")):
        raise UserError("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise UserError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")
    if "monotone_constraints" in values and tree_method not in ("exact", "hist"):
        raise UserError(
            "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or 'hist'."
        )
    if "interaction_constraints" in values and tree_method not in ("exact", "hist", "approx"):
        raise UserError(
            "interaction_constraints can be used only when the tree_method parameter is set to either 'exact', "
            "'hist' or 'approx'."
        )
    if "updater" in values:
        _check_updaters(values["updater"], values, release)


def _check_updaters(updaters: list[str], values: Mapping[str, Any], release: Release) -> None:
    trees = _tree_updaters(release)
    if values.get("booster") == "gblinear":
        if len(updaters) != 1 or updaters[0] not in _LINEAR_UPDATERS:
            raise UserError("Linear updater should be one of these options: 'shotgun', 'coord_descent'.")
    elif values.get("process_type") == "update":
        if set(updaters) - {"refresh", "prune"}:
            raise UserError("process_type 'update' can only be used with updater 'refresh' and 'prune'")
    elif set(updaters) - set(trees):
        listed = [name for name in _LISTED_UPDATERS if name in trees]
        raise UserError(
            "Tree updater should be selected from these options: "
            + "".join(f"'{name}', " for name in listed)
            + "'shortgun', 'coord_descent'."
        )
    elif sum(updater in _GROWERS for updater in updaters) > 1:
        local = "'grow_local_histmaker', " if "grow_local_histmaker" in trees else ""
        raise UserError(
            "Only one tree grow plugin can be selected. Choose one from the"
            f"following: 'grow_colmaker', 'distcol', 'grow_histmaker', {local}'grow_skmaker'"
        )
