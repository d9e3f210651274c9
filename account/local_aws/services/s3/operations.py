"""S3's operations on objects, as the S3 API reference describes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

from starlette.responses import Response, StreamingResponse

from local_aws.core.errors import AwsError
from local_aws.wire.refusals import not_implemented_by_s3

from .body import CHECKSUMS, MAX_PUT, encode, new_digest
from .buckets import tag_document
from .objects import BLOCK, ObjectStore, blocks
from .protocol import (
    Call,
    Upload,
    answer,
    byte_range,
    header_tags,
    http_date,
    iso,
    malformed_xml,
    precondition_failed,
    read_xml,
    tag_list,
    unmodified,
)
from .records import S3Object, no_such_key
from .routing import Routes

routes = Routes()

_KEPT = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")
_OVERRIDES = ("content-type", *_KEPT)
_CLASSES = (
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
)
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE", "OUTPOSTS", "SNOW", "EXPRESS_ONEZONE", "FSX_OPENZFS", "FSX_ONTAP")


# ---- what comes with an object


def properties(headers: Mapping[str, str]) -> tuple[str, dict[str, str], dict[str, str]]:
    """Content type, kept headers and user metadata of a request that makes an object.

    Raises ``MetadataTooLarge`` above 2 KB, ``InvalidStorageClass``, and ``NotImplemented`` for
    the storage classes whose objects would have to be restored first.
    """
    metadata = {
        name.removeprefix("x-amz-meta-"): value for name, value in headers.items() if name.startswith("x-amz-meta-")
    }
    size = sum(len(name) + len(value.encode()) for name, value in metadata.items())
    if size > 2048:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise AwsError("MetadataTooLarge", message, Size=size, MaxSizeAllowed=2048)
    kept = {name: headers[name] for name in _KEPT if name in headers}
    codings = [coding.strip() for coding in kept.pop("content-encoding", "").split(",")]
    codings = [coding for coding in codings if coding and coding.lower() != "aws-chunked"]
    if codings:
        kept["content-encoding"] = ",".join(codings)
    storage = headers.get("x-amz-storage-class", "STANDARD")
    if storage in _ARCHIVES:
        raise not_implemented_by_s3(f"x-amz-storage-class: {storage}")
    if storage not in _CLASSES:
        message = "The storage class you specified is not valid"
        raise AwsError("InvalidStorageClass", message, StorageClassRequested=storage)
    if storage != "STANDARD":
        kept["x-amz-storage-class"] = storage
    return headers.get("content-type") or "binary/octet-stream", kept, metadata


def write_condition(headers: Mapping[str, str], key: str) -> Callable[[S3Object | None], None]:
    """What If-Match and If-None-Match ask of the object that is to be replaced."""
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if none_match is not None and none_match.strip() != "*":
        raise not_implemented_by_s3("If-None-Match with a value other than *")

    check_match = _match_condition(match, key)

    def check(old: S3Object | None) -> None:
        if none_match is not None and old is not None:
            raise precondition_failed("If-None-Match")
        check_match(old)

    return check


def checksum_headers(checksums: dict[str, str]) -> dict[str, str]:
    """Checksums as response headers; ``…-3`` is one over the checksums of three parts."""
    headers = {f"x-amz-checksum-{name}": value for name, value in checksums.items()}
    if checksums:
        composite = any("-" in value for value in checksums.values())
        headers["x-amz-checksum-type"] = "COMPOSITE" if composite else "FULL_OBJECT"
    return headers


# ---- writing


@routes.add_upload("PUT", "object", action="PutObject")
def put_object(store: ObjectStore, upload: Upload) -> Response:
    """PutObject."""
    call, body = upload.call, upload.body
    content_type, headers, metadata = properties(call.headers)
    tags = header_tags(call.headers.get("x-amz-tagging", ""))
    obj = S3Object(
        call.bucket, call.key, body.size, body.md5.hex(), upload.file, content_type, headers, metadata, tags,
        body.checksums,
    )  # fmt: skip
    store.put(obj, write_condition(call.headers, call.key))
    return Response(headers={"ETag": f'"{obj.etag}"', **checksum_headers(obj.checksums)})


def copy_source(store: ObjectStore, call: Call) -> S3Object:
    """The object that ``x-amz-copy-source`` names, its conditions weighed."""
    header = call.headers["x-amz-copy-source"]
    path, _, version = header.partition("?versionId=")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if not bucket or not key:
        message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise AwsError("InvalidArgument", message, ArgumentName="x-amz-copy-source", ArgumentValue=header)
    if version not in ("", "null"):
        raise AwsError("InvalidArgument", "Invalid version id specified", ArgumentValue=version)
    source = store.object(bucket, key)
    if unmodified(call.headers, source, "x-amz-copy-source-"):
        raise precondition_failed("x-amz-copy-source-If-None-Match")
    return source


def _directive(call: Call, name: str) -> bool:
    value = call.headers.get(name, "COPY")
    if value not in ("COPY", "REPLACE"):
        kind = "metadata" if "metadata" in name else "tagging"
        raise AwsError("InvalidArgument", f"Unknown {kind} directive.", ArgumentName=name, ArgumentValue=value)
    return value == "REPLACE"


@routes.add("PUT", "object", "copy", action="PutObject")
def copy_object(store: ObjectStore, call: Call) -> Response:
    """CopyObject: the bytes are linked; the ETag is the MD5 of the whole, also of a multipart object."""
    source = copy_source(store, call)
    new_properties, new_tags = (
        _directive(call, "x-amz-metadata-directive"),
        _directive(call, "x-amz-tagging-directive"),
    )
    algorithm = call.headers.get("x-amz-checksum-algorithm", "").lower()
    same = (source.bucket, source.key) == (call.bucket, call.key)
    if same and not (new_properties or new_tags or algorithm or "x-amz-storage-class" in call.headers):
        message = (
            "This copy request is illegal because it is trying to copy an object to itself without changing "
            "the object's metadata, storage class, website redirect location or encryption attributes."
        )
        raise AwsError("InvalidRequest", message)
    if source.size > MAX_PUT:
        message = "The specified copy source is larger than the maximum allowable size for a copy source: "
        raise AwsError("InvalidRequest", f"{message}{MAX_PUT}")
    with store.new_file() as path:
        obj = _copied(call, store.link(source, path), path, new_properties, new_tags, algorithm)
        store.put(obj, write_condition(call.headers, call.key))
    sums = [(f"Checksum{name.upper()}", value) for name, value in obj.checksums.items()]
    kind = [("ChecksumType", "FULL_OBJECT")] if sums else []
    times = [("ETag", f'"{obj.etag}"'), ("LastModified", iso(obj.modified))]
    return answer("CopyObjectResult", [*times, *kind, *sums])


def _copied(call: Call, source: S3Object, path: Path, new_properties: bool, new_tags: bool, algorithm: str) -> S3Object:
    """The copy of ``source`` whose bytes are at ``path``, as the request's directives describe it."""
    content_type, headers, metadata = properties(call.headers)
    if not new_properties:
        storage = {name: value for name, value in headers.items() if name == "x-amz-storage-class"}
        kept = {name: value for name, value in source.headers.items() if name != "x-amz-storage-class"}
        content_type, headers, metadata = source.content_type, kept | storage, source.metadata
    tags = header_tags(call.headers.get("x-amz-tagging", "")) if new_tags else source.tags
    etag, checksums = source.etag, source.checksums
    names = {algorithm} & set(CHECKSUMS) or set(checksums)
    if "-" in etag or names != set(checksums) or any("-" in value for value in checksums.values()):
        digests = {name: new_digest(name) for name in {"md5", *names}}
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                for digest in digests.values():
                    digest.update(block)
        etag = digests.pop("md5").digest().hex()
        checksums = {name: encode(digest.digest()) for name, digest in digests.items()}
    return S3Object(call.bucket, call.key, source.size, etag, path, content_type, headers, metadata, tags, checksums)


# ---- reading


@routes.add("GET", "object", action="GetObject", of_version="GetObjectVersion")
@routes.add("HEAD", "object", action="GetObject", of_version="GetObjectVersion")
def get_object(store: ObjectStore, call: Call) -> Response:
    """GetObject: whole or one range, from a file opened now, so never a mixture of two versions."""
    obj, stream = store.open(call.bucket, call.key)
    try:
        response, first, size = _described(call, obj)
        if response.status_code == 304 or call.method == "HEAD":
            stream.close()
            return response
        stream.seek(first)
        if size <= BLOCK:
            response.body = stream.read(size)
            stream.close()
            return response
        streaming = StreamingResponse(blocks(stream, size), response.status_code)
        streaming.raw_headers = response.raw_headers
        return streaming
    except BaseException:
        stream.close()
        raise


def _described(call: Call, obj: S3Object) -> tuple[Response, int, int]:
    """The answer to a read without its body, and the first byte and number of bytes of that."""
    headers = {
        "ETag": f'"{obj.etag}"',
        "Last-Modified": http_date(obj.modified),
        "Accept-Ranges": "bytes",
    }
    if unmodified(call.headers, obj):
        return Response(status_code=304, headers=headers), 0, 0
    headers |= {"Content-Type": obj.content_type, **obj.headers}
    headers |= {f"x-amz-meta-{name}": value for name, value in obj.metadata.items()}
    if obj.tags:
        headers["x-amz-tagging-count"] = str(len(obj.tags))
    for name in _OVERRIDES:
        if f"response-{name}" in call.query:
            headers.pop(name, None)
            headers[name.title()] = _header_value(call.query[f"response-{name}"])
    wanted = byte_range(call.headers.get("range"), obj.size)
    if wanted is None:
        if call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
            headers |= checksum_headers(obj.checksums)
        headers["Content-Length"] = str(obj.size)
        return Response(headers=headers), 0, obj.size
    first, last = wanted
    headers |= {"Content-Range": f"bytes {first}-{last}/{obj.size}", "Content-Length": str(last - first + 1)}
    return Response(status_code=206, headers=headers), first, last - first + 1


def _header_value(value: str) -> str:
    """A query's text as a header's: UTF-8 bytes, no line ends."""
    if any(character < " " for character in value):
        message = "A response header cannot contain control characters"
        raise AwsError("InvalidArgument", message, ArgumentValue=value)
    return value.encode().decode("latin-1")


# ---- deleting


@routes.add("DELETE", "object", action="DeleteObject", of_version="DeleteObjectVersion")
def delete_object(store: ObjectStore, call: Call) -> Response:
    """DeleteObject: 204 also when there was none."""
    store.delete(call.bucket, call.key, _match_condition(call.headers.get("if-match"), call.key))
    return Response(status_code=204)


def _match_condition(match: str | None, key: str) -> Callable[[S3Object | None], None]:
    """A check of ``If-Match`` against the object that is there, if any; it raises AwsError."""

    def check(old: S3Object | None) -> None:
        if match is None:
            return
        if old is None:
            raise no_such_key(key)
        if match.strip() != "*" and match.strip().strip('"') != old.etag:
            raise precondition_failed("If-Match")

    return check


@routes.add("POST", "bucket", "delete", action="DeleteObject", for_each=True)
def delete_objects(store: ObjectStore, call: Call) -> Response:
    """DeleteObjects: up to 1000 keys, each with a result of its own."""
    store.require_own(call.bucket)
    if not call.checked:
        message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
        raise AwsError("InvalidRequest", message)
    tree = read_xml(call.document, "Delete")
    quiet = (tree.findtext("Quiet") or "").strip() == "true"
    wanted = tree.findall("Object")
    if not 1 <= len(wanted) <= 1000 or any(not node.findtext("Key") for node in wanted):
        raise malformed_xml()
    results: list[tuple[str, object]] = []
    for node in wanted:
        key, version = node.findtext("Key") or "", node.findtext("VersionId")
        try:
            action = "s3:DeleteObject" if version is None else "s3:DeleteObjectVersion"
            call.need(action, f"arn:aws:s3:::{call.bucket}/{key}", {})
            if version not in (None, "null"):
                raise AwsError("NoSuchVersion", "The specified version does not exist.", 404)
            store.delete(call.bucket, key, _match_condition(node.findtext("ETag"), key))
        except AwsError as error:
            fields = [("Key", key), ("VersionId", version), ("Code", error.code), ("Message", error.message)]
            results.append(("Error", fields))
        else:
            if not quiet:
                results.append(("Deleted", [("Key", key), ("VersionId", version)]))
    return answer("DeleteResult", results)


# ---- tags


@routes.add("GET", "object", "tagging", action="GetObjectTagging", of_version="GetObjectVersionTagging")
def get_object_tagging(store: ObjectStore, call: Call) -> Response:
    """GetObjectTagging; an empty set when there are none."""
    return answer("Tagging", [("TagSet", tag_list(store.object(call.bucket, call.key).tags))])


@routes.add("PUT", "object", "tagging", action="PutObjectTagging", of_version="PutObjectVersionTagging")
def put_object_tagging(store: ObjectStore, call: Call) -> Response:
    """PutObjectTagging: replaces all tags, at most 10."""
    store.set_object_tags(call.bucket, call.key, tag_document(call, 10))
    return Response()


@routes.add("DELETE", "object", "tagging", action="DeleteObjectTagging", of_version="DeleteObjectVersionTagging")
def delete_object_tagging(store: ObjectStore, call: Call) -> Response:
    """DeleteObjectTagging."""
    store.set_object_tags(call.bucket, call.key, {})
    return Response(status_code=204)
