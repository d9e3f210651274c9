"""The S3DataSource of a job's input: its objects, by a prefix or a manifest, and the archive of the user's code.

Also where these lie in the job's folders, and where in S3 the files lie that a job leaves.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from local_aws.containers.script_mode.user_code import place_in_s3
from local_aws.core.errors import AwsError
from local_aws.core.job_failure import JobFailure
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.s3.records import S3Object
from local_aws.services.s3.uris import split_uri

S3_DATA_TYPES = ("S3Prefix", "ManifestFile")  # those that there is a reader for


class InputFile(NamedTuple):
    """An object of a job's input, and its path in the folder that the job sees."""

    s3_object: S3Object
    path: str


def shard(files: list[InputFile], source: dict[str, Any], host: int, hosts: int) -> list[InputFile]:
    """The part of an S3DataSource's files that a host of a job gets, counted from 0: all, or every ``hosts``-th."""
    if source.get("S3DataDistributionType") == "ShardedByS3Key":
        return files[host::hosts]
    return files


def find_objects(store: ObjectStore, source: dict[str, Any], region: str, role: str) -> list[InputFile]:
    """The objects of ``source``, each with its path in the folder that the job sees.

    Of ``source`` count its S3Uri, and its S3DataType, one of S3_DATA_TYPES; ``region`` and ``role`` are for the words
    of the AwsError that is raised if there are no objects.
    """
    uri = source["S3Uri"]
    bucket, key = split_uri(uri)
    files: list[InputFile] = []
    try:
        if source["S3DataType"] == "ManifestFile":
            files = _manifest(store, bucket, key)
        else:
            # The last part of a prefix begins the names of files, or is the name of a folder, which the files lie in.
            base, folder = key.rfind("/") + 1, f"{key.rpartition('/')[2]}/"
            objects = [item for item in store.objects(bucket, key) if not item.key.endswith("/")]
            files = [InputFile(item, item.key[base:].removeprefix(folder)) for item in objects]
    except AwsError as error:
        if error.code not in ("NoSuchBucket", "NoSuchKey"):
            raise
    if not files:
        raise AwsError(
            "ValidationException",
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the '
            f"bucket exists in the selected region ({region}), that objects exist under that S3 "
            f'prefix, and that the role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".',
        )
    return files


def place_below(folder: Path, name: str, source: str, noun: str) -> Path:
    """Where the object ``source`` lies that has the path ``name`` in the folder of a job's ``noun``.

    Raises JobFailure if that is no place in the folder.
    """
    if "\0" in name:
        raise JobFailure(f"{source}: no file can be named so.")
    target = Path(os.path.normpath(folder / name.lstrip("/")))
    if folder not in target.parents:
        raise JobFailure(f"{source}: its file would lie outside the {noun}'s folder.")
    return target


def as_key(key: str) -> str:
    """A key that ends in the path of a file which a job has left, as it is; JobFailure if it is not text."""
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise JobFailure(str(error)) from None
    return key


def fetch_code(uri: str, objects: ObjectStore, target: Path) -> bool:
    """Lay the archive of a user's code at ``target``; whether it is an object in ObjectStore that is there.

    The container's program has no keys to fetch it, and says what is wrong with any other address.
    """
    try:
        place = place_in_s3(uri)
    except ValueError:
        return False
    if place is None:
        return False
    try:
        objects.link(objects.object(*place), target)
    except AwsError as error:
        if error.code not in ("NoSuchBucket", "NoSuchKey"):
            raise
        return False
    return True


def _manifest(store: ObjectStore, bucket: str, key: str) -> list[InputFile]:
    """The objects of a manifest: ``[{"prefix": "s3://…/"}, "relative/key", …]``."""
    try:
        prefix, *names = json.loads(store.object(bucket, key).path.read_text())
        source, base = split_uri(prefix["prefix"])
        return [InputFile(store.object(source, base + name), name) for name in names]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise AwsError(
            "ValidationException",
            f'The manifest "s3://{bucket}/{key}" must be a JSON list: {{"prefix": "s3://BUCKET/PREFIX/"}} '
            "followed by the objects' names below the prefix.",
        ) from None
