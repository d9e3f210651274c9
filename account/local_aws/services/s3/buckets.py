"""S3's operations on buckets and listings, as the S3 API reference describes them."""

from __future__ import annotations

import base64
import binascii
import re

from starlette.responses import Response

from local_aws.core.errors import AwsError
from local_aws.wire.refusals import not_implemented_by_s3

from .objects import ObjectStore, end_of
from .protocol import Call, answer, check_tags, iso, malformed_xml, read_tags, read_xml, tag_list
from .records import Page, S3Object
from .routing import Routes

routes = Routes()

# "General purpose bucket naming rules", S3 user guide
_NAME = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]", re.ASCII)
_ENDINGS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an")
_ADDRESS = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+", re.ASCII)


@routes.add("GET", "account", action="ListAllMyBuckets")
def list_buckets(store: ObjectStore, call: Call) -> Response:
    """ListBuckets, in pages when ``max-buckets`` is given."""
    after = _untoken(call.query.get("continuation-token", ""))
    prefix = call.query.get("prefix", "")
    remaining = store.buckets(prefix, after)
    limit = call.number("max-buckets", len(remaining), 10000)
    page = remaining[:limit]
    paged = "max-buckets" in call.query or "prefix" in call.query
    region = call.region if paged else None
    buckets = [
        ("Bucket", [("Name", name), ("CreationDate", iso(created)), ("BucketRegion", region)]) for name, created in page
    ]
    more = _token(page[-1][0]) if page and len(remaining) > limit else None
    content = [("Owner", [("ID", call.owner)]), ("Buckets", buckets), ("Prefix", prefix or None)]
    return answer("ListAllMyBucketsResult", [*content, ("ContinuationToken", more)])


@routes.add("PUT", "bucket", action="CreateBucket")
def create_bucket(store: ObjectStore, call: Call) -> Response:
    """CreateBucket: the name's rules, and a LocationConstraint that is this region."""
    name = call.bucket
    if not _NAME.fullmatch(name) or name.endswith(_ENDINGS) or _ADDRESS.fullmatch(name):
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.", BucketName=name)
    constraint, tags = None, {}
    if call.document:
        for node in read_xml(call.document, "CreateBucketConfiguration"):
            if node.tag == "LocationConstraint":
                constraint = node.text
            elif node.tag == "Tags":
                tags = read_tags(node, 50)
            else:
                raise not_implemented_by_s3(node.tag)
    if call.region == "us-east-1":
        if constraint:
            message = "The specified location-constraint is not valid"
            raise AwsError("InvalidLocationConstraint", message, LocationConstraint=constraint)
    elif constraint != call.region:
        message = (
            f"The {constraint or 'unspecified'} location constraint is incompatible for the region specific "
            "endpoint this request was sent to."
        )
        raise AwsError("IllegalLocationConstraintException", message)
    if not store.create_bucket(name, tags) and call.region != "us-east-1":
        message = "Your previous request to create the named bucket succeeded and you already own it."
        raise AwsError("BucketAlreadyOwnedByYou", message, 409, BucketName=name)
    return Response(headers={"Location": f"/{name}"})


@routes.add("HEAD", "bucket", action="ListBucket")
def head_bucket(store: ObjectStore, call: Call) -> Response:
    """HeadBucket."""
    store.require_bucket(call.bucket)
    headers = {"x-amz-bucket-region": call.region, "x-amz-access-point-alias": "false"}
    return Response(headers=headers, media_type="application/xml")


@routes.add("DELETE", "bucket", action="DeleteBucket")
def delete_bucket(store: ObjectStore, call: Call) -> Response:
    """DeleteBucket."""
    store.delete_bucket(call.bucket)
    return Response(status_code=204)


@routes.add("GET", "bucket", "location", action="GetBucketLocation")
def get_bucket_location(store: ObjectStore, call: Call) -> Response:
    """GetBucketLocation: empty for us-east-1."""
    store.require_bucket(call.bucket)
    return answer("LocationConstraint", "" if call.region == "us-east-1" else call.region)


@routes.add("GET", "bucket", "versioning", action="GetBucketVersioning")
def get_bucket_versioning(store: ObjectStore, call: Call) -> Response:
    """GetBucketVersioning: empty, as of a bucket whose versions were never switched on."""
    store.require_bucket(call.bucket)
    return answer("VersioningConfiguration", "")


@routes.add("GET", "bucket", "tagging", action="GetBucketTagging")
def get_bucket_tagging(store: ObjectStore, call: Call) -> Response:
    """GetBucketTagging; ``NoSuchTagSet`` when there are none."""
    tags = store.bucket_tags(call.bucket)
    if not tags:
        raise AwsError("NoSuchTagSet", "The TagSet does not exist", 404, BucketName=call.bucket)
    return answer("Tagging", [("TagSet", tag_list(tags))])


@routes.add("PUT", "bucket", "tagging", action="PutBucketTagging")
def put_bucket_tagging(store: ObjectStore, call: Call) -> Response:
    """PutBucketTagging: replaces all tags, at most 50."""
    store.set_bucket_tags(call.bucket, tag_document(call, 50))
    return Response(status_code=204)


@routes.add("DELETE", "bucket", "tagging", action="PutBucketTagging")
def delete_bucket_tagging(store: ObjectStore, call: Call) -> Response:
    """DeleteBucketTagging."""
    store.set_bucket_tags(call.bucket, {})
    return Response(status_code=204)


def tag_document(call: Call, most: int) -> dict[str, str]:
    """The tags of a ``Tagging`` document."""
    tags = read_xml(call.document, "Tagging").find("TagSet")
    if tags is None:
        raise malformed_xml()
    return read_tags(tags, most) if len(tags) else check_tags([], most)


# ---- listings


@routes.add("GET", "bucket", action="ListBucket")
def list_objects(store: ObjectStore, call: Call) -> Response:
    """ListObjects, the first version: a page begins behind ``marker``."""
    marker = call.query.get("marker", "")
    page, limit = _page(store, call, _behind(call, marker))
    delimiter = call.query.get("delimiter")
    more = page.following is not None
    content = [
        ("Name", call.bucket),
        ("Prefix", call.coded(call.query.get("prefix", ""))),
        ("Marker", call.coded(marker)),
        ("NextMarker", call.coded(page.last) if more and delimiter else None),
        ("MaxKeys", limit),
        ("Delimiter", call.coded(delimiter) if delimiter else None),
        ("EncodingType", call.query.get("encoding-type")),
        ("IsTruncated", more),
    ]
    return answer("ListBucketResult", [*content, *_contents(call, page, owner=True)])


@routes.add("GET", "bucket", "list-type", action="ListBucket")
def list_objects_v2(store: ObjectStore, call: Call) -> Response:
    """ListObjectsV2: a page begins at ``continuation-token``, or behind ``start-after``."""
    if call.query["list-type"] != "2":
        raise not_implemented_by_s3(f"list-type={call.query['list-type']}")
    token, after = call.query.get("continuation-token"), call.query.get("start-after", "")
    if token == "":
        raise _bad_token()
    page, limit = _page(store, call, _untoken(token) if token else _behind(call, after))
    delimiter = call.query.get("delimiter")
    more = None if page.following is None else _token(page.following)
    content = [
        ("Name", call.bucket),
        ("Prefix", call.coded(call.query.get("prefix", ""))),
        ("StartAfter", call.coded(after) if after else None),
        ("ContinuationToken", token),
        ("NextContinuationToken", more),
        ("KeyCount", len(page.objects) + len(page.prefixes)),
        ("MaxKeys", limit),
        ("Delimiter", call.coded(delimiter) if delimiter else None),
        ("EncodingType", call.query.get("encoding-type")),
        ("IsTruncated", more is not None),
    ]
    owner = call.query.get("fetch-owner") == "true"
    return answer("ListBucketResult", [*content, *_contents(call, page, owner)])


@routes.add("GET", "bucket", "versions", action="ListBucketVersions")
def list_object_versions(store: ObjectStore, call: Call) -> Response:
    """ListObjectVersions of a bucket without versions: each object has one, ``null``, which is its latest."""
    marker, version = call.query.get("key-marker", ""), call.query.get("version-id-marker")
    wrong = None
    if version is not None and "key-marker" not in call.query:
        wrong = "A version-id marker cannot be specified without a key marker."
    elif version == "":
        wrong = "A version-id marker cannot be empty."
    elif version not in (None, "null"):
        wrong = "Invalid version id specified"
    if wrong:
        raise AwsError("InvalidArgument", wrong, ArgumentName="version-id-marker", ArgumentValue=version)
    page, limit = _page(store, call, _behind(call, marker))
    delimiter = call.query.get("delimiter")
    more = page.following is not None
    at_object = more and bool(page.objects) and page.objects[-1].key == page.last
    content = [
        ("Name", call.bucket),
        ("Prefix", call.coded(call.query.get("prefix", ""))),
        ("KeyMarker", call.coded(marker)),
        ("VersionIdMarker", version or ""),
        ("NextKeyMarker", call.coded(page.last) if more else None),
        ("NextVersionIdMarker", "null" if at_object else None),
        ("MaxKeys", limit),
        ("Delimiter", call.coded(delimiter) if delimiter else None),
        ("EncodingType", call.query.get("encoding-type")),
        ("IsTruncated", more),
    ]
    return answer("ListVersionsResult", [*content, *_contents(call, page, owner=True, versions=True)])


def _page(store: ObjectStore, call: Call, start: str | bytes) -> tuple[Page, int]:
    limit = call.number("max-keys", 1000)
    check_encoding(call)
    if limit == 0:
        store.require_bucket(call.bucket)
        return Page([], [], "", None), 0
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    return store.page(call.bucket, prefix, delimiter, start, limit), limit


def check_encoding(call: Call) -> None:
    """Refuse an ``encoding-type`` that S3 does not know."""
    if call.query.get("encoding-type", "url") != "url":
        value = call.query["encoding-type"]
        message = "Invalid Encoding Method specified in Request"
        raise AwsError("InvalidArgument", message, ArgumentName="encoding-type", ArgumentValue=value)


def _behind(call: Call, marker: str) -> str | bytes:
    """Where a listing goes on behind ``marker``: behind all its keys when it is a common prefix."""
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    cut = marker.find(delimiter, len(prefix)) if delimiter and marker.startswith(prefix) else -1
    if cut >= 0 and cut + len(delimiter) == len(marker):
        return end_of(marker)
    return marker + "\0" if marker else ""


def _contents(call: Call, page: Page, owner: bool, versions: bool = False) -> list[tuple[str, object]]:
    name, own = ("Version", [("VersionId", "null"), ("IsLatest", True)]) if versions else ("Contents", [])
    rows: list[tuple[str, object]] = [(name, [*_row(call, obj, owner), *own]) for obj in page.objects]
    return rows + [("CommonPrefixes", [("Prefix", call.coded(prefix))]) for prefix in page.prefixes]


def _row(call: Call, obj: S3Object, owner: bool) -> list[tuple[str, object]]:
    return [
        ("Key", call.coded(obj.key)),
        ("LastModified", iso(obj.modified)),
        ("ETag", f'"{obj.etag}"'),
        *(("ChecksumAlgorithm", name.upper()) for name in obj.checksums),
        ("Size", obj.size),
        ("StorageClass", obj.headers.get("x-amz-storage-class", "STANDARD")),
        ("Owner", [("ID", call.owner)] if owner else None),
    ]


def _token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _bad_token() -> AwsError:
    message = "The continuation token provided is incorrect"
    return AwsError("InvalidArgument", message, ArgumentName="continuation-token")


def _untoken(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise _bad_token() from None
