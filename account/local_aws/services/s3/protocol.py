"""Protocol of S3: requests taken apart, XML documents, conditions, ranges, tags, times."""

from __future__ import annotations

import base64
import hashlib
import random
import re
import string
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote_to_bytes
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from local_aws.core.errors import AwsError

from .body import Body
from .records import S3Object

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_OF_IDS = string.digits + string.ascii_uppercase
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


Need = Callable[[str, str, Mapping[str, str]], None]
"""Raises ``AwsError`` unless the caller is allowed an action on a resource, given by its ARN, under the values of
condition keys that the request has beside those that every request has."""


def _anything(action: str, resource: str, conditions: Mapping[str, str]) -> None:
    """The ``Need`` of an account without a policy."""


@dataclass(frozen=True)
class Call:
    """A request in S3's terms; ``key`` is "" for operations on a bucket, ``bucket`` "" for the account."""

    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: Mapping[str, str]
    region: str
    owner: str  # the account's canonical user id
    need: Need
    document: bytes = b""  # an XML body
    checked: bool = False  # whether the client sent a digest of its own with the document

    def number(self, name: str, default: int, most: int = 1000) -> int:
        """A count from the query, at most ``most``; ``InvalidArgument``."""
        value = self.query.get(name)
        if not value:
            return default
        if not re.fullmatch(r"-?[0-9]{1,10}", value):
            message = f"Provided {name} not an integer or within integer range"
            raise AwsError("InvalidArgument", message, ArgumentName=name, ArgumentValue=value)
        if not 0 <= int(value) <= 2147483647:
            message = f"Argument {name} must be an integer between 0 and 2147483647"
            raise AwsError("InvalidArgument", message, ArgumentName=name, ArgumentValue=value)
        return min(int(value), most)

    def coded(self, text: str) -> str:
        """A key as the answer writes it: percent-encoded when ``encoding-type=url`` asks for it."""
        return quote(text, safe="/-_.~*") if self.query.get("encoding-type") else text


@dataclass(frozen=True)
class Upload:
    """A request that brings an object or a part: its bytes have arrived whole, and lie in a ``file`` of the store."""

    call: Call
    file: Path
    body: Body


def parse(request: Request, region: str, account_id: str, need: Need | None = None) -> Call:
    """Take a path-style request apart; ``InvalidURI``, ``KeyTooLongError``, ``AccessDenied``.

    ``need`` is what a policy is asked by, if there is one.
    """
    raw = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    bucket, _, key = raw[1:].partition(b"/")
    try:
        name, path = (unquote_to_bytes(text).decode() for text in (bucket, key))
        query = dict(parse_qsl(request.scope["query_string"].decode(), True, errors="strict"))
        if path and not name:
            raise ValueError("a key without a bucket")
    except ValueError:  # bytes that are not UTF-8, too
        raise AwsError("InvalidURI", "Couldn't parse the specified URI.") from None
    if len(path.encode()) > 1024:
        fields = {"Size": len(path.encode()), "MaxSizeAllowed": 1024}
        raise AwsError("KeyTooLongError", "Your key is too long", 400, **fields)
    # A presigned URL carries in its query what else would be x-amz- headers.
    carried = {key.lower(): value for key, value in query.items() if key.lower().startswith("x-amz-")}
    headers = carried | dict(request.headers)
    if headers.get("x-amz-expected-bucket-owner", account_id) != account_id:
        raise AwsError("AccessDenied", "Access Denied", 403)
    owner = hashlib.sha256(account_id.encode()).hexdigest()
    return Call(request.method, name, path, query, headers, region, owner, need or _anything)


# ---- XML


def _text(value: object) -> str:
    """Text of an element; control characters as references, as S3 writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return re.sub(r"[\x00-\x08\x0b-\x1f]", lambda character: f"&#x{ord(character[0]):x};", escape(str(value)))


def element(name: str, content: object, attributes: str = "") -> str:
    """One XML element: of text, or of a list of ``(name, content)`` pairs; pairs with None are left out."""
    if isinstance(content, list):
        inner = "".join(element(*child) for child in content if child[1] is not None)
    else:
        inner = _text(content)
    return f"<{name}{attributes}>{inner}</{name}>"


def answer(name: str, content: object, headers: dict[str, str] | None = None) -> Response:
    """An XML document in S3's namespace."""
    text = _DECLARATION + element(name, content, f' xmlns="{NAMESPACE}"')
    return Response(text, 200, headers, media_type="application/xml")


def request_id() -> str:
    """An id in the form of S3's, 16 capitals and digits; nobody need be unable to guess it."""
    return "".join(random.choices(_OF_IDS, k=16))


def identity(request_id: str) -> dict[str, str]:
    """The headers by which every answer of S3 names its request: its id, and the extended id ("host id").

    Source: S3's API reference, "Common Response Headers".
    """
    extended = base64.b64encode(hashlib.blake2b(request_id.encode(), digest_size=56).digest()).decode()
    return {"x-amz-request-id": request_id, "x-amz-id-2": extended}


def error_response(error: AwsError, resource: str, request_id: str, head: bool) -> Response:
    """S3's error document; no body to a HEAD request (``head``), where S3 sends the status alone."""
    headers = identity(request_id)
    if head or error.status == 304:
        return Response(None, error.status, headers, media_type="application/xml")
    fields = [("Code", error.code), ("Message", error.message), *error.fields.items()]
    fields += [("Resource", resource), ("RequestId", request_id), ("HostId", headers["x-amz-id-2"])]
    return Response(_DECLARATION + element("Error", fields), error.status, headers, media_type="application/xml")


def malformed_xml() -> AwsError:
    """S3's answer to a document that is not what its schema says."""
    message = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError("MalformedXML", message)


def read_xml(document: bytes, root: str) -> ElementTree.Element:
    """Parse a request's document, its namespace dropped; ``MalformedXML`` unless its root is ``root``."""
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise malformed_xml()
    try:
        tree = ElementTree.fromstring(document)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise malformed_xml() from None
    for node in tree.iter():
        node.tag = node.tag.rpartition("}")[2]
    if tree.tag != root:
        raise malformed_xml()
    return tree


# ---- times, ranges, conditions


def iso(seconds: float) -> str:
    """A time as S3 writes it in XML: whole seconds, UTC."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def http_date(seconds: float) -> str:
    """A time as HTTP headers write it."""
    return formatdate(int(seconds), usegmt=True)


def _seconds(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None  # HTTP: a condition whose date cannot be read is ignored


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte (inclusive) that a Range header asks for; None for the whole object.

    Several ranges, or none that can be read, ask for the whole object; ``InvalidRange`` when the
    object (of ``size`` bytes) has no such bytes.
    """
    match = re.fullmatch(r"bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", header or "", re.IGNORECASE)
    if not match or match.groups() == ("", ""):
        return None
    if not match[1]:
        first, last = max(size - int(match[2]), 0), size - 1
    else:
        first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
        if match[2] and int(match[2]) < first:
            return None
    if first >= size or first > last:
        fields = {"RangeRequested": header, "ActualObjectSize": size}
        raise AwsError("InvalidRange", "The requested range is not satisfiable", 416, **fields)
    return first, last


def _matches(header: str, etag: str) -> bool:
    return any(tag.strip().removeprefix("W/").strip('"') in ("*", etag) for tag in header.split(","))


def precondition_failed(condition: str) -> AwsError:
    """S3's 412."""
    message = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", message, 412, Condition=condition)


def unmodified(headers: Mapping[str, str], obj: S3Object, prefix: str = "") -> bool:
    """Weigh the If-… headers of a read: True when the answer is 304, ``PreconditionFailed`` when 412.

    ``prefix`` is ``x-amz-copy-source-`` for the source of a copy.  If-Match outweighs
    If-Unmodified-Since, and If-None-Match outweighs If-Modified-Since, as GetObject's reference says.
    """
    modified = int(obj.modified)
    match, none_match = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    since = _seconds(headers.get(f"{prefix}if-unmodified-since", ""))
    if match is not None:
        if not _matches(match, obj.etag):
            raise precondition_failed("If-Match")
    elif since is not None and modified > since:
        raise precondition_failed("If-Unmodified-Since")
    if none_match is not None:
        return _matches(none_match, obj.etag)
    since = _seconds(headers.get(f"{prefix}if-modified-since", ""))
    return since is not None and modified <= since


# ---- tags


def check_tags(pairs: list[tuple[str, str]], most: int) -> dict[str, str]:
    """Tags by S3's rules: at most ``most``, keys to 128 and values to 256 characters; ``InvalidTag``."""
    if len(pairs) > most:
        kind = "Object" if most == 10 else "Bucket"
        raise AwsError("BadRequest", f"{kind} tags cannot be greater than {most}")
    for key, value in pairs:
        for name, text, length in (("Key", key, 128), ("Value", value, 256)):
            least = 1 if name == "Key" else 0
            if not least <= len(text) <= length or not re.fullmatch(r"[\w\s+\-=.:/@]*", text):
                message = f"The Tag{name} you have provided is invalid"
                raise AwsError("InvalidTag", message, 400, **{f"Tag{name}": text})
        if key.lower().startswith("aws:"):
            raise AwsError("InvalidTag", "System tags cannot be added/updated by requester", TagKey=key)
    if len(dict(pairs)) < len(pairs):
        raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key")
    return dict(pairs)


def header_tags(header: str) -> dict[str, str]:
    """The tags of an ``x-amz-tagging`` header, written as a query string."""
    try:
        pairs = parse_qsl(header, keep_blank_values=True, strict_parsing=bool(header))
    except ValueError:
        message = (
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
            "without tag name duplicates."
        )
        raise AwsError("InvalidArgument", message, ArgumentName="x-amz-tagging", ArgumentValue=header) from None
    return check_tags(pairs, 10)


def read_tags(node: ElementTree.Element, most: int) -> dict[str, str]:
    """The tags of a TagSet's children."""
    pairs = []
    for tag in node:
        key, value = tag.findtext("Key"), tag.findtext("Value")
        if tag.tag != "Tag" or key is None or value is None:
            raise malformed_xml()
        pairs.append((key, value))
    return check_tags(pairs, most)


def tag_list(tags: dict[str, str]) -> list[tuple[str, object]]:
    """Tags as the children of a TagSet."""
    return [("Tag", [("Key", key), ("Value", value)]) for key, value in tags.items()]
