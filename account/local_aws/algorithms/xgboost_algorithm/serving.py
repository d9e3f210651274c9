"""Inference: a model behind ``/ping``, ``/invocations`` and ``/execution-parameters``.

Source: ``algorithm_mode/serve.py`` of AWS's container.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import answers, payloads, pickles
from .content_types import LIBSVM
from .errors import sentence
from .library import xgboost
from .log import logger
from .releases import Release

_LARGEST = 6 * 1024**2  # bytes of a request, unless MAX_CONTENT_LENGTH says otherwise


class Model:
    """A trained model in its container, whose ``environment`` and release say how it answers."""

    def __init__(self, booster: xgboost.Booster, environment: Mapping[str, str], release: Release) -> None:
        booster.set_param({"nthread": 1})
        self._booster = booster
        self._lock = threading.Lock()  # not every booster predicts in several threads
        learner = json.loads(booster.save_config())["learner"]
        self._objective = learner["objective"]["name"]
        self._classes = int(learner["learner_model_param"].get("num_class", "0"))
        self._linear = learner["gradient_booster"]["name"] == "gblinear"
        self._limit = pickles.tree_limit(booster)
        self._rounds = self._limit // pickles.trees_in_a_round(learner) if release.counts_trees else self._limit
        self._release = release
        self._batch = bool(environment.get("SAGEMAKER_BATCH"))
        selected = environment.get("SAGEMAKER_INFERENCE_OUTPUT", "") if release.selects else ""
        self._selected = selected.replace(" ", "").lower()
        self._default = environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", answers.CSV)
        self.largest = int(environment.get("MAX_CONTENT_LENGTH", _LARGEST))

    def answer(self, body: bytes, content_type: str | None, accept: str | None) -> Response:
        """200 with predictions, 204 for no body, 415 for a bad one, 400, 406 or 500 for what goes wrong then."""
        if not body:
            return Response(status_code=204)
        if len(body) > self.largest:
            return _refusal(413, f"The data value transmitted exceeds the capacity limit of {self.largest} bytes.")
        try:
            data, kind = payloads.read(body, content_type or self._release.content_type)
        except payloads.NotReadable as error:
            return _refusal(415, str(error))
        try:
            self._check_features(data.num_col(), kind)
            with self._lock:
                predictions = self._predict(data)
        except Exception as error:  # XGBoost's own errors among them
            return _refusal(400, f"Unable to evaluate payload provided: {sentence(error)}")
        chosen = (accept or "").partition(";")[0].strip().lower()
        if chosen in ("", "*/*"):
            chosen = self._default
        if self._release.joins and not self._selected:
            chosen = answers.CSV
        if chosen not in answers.ACCEPTED:
            return _refusal(
                406, f"Accept type {accept} is not supported. Please use supported accept types: {answers.ACCEPTED}."
            )
        if not self._selected:
            return Response(answers.encode(predictions, chosen, self._batch, self._release.joins), media_type=chosen)
        try:
            keys = self._selected.split(",")
            selected = answers.encode_selected(predictions, keys, self._objective, self._classes, chosen, self._batch)
        except ValueError as error:
            return _refusal(500, str(error))
        return Response(selected, media_type=chosen)

    def _predict(self, data: xgboost.DMatrix) -> answers.Predictions:
        if self._linear and self._limit and self._release.pickles:
            # The libraries of these releases take no number of trees of a linear booster, and the container gives one.
            raise ValueError(
                f"Check failed: ntree_limit == 0U ({self._limit} vs. 0) : GBLinear::Predict ntrees is only valid for "
                "gbtree predictor"
            )
        return self._booster.predict(data, iteration_range=(0, self._rounds), validate_features=False)

    def _check_features(self, size: int, kind: str) -> None:
        trained = self._booster.num_features()
        if kind == LIBSVM and size > trained + 1:
            raise ValueError(
                f"Feature size of libsvm inference data {size} is larger than feature size of trained model {trained}."
            )
        if kind != LIBSVM and size not in (trained, trained - 1):
            raise ValueError(
                f"Feature size of {kind} inference data {size} is not consistent with feature size of trained model "
                f"{trained}."
            )


def load(folder: Path) -> xgboost.Booster:
    """The model of an unpacked artifact: what ``Booster.save_model`` wrote, or a pickle of older versions.

    Raises ValueError if the folder holds no model, or several.
    """
    files = [path for path in folder.iterdir() if path.is_file()]
    if len(files) != 1:
        raise ValueError(f"Unable to load model: {folder.name} holds {len(files)} files, not one")
    logger.info(f"Loading the model from /opt/ml/model/{files[0].name}")
    try:
        booster = pickles.read(files[0].read_bytes())
    except Exception as no_pickle:  # any file can be anything
        booster = xgboost.Booster()
        try:
            booster.load_model(files[0])
        except Exception as error:  # XGBoost's own errors among them
            raise ValueError(
                f"Model at /opt/ml/model/{files[0].name} cannot be loaded:\n{sentence(no_pickle)}\n{sentence(error)}"
            ) from None
    if not isinstance(booster, xgboost.Booster):
        raise ValueError(f"Model at /opt/ml/model/{files[0].name} cannot be loaded:\n{type(booster)} is no Booster")
    return booster


def serve(folder: Path, socket: str, environment: Mapping[str, str], release: Release) -> int:
    """Answer on the Unix socket until SIGTERM; 1 if there is no model to answer with."""
    try:
        model = Model(load(folder), environment, release)
    except (OSError, ValueError) as error:
        logger.error(str(error))
        return 1
    logger.info(f"Model loaded successfully for worker : {os.getpid()}")
    uvicorn.run(_application(model), uds=socket, log_level="warning", access_log=False)
    return 0


def _application(model: Model) -> Starlette:
    async def ping(_: Request) -> Response:
        return Response()

    async def execution_parameters(_: Request) -> Response:
        megabytes = model.largest // 1024**2
        workers = os.cpu_count() or 1
        return JSONResponse(
            {"MaxConcurrentTransforms": workers, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": megabytes}
        )

    async def invocations(request: Request) -> Response:
        body, headers = await request.body(), request.headers
        return await run_in_threadpool(model.answer, body, headers.get("content-type"), headers.get("accept"))

    return Starlette(
        routes=[
            Route("/ping", ping),
            Route("/execution-parameters", execution_parameters),
            Route("/invocations", invocations, methods=["POST"]),
        ]
    )


def _refusal(status: int, text: str) -> Response:
    logger.error(text)
    return PlainTextResponse(text, status)
