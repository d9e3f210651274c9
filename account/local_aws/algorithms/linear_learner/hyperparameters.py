"""Hyperparameters: their names, defaults and ranges in AWS's image, and their values in a job.

https://docs.aws.amazon.com/sagemaker/latest/dg/ll_hyperparameters.html; the defaults are
those that the image prints at the top of every log.  Values are strings throughout, as
in ``hyperparameters.json``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import CustomerError, not_implemented

_INTEGER = re.compile(r"[1-9][0-9]*")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}


@dataclass(frozen=True)
class _Rule:
    """What a value may be: one of ``words``, or a number within bounds, described as a JSON schema."""

    default: str | None
    words: tuple[str, ...] = ()
    integer: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    number: bool = False
    text: bool = False

    def accepts(self, value: str) -> bool:
        if self.text or value in self.words:
            return True
        if self.integer:
            return bool(_INTEGER.fullmatch(value)) and (self.maximum is None or int(value) <= self.maximum)
        if not self.number or not _NUMBER.fullmatch(value):
            return False
        n = float(value)
        return (
            math.isfinite(n)
            and (self.minimum is None or n >= self.minimum)
            and (self.maximum is None or n <= self.maximum)
            and (self.above is None or n > self.above)
            and (self.below is None or n < self.below)
        )

    def schema(self) -> dict[str, object]:
        word: dict[str, object] = {"enum": list(self.words), "type": "string"}
        if not self.integer and not self.number:
            return word
        bounds: dict[str, object] = {"type": "integer", "minimum": 1} if self.integer else {"type": "number"}
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        limits |= {"exclusiveMinimum": self.above, "exclusiveMaximum": self.below}
        bounds |= {key: value for key, value in limits.items() if value is not None}
        return {"oneOf": [word, bounds]} if self.words else {"oneOf": [bounds]}


def _choice(default: str | None, *words: str) -> _Rule:
    return _Rule(default, words=words)


def _boolean(default: str, *words: str) -> _Rule:
    return _Rule(default, words=(*words, *_BOOLEANS))


def _integer(default: str, *words: str, maximum: float | None = None) -> _Rule:
    return _Rule(default, words=words, integer=True, maximum=maximum)


def _number(
    default: str,
    *words: str,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> _Rule:
    return _Rule(default, words, False, minimum, maximum, above, below, number=True)


REGRESSOR, BINARY, MULTICLASS = "regressor", "binary_classifier", "multiclass_classifier"
_CALIBRATION_SAMPLES = 10_000_000
# The losses of each predictor type; the first is what ``auto`` means.
LOSS_OF = {
    BINARY: ("logistic", "hinge_loss"),
    MULTICLASS: ("softmax_loss",),
    REGRESSOR: (
        "squared_loss",
        "absolute_loss",
        "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss",
        "quantile_loss",
        "huber_loss",
    ),
}
_CRITERIA = (
    "accuracy",
    "f1",
    "f_beta",
    "precision_at_target_recall",
    "recall_at_target_precision",
    "cross_entropy_loss",
    "loss_function",
)
_SAME_CRITERION = {"f1": "f_beta", "cross_entropy_loss": "loss_function"}

RULES: dict[str, _Rule] = {
    "mini_batch_size": _integer("1000"),
    "epochs": _integer("15"),
    "feature_dim": _integer("auto", "auto"),
    "use_bias": _boolean("true"),
    "binary_classifier_model_selection_criteria": _choice("accuracy", *_CRITERIA),
    "f_beta": _number("1.0", above=0),
    "target_recall": _number("0.8", minimum=0, maximum=1),
    "target_precision": _number("0.8", minimum=0, maximum=1),
    "num_models": _integer("auto", "auto"),
    "num_calibration_samples": _integer(str(_CALIBRATION_SAMPLES), "auto"),
    "init_method": _choice("uniform", "uniform", "normal"),
    "init_scale": _number("0.07", above=0),
    "init_sigma": _number("0.01", above=0),
    "init_bias": _number("0.0"),
    "optimizer": _choice("auto", "auto", "sgd", "adam", "rmsprop"),
    "loss": _choice("auto", "auto", *(loss for losses in LOSS_OF.values() for loss in losses)),
    "margin": _number("1.0", minimum=0),
    "quantile": _number("0.5", above=0, below=1),
    "loss_insensitivity": _number("0.01", above=0),
    "huber_delta": _number("1.0", minimum=0),
    "num_classes": _integer("1", maximum=1_000_000),
    "accuracy_top_k": _integer("3", maximum=1_000_000),
    "wd": _number("auto", "auto", minimum=0),
    "l1": _number("auto", "auto", minimum=0),
    "momentum": _number("auto", "auto", minimum=0, below=1),
    "learning_rate": _number("auto", "auto", above=0),
    "beta_1": _number("auto", "auto", minimum=0, below=1),
    "beta_2": _number("auto", "auto", minimum=0, below=1),
    "bias_lr_mult": _number("auto", "auto", above=0),
    "bias_wd_mult": _number("auto", "auto", minimum=0),
    "use_lr_scheduler": _boolean("true"),
    "lr_scheduler_step": _integer("auto", "auto"),
    "lr_scheduler_factor": _number("auto", "auto", above=0, below=1),
    "lr_scheduler_minimum_lr": _number("auto", "auto", above=0),
    "positive_example_weight_mult": _number("1.0", "balanced", "auto", above=0),
    "balance_multiclass_weights": _boolean("false"),
    "normalize_data": _boolean("true", "auto"),
    "normalize_label": _boolean("auto", "auto"),
    "unbias_data": _boolean("auto", "auto"),
    "unbias_label": _boolean("auto", "auto"),
    "num_point_for_scaler": _integer("10000"),
    "_kvstore": _choice("auto", "auto", "local"),
    "_num_gpus": _choice("auto", "auto", "0"),
    "_num_kv_servers": _choice("auto", "auto"),
    "_log_level": _choice("info", "info"),
    "_tuning_objective_metric": _Rule("", text=True),
    "early_stopping_patience": _integer("3"),
    "early_stopping_tolerance": _number("0.001", above=0),
    "_enable_profiler": _choice("false", "false", "False"),
    "predictor_type": _choice(None, *LOSS_OF),
}
DEFAULTS = {name: rule.default for name, rule in RULES.items() if rule.default is not None}


def merge(hyperparameters: Mapping[str, str]) -> dict[str, str]:
    """The defaults overlaid with what the job was given, as the log prints it. Checks nothing."""
    return DEFAULTS | dict(hyperparameters)


@dataclass(frozen=True)
class Hyperparameters:
    """What the job trains with. None stands for ``auto`` where the grid of models or the data decide.

    ``classes`` is 1 for a regressor, 2 for a binary classifier.
    """

    predictor_type: str
    classes: int
    loss: str
    quantile: float
    huber_delta: float
    loss_insensitivity: float
    margin: float
    positive_weight: float | None
    balance_multiclass_weights: bool
    feature_dim: int | None
    mini_batch_size: int
    epochs: int
    use_bias: bool
    num_models: int | None
    init_method: str
    init_scale: float
    init_sigma: float
    init_bias: float
    optimizer: str | None
    momentum: float
    learning_rate: float | None
    wd: float | None
    l1: float | None
    beta_1: float
    beta_2: float
    bias_lr_mult: float | None
    bias_wd_mult: float
    use_lr_scheduler: bool
    lr_scheduler_step: int | None
    lr_scheduler_factor: float | None
    lr_scheduler_minimum_lr: float | None
    normalize_data: bool
    normalize_label: bool
    unbias_data: bool
    unbias_label: bool
    num_point_for_scaler: int
    early_stopping_patience: int
    early_stopping_tolerance: float
    criterion: str
    target_recall: float
    target_precision: float
    num_calibration_samples: int
    f_beta: float
    accuracy_top_k: int
    tuned: bool

    @property
    def outputs(self) -> int:
        """The number of linear functions in a model: one, or one for each class."""
        return self.classes if self.predictor_type == MULTICLASS else 1

    @classmethod
    def parse(cls, hyperparameters: Mapping[str, str]) -> Hyperparameters:
        """Check every name and value of a job's hyperparameters and resolve ``auto``.

        Raises CustomerError for the first thing that is wrong, in the words of the JSON
        schema that the image checks against.
        """
        _check(hyperparameters)
        text = merge(hyperparameters)
        predictor, loss = text["predictor_type"], text["loss"]
        if loss != "auto" and loss not in LOSS_OF[predictor]:
            raise CustomerError(
                f"Loss {loss} cannot be used with predictor_type {predictor}. "
                f"Use one of: {', '.join(('auto', *LOSS_OF[predictor]))}"
            )
        if predictor == MULTICLASS and int(text["num_classes"]) < 3:
            raise CustomerError(
                "num_classes must be from 3 to 1000000 when predictor_type is multiclass_classifier, "
                f"but it is {text['num_classes']}"
            )

        def integer(name: str) -> int | None:
            return None if text[name] == "auto" else int(text[name])

        def number(name: str) -> float | None:
            return None if text[name] == "auto" else float(text[name])

        def number_or(name: str, auto: float) -> float:
            return auto if text[name] == "auto" else float(text[name])

        def boolean(name: str, auto: bool = True) -> bool:
            return _BOOLEANS.get(text[name], auto)

        use_bias, regressor = boolean("use_bias"), predictor == REGRESSOR
        weight = text["positive_example_weight_mult"]
        criterion = text["binary_classifier_model_selection_criteria"]
        return cls(
            predictor_type=predictor,
            classes={REGRESSOR: 1, BINARY: 2}.get(predictor, int(text["num_classes"])),
            loss=LOSS_OF[predictor][0] if loss == "auto" else loss,
            quantile=float(text["quantile"]),
            huber_delta=float(text["huber_delta"]),
            loss_insensitivity=float(text["loss_insensitivity"]),
            margin=float(text["margin"]),
            positive_weight=None if weight in ("balanced", "auto") else float(weight),
            balance_multiclass_weights=boolean("balance_multiclass_weights"),
            feature_dim=integer("feature_dim"),
            mini_batch_size=int(text["mini_batch_size"]),
            epochs=int(text["epochs"]),
            use_bias=use_bias,
            num_models=integer("num_models"),
            init_method=text["init_method"],
            init_scale=float(text["init_scale"]),
            init_sigma=float(text["init_sigma"]),
            init_bias=float(text["init_bias"]),
            optimizer=None if text["optimizer"] == "auto" else text["optimizer"],
            momentum=number_or("momentum", 0.0),
            learning_rate=number("learning_rate"),
            wd=number("wd"),
            l1=number("l1"),
            beta_1=number_or("beta_1", 0.9),
            beta_2=number_or("beta_2", 0.999),
            bias_lr_mult=number("bias_lr_mult"),
            bias_wd_mult=number_or("bias_wd_mult", 0.0),
            use_lr_scheduler=boolean("use_lr_scheduler"),
            lr_scheduler_step=integer("lr_scheduler_step"),
            lr_scheduler_factor=number("lr_scheduler_factor"),
            lr_scheduler_minimum_lr=number("lr_scheduler_minimum_lr"),
            normalize_data=boolean("normalize_data"),
            # The label of a classifier is a class: what the job says of its scale is passed over.
            normalize_label=regressor and boolean("normalize_label"),
            unbias_data=boolean("unbias_data", auto=use_bias),
            unbias_label=regressor and boolean("unbias_label", auto=use_bias),
            num_point_for_scaler=int(text["num_point_for_scaler"]),
            early_stopping_patience=int(text["early_stopping_patience"]),
            early_stopping_tolerance=float(text["early_stopping_tolerance"]),
            criterion=_SAME_CRITERION.get(criterion, criterion),
            target_recall=float(text["target_recall"]),
            target_precision=float(text["target_precision"]),
            num_calibration_samples=integer("num_calibration_samples") or _CALIBRATION_SAMPLES,
            f_beta=1.0 if criterion == "f1" else float(text["f_beta"]),
            accuracy_top_k=int(text["accuracy_top_k"]),
            tuned=text["_tuning_objective_metric"] != "",
        )


def _check(hyperparameters: Mapping[str, str]) -> None:
    if "predictor_type" not in hyperparameters:
        raise CustomerError(
            "No value(s) were specified for 'predictor_type' which are required hyperparameter(s)",
            "ValidationError",
            "'predictor_type' is a required property",
        )
    unknown = sorted(set(hyperparameters) - set(RULES))
    if unknown:
        names, verb = ", ".join(map(repr, unknown)), "was" if len(unknown) == 1 else "were"
        raise CustomerError(f"Additional properties are not allowed ({names} {verb} unexpected)", "ValidationError")
    for name, value in hyperparameters.items():
        rule = RULES[name]
        if rule.accepts(value):
            continue
        if name in ("_kvstore", "_num_gpus", "_num_kv_servers", "_log_level", "_enable_profiler"):
            raise not_implemented(f"Hyperparameter {name}={value}", f"Leave it out or give {rule.default}.")
        schema = rule.schema()
        keyword = "oneOf" if "oneOf" in schema else "enum"
        reason = "is not valid under any of the given schemas"
        if keyword == "enum":
            reason = f"is not one of {schema['enum']}"
        raise CustomerError(
            f"{value!r} {reason}",
            "ValidationError",
            f"{value!r} {reason}\n\n"
            f"Failed validating {keyword!r} in schema['properties'][{name!r}]:\n    {schema}\n\n"
            f"On instance[{name!r}]:\n    {value!r}",
        )
