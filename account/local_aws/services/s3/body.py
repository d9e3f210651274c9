"""Request bodies of S3: read once, hashed on the way, checked, in bounded memory.

Plain bodies and ``aws-chunked`` ones (with or without signatures and trailers), see "Signature
calculations for the Authorization header: transferring payload in multiple chunks" and "Checking
object integrity" in the S3 guides.  Chunk signatures are not checked: the request's own
signature is, and whoever made it is on this machine.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from local_aws.core.errors import AwsError

from .objects import BLOCK

MAX_PUT = 5 << 30  # bytes in one PUT or part
MAX_DOCUMENT = 16 << 20  # bytes in an XML body
CHECKSUMS = {"crc32": 4, "sha1": 20, "sha256": 32}  # those that are computed, with their bytes
_UNCHECKED = ("crc32c", "crc64nvme")  # known to AWS, taken but neither checked nor given back


class _Crc32:
    """``zlib.crc32`` as a hashlib object."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, block: bytes | memoryview) -> None:
        self._value = zlib.crc32(block, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


def new_digest(algorithm: str) -> _Crc32 | hashlib._Hash:
    """A hash object for ``crc32``, ``md5``, ``sha1`` or ``sha256``."""
    return _Crc32() if algorithm == "crc32" else hashlib.new(algorithm, usedforsecurity=False)


def encode(digest: bytes) -> str:
    """A digest as S3 writes it in a header: base64."""
    return base64.b64encode(digest).decode()


@dataclass(frozen=True)
class Body:
    """A body that arrived whole: its bytes' number, MD5 and checksums (base64 by algorithm)."""

    size: int
    md5: bytes
    checksums: dict[str, str]
    checked: bool  # whether the client sent a digest of its own beside the signature


class _Sink:
    """Writes and hashes blocks of payload; runs in worker threads, one at a time."""

    def __init__(self, out: BinaryIO, algorithms: Iterable[str], limit: int) -> None:
        self.size = 0
        self._out = out
        self._limit = limit
        self._digests = {name: new_digest(name) for name in algorithms}

    def write(self, block: bytes | memoryview) -> None:
        self.size += len(block)
        if self.size > self._limit:
            raise too_large(self._limit)
        self._out.write(block)
        for digest in self._digests.values():
            digest.update(block)

    def digest(self, name: str) -> bytes:
        return self._digests[name].digest()


class _ChunkDecoder:
    """The ``aws-chunked`` coding: ``size[;chunk-signature=…]``, data, …, ``0``, trailers, empty line."""

    def __init__(self, write: Callable[[memoryview], None]) -> None:
        self.trailers: dict[str, str] = {}
        self.done = False
        self._write = write
        self._line = b""
        self._left = 0  # bytes of the present chunk still to come
        self._expect = "size"  # or "gap", the line end after a chunk, or "trailer"

    def feed(self, block: bytes) -> None:
        view, position = memoryview(block), 0
        while position < len(block) and not self.done:
            if self._left:
                piece = view[position : position + self._left]
                self._write(piece)
                self._left -= len(piece)
                position += len(piece)
                continue
            newline = block.find(b"\n", position)
            end = len(block) if newline < 0 else newline + 1
            self._line += block[position:end]
            position = end
            if len(self._line) > 8192:
                raise _malformed_chunk()
            if newline >= 0:
                line, self._line = self._line.strip(), b""
                self._take(line)

    def _take(self, line: bytes) -> None:
        if self._expect == "gap":
            if line:
                raise _malformed_chunk()
            self._expect = "size"
        elif self._expect == "size":
            try:
                self._left = int(line.partition(b";")[0], 16)
            except ValueError:
                raise _malformed_chunk() from None
            if self._left < 0:
                raise _malformed_chunk()
            self._expect = "gap" if self._left else "trailer"
        elif line:
            name, _, value = line.decode("latin-1").partition(":")
            self.trailers[name.strip().lower()] = value.strip()
        else:
            self.done = True


def _malformed_chunk() -> AwsError:
    return AwsError("InvalidRequest", "The body is not in the aws-chunked coding that its headers announce.")


def too_large(limit: int, size: int | None = None) -> AwsError:
    """S3's answer to a body above ``limit`` bytes."""
    if limit == MAX_DOCUMENT:
        return AwsError("MaxMessageLengthExceeded", "Your request was too big.", MaxMessageLengthBytes=limit)
    fields = {"MaxSizeAllowed": limit} | ({} if size is None else {"ProposedSize": size})
    return AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400, **fields)


def _incomplete() -> AwsError:
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return AwsError("IncompleteBody", message)


def is_chunked(headers: Mapping[str, str]) -> bool:
    """Whether the body comes in the ``aws-chunked`` coding."""
    return (
        headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
        or "aws-chunked" in headers.get("content-encoding", "").lower()
    )


def _expected_size(headers: Mapping[str, str], chunked: bool) -> int:
    value = headers.get("x-amz-decoded-content-length" if chunked else "content-length")
    if value is None and not chunked and "transfer-encoding" in headers:
        message = "A header you provided implies functionality that is not implemented"
        raise AwsError("NotImplemented", message, 501, Header="Transfer-Encoding")
    if value is None:
        raise AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    if not value.isascii() or not value.isdigit():
        raise AwsError("InvalidArgument", "The content length is not a number.", ArgumentValue=value)
    return int(value)


def _given_digest(value: str, size: int, error: AwsError) -> bytes:
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise error from None
    if len(digest) != size:
        raise error
    return digest


async def receive(
    request: Request,
    headers: Mapping[str, str],
    out: BinaryIO,
    limit: int = MAX_PUT,
    algorithms: Iterable[str] = (),
    sized: bool = True,
) -> Body:
    """Read the request's body into ``out`` and check it against every digest that came with it.

    ``headers`` are the request's, lower case, with what a presigned URL adds; ``limit``
    in bytes; ``algorithms`` are checksums to compute beside those that the client names;
    ``sized`` bodies must announce their length.  Raises ``IncompleteBody``, ``BadDigest``,
    ``InvalidDigest``, ``XAmzContentSHA256Mismatch``, ``EntityTooLarge``, ``MissingContentLength`` …
    """
    chunked = is_chunked(headers)
    if sized or "content-length" in headers or chunked:
        expected = _expected_size(headers, chunked)
        if expected > limit:
            raise too_large(limit, expected)
    else:
        expected = None
    trailer = headers.get("x-amz-trailer", "").lower()
    sdk = headers.get("x-amz-sdk-checksum-algorithm", "").lower()
    named = {name for name in CHECKSUMS if f"x-amz-checksum-{name}" in headers or trailer.endswith(f"-{name}")}
    wanted = named | set(algorithms) | ({sdk} if sdk in CHECKSUMS else set())
    payload = headers.get("x-amz-content-sha256", "").lower()
    signed = len(payload) == 64
    sink = _Sink(out, {"md5", *wanted, *(["sha256"] if signed else [])}, limit)
    decoder = _ChunkDecoder(sink.write) if chunked else None
    await _pour(request, decoder.feed if decoder else sink.write)
    if (expected is not None and sink.size != expected) or (decoder and not decoder.done):
        raise _incomplete()
    if signed and sink.digest("sha256").hex() != payload:
        raise AwsError(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ClientComputedContentSHA256=payload,
            S3ComputedContentSHA256=sink.digest("sha256").hex(),
        )
    md5 = sink.digest("md5")
    if "content-md5" in headers:
        invalid = AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.")
        if _given_digest(headers["content-md5"], 16, invalid) != md5:
            message = "The Content-MD5 you specified did not match what we received."
            content_md5 = headers["content-md5"]
            raise AwsError("BadDigest", message, ExpectedDigest=content_md5, CalculatedDigest=encode(md5))
    sent = {**headers, **(decoder.trailers if decoder else {})}
    for name in named:
        value = sent.get(f"x-amz-checksum-{name}")
        invalid = AwsError("InvalidRequest", f"Value for x-amz-checksum-{name} header is invalid.")
        if value is None:
            message = "The request contained trailing data that was not well-formed."
            raise AwsError("MalformedTrailerError", message)
        if _given_digest(value, CHECKSUMS[name], invalid) != sink.digest(name):
            message = f"The {name.upper()} you specified did not match the calculated checksum."
            raise AwsError("BadDigest", message)
    own = ("content-md5", *(f"x-amz-checksum-{name}" for name in (*CHECKSUMS, *_UNCHECKED)))
    checked = not sent.keys().isdisjoint(own)
    return Body(sink.size, md5, {name: encode(sink.digest(name)) for name in wanted}, checked)


async def _pour(request: Request, write: Callable[[bytes], None]) -> None:
    """Hand the body to ``write`` in blocks of about 1 MiB, in a thread, while the next one arrives."""
    chunks: list[bytes] = []
    size = 0
    writing: asyncio.Future[None] | None = None
    try:
        async for chunk in request.stream():
            chunks.append(chunk)
            size += len(chunk)
            if size >= BLOCK:
                if writing:
                    await writing
                writing = asyncio.ensure_future(run_in_threadpool(write, b"".join(chunks)))
                chunks, size = [], 0
        if writing:
            await writing
        if size:
            await run_in_threadpool(write, b"".join(chunks))
    except ClientDisconnect:
        raise _incomplete() from None
    finally:
        if writing and not writing.done():
            await asyncio.wait([writing])
