"""What the embedded account must not forget, in SQLite files.

Every service keeps its rows in one file of its own.  The journal is a write-ahead log
with ``synchronous=NORMAL``: a transaction that has returned outlives ``kill -9`` of this
process, because its bytes are with the operating system.  A power cut may take the last
transactions, never the file's consistency.  What is ``forced`` to the disk, a power cut does
not take, either.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class StateError(Exception):
    """A file of the account's state cannot be used; says which one, why, and what to do."""

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}")
        self.path = path
        self.sentence = sentence


class Database:
    """One SQLite connection that any thread may use, one at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.RLock()

    def read(self, sql: str, args: Sequence[object] = ()) -> list[sqlite3.Row]:
        """All rows of a query; what a transaction of another thread has not committed is not seen."""
        with self._lock:
            return self._connection.execute(sql, args).fetchall()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Cursor]:
        """A cursor within a transaction: committed when the block ends, undone when it raises."""
        with self._lock:
            cursor = self._connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    def close(self) -> None:
        """Close the file; the log is folded into it."""
        with self._lock:
            self._connection.close()


def open_database(path: Path, schema: str, forced: bool = False) -> Database:
    """Open (or make) the SQLite file ``path`` and run ``schema`` (``CREATE … IF NOT EXISTS``).

    ``forced``: a transaction returns when it is on the disk.

    Raises ``StateError`` when the folder or the file cannot be written or is not a database.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        advice = f"cannot be opened ({error}). Check that the folder is yours to write."
        raise StateError(path, advice) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'FULL' if forced else 'NORMAL'}")
        connection.executescript(schema)
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            advice = f"cannot be used ({error}). Check that the file is yours to write and the disk is not full."
        else:
            advice = f"is not a database of the embedded account ({error}). Move it away to begin anew."
        raise StateError(path, advice) from error
    return Database(connection)
