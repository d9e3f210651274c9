"""S3 of the embedded account: what answers its requests, and the door for jobs.

Path-style addresses only (``/bucket/key``).  What S3 can do beyond the routes of ``routing.py`` (ACLs,
policies, versions, lifecycle, object lock, customer keys …) answers ``NotImplemented`` with its
name.  Server-side encryption with AWS's keys is accepted and not claimed: bytes at rest are plain.
"""

from __future__ import annotations

import io
from pathlib import Path
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..disk import need_room
from ..errors import AwsError
from . import buckets, multipart, operations
from .body import MAX_DOCUMENT, MAX_PUT, receive
from .objects import ObjectStore
from .protocol import Call, Need, error_response, identity, parse, request_id
from .records import S3Object
from .routing import Function, Routes, a_browsers_form

__all__ = ["S3", "S3Object", "a_browsers_form", "error_response", "identity", "request_id"]


ROUTES = Routes(buckets.routes, operations.routes, multipart.routes)


class S3(ObjectStore):
    """The account's S3: ``handle`` for requests; for jobs the methods of ``ObjectStore``."""

    def __init__(self, folder: Path, region: str, account_id: str, public: Path | None = None) -> None:
        """Open or make the store in ``folder``; ``StateError`` when it, or ``public``, cannot be used."""
        super().__init__(folder, public)
        self._region = region
        self._account_id = account_id

    async def handle(self, request: Request, need: Need | None = None) -> Response:
        """Answer a request whose signature has been checked and whose body has not been read.

        Raises ``AwsError``; ``error_response`` writes it as S3 does.
        """
        call = parse(request, self._region, self._account_id)
        call.need = need or call.need
        route = ROUTES.find(call)
        route.authorize(call)
        try:
            return await self._do(request, call, route.function)
        except AwsError as error:
            if error.code == "NoSuchKey":
                # GetObject's reference: who may not list the bucket does not learn that the object is not there.
                named = call.headers.get("x-amz-copy-source") or call.bucket
                bucket = unquote(named).removeprefix("/").partition("/")[0]
                call.need("s3:ListBucket", f"arn:aws:s3:::{bucket}", {})
            raise

    async def _do(self, request: Request, call: Call, operation: Function) -> Response:
        if operation in (operations.put_object, multipart.upload_part):
            return await self._take_in(request, call, operation)
        if call.method in ("PUT", "POST"):
            document = io.BytesIO()
            call.body = await receive(request, call.headers, document, MAX_DOCUMENT, sized=False)
            call.document = document.getvalue()
        return await run_in_threadpool(operation, self, call)

    async def _take_in(self, request: Request, call: Call, operation: Function) -> Response:
        """Lay the body in a file of the store, then let the operation make it known."""
        algorithms = await run_in_threadpool(self._expect, call)
        with self.new_file() as call.file:
            with call.file.open("wb") as out:
                call.body = await receive(request, call.headers, out, MAX_PUT, algorithms)
            return await run_in_threadpool(operation, self, call)

    def _expect(self, call: Call) -> list[str]:
        """Refuse what can be refused before the body comes; else the checksums to compute from it."""
        length = call.headers.get("content-length", "")
        need_room(self.folder, int(length) if length.isdigit() else 0)
        if "uploadId" not in call.query:
            self.require_own(call.bucket)
            return []
        multipart.part_number(call)
        upload = self.upload(call.bucket, call.key, call.query["uploadId"])
        return [upload.algorithm] if upload.algorithm else []
