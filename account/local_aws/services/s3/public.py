"""Public buckets of other accounts, as a folder of this machine holds them: ``<folder>/<bucket>/<key>``.

Published notebooks read their data from such buckets (``sagemaker-sample-files`` and the like), which cannot be
reached without a network.  They are read-only, like a public bucket of another account, and show what lies in
the folder at the moment.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from local_aws.core.settings import BUCKETS
from local_aws.core.store import StateError

from .records import S3Object


class PublicBuckets:
    """The folders of ``folder``, each a bucket of that name; none if ``folder`` is None."""

    def __init__(self, folder: Path | None) -> None:
        """``StateError`` if there is no such folder."""
        if folder is not None and not folder.is_dir():
            raise StateError(Path(BUCKETS), f"names {folder}, which is not a folder.")
        self._folder = folder

    def __contains__(self, bucket: str) -> bool:
        return self._folder is not None and bucket not in ("", ".", "..") and (self._folder / bucket).is_dir()

    def names(self) -> list[str]:
        """The buckets that are there."""
        return sorted(path.name for path in self._folder.iterdir() if path.is_dir()) if self._folder else []

    def find(self, bucket: str, key: str) -> S3Object | None:
        """The object of a key, as its file is now."""
        parts = key.split("/")
        # Only what a listing shows: a key is no way out of the folder, nor to its hidden files.
        if self._folder is None or any(not part or part.startswith(".") for part in parts) or "\0" in key:
            return None
        path = self._folder.joinpath(bucket, *parts)
        try:
            status = path.stat()
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        # An ETag with a dash is no MD5, so that no file has to be read for it; it changes with the file.
        etag = hashlib.md5(f"{status.st_size} {status.st_mtime_ns}".encode(), usedforsecurity=False).hexdigest()
        return S3Object(bucket, key, status.st_size, f"{etag}-1", path, modified=status.st_mtime)

    def objects(self, bucket: str) -> list[S3Object]:
        """All objects in the order of their keys; hidden files and names that are not UTF-8 are left out."""
        if self._folder is None:
            return []
        root = self._folder / bucket
        keys = [
            (Path(folder) / name).relative_to(root).as_posix()
            for folder, _, names in os.walk(root)
            for name in names
            if os.fsencode(name).decode(errors="replace") == name
        ]
        objects = [self.find(bucket, key) for key in sorted(keys, key=os.fsencode)]
        return [obj for obj in objects if obj is not None]
