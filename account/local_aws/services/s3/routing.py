"""Routes of S3: which function answers a request, and which IAM action its caller needs.

Both are said beside the function, by ``@routes.add``.  Reference for the actions: the Service Authorization Reference,
"Actions, resources, and condition keys for Amazon S3".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote, urlencode

from starlette.responses import Response

from local_aws.core.errors import AwsError
from local_aws.wire.naming import operation_name
from local_aws.wire.refusals import not_implemented_by_s3

from .objects import ObjectStore
from .protocol import Call, Upload

CallFunction = Callable[[ObjectStore, Call], Response]
UploadFunction = Callable[[ObjectStore, Upload], Response]
Level = Literal["account", "bucket", "object"]  # what a request's path names
# A request's method, its level, and the sub-resources in its query, or "copy" for a header.
Form = tuple[str, Level, str]


@dataclass(frozen=True)
class Route:
    """What the caller of one form of request must be allowed.

    ``action`` is IAM's, without ``s3:``; ``of_version`` the one in its place where the query names a version.  If it
    is needed ``for_each`` of the objects that the request's document names, the function asks for it.
    """

    action: str
    of_version: str
    for_each: bool

    def authorize(self, call: Call) -> None:
        """Raise ``AwsError`` unless the caller may do what the call asks for, its own parts included."""
        if self.for_each:
            return
        if not call.bucket:
            call.need(f"s3:{self.action}", "arn:aws:s3:::*", {})
        elif not call.key:
            conditions = {f"s3:{name}": call.query[name] for name in _CONDITIONS if name in call.query}
            call.need(f"s3:{self.action}", f"arn:aws:s3:::{call.bucket}", conditions)
        else:
            resource = f"arn:aws:s3:::{call.bucket}/{call.key}"
            call.need(f"s3:{self.of_version if 'versionId' in call.query else self.action}", resource, {})
            if call.method == "PUT" and "x-amz-tagging" in call.headers:
                call.need("s3:PutObjectTagging", resource, {})
            source = unquote(call.headers.get("x-amz-copy-source", "").partition("?")[0]).removeprefix("/")
            if call.method == "PUT" and source:
                call.need("s3:GetObject", f"arn:aws:s3:::{source}", {})


@dataclass(frozen=True)
class CallRoute(Route):
    """The function for a request without a body, or with a document."""

    function: CallFunction


@dataclass(frozen=True)
class UploadRoute(Route):
    """The function for a request whose body becomes an object or a part."""

    function: UploadFunction


_CONDITIONS = ("prefix", "delimiter", "max-keys")  # of the query, which are condition keys of a bucket's actions
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
    "x-amz-grant-",
)


def a_browsers_form() -> AwsError:
    """What refuses S3's POST Object, which a browser sends as a form."""
    return not_implemented_by_s3("POST of a form (multipart/form-data: S3's POST Object)")


class Routes:
    """The routes of some functions, by the requests that they answer."""

    def __init__(self, *parts: Routes) -> None:
        self._routes: dict[Form, CallRoute | UploadRoute] = {}
        for part in parts:
            if twice := self._routes.keys() & part._routes.keys():
                raise ValueError(f"{min(twice)} has two functions")
            self._routes |= part._routes
        self._subresources = {name for _, _, part in self._routes for name in part.split()} - {"copy"}

    def add(
        self, method: str, level: Level, part: str = "", *, action: str, of_version: str = "", for_each: bool = False
    ) -> Callable[[CallFunction], CallFunction]:
        """Declare that a function answers requests of a method to what their path names (``level``).

        ``part`` is the sub-resource in the query, if one makes the request another operation; see ``Route`` for the
        rest.  ValueError if another function answers them, or if no ``action`` is named: none goes unasked.
        """

        def declare(function: CallFunction) -> CallFunction:
            self._enter((method, level, part), CallRoute(action, of_version or action, for_each, function))
            return function

        return declare

    def add_upload(
        self, method: str, level: Level, part: str = "", *, action: str
    ) -> Callable[[UploadFunction], UploadFunction]:
        """Declare the same of a function that is called when the body of the request has arrived."""

        def declare(function: UploadFunction) -> UploadFunction:
            self._enter((method, level, part), UploadRoute(action, action, False, function))
            return function

        return declare

    def _enter(self, form: Form, route: CallRoute | UploadRoute) -> None:
        if form in self._routes or not route.action:
            raise ValueError(f"{form} has a function already, or this one has no action")
        self._routes[form] = route

    def __iter__(self) -> Iterator[CallRoute | UploadRoute]:
        return iter(self._routes.values())

    def find(self, call: Call) -> CallRoute | UploadRoute:
        """The route of a request; ``NotImplemented`` names what there is none for."""
        level: Level = "object" if call.key else "bucket" if call.bucket else "account"
        if call.method == "POST" and call.headers.get("content-type", "").startswith("multipart/form-data"):
            raise a_browsers_form()
        if "x-amz-account-id" in call.headers:  # of S3 Control, which shares S3's name in signatures
            raise _missing(call, "x-amz-account-id")
        named = []
        for name in call.query:
            if name in self._subresources:
                named.append(name)
            elif name == "partNumber" and "uploadId" in call.query:
                continue
            elif name not in _PARAMETERS and not name.lower().startswith(("x-amz-", "response-")):
                raise _missing(call, name)
        for name in call.headers:
            if name.startswith(_REFUSED):
                raise _missing(call, name)
        if call.headers.get("x-amz-acl", "private") not in ("private", "bucket-owner-full-control"):
            raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")
        if call.query.get("versionId", "null") not in ("", "null"):
            version = call.query["versionId"]
            message = "Invalid version id specified"
            raise AwsError("InvalidArgument", message, ArgumentName="versionId", ArgumentValue=version)
        if call.method == "PUT" and level == "object" and "x-amz-copy-source" in call.headers:
            named.append("copy")
        route = self._routes.get((call.method, level, " ".join(named)))
        if route is None and (named or call.method == "POST"):
            raise _missing(call, f"{call.method} {' '.join(named) or 'of a form'}")
        if route is None:
            message = "The specified method is not allowed against this resource."
            raise AwsError("MethodNotAllowed", message, 405, Method=call.method, ResourceType=level.upper())
        return route


def _missing(call: Call, what: str) -> AwsError:
    """What refuses a request for ``what``, and says which operation of S3 that is."""
    path = quote(f"/{call.bucket}/{call.key}" if call.key else f"/{call.bucket}")
    return not_implemented_by_s3(f"{what} ({operation_name('s3', call.method, path, urlencode(call.query), {})})")
