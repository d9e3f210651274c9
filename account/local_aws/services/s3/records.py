"""Records of the store of S3, and the errors for what it does not hold."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from local_aws.core.clock import now
from local_aws.core.errors import AwsError


@dataclass(frozen=True)
class S3Object:
    """An object as it stands in a bucket; ``path`` is the read-only file with its bytes.

    ``etag`` is without quotes; ``headers`` are those that S3 gives back (Cache-Control …),
    ``checksums`` base64 digests by algorithm (``crc32``), ``modified`` seconds since the epoch.
    """

    bucket: str
    key: str
    size: int
    etag: str
    path: Path
    content_type: str = "binary/octet-stream"
    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    modified: float = field(default_factory=now)


@dataclass(frozen=True)
class MultipartUpload:
    """A multipart upload; ``algorithm`` of its checksum (or ""), ``whole`` if over the whole object."""

    id: str
    bucket: str
    key: str
    content_type: str
    headers: dict[str, str]
    metadata: dict[str, str]
    tags: dict[str, str]
    algorithm: str
    whole: bool
    initiated: float = field(default_factory=now)


@dataclass(frozen=True)
class Part:
    """One part of a multipart upload; ``etag`` without quotes, ``size`` in bytes."""

    number: int
    size: int
    etag: str
    path: Path
    checksums: dict[str, str]
    modified: float = field(default_factory=now)


@dataclass(frozen=True)
class Page:
    """One page of a listing: objects, common prefixes, the last of both, and where the next page begins."""

    objects: list[S3Object]
    prefixes: list[str]
    last: str
    following: str | None


def access_denied() -> AwsError:
    """S3's answer to what only the owner of a bucket may do."""
    return AwsError("AccessDenied", "Access Denied", 403)


def no_such_bucket(bucket: str) -> AwsError:
    """S3's answer to a bucket that does not exist."""
    message = "The specified bucket does not exist"
    if re.match("jumpstart-([a-z]+-)?cache-", bucket):
        message += (
            ": SageMaker JumpStart, whose models lie in it, is not implemented in the embedded AWS account. "
            "Its documentation lists what is."
        )
    return AwsError("NoSuchBucket", message, 404, BucketName=bucket)


def no_such_key(key: str) -> AwsError:
    """S3's answer to a key that does not exist."""
    return AwsError("NoSuchKey", "The specified key does not exist.", 404, Key=key)


def no_such_upload(upload_id: str) -> AwsError:
    """S3's answer to a multipart upload that does not exist, or not any more."""
    message = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
        "aborted or completed."
    )
    return AwsError("NoSuchUpload", message, 404, UploadId=upload_id)
