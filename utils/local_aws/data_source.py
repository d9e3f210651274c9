"""The objects in S3 that a job's ``S3DataSource`` means: a prefix's, or those that a manifest lists."""

from __future__ import annotations

import json

from .errors import AwsError
from .s3 import S3, S3Object
from .uris import split_uri

KINDS = ("S3Prefix", "ManifestFile")


def find_objects(objects: S3, source: dict, role: str, region: str) -> list[tuple[S3Object, str]]:
    """Each object of ``source`` (its S3DataType one of KINDS), with its path below the source.

    Raises AwsError in AWS's words if there is none; ``role`` and ``region`` are for these words only.
    """
    uri = source["S3Uri"]
    bucket, key = split_uri(uri)
    found: list[tuple[S3Object, str]] = []
    try:
        if source["S3DataType"] == "ManifestFile":
            found = _manifest(objects, bucket, key)
        else:
            # What follows the last slash of the prefix is the file's path in the channel.
            base = key.rfind("/") + 1
            found = [(each, each.key[base:]) for each in objects.objects(bucket, key) if not each.key.endswith("/")]
    except AwsError as error:
        if error.code not in ("NoSuchBucket", "NoSuchKey"):
            raise
    if not found:
        raise AwsError(
            "ValidationException",
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the '
            f"bucket exists in the selected region ({region}), that objects exist under that S3 "
            f'prefix, and that the role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".',
        )
    return found


def _manifest(objects: S3, bucket: str, key: str) -> list[tuple[S3Object, str]]:
    """The objects of a manifest: ``[{"prefix": "s3://…/"}, "relative/key", …]``."""
    try:
        prefix, *names = json.loads(objects.object(bucket, key).path.read_text())
        source, base = split_uri(prefix["prefix"])
        return [(objects.object(source, base + name), name) for name in names]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise AwsError(
            "ValidationException",
            f'The manifest "s3://{bucket}/{key}" must be a JSON list: {{"prefix": "s3://BUCKET/PREFIX/"}} '
            "followed by the objects' names below the prefix.",
        ) from None
