"""A training job: hyperparameters and channels in, log lines and a model file out.

Source: ``algorithm_mode/train.py``, ``train_utils.py`` and ``callback.py`` of AWS's container.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import custom_metrics, hyperparameters
from .channels import read_channels
from .errors import AlgorithmError, UserError, sentence
from .library import xgboost
from .log import logger
from .releases import NEWEST, Release

MODEL_NAME = "xgboost-model"

# What XGBoost and scikit-learn say of data that do not suit the hyperparameters.
_OF_THE_USER = (
    "label must be in [0,1] for logistic regression",
    "label must be in [0, num_class)",
    "Target is multiclass but average='binary'",
    "feature_names mismatch",
    "Check failed: preds.size() == info.labels_.size()",
    "the dataset only contains pos or neg samples",
    "base_score must be in (0,1) for logistic loss",
    "PoissonRegression: label must be nonnegative",
    "TweedieRegression: label must be nonnegative",
    "Parameter reg_lambda should be greater equal to 0",
)


def train(base: Path, release: Release = Release()) -> None:  # noqa: B008 - it is frozen
    """Train as ``input/config`` below ``base`` says, and write ``model/xgboost-model``, as a release would.

    Raises UserError or AlgorithmError, whose text is the job's reason for failing.
    """
    texts = _read_config(base, "hyperparameters")
    for name, text in texts.items():
        if not _is_json(text):
            logger.info(f"Failed to parse hyperparameter {name} value {text} to Json.\nReturning the value itself")
    logger.info("No GPUs detected (normal if no gpus installed)")
    logger.info("Running XGBoost Sagemaker in algorithm mode")
    if release.name != NEWEST:
        logger.warning(
            f"The embedded account runs XGBoost {xgboost.__version__}, not the library of the image's release "
            f"{release.name}: what is drawn at random, and all that follows, differs."
        )
    values = hyperparameters.read(texts, release)
    _refuse_what_is_missing(values)
    csv_weights = values.pop("csv_weights", 0) == 1
    matrix, validation = read_channels(base, _read_config(base, "inputdataconfig"), csv_weights)
    logger.info("Single node training.")
    booster = _boost(values, matrix, validation, base / "model" / MODEL_NAME, release)
    _save(booster, base / "model" / MODEL_NAME, release)


def _read_config(base: Path, name: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((base / "input" / "config" / f"{name}.json").read_text())
    return config


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _refuse_what_is_missing(values: Mapping[str, object]) -> None:
    for name in ("_nfold", "_kfold", "_num_cv_round"):
        if name in values:
            raise UserError(
                f"Cross validation ({name}) is not implemented in the embedded account. Split the table, and use the "
                "channel validation."
            )
    if values.get("use_dask_gpu_training") == "true" or values.get("tree_method") == "gpu_hist":
        raise UserError(
            "Training on GPUs is not implemented in the embedded account. Leave out use_dask_gpu_training, and use the "
            "tree_method hist."
        )


def _save(booster: xgboost.Booster, path: Path, release: Release) -> None:
    if release.pickles:
        path.write_bytes(pickle.dumps(booster))
    else:
        booster.save_model(path)


def _boost(
    values: dict[str, Any],
    matrix: xgboost.DMatrix,
    validation: xgboost.DMatrix | None,
    model: Path,
    release: Release,
) -> xgboost.Booster:
    rounds, patience = values.pop("num_round"), values.pop("early_stopping_rounds", None)
    keep_saving = values.pop("save_model_on_termination", "false")
    for name in ("use_dask_gpu_training", "silent"):
        values.pop(name, None)
    metrics, decisive = _take_metrics(values)
    added = [name for name in metrics if name in custom_metrics.NAMES and release.computes(name)]
    own = [name for name in metrics if name not in added]
    if own:
        values["eval_metric"] = own
    values |= release.defaults(values, matrix.num_row())
    if "updater" in values:
        values["updater"] = ",".join(values["updater"])
    logger.info(f"Train matrix has {matrix.num_row()} rows and {matrix.num_col()} columns")
    watched = [(matrix, "train")]
    if validation is not None:
        logger.info(f"Validation matrix has {validation.num_row()} rows")
        watched.append((validation, "validation"))
    callbacks: list[xgboost.callback.TrainingCallback] = [xgboost.callback.EvaluationMonitor(logger=_print_round)]
    logger.info(f"CALLBACK_SETUP_DEBUG: save_model_on_termination={keep_saving}, is_master=True")
    if keep_saving == "true":
        logger.info("CALLBACK_ADDING: Adding SaveIntermediateModelCallBack on master")
        callbacks.append(_SaveEachRound(model, release))
        _end_in_order(model)
    else:
        logger.info(f"CALLBACK_SKIPPING save_model_on_termination={keep_saving}, is_master=True)")
    objective = values.get("objective")
    if patience and release.hands_on_early_stopping:
        callbacks.append(xgboost.callback.EarlyStopping(rounds=patience))
    elif patience and decisive and validation is not None:
        callbacks.append(
            xgboost.callback.EarlyStopping(
                rounds=patience,
                data_name="validation",
                metric_name=decisive,
                maximize=decisive in release.maximized,
                save_best=True,
            )
        )
        if objective == "reg:linear" and release.calls_squared_error_linear:
            # Another name of the same objective, under which the newest library, too, cuts out the best rounds.
            logger.warning("reg:linear is now deprecated in favor of reg:squarederror.")
            values["objective"] = "reg:squarederror"
    evaluation = custom_metrics.evaluation(added, objective, release.rounds_predictions) if added else None
    try:
        booster = xgboost.train(
            values,
            matrix,
            num_boost_round=rounds,
            evals=watched,
            custom_metric=evaluation,
            callbacks=[_InOrder(callbacks)],
            verbose_eval=False,
        )
    except Exception as error:  # the container tells two kinds apart by their words
        message = sentence(error)
        if any(words in message for words in _OF_THE_USER):
            raise UserError(message) from None
        raise AlgorithmError(f"XGB train call failed with exception:\n {message}") from None
    if release.pickles:
        # As the libraries of these releases left it: the pickle carries it to the inference container.
        best = booster.attr("best_iteration")
        count = booster.num_boosted_rounds() if best is None else int(best) + 1
        booster.best_ntree_limit = count * values.get("num_parallel_tree", 1)  # type: ignore[attr-defined]
    return booster


def _print_round(line: str) -> None:
    print(line, end="", flush=True)


def _take_metrics(values: dict[str, Any]) -> tuple[list[str], str | None]:
    """The metrics that are asked for, and the one by which the container stops early from 1.3 on, if there is one.

    A tuning job's objective decides before the last ``eval_metric`` does.
    """
    metrics = list(values.pop("eval_metric", []))
    objective = values.pop("_tuning_objective_metric", None)
    if not objective:
        return metrics, metrics[-1] if metrics else None
    tuned = objective.partition(":")[2]
    logger.info(f"Setting up HPO optimized metric to be : {tuned}")
    return sorted({*metrics, tuned}) if metrics else [tuned], tuned


class _InOrder(xgboost.callback.TrainingCallback):
    """Callbacks one after the other, and all of them.

    XGBoost keeps its callbacks in a set: whether the last round is printed before it stops early would be chance.
    """

    def __init__(self, callbacks: Sequence[xgboost.callback.TrainingCallback]) -> None:
        super().__init__()
        self._callbacks = callbacks

    def before_training(self, model: xgboost.Booster) -> xgboost.Booster:
        for callback in self._callbacks:
            model = callback.before_training(model)
        return model

    def after_iteration(self, model: xgboost.Booster, epoch: int, evals_log: dict[str, Any]) -> bool:
        stops = [callback.after_iteration(model, epoch, evals_log) for callback in self._callbacks]
        return any(stops)

    def after_training(self, model: xgboost.Booster) -> xgboost.Booster:
        for callback in self._callbacks:
            model = callback.after_training(model)
        return model


class _SaveEachRound(xgboost.callback.TrainingCallback):
    """Leave the model of the last whole round where the service takes it from, should the job be stopped."""

    def __init__(self, model: Path, release: Release) -> None:
        super().__init__()
        self._model, self._release = model, release

    def after_iteration(self, model: xgboost.Booster, epoch: int, evals_log: dict[str, Any]) -> bool:
        unfinished = self._model.with_name("unfinished.ubj")
        _save(model, unfinished, self._release)
        unfinished.replace(self._model)
        return False


def _end_in_order(model: Path) -> None:
    """End on SIGTERM with nothing but the model in its folder."""

    def end(*_: object) -> None:
        for path in model.parent.iterdir():
            if path.is_file() and not path.name.startswith(MODEL_NAME):
                path.unlink()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
