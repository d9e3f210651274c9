"""SQLite databases: what the embedded account must not forget.

Every service keeps its rows in one file of its own.  The journal is a write-ahead log
with ``synchronous=NORMAL``: a transaction that has returned outlives ``kill -9`` of this
process, because its bytes are with the operating system.  A power cut may take the last
transactions, never the file's consistency.  What is ``forced`` to the disk, a power cut does
not take, either.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# What SQLite says of a file that is damaged, or of a disk that is.
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR)
LOGS = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")  # how a write-ahead log of SQLite begins


class StateError(Exception):
    """A file of the account's state cannot be used; says which one, why, and what to do."""

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}")
        self.path = path
        self.sentence = sentence


class Database:
    """One SQLite connection that any thread may use, one at a time.

    ``StateError`` from its methods says that the file is damaged: SQLite notices when it reads the place.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._lock = threading.RLock()

    def read(self, sql: str, args: Sequence[object] = ()) -> list[sqlite3.Row]:
        """All rows of a query; what a transaction of another thread has not committed is not seen."""
        with self._lock, _naming(self._path):
            return self._connection.execute(sql, args).fetchall()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Cursor]:
        """A cursor within a transaction: committed when the block ends, undone when it raises."""
        with self._lock, _naming(self._path):
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


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an error of SQLite that tells of damage say which file it is about; others pass."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)  # none where bytes are not the text that they should be
        if (code is None and "decode" in str(error)) or (code is not None and code & 0xFF in DAMAGE):
            raise _damaged(path, error) from error
        raise


def _damaged(path: Path, why: object) -> StateError:
    advice = f"is damaged ({why}). Restore it from a copy, or move it away to begin anew without what it held."
    return StateError(path, advice)


def _look(path: Path) -> None:
    """Raise ``StateError`` for files that SQLite would take for new ones, and write over."""
    log = path.with_name(f"{path.name}-wal")
    if path.stat().st_size == 0:
        raise _damaged(path, "it is empty")
    with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
        if (begins := file.read(32)) and begins[:4] not in LOGS:
            raise _damaged(log, "this is no log of SQLite")


def _make(path: Path, schema: str) -> None:
    """Make a new file, whole or not at all: an empty one is then a damaged one."""
    coming = path.with_name(f"{path.name}.new")
    for old in (coming, *path.parent.glob(f"{path.name}-*")):  # SQLite would add another file's log to the new one
        old.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(coming, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.executescript(schema)
    coming.replace(path)


def open_database(path: Path, schema: str, forced: bool = False) -> Database:
    """Open (or make) the SQLite file ``path`` and run ``schema`` (``CREATE … IF NOT EXISTS``).

    ``forced``: a transaction returns when it is on the disk.

    Raises ``StateError`` when the folder or the file cannot be written or is not a database.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _look(path)
        else:
            _make(path, schema)
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
        if not isinstance(error, sqlite3.OperationalError):
            raise _damaged(path, error) from error
        advice = (
            f"cannot be used ({error}). Check that the file is yours to write, that the disk is not full, and that it "
            "is a disk of this machine: LOCAL_AWS_STATE names another folder."
        )
        raise StateError(path, advice) from error
    return Database(path, connection)
