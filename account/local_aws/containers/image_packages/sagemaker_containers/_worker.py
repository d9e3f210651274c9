"""Response of a server that is built on Flask, whose own is werkzeug's."""

import warnings
from typing import Any

from local_aws_absent import Absent
from local_aws_formats import JSON
from werkzeug.wrappers import Response as _Response


class Response(_Response):
    """An answer with a status and a content type, ``mimetype``; ``accept`` is of no effect."""

    default_mimetype = JSON

    def __init__(
        self,
        response: Any = None,
        accept: str | None = None,
        status: int | str = 200,
        headers: Any = None,
        mimetype: str | None = None,
        direct_passthrough: bool = False,
    ) -> None:
        if accept:
            message = 'ignoring deprecated "accept" argument to Response.__init__'
            warnings.warn(message, DeprecationWarning, stacklevel=2)
        super().__init__(response, status, headers, mimetype, None, direct_passthrough)


def default_healthcheck_fn() -> Response:
    """The answer to ``GET /ping``: 200, empty."""
    return Response(status=200)


def __getattr__(name: str) -> object:
    if name in ("Request", "Worker"):
        return Absent(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
