"""S3's multipart uploads, as the S3 API reference describes them."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from starlette.responses import Response

from local_aws.core.errors import AwsError

from .body import CHECKSUMS, encode, new_digest, too_large
from .buckets import check_encoding
from .objects import BLOCK, ObjectStore
from .operations import checksum_headers, copy_source, properties, write_condition
from .protocol import Call, Upload, answer, header_tags, iso, malformed_xml, read_xml
from .records import MultipartUpload, Part, S3Object
from .routing import Routes

routes = Routes()

MIN_PART = 5 << 20  # bytes in every part but the last
MAX_PART = 5 << 30
_KINDS = {"crc32": ("COMPOSITE", "FULL_OBJECT"), "sha1": ("COMPOSITE",), "sha256": ("COMPOSITE",)}


@routes.add("POST", "object", "uploads", action="PutObject")
def create_multipart_upload(store: ObjectStore, call: Call) -> Response:
    """CreateMultipartUpload; an algorithm that is not computed here is not promised in the answer."""
    content_type, headers, metadata = properties(call.headers)
    algorithm = call.headers.get("x-amz-checksum-algorithm", "").lower()
    kind = call.headers.get("x-amz-checksum-type", "COMPOSITE").upper()
    if algorithm not in CHECKSUMS:
        algorithm = ""
    elif kind not in _KINDS[algorithm]:
        message = f"The {kind} checksum type cannot be used with the {algorithm} checksum algorithm."
        raise AwsError("InvalidRequest", message)
    tags = header_tags(call.headers.get("x-amz-tagging", ""))
    whole, new_id = kind == "FULL_OBJECT", secrets.token_urlsafe(48)
    upload = MultipartUpload(new_id, call.bucket, call.key, content_type, headers, metadata, tags, algorithm, whole)
    store.create_upload(upload)
    checksum_headers = {"x-amz-checksum-algorithm": algorithm.upper(), "x-amz-checksum-type": kind} if algorithm else {}
    content = [("Bucket", call.bucket), ("Key", call.key), ("UploadId", upload.id)]
    return answer("InitiateMultipartUploadResult", content, checksum_headers)


def part_number(call: Call) -> int:
    """The number of the part that is uploaded; ``InvalidArgument`` outside 1 to 10000."""
    value = call.query.get("partNumber", "")
    if not re.fullmatch("[0-9]{1,5}", value) or not 1 <= int(value) <= 10000:
        message = "Part number must be an integer between 1 and 10000, inclusive"
        raise AwsError("InvalidArgument", message, ArgumentName="partNumber", ArgumentValue=value)
    return int(value)


@routes.add_upload("PUT", "object", "uploadId", action="PutObject")
def upload_part(store: ObjectStore, upload: Upload) -> Response:
    """UploadPart."""
    call, body = upload.call, upload.body
    part = Part(part_number(call), body.size, body.md5.hex(), upload.file, body.checksums)
    store.put_part(call.query["uploadId"], part)
    return Response(headers={"ETag": f'"{part.etag}"', **checksum_headers(part.checksums)})


@routes.add("PUT", "object", "uploadId copy", action="PutObject")
def upload_part_copy(store: ObjectStore, call: Call) -> Response:
    """UploadPartCopy: a range of another object becomes a part."""
    number, upload = part_number(call), store.upload(call.bucket, call.key, call.query["uploadId"])
    source = copy_source(store, call)
    first, last = _copy_range(call.headers.get("x-amz-copy-source-range"), source.size)
    if last - first + 1 > MAX_PART:
        raise too_large(MAX_PART, last - first + 1)
    now, stream = store.open(source.bucket, source.key)
    with stream, store.new_file() as path:
        if now.path != source.path and last >= now.size:
            raise _bad_copy_range(call.headers.get("x-amz-copy-source-range"), now.size)
        stream.seek(first)
        names = {upload.algorithm} - {""}
        size, sums = _join(path, [(stream, last - first + 1)], {"md5", *names})
        etag = sums.pop("md5").hex()
        checksums = {name: encode(digest) for name, digest in sums.items()}
        part = Part(number, size, etag, path, checksums)
        store.put_part(upload.id, part)
    rows = [(f"Checksum{name.upper()}", value) for name, value in checksums.items()]
    return answer("CopyPartResult", [("ETag", f'"{etag}"'), ("LastModified", iso(part.modified)), *rows])


def _bad_copy_range(header: str | None, size: int) -> AwsError:
    message = f"Range specified is not valid for source object of size: {size}"
    return AwsError("InvalidArgument", message, ArgumentName="x-amz-copy-source-range", ArgumentValue=header)


def _copy_range(header: str | None, size: int) -> tuple[int, int]:
    if header is None:
        return 0, size - 1
    match = re.fullmatch(r"bytes=([0-9]{1,18})-([0-9]{1,18})", header)
    if not match:
        message = (
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are "
            "the zero-based offsets of the first and last bytes to copy"
        )
        raise AwsError("InvalidArgument", message, ArgumentName="x-amz-copy-source-range", ArgumentValue=header)
    first, last = int(match[1]), int(match[2])
    if first > last or last >= size:
        raise _bad_copy_range(header, size)
    return first, last


def _join(target: Path, sources: Iterable[tuple[BinaryIO, int]], algorithms: set[str]) -> tuple[int, dict[str, bytes]]:
    """Write the given numbers of bytes of open files one after another; total bytes and digests."""
    digests = {name: new_digest(name) for name in algorithms}
    total = 0
    with target.open("wb") as out:
        for stream, left in sources:
            while left:
                block = stream.read(min(BLOCK, left))
                if not block:
                    raise OSError(f"{stream.name} is shorter than its size")
                out.write(block)
                left -= len(block)
                total += len(block)
                for digest in digests.values():
                    digest.update(block)
    return total, {name: digest.digest() for name, digest in digests.items()}


@routes.add("POST", "object", "uploadId", action="PutObject")
def complete_multipart_upload(store: ObjectStore, call: Call) -> Response:
    """CompleteMultipartUpload: the parts become one object; its ETag is the MD5 of their MD5s, "-N"."""
    upload = store.upload(call.bucket, call.key, call.query["uploadId"])
    chosen = _chosen(call, store.parts(upload.id), upload)
    md5s = b"".join(bytes.fromhex(part.etag) for part in chosen)
    etag = f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(chosen)}"
    names = {upload.algorithm} if upload.algorithm and upload.whole else set()
    with store.new_file() as path:
        try:
            size, sums = _join(path, _opened(chosen), names)
        except FileNotFoundError:  # a part was replaced, or the upload ended, meanwhile
            store.upload(call.bucket, call.key, upload.id)
            raise _invalid_part(upload, chosen[0].number, chosen[0].etag) from None
        _check_size(call, size)
        checksums = {name: encode(digest) for name, digest in sums.items()}
        if upload.algorithm and not upload.whole:
            digest = new_digest(upload.algorithm)
            for part in chosen:
                digest.update(base64.b64decode(part.checksums[upload.algorithm]))
            checksums = {upload.algorithm: f"{encode(digest.digest())}-{len(chosen)}"}
        for name, value in checksums.items():
            checksum = call.headers.get(f"x-amz-checksum-{name}")
            if checksum and checksum.partition("-")[0] != value.partition("-")[0]:
                message = f"The {name} you specified did not match the calculated checksum."
                raise AwsError("BadDigest", message)
        obj = S3Object(
            call.bucket, call.key, size, etag, path, upload.content_type, upload.headers, upload.metadata,
            upload.tags, checksums,
        )  # fmt: skip
        store.put(obj, write_condition(call.headers, call.key), upload.id)
    content = [("Location", f"/{call.bucket}/{call.key}"), ("Bucket", call.bucket), ("Key", call.key)]
    rows = [(f"Checksum{name.upper()}", value) for name, value in checksums.items()]
    kind = [("ChecksumType", "FULL_OBJECT" if upload.whole else "COMPOSITE")] if rows else []
    return answer("CompleteMultipartUploadResult", [*content, ("ETag", f'"{etag}"'), *rows, *kind])


def _opened(parts: list[Part]) -> Iterable[tuple[BinaryIO, int]]:
    for part in parts:
        with part.path.open("rb") as stream:
            yield stream, part.size


def _check_size(call: Call, size: int) -> None:
    told = call.headers.get("x-amz-mp-object-size")
    if told is not None and told != str(size):
        message = f"The provided 'x-amz-mp-object-size' header does not match what was computed: {size}"
        raise AwsError("InvalidRequest", message)


def _invalid_part(upload: MultipartUpload, number: int, etag: str) -> AwsError:
    message = (
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the "
        "specified entity tag may not match the part's entity tag."
    )
    return AwsError("InvalidPart", message, UploadId=upload.id, PartNumber=number, ETag=etag)


def _chosen(call: Call, parts: dict[int, Part], upload: MultipartUpload) -> list[Part]:
    """The parts that the request's document lists, each checked against what was uploaded."""
    nodes = read_xml(call.document, "CompleteMultipartUpload").findall("Part")
    if not 1 <= len(nodes) <= 10000:
        raise malformed_xml()
    chosen: list[Part] = []
    for node in nodes:
        number = (node.findtext("PartNumber") or "").strip()
        etag = (node.findtext("ETag") or "").strip().strip('"')
        if not re.fullmatch("[0-9]{1,5}", number) or not etag:
            raise malformed_xml()
        if chosen and int(number) <= chosen[-1].number:
            message = "The list of parts was not in ascending order. Parts must be ordered by part number."
            raise AwsError("InvalidPartOrder", message, UploadId=upload.id)
        part = parts.get(int(number))
        if part is None or part.etag != etag:
            raise _invalid_part(upload, int(number), etag)
        for name, value in part.checksums.items():
            if (node.findtext(f"Checksum{name.upper()}") or value).strip() != value:
                raise _invalid_part(upload, int(number), etag)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < MIN_PART:
            message = "Your proposed upload is smaller than the minimum allowed size"
            fields = {"ProposedSize": part.size, "MinSizeAllowed": MIN_PART, "PartNumber": part.number}
            raise AwsError("EntityTooSmall", message, 400, **fields, ETag=part.etag)
    return chosen


@routes.add("DELETE", "object", "uploadId", action="AbortMultipartUpload")
def abort_multipart_upload(store: ObjectStore, call: Call) -> Response:
    """AbortMultipartUpload."""
    store.abort_upload(store.upload(call.bucket, call.key, call.query["uploadId"]).id)
    return Response(status_code=204)


@routes.add("GET", "object", "uploadId", action="ListMultipartUploadParts")
def list_parts(store: ObjectStore, call: Call) -> Response:
    """ListParts, behind ``part-number-marker``."""
    upload = store.upload(call.bucket, call.key, call.query["uploadId"])
    marker, limit = call.number("part-number-marker", 0, 2147483647), call.number("max-parts", 1000)
    parts = [part for part in store.parts(upload.id).values() if part.number > marker]
    page = parts[:limit]
    rows = [
        (
            "Part",
            [
                ("PartNumber", part.number),
                ("LastModified", iso(part.modified)),
                ("ETag", f'"{part.etag}"'),
                ("Size", part.size),
                *((f"Checksum{name.upper()}", value) for name, value in part.checksums.items()),
            ],
        )
        for part in page
    ]
    content = [
        ("Bucket", call.bucket),
        ("Key", call.key),
        ("UploadId", upload.id),
        ("Initiator", [("ID", call.owner)]),
        ("Owner", [("ID", call.owner)]),
        ("StorageClass", upload.headers.get("x-amz-storage-class", "STANDARD")),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", page[-1].number if page else 0),
        ("MaxParts", limit),
        ("IsTruncated", len(parts) > limit > 0),
        ("ChecksumAlgorithm", upload.algorithm.upper() or None),
        ("ChecksumType", ("FULL_OBJECT" if upload.whole else "COMPOSITE") if upload.algorithm else None),
    ]
    return answer("ListPartsResult", [*content, *rows])


@routes.add("GET", "bucket", "uploads", action="ListBucketMultipartUploads")
def list_multipart_uploads(store: ObjectStore, call: Call) -> Response:
    """ListMultipartUploads, by key and time, with prefix, delimiter and markers."""
    query = call.query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker, id_marker = query.get("key-marker", ""), query.get("upload-id-marker", "")
    limit = call.number("max-uploads", 1000)
    check_encoding(call)
    entries: list[tuple[str, MultipartUpload | None]] = []  # a common prefix stands without an upload
    beyond_id = False
    for upload in store.uploads(call.bucket, prefix):
        cut = upload.key.find(delimiter, len(prefix)) if delimiter else -1
        name = upload.key[: cut + len(delimiter)] if cut >= 0 else upload.key
        if name == key_marker and cut < 0 and id_marker:
            if beyond_id:
                entries.append((name, upload))
            beyond_id = beyond_id or upload.id == id_marker
        elif name > key_marker and (name, None) not in entries[-1:]:
            entries.append((name, None if cut >= 0 else upload))
    page = entries[:limit]
    more = len(entries) > limit > 0
    last_name, last_upload = page[-1] if more else ("", None)
    uploads = [
        (
            "Upload",
            [
                ("Key", call.coded(name)),
                ("UploadId", upload.id),
                ("Initiator", [("ID", call.owner)]),
                ("Owner", [("ID", call.owner)]),
                ("StorageClass", upload.headers.get("x-amz-storage-class", "STANDARD")),
                ("Initiated", iso(upload.initiated)),
                ("ChecksumAlgorithm", upload.algorithm.upper() or None),
            ],
        )
        for name, upload in page
        if upload
    ]
    prefixes = [("CommonPrefixes", [("Prefix", call.coded(name))]) for name, upload in page if upload is None]
    content = [
        ("Bucket", call.bucket),
        ("KeyMarker", call.coded(key_marker)),
        ("UploadIdMarker", id_marker),
        ("NextKeyMarker", call.coded(last_name) if more else None),
        ("NextUploadIdMarker", last_upload.id if last_upload else None),
        ("Prefix", call.coded(prefix)),
        ("Delimiter", call.coded(delimiter) if delimiter else None),
        ("EncodingType", query.get("encoding-type")),
        ("MaxUploads", limit),
        ("IsTruncated", more),
    ]
    return answer("ListMultipartUploadsResult", [*content, *uploads, *prefixes])
