"""S3 as its clients see it: ``S3Service`` answers requests for what an ``ObjectStore`` holds.

Path-style addresses only (``/bucket/key``).  What S3 can do beyond the routes of ``routing.py`` (ACLs,
policies, versions, lifecycle, object lock, customer keys …) answers ``NotImplemented`` with its
name.  Server-side encryption with AWS's keys is accepted and not claimed: bytes at rest are plain.
"""

from __future__ import annotations

import io
from dataclasses import replace
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from local_aws.core.disk import need_room
from local_aws.core.errors import AwsError

from . import buckets, multipart, operations
from .body import MAX_DOCUMENT, MAX_PUT, receive
from .objects import ObjectStore
from .protocol import Call, Need, Upload, parse
from .routing import CallRoute, Routes, UploadRoute

ROUTES = Routes(buckets.routes, operations.routes, multipart.routes)


class S3Service:
    """The account's S3 as its clients see it: HTTP for what a store holds."""

    def __init__(self, store: ObjectStore, region: str, account_id: str) -> None:
        self.store = store
        self._region = region
        self._account_id = account_id

    async def handle(self, request: Request, need: Need | None = None) -> Response:
        """Answer a request whose signature has been checked and whose body has not been read.

        ``need`` asks the policy, if there is one.  Raises ``AwsError``; ``error_response`` writes it as S3 does.
        """
        call = parse(request, self._region, self._account_id, need)
        route = ROUTES.find(call)
        route.authorize(call)
        try:
            if isinstance(route, UploadRoute):
                return await self._take_in(request, call, route)
            return await self._do(request, call, route)
        except AwsError as error:
            if error.code == "NoSuchKey":
                # GetObject's reference: who may not list the bucket does not learn that the object is not there.
                named = call.headers.get("x-amz-copy-source") or call.bucket
                bucket = unquote(named).removeprefix("/").partition("/")[0]
                call.need("s3:ListBucket", f"arn:aws:s3:::{bucket}", {})
            raise

    async def _do(self, request: Request, call: Call, route: CallRoute) -> Response:
        if call.method in ("PUT", "POST"):
            document = io.BytesIO()
            body = await receive(request, call.headers, document, MAX_DOCUMENT, sized=False)
            call = replace(call, document=document.getvalue(), checked=body.checked)
        return await run_in_threadpool(route.function, self.store, call)

    async def _take_in(self, request: Request, call: Call, route: UploadRoute) -> Response:
        """Lay the body in a file of the store, then let the route's function make it known."""
        algorithms = await run_in_threadpool(self._expect, call)
        with self.store.new_file() as file:
            with file.open("wb") as out:
                body = await receive(request, call.headers, out, MAX_PUT, algorithms)
            return await run_in_threadpool(route.function, self.store, Upload(call, file, body))

    def _expect(self, call: Call) -> list[str]:
        """Refuse what can be refused before the body comes; else the checksums to compute from it."""
        length = call.headers.get("content-length", "")
        need_room(self.store.folder, int(length) if length.isdigit() else 0)
        if "uploadId" not in call.query:
            self.store.require_own(call.bucket)
            return []
        multipart.part_number(call)
        upload = self.store.upload(call.bucket, call.key, call.query["uploadId"])
        return [upload.algorithm] if upload.algorithm else []
