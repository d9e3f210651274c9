"""The ModelArtifacts of a training job: its model, and the files of ``output/data``, packed and uploaded to S3.

Reference: the developer guide, "How Amazon SageMaker Processes Training Output".
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

from local_aws.core.errors import AwsError
from local_aws.core.job_failure import JobFailure
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.s3.uris import split_uri

from .inputs import as_key


def holds_anything(folder: Path) -> bool:
    """Whether there is such a folder, and something in it."""
    return folder.is_dir() and any(folder.iterdir())


def upload(objects: ObjectStore, body: dict[str, Any], base: Path, root: Path) -> None:
    """Upload the artifact of a job, and its ``output/data`` if there is any, to S3.

    ``body`` is the job's description, ``base`` stands for ``/opt/ml``, and ``root`` for ``/``.  Raises JobFailure.
    """
    bucket, key = split_uri(body["ModelArtifacts"]["S3ModelArtifacts"])
    prefix = key.removesuffix("model.tar.gz").removesuffix("model/")
    archives = [("model.tar.gz", base / "model"), ("output.tar.gz", base / "output" / "data")]
    try:
        for name, folder in archives:
            if not holds_anything(folder):
                continue
            if body["OutputDataConfig"]["CompressionType"] == "NONE":
                for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                    relative = path.relative_to(folder).as_posix()
                    objects.put_file(bucket, as_key(f"{prefix}{name.partition('.')[0]}/{relative}"), path)
            else:
                archive = root / name
                _pack(folder, archive)
                objects.put_file(bucket, prefix + name, archive)
    except AwsError as error:
        raise JobFailure(f"Artifact upload failed: {error.code} ({error.status}): {error.message}") from None
    except (OSError, JobFailure) as error:  # a script may leave anything there, or fill the disk
        raise JobFailure(f"Artifact upload failed: {error}".replace(f"{root}/", "/")) from None


def _pack(folder: Path, archive: Path) -> None:
    """A gzipped tar of a folder's content as AWS makes it: relative names, owner root."""

    def as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name, filter=as_root)
