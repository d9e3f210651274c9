"""A page that shows jobs, endpoints, logs and S3 objects of the account: read-only, for the reader's own browser.

``door.py`` says who may look, ``data.py`` what there is to see; ``static/`` is what the browser runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.services.cloudwatch import Metrics
from local_aws.services.logs import Logs
from local_aws.services.s3.objects import ObjectStore, blocks
from local_aws.services.sagemaker.resources import Resources
from local_aws.wire.service import JsonService

from .data import MANY, PageData
from .door import HEADERS, PATH, is_for_the_page, link, refusal

__all__ = ["Page", "is_for_the_page", "link"]

STATIC = Path(__file__).parent / "static"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Page:
    """Answers what a browser without a signature asks for."""

    def __init__(
        self,
        folder: Path,
        account: Account,
        resources: Resources,
        objects: ObjectStore,
        logs: Logs,
        metrics: Metrics,
        sagemaker: JsonService,
    ) -> None:
        self.folder = folder
        self.objects = objects
        self.data = PageData(account, resources, objects, logs, metrics, sagemaker)

    async def answer(self, request: Request) -> Response:
        """Answer a request for which ``is_for_the_page`` holds."""
        refused = refusal(request, self.folder)
        if refused:
            return refused
        name = request.url.path.removeprefix(PATH) if request.url.path != "/" else "index.html"
        try:
            if name == "object":
                return await run_in_threadpool(self._object, request)
            if name.startswith("data/"):
                body = await run_in_threadpool(self._data, name.removeprefix("data/"), request.query_params)
                return Response(json.dumps(body), 200, HEADERS, "application/json")
        except AwsError as error:
            # Where SageMaker says 400 of what is not there, a browser's user expects 404.
            status = error.status if error.status != 400 else 404
            return Response(json.dumps({"error": error.message}), status, HEADERS, "application/json")
        if name not in {path.name for path in STATIC.iterdir()}:
            return Response("There is no such page.\n", 404, HEADERS, "text/plain")
        path = STATIC / name
        return Response(path.read_bytes(), 200, HEADERS, TYPES[path.suffix])

    def _data(self, view: str, parameters: QueryParams) -> dict[str, Any]:
        """What a view of the page shows; AwsError if there is no such view, or nothing that it could show."""

        def text(name: str) -> str:
            return parameters.get(name, "")

        def number(name: str) -> int:
            return int(text(name)) if text(name).isdecimal() and len(text(name)) < 16 else 0

        views: dict[str, Callable[[], dict[str, Any]]] = {
            "overview": self.data.overview,
            "list": lambda: self.data.list_resources(text("kind"), MANY, number("skipped")),
            "resource": lambda: self.data.resource(text("kind"), text("name")),
            "log": lambda: self.data.log(text("kind"), text("name"), number("after")),
            "buckets": self.data.buckets,
            "keys": lambda: self.data.keys(text("bucket"), text("prefix"), text("start")),
        }
        if view not in views:
            raise AwsError("ValidationException", "There is no such data.", 404)
        return views[view]()

    def _object(self, request: Request) -> Response:
        """An object to keep as a file: whatever it holds, no browser shows it or runs it here."""
        item, stream = self.objects.open(request.query_params.get("bucket", ""), request.query_params.get("key", ""))
        name = item.key.rstrip("/").rpartition("/")[2] or "object"
        headers = HEADERS | {
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Length": str(item.size),
        }
        if request.method == "HEAD":
            stream.close()
            return Response(None, 200, headers, "application/octet-stream")
        return StreamingResponse(blocks(stream, item.size), 200, headers, "application/octet-stream")
