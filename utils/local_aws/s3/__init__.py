"""S3 of the embedded account: which operation a request means, and the door for jobs.

Path-style addresses only (``/bucket/key``).  What S3 can do beyond the table below (ACLs,
policies, versions, lifecycle, object lock, customer keys …) answers ``NotImplemented`` with its
name.  Server-side encryption with AWS's keys is accepted and not claimed: bytes at rest are plain.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..disk import need_room
from ..errors import AwsError
from ..naming import operation_name
from ..refusals import not_implemented_by_s3
from . import buckets, multipart, operations
from .body import MAX_DOCUMENT, MAX_PUT, receive
from .objects import ObjectStore
from .protocol import Call, Need, error_response, identity, parse, request_id
from .records import S3Object

__all__ = ["S3", "S3Object", "a_browsers_form", "error_response", "identity", "request_id"]

Operation = Callable[[ObjectStore, Call], Response]

# (method, what the path names, the sub-resource in the query) -> operation
_ROUTES: dict[tuple[str, str, str], Operation] = {
    ("GET", "account", ""): buckets.list_buckets,
    ("PUT", "bucket", ""): buckets.create_bucket,
    ("HEAD", "bucket", ""): buckets.head_bucket,
    ("DELETE", "bucket", ""): buckets.delete_bucket,
    ("GET", "bucket", ""): buckets.list_objects,
    ("GET", "bucket", "list-type"): buckets.list_objects_v2,
    ("GET", "bucket", "location"): buckets.get_bucket_location,
    ("GET", "bucket", "tagging"): buckets.get_bucket_tagging,
    ("PUT", "bucket", "tagging"): buckets.put_bucket_tagging,
    ("DELETE", "bucket", "tagging"): buckets.delete_bucket_tagging,
    ("GET", "bucket", "versioning"): buckets.get_bucket_versioning,
    ("GET", "bucket", "versions"): buckets.list_object_versions,
    ("GET", "bucket", "uploads"): multipart.list_multipart_uploads,
    ("POST", "bucket", "delete"): operations.delete_objects,
    ("GET", "object", ""): operations.get_object,
    ("HEAD", "object", ""): operations.get_object,
    ("PUT", "object", ""): operations.put_object,
    ("PUT", "object", "copy"): operations.copy_object,
    ("DELETE", "object", ""): operations.delete_object,
    ("GET", "object", "tagging"): operations.get_object_tagging,
    ("PUT", "object", "tagging"): operations.put_object_tagging,
    ("DELETE", "object", "tagging"): operations.delete_object_tagging,
    ("POST", "object", "uploads"): multipart.create_multipart_upload,
    ("PUT", "object", "uploadId"): multipart.upload_part,
    ("PUT", "object", "uploadId copy"): multipart.upload_part_copy,
    ("POST", "object", "uploadId"): multipart.complete_multipart_upload,
    ("GET", "object", "uploadId"): multipart.list_parts,
    ("DELETE", "object", "uploadId"): multipart.abort_multipart_upload,
}
_SUBRESOURCES = frozenset(" ".join(route[2] for route in _ROUTES).split()) - {"copy"}
_PARAMETERS = frozenset(
    "prefix delimiter max-keys marker start-after continuation-token encoding-type fetch-owner max-parts "
    "part-number-marker key-marker version-id-marker upload-id-marker max-uploads max-buckets bucket-region "
    "versionId x-id AWSAccessKeyId Signature Expires content-type content-md5".split()
)
# Headers whose meaning would be lost in silence; each is a prefix.
_REFUSED = (
    "x-amz-server-side-encryption-customer-",
    "x-amz-copy-source-server-side-encryption-customer-",
    "x-amz-object-lock-",
    "x-amz-bucket-object-lock-enabled",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
    "x-amz-if-match-",
    "x-amz-mfa",
)


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
        operation = _route(call)
        try:
            return await self._do(request, call, operation)
        except AwsError as error:
            if error.code == "NoSuchKey":
                # GetObject's reference: who may not list the bucket does not learn that the object is not there.
                named = call.headers.get("x-amz-copy-source") or call.bucket
                call.need("s3:ListBucket", f"arn:aws:s3:::{unquote(named).removeprefix('/').partition('/')[0]}")
            raise

    async def _do(self, request: Request, call: Call, operation: Operation) -> Response:
        if operation in (operations.put_object, multipart.upload_part):
            return await self._take_in(request, call, operation)
        if call.method in ("PUT", "POST"):
            document = io.BytesIO()
            call.body = await receive(request, call.headers, document, MAX_DOCUMENT, sized=False)
            call.document = document.getvalue()
        return await run_in_threadpool(operation, self, call)

    async def _take_in(self, request: Request, call: Call, operation: Operation) -> Response:
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


def a_browsers_form() -> AwsError:
    """What refuses S3's POST Object, which a browser sends as a form."""
    return not_implemented_by_s3("POST of a form (multipart/form-data: S3's POST Object)")


def _route(call: Call) -> Operation:
    """The operation that a request means; ``NotImplemented`` names what there is none for."""
    level = "object" if call.key else "bucket" if call.bucket else "account"
    if call.method == "POST" and call.headers.get("content-type", "").startswith("multipart/form-data"):
        raise a_browsers_form()
    if "x-amz-account-id" in call.headers:  # of S3 Control, which shares S3's name in signatures
        raise _missing(call, "x-amz-account-id")
    named = []
    for name in call.query:
        if name in _SUBRESOURCES:
            named.append(name)
        elif name == "partNumber" and "uploadId" in call.query:
            continue
        elif name not in _PARAMETERS and not name.lower().startswith(("x-amz-", "response-")):
            raise _missing(call, name)
    for name in call.headers:
        if name.startswith(_REFUSED) or name.startswith("x-amz-grant-"):
            raise _missing(call, name)
    if call.headers.get("x-amz-acl", "private") not in ("private", "bucket-owner-full-control"):
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")
    if call.query.get("versionId", "null") not in ("", "null"):
        version = call.query["versionId"]
        message = "Invalid version id specified"
        raise AwsError("InvalidArgument", message, ArgumentName="versionId", ArgumentValue=version)
    if call.method == "PUT" and level == "object" and "x-amz-copy-source" in call.headers:
        named.append("copy")
    operation = _ROUTES.get((call.method, level, " ".join(named)))
    if operation is None and (named or call.method == "POST"):
        raise _missing(call, f"{call.method} {' '.join(named) or 'of a form'}")
    if operation is None:
        message = "The specified method is not allowed against this resource."
        raise AwsError("MethodNotAllowed", message, 405, Method=call.method, ResourceType=level.upper())
    return operation


def _missing(call: Call, what: str) -> AwsError:
    """What refuses a request for ``what``, and says which operation of S3 that is."""
    path = quote(f"/{call.bucket}/{call.key}" if call.key else f"/{call.bucket}")
    return not_implemented_by_s3(f"{what} ({operation_name('s3', call.method, path, urlencode(call.query), {})})")
