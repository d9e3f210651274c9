"""Buckets, objects and multipart uploads in files: what S3 stores, without its HTTP.

An object's bytes lie in ``<folder>/data/<2 hex>/<random id>`` and are never changed: a file
is written under a name that nobody knows, and one SQLite transaction makes it the object.
So an object is there whole or not at all, an overwritten object's readers keep the old
bytes (the file is unlinked, not changed), and a copy or a job's channel is a hard link.

What a call has returned outlives ``kill -9`` (see ``store.py``); file bytes are with the
operating system then, and are not forced to the disk.  Files that no row names, left by a
crash, are removed when the folder is opened: one process at a time owns a folder.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import sqlite3
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TypeVar

from starlette.concurrency import run_in_threadpool

from local_aws.core import clock
from local_aws.core.errors import AwsError
from local_aws.core.settings import BUCKETS
from local_aws.core.store import StateError, open_database

from .public import PublicBuckets
from .records import MultipartUpload, Page, Part, S3Object, access_denied, no_such_bucket, no_such_key, no_such_upload

Result = TypeVar("Result")

BLOCK = 1 << 20  # bytes read, hashed or written at once

_SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, created REAL NOT NULL, tags TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    content_type TEXT NOT NULL, headers TEXT NOT NULL, metadata TEXT NOT NULL, tags TEXT NOT NULL,
    checksums TEXT NOT NULL, modified REAL NOT NULL, PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, content_type TEXT NOT NULL,
    headers TEXT NOT NULL, metadata TEXT NOT NULL, tags TEXT NOT NULL, algorithm TEXT NOT NULL,
    whole INTEGER NOT NULL, initiated REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_by_key ON uploads (bucket, key, id);
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, checksums TEXT NOT NULL, modified REAL NOT NULL, PRIMARY KEY (upload, number)
) WITHOUT ROWID;
"""


def end_of(prefix: str) -> str | bytes:
    """The least string above all that begin with ``prefix``, in the order of UTF-8 bytes.

    When there is none, an empty blob: SQLite sorts every blob behind every text.
    """
    for position in reversed(range(len(prefix))):
        code = ord(prefix[position]) + 1
        if code <= 0x10FFFF:
            return prefix[:position] + chr(0xE000 if code == 0xD800 else code)  # no lone surrogates in UTF-8
    return b""


def copy_file(source: Path, target: Path) -> None:
    """Give ``target`` the bytes of ``source``: by a hard link where the file system can, else by a copy."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS, errno.EACCES):
            raise
        copy_bytes(source, target)


def copy_bytes(source: Path, target: Path) -> None:
    """Give ``target``, read-only, bytes of its own."""
    shutil.copyfile(source, target)
    os.chmod(target, 0o444)


async def blocks(stream: BinaryIO, left: int) -> AsyncIterator[bytes]:
    """The next ``left`` bytes of an object's open file, read in threads; the file is closed behind them.

    OSError if there are fewer: whoever gets them sees a body that is cut off.
    """
    with stream:
        while left:
            block = await run_in_threadpool(stream.read, min(BLOCK, left))
            if not block:
                raise OSError("an object's file is shorter than its size")
            left -= len(block)
            yield block


class ObjectStore:
    """All buckets of the account, in ``folder``, and the public ones of others, which can only be read."""

    def __init__(self, folder: Path, public: Path | None = None) -> None:
        """Open or make the store, with the public buckets of the folder ``public``.

        ``StateError`` when ``index.sqlite`` or ``public`` is not usable.
        """
        self.public = PublicBuckets(public)
        self.folder = folder
        self._data = folder / "data"
        index = folder / "index.sqlite"
        if not index.exists() and any(self._data.glob("*/*")):
            # A new index would take them for what an interrupted upload left, and delete them.
            text = "holds objects, but index.sqlite, which names them, is gone. Restore it, or move this folder away."
            raise StateError(self._data, text)
        self._database = open_database(index, _SCHEMA)
        self._data.mkdir(parents=True, exist_ok=True)
        rows = self._database.read("SELECT file FROM objects UNION SELECT file FROM parts")
        known = {row["file"] for row in rows}
        for path in self._data.glob("*/*"):
            if self._name(path) not in known:
                path.unlink(missing_ok=True)
        for name in self.public.names():
            if self._owns(name):
                text = f"holds a bucket {name}, but the account has one of that name: rename or remove one of them."
                raise StateError(Path(BUCKETS), text)

    def close(self) -> None:
        """Close the index; the store cannot be used afterwards."""
        self._database.close()

    # ---- buckets

    def create_bucket(self, name: str, tags: dict[str, str] | None = None) -> bool:
        """Make a bucket; False when it was there, ``BucketAlreadyExists`` if it is another's.

        The name is not checked here.
        """
        if name in self.public:
            message = (
                "The requested bucket name is not available. The bucket namespace is shared by all users of the "
                "system. Please select a different name and try again."
            )
            raise AwsError("BucketAlreadyExists", message, 409, BucketName=name)
        with self._database.write() as cursor:
            cursor.execute(
                "INSERT OR IGNORE INTO buckets VALUES (?, ?, ?)", (name, clock.now(), json.dumps(tags or {}))
            )
            return cursor.rowcount == 1

    def bucket_exists(self, name: str) -> bool:
        """Whether there is a bucket of that name, in this account or public."""
        return self._owns(name) or name in self.public

    def require_bucket(self, name: str) -> None:
        """Raise ``NoSuchBucket`` unless the bucket is there."""
        if not self.bucket_exists(name):
            raise no_such_bucket(name)

    def require_own(self, name: str) -> None:
        """Raise ``NoSuchBucket`` unless the bucket is there, ``AccessDenied`` if it is another's."""
        if not self._owns(name):
            raise access_denied() if name in self.public else no_such_bucket(name)

    def buckets(self, prefix: str = "", after: str = "") -> list[tuple[str, float]]:
        """Names and times of creation (seconds since the epoch) of the account's own, in the order of names.

        Those beyond ``after`` that begin with ``prefix``.
        """
        rows = self._database.read(
            "SELECT name, created FROM buckets WHERE name >= ? AND name < ? AND name > ? ORDER BY name",
            (prefix, end_of(prefix), after),
        )
        return [(row["name"], row["created"]) for row in rows]

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket, with its unfinished uploads; ``NoSuchBucket``, ``BucketNotEmpty``."""
        self.require_own(name)
        with self._database.write() as cursor:
            if cursor.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
                message = "The bucket you tried to delete is not empty"
                raise AwsError("BucketNotEmpty", message, 409, BucketName=name)
            if cursor.execute("DELETE FROM buckets WHERE name = ?", (name,)).rowcount == 0:
                raise no_such_bucket(name)
            of_bucket = "upload IN (SELECT id FROM uploads WHERE bucket = ?)"
            files = [row["file"] for row in cursor.execute(f"SELECT file FROM parts WHERE {of_bucket}", (name,))]
            cursor.execute(f"DELETE FROM parts WHERE {of_bucket}", (name,))
            cursor.execute("DELETE FROM uploads WHERE bucket = ?", (name,))
        self._unlink(files)

    def usage(self) -> dict[str, tuple[int, int]]:
        """Number of objects and of their bytes, by bucket; empty buckets are left out."""
        rows = self._database.read("SELECT bucket, COUNT(*), SUM(size) FROM objects GROUP BY bucket")
        return {row[0]: (row[1], row[2]) for row in rows}

    def bucket_tags(self, name: str) -> dict[str, str]:
        """The bucket's tags; ``NoSuchBucket``."""
        self.require_own(name)
        rows = self._database.read("SELECT tags FROM buckets WHERE name = ?", (name,))
        tags: dict[str, str] = json.loads(rows[0]["tags"])
        return tags

    def set_bucket_tags(self, name: str, tags: dict[str, str]) -> None:
        """Replace the bucket's tags; ``NoSuchBucket``."""
        with self._database.write() as cursor:
            self.require_own(name)
            cursor.execute("UPDATE buckets SET tags = ? WHERE name = ?", (json.dumps(tags), name))

    # ---- objects

    @contextmanager
    def new_file(self) -> Iterator[Path]:
        """A path for bytes that nobody knows yet; the file is removed when the block raises.

        Not when the block is cancelled: a thread may then still be making the file known,
        and a file that never became an object is removed at the next opening.
        """
        name = secrets.token_hex(16)
        path = self._data / name[:2] / name
        path.parent.mkdir(exist_ok=True)
        try:
            yield path
        except Exception:
            path.unlink(missing_ok=True)
            raise

    def put(
        self, obj: S3Object, check: Callable[[S3Object | None], None] | None = None, upload: str | None = None
    ) -> S3Object:
        """Make ``obj``, whose file came from ``new_file``, the object of its key.

        ``check`` is called with what the key holds now, in the same transaction; if it raises,
        nothing changes.  ``upload`` names the multipart upload that ends with this object
        (``NoSuchUpload`` if it has ended already).  Also raises ``NoSuchBucket``.
        """
        os.chmod(obj.path, 0o444)
        with self._database.write() as cursor:
            self.require_own(obj.bucket)
            old = self._find(obj.bucket, obj.key)
            if check:
                check(old)
            discarded = [self._name(old.path)] if old else []
            if old and obj.modified < old.modified:  # the clock was set back; conditions go by this time
                obj = replace(obj, modified=old.modified)
            if upload is not None:
                discarded += self._end_upload(cursor, upload)
            cursor.execute(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (obj.bucket, obj.key, self._name(obj.path), obj.size, obj.etag, obj.content_type,
                 json.dumps(obj.headers), json.dumps(obj.metadata), json.dumps(obj.tags),
                 json.dumps(obj.checksums), obj.modified),
            )  # fmt: skip
        self._unlink(discarded)
        return obj

    def put_file(self, bucket: str, key: str, path: Path, content_type: str = "binary/octet-stream") -> S3Object:
        """Make an object of a file and take the file over: it is moved away, across devices too.

        Raises ``NoSuchBucket`` and leaves the file where it is.
        """
        self.require_own(bucket)
        with self.new_file() as file:
            try:
                if path.is_symlink():
                    raise OSError(errno.EXDEV, "the file behind a link is not ours to move")
                os.rename(path, file)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.copyfile(path, file)
                path.unlink()
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "md5").hexdigest()
            obj = S3Object(bucket, key, file.stat().st_size, digest, file, content_type)
            return self.put(obj)

    def object(self, bucket: str, key: str) -> S3Object:
        """The object of a key; ``NoSuchBucket``, ``NoSuchKey``."""
        stored = self._find(bucket, key)
        if stored is None:
            self.require_bucket(bucket)
            raise no_such_key(key)
        return stored

    def open(self, bucket: str, key: str) -> tuple[S3Object, BinaryIO]:
        """The object and its open file, whose bytes stay whole if the object is overwritten meanwhile."""
        return self._with_file(self.object(bucket, key), lambda stored: (stored, stored.path.open("rb")))

    def link(self, obj: S3Object, target: Path) -> S3Object:
        """Lay the object's bytes at ``target`` (read-only, not there yet), making its parent folders.

        Returns the object whose bytes these are: a newer one when it was overwritten since ``obj`` was
        looked up.  ``NoSuchKey`` when it was deleted.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        # What is not ours is copied: nothing that is done to a channel may reach it.
        lay = copy_bytes if obj.bucket in self.public else copy_file
        return self._with_file(obj, lambda stored: (stored, lay(stored.path, target)))[0]

    def objects(self, bucket: str, prefix: str = "") -> list[S3Object]:
        """All objects whose keys begin with ``prefix``, in the order of keys; ``NoSuchBucket``."""
        self.require_bucket(bucket)
        return self._ranges(bucket)(prefix, end_of(prefix), -1)

    def page(self, bucket: str, prefix: str, delimiter: str, start: str | bytes, limit: int) -> Page:
        """Up to ``limit`` objects and common prefixes from the key ``start`` on; ``NoSuchBucket``.

        The keys under a common prefix are skipped by the index, not read.
        """
        self.require_bucket(bucket)
        objects: list[S3Object] = []
        prefixes: list[str] = []
        last, end = "", end_of(prefix)
        low = start if isinstance(start, bytes) or start > prefix else prefix
        batch = 16 if delimiter else limit + 1
        between = self._ranges(bucket)
        while True:
            chunk = between(low, end, batch)
            for obj in chunk:
                key = obj.key
                if len(objects) + len(prefixes) == limit:
                    return Page(objects, prefixes, last, key)
                cut = key.find(delimiter, len(prefix)) if delimiter else -1
                if cut >= 0:
                    last = key[: cut + len(delimiter)]
                    prefixes.append(last)
                    low, batch = end_of(last), 16
                    break
                objects.append(obj)
                last, low = key, key + "\0"
            else:
                if len(chunk) < batch:
                    return Page(objects, prefixes, last, None)
                batch = min(4 * batch, limit + 1)
            if low == b"":
                return Page(objects, prefixes, last, None)

    def delete(self, bucket: str, key: str, check: Callable[[S3Object | None], None] | None = None) -> None:
        """Delete an object, or find that there is none; ``check`` as in ``put``; ``NoSuchBucket``."""
        with self._database.write() as cursor:
            self.require_own(bucket)
            old = self._find(bucket, key)
            if check:
                check(old)
            cursor.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", (bucket, key))
        if old:
            self._unlink([self._name(old.path)])

    def set_object_tags(self, bucket: str, key: str, tags: dict[str, str]) -> None:
        """Replace the object's tags; ``NoSuchBucket``, ``NoSuchKey``."""
        with self._database.write() as cursor:
            self.require_own(bucket)
            self.object(bucket, key)
            cursor.execute("UPDATE objects SET tags = ? WHERE bucket = ? AND key = ?", (json.dumps(tags), bucket, key))

    # ---- multipart uploads

    def create_upload(self, upload: MultipartUpload) -> None:
        """Begin a multipart upload; ``NoSuchBucket``."""
        with self._database.write() as cursor:
            self.require_own(upload.bucket)
            cursor.execute(
                "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (upload.id, upload.bucket, upload.key, upload.content_type, json.dumps(upload.headers),
                 json.dumps(upload.metadata), json.dumps(upload.tags), upload.algorithm, upload.whole,
                 upload.initiated),
            )  # fmt: skip

    def upload(self, bucket: str, key: str, upload_id: str) -> MultipartUpload:
        """The upload of that id, bucket and key; ``NoSuchBucket``, ``NoSuchUpload``."""
        rows = self._database.read(
            "SELECT * FROM uploads WHERE id = ? AND bucket = ? AND key = ?", (upload_id, bucket, key)
        )
        if not rows:
            self.require_own(bucket)
            raise no_such_upload(upload_id)
        return self._upload(rows[0])

    def uploads(self, bucket: str, prefix: str) -> list[MultipartUpload]:
        """All unfinished uploads to keys that begin with ``prefix``, by key and time; ``NoSuchBucket``."""
        self.require_own(bucket)
        rows = self._database.read(
            "SELECT * FROM uploads WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key, initiated, id",
            (bucket, prefix, end_of(prefix)),
        )
        return [self._upload(row) for row in rows]

    def put_part(self, upload_id: str, part: Part) -> None:
        """Make a part, whose file came from ``new_file``, known; ``NoSuchUpload``."""
        with self._database.write() as cursor:
            if not cursor.execute("SELECT 1 FROM uploads WHERE id = ?", (upload_id,)).fetchone():
                raise no_such_upload(upload_id)
            old = [row["file"] for row in cursor.execute(
                "SELECT file FROM parts WHERE upload = ? AND number = ?", (upload_id, part.number)
            )]  # fmt: skip
            cursor.execute(
                "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)",
                (upload_id, part.number, self._name(part.path), part.size, part.etag,
                 json.dumps(part.checksums), part.modified),
            )  # fmt: skip
        self._unlink(old)

    def parts(self, upload_id: str) -> dict[int, Part]:
        """The parts that have arrived, by number in ascending order."""
        rows = self._database.read("SELECT * FROM parts WHERE upload = ? ORDER BY number", (upload_id,))
        return {
            row["number"]: Part(
                row["number"], row["size"], row["etag"], self._data / row["file"],
                json.loads(row["checksums"]), row["modified"],
            )
            for row in rows
        }  # fmt: skip

    def abort_upload(self, upload_id: str) -> None:
        """Forget an upload and its parts; ``NoSuchUpload``."""
        with self._database.write() as cursor:
            files = self._end_upload(cursor, upload_id)
        self._unlink(files)

    # ---- inside

    def _name(self, path: Path) -> str:
        return f"{path.parent.name}/{path.name}"

    def _unlink(self, files: list[str]) -> None:
        for file in files:
            (self._data / file).unlink(missing_ok=True)

    def _owns(self, bucket: str) -> bool:
        return bool(self._database.read("SELECT 1 FROM buckets WHERE name = ?", (bucket,)))

    def _ranges(self, bucket: str) -> Callable[[str | bytes, str | bytes, int], list[S3Object]]:
        """What finds a bucket's objects from one key on, before another one, so many at most (-1: all)."""
        if bucket in self.public:
            everything = self.public.objects(bucket)
            keys = [obj.key.encode() for obj in everything]

            def of_folder(low: str | bytes, end: str | bytes, limit: int) -> list[S3Object]:
                first, behind = (
                    len(keys) if isinstance(key, bytes) else bisect_left(keys, key.encode()) for key in (low, end)
                )
                return everything[first:behind][: None if limit < 0 else limit]

            return of_folder

        def of_index(low: str | bytes, end: str | bytes, limit: int) -> list[S3Object]:
            rows = self._database.read(
                "SELECT * FROM objects WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?",
                (bucket, low, end, limit),
            )
            return [self._object(row) for row in rows]

        return of_index

    def _find(self, bucket: str, key: str) -> S3Object | None:
        if bucket in self.public:
            return self.public.find(bucket, key)
        rows = self._database.read("SELECT * FROM objects WHERE bucket = ? AND key = ?", (bucket, key))
        return self._object(rows[0]) if rows else None

    def _with_file(self, obj: S3Object, use: Callable[[S3Object], Result]) -> Result:
        while True:
            try:
                return use(obj)
            except FileNotFoundError:
                current = self.object(obj.bucket, obj.key)
                if current.path == obj.path:  # not overwritten: somebody took the file away
                    raise
                obj = current

    def _object(self, row: sqlite3.Row) -> S3Object:
        return S3Object(
            row["bucket"], row["key"], row["size"], row["etag"], self._data / row["file"],
            row["content_type"], json.loads(row["headers"]), json.loads(row["metadata"]),
            json.loads(row["tags"]), json.loads(row["checksums"]), row["modified"],
        )  # fmt: skip

    def _upload(self, row: sqlite3.Row) -> MultipartUpload:
        return MultipartUpload(
            row["id"], row["bucket"], row["key"], row["content_type"], json.loads(row["headers"]),
            json.loads(row["metadata"]), json.loads(row["tags"]), row["algorithm"], bool(row["whole"]),
            row["initiated"],
        )  # fmt: skip

    def _end_upload(self, cursor: sqlite3.Cursor, upload_id: str) -> list[str]:
        cursor.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))
        if cursor.rowcount == 0:
            raise no_such_upload(upload_id)
        files = [row["file"] for row in cursor.execute("SELECT file FROM parts WHERE upload = ?", (upload_id,))]
        cursor.execute("DELETE FROM parts WHERE upload = ?", (upload_id,))
        return files
