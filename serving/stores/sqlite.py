"""Plain SQLite as serving uses it: write-ahead log, one connection a thread for reading."""

import sqlite3
import threading
import time
import weakref
from pathlib import Path
from typing import Any

from recsys.errors import StoreError

BUSY_TIMEOUT_MS = 10_000
AGAIN_SECONDS = 0.01


def connect(path: Path, *, synchronous: str) -> sqlite3.Connection:
    """A writing connection in autocommit mode; transactions are begun by hand.

    ``NORMAL`` keeps every commit when the process is killed, because a commit is in the system's page cache by then;
    only ``FULL`` also keeps it through a power cut. Deleted rows are overwritten, so that erased users leave no bytes.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_MS / 1e3)
        configure(connection, synchronous=synchronous)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"The store {path} cannot be opened: {error}. Check the path and its permissions.") from None
    return connection


def configure(connection: Any, *, synchronous: str) -> None:
    """Set what every writing connection needs."""
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    _write_ahead(connection)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA secure_delete = ON")


def _write_ahead(connection: Any) -> None:
    """Turn the write-ahead log on, again and again while another connection is turning it on.

    SQLite gives up at once there, whatever ``busy_timeout`` says: waiting with a read lock in hand could be for ever.
    """
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1e3
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(AGAIN_SECONDS)


def migrate(connection: sqlite3.Connection, path: Path, steps: tuple[str, ...]) -> None:
    """Bring a store without Alembic to its newest schema; ``user_version`` counts the steps already taken."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        done = connection.execute("PRAGMA user_version").fetchone()[0]
        for step in steps[done:]:
            for statement in step.split(";"):
                connection.execute(statement)
        if done <= len(steps):
            connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreError(f"The store {path} cannot be opened: {error}. Is it a SQLite file of this product?") from None
    if done > len(steps):
        raise StoreError(f"The store {path} was written by a newer version; update recsys before opening it.")


class Transaction:
    """``with Transaction(connection, lock, path) as connection:`` commits at the end, rolls back on an error."""

    def __init__(self, connection: sqlite3.Connection, lock: threading.Lock, path: Path) -> None:
        self._connection, self._lock, self._path = connection, lock, path

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._lock.release()
            raise self._refused(error) from None
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._connection.execute("COMMIT" if error is None else "ROLLBACK")
        except sqlite3.Error as failed:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise self._refused(failed) from None
        finally:
            self._lock.release()
        if isinstance(error, sqlite3.Error):
            raise self._refused(error) from None

    def _refused(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"The store {self._path} did not take a write: {error}. Check the disk, then try again.")


class Reader:
    """One thread's read-only connection, with what the thread last saw of the file."""

    def __init__(self, path: Path) -> None:
        # A read-only open cannot create the shared-memory file of the log, so the statement guard does it instead.
        self.connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
        )
        self.connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        self.connection.execute("PRAGMA query_only = ON")
        self.version = -1
        self.sequence = 0
        self.quiet: tuple[str, int] | None = None  # a cursor behind which the version of the file had nothing


class Readers:
    """Read-only connections to one file, one a thread, made on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._open: weakref.WeakSet[Reader] = weakref.WeakSet()

    def mine(self) -> Reader:
        """This thread's reader."""
        reader: Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            try:
                reader = self._local.reader = Reader(self.path)
            except sqlite3.Error as error:
                raise self.unreadable(error) from None
            self._open.add(reader)
        return reader

    def rows(self, sql: str, values: Any = ()) -> list[Any]:
        """All rows of a query."""
        try:
            return self.mine().connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self.unreadable(error) from None

    def unreadable(self, error: sqlite3.Error) -> StoreError:
        """The sentence for a read that failed."""
        return StoreError(f"The store {self.path} cannot be read: {error}. Check that the file is whole and readable.")

    def close(self) -> None:
        """Close every thread's connection."""
        for reader in list(self._open):
            reader.connection.close()
        self._local = threading.local()
