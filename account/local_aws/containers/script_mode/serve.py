"""Inference server of the framework images: HTTP by SageMaker's container contract around the user's code.

Started by its path, with the image's name.  It listens on the Unix socket that ``LOCAL_AWS_SOCKET`` names:
``GET /ping``, ``POST /invocations``, ``GET /execution-parameters``.  The user's module is imported into this process.

Reference: the developer guide, "Use Your Own Inference Code with Hosting Services".
"""

import importlib
import importlib.util
import json
import os
import sys
import tarfile
import threading
import traceback
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import sitecustomize as rerooted  # the one of this container: it knows where /opt/ml is
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

HERE = Path(__file__).resolve().parent
PACKAGES = HERE.with_name("image_packages")
# Only what stands in this folder is read from the project, under one name: all others are the user's.
sys.path.insert(0, str(HERE.parent))
from local_aws_formats import JSON  # noqa: E402
from sagemaker_containers._worker import Response as FlaskResponse  # noqa: E402
from sagemaker_inference.errors import BaseInferenceToolkitError  # noqa: E402
from script_mode import requirements, user_code  # noqa: E402
from script_mode.handlers import IMAGES, Defaults, Handler  # noqa: E402

sys.path.remove(str(HERE.parent))

ROOT = os.environ[rerooted.VARIABLE]
# Real paths: a library in C that is given one opens it by its name itself.
BASE = f"{ROOT}/opt/ml"
MODEL = f"{BASE}/model"
# What Flask answers for an error that nobody handled, in the images that are built on it.
INTERNAL = (
    "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n"
    "<p>The server encountered an internal error and was unable to complete your request. Either the server is "
    "overloaded or there is an error in the application.</p>\n"
)


def traceback_text(error: BaseException) -> str:
    """An error as Python prints it, without the lines that on AWS are not there."""
    whole = traceback.TracebackException.from_exception(error)
    waiting: list[traceback.TracebackException | None] = [whole]
    seen: set[int] = set()
    while waiting:
        part = waiting.pop()
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        ours = (str(HERE), str(Path(rerooted.__file__).parent), str(PACKAGES), "<frozen importlib")
        part.stack = traceback.StackSummary.from_list([at for at in part.stack if not at.filename.startswith(ours)])
        waiting += [part.__cause__, part.__context__]
    return "".join(whole.format()).replace(f"{ROOT}/", "/")


def load(defaults: Defaults) -> tuple[Handler, ModuleType | None]:
    """The model, by the user's module; whatever the user's code raises."""
    program = os.environ.get("SAGEMAKER_PROGRAM", defaults.module)
    module = None
    if program is not None:
        folders = _code(defaults)
        sys.path[:0] = folders
        if os.path.isfile(f"{folders[0]}/requirements.txt"):
            requirements.check(folders[0], os.environ)
        name = program.removesuffix(".py")
        # PyTorch's image has a default for all, and goes without a module.
        if not defaults.inside_the_model or importlib.util.find_spec(name):
            module = importlib.import_module(name)
    return Handler(defaults, module, MODEL), module


def _code(defaults: Defaults) -> list[str]:
    """The folders of the user's code, which is in the artifact, or is brought to where the image expects it."""
    if defaults.inside_the_model:
        return [f"{MODEL}/code", MODEL]
    # The variable holds real paths.  The image, too, takes it for what it is: neither JSON nor an address of a file.
    uri = rerooted.as_seen(os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", user_code.CODE), ROOT)
    archive = f"{BASE}/sourcedir.tar.gz"
    try:
        user_code.lay_out(uri, archive if os.path.isfile(archive) else "")
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
        raise ImportError(f"SAGEMAKER_SUBMIT_DIRECTORY: {error}") from None
    return [f"{BASE}/code"]


def application(defaults: Defaults, handler: Handler, module: ModuleType | None) -> Starlette:
    """The server of a model that is loaded.  One request at a time is at the user's code, as in one worker."""
    busy = threading.Lock()

    def answer(body: bytes, content_type: str, accept: str, headers: Headers) -> Response:
        try:
            with busy:
                result = handler.answer(body, content_type, accept, headers)
                if not defaults.inference_toolkit:
                    if isinstance(result, tuple):
                        result = FlaskResponse(response=result[0], mimetype=result[1])
                    return _response(result, "text/html; charset=utf-8")
                response = _response(result, accept)
                content_type = response.headers["content-type"]
                response.headers.update(handler.context.headers)
                response.headers["content-type"] = content_type  # the toolkit sets it after the user's code
                response.status_code = handler.context.status or response.status_code
                return response
        except Exception as error:
            text = traceback_text(error)
            print(text, end="", flush=True)
            if not defaults.inference_toolkit:
                return Response(INTERNAL, 500, media_type="text/html")
            message, status = str(error), 500
            if isinstance(error, BaseInferenceToolkitError):
                message, status = error.message, error.status_code
            return Response(f"{message}\n{text}".replace(f"{ROOT}/", "/"), status, media_type=JSON)

    async def invoke(request: Request) -> Response:
        headers = request.headers
        accept = headers.get("accept")
        if not accept or accept == "*/*":
            accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or JSON
        content_type = headers.get("content-type") or JSON
        return await run_in_threadpool(answer, await request.body(), content_type, accept, headers)

    async def ping(request: Request) -> Response:
        return Response()

    async def parameters(request: Request) -> Response:
        function = getattr(module, "execution_parameters_fn", None)
        if function is None:
            return Response(status_code=404)
        try:
            return _response(await run_in_threadpool(function), JSON)
        except Exception as error:
            print(traceback_text(error), end="", flush=True)
            return Response(status_code=500)

    return Starlette(
        routes=[
            Route("/ping", ping),
            Route("/invocations", invoke, methods=["POST"]),
            Route("/execution-parameters", parameters),
        ]
    )


def _response(result: Any, content_type: str) -> Response:
    """The answer that a function gave: a body, a body and its content type, or Flask's; TypeError if it is neither."""
    if hasattr(result, "get_data") and hasattr(result, "status_code"):
        return Response(result.get_data(), result.status_code, {"Content-Type": result.content_type})
    if isinstance(result, tuple):
        result, content_type = result[:2]
    if isinstance(result, dict):
        result, content_type = json.dumps(result), JSON
    if not isinstance(result, (str, bytes, bytearray)):
        raise TypeError(f"The answer to a request must be text or bytes; the user's code gave a {type(result)}.")
    body = result.encode() if isinstance(result, str) else bytes(result)
    return Response(body, headers={"Content-Type": str(content_type)})


def main(image: str) -> int:
    """Load the model and serve it until the container is stopped."""
    defaults = IMAGES[image]()
    try:
        handler, module = load(defaults)
    except (Exception, SystemExit) as error:
        print(traceback_text(error), end="", flush=True)
        if advice := rerooted.advice(error):
            print(advice, flush=True)
        return 1
    uvicorn.run(
        application(defaults, handler, module),
        uds=os.environ["LOCAL_AWS_SOCKET"],
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
