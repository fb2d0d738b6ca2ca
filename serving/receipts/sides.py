"""Side records: one small SQLite file a segment, so that a user is found by an index and a segment goes as a whole."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from serving.receipts.records import Side
from serving.stores.sqlite import Readers, Transaction, connect, migrate

SCHEMA = (
    """CREATE TABLE sides (
        decision_id TEXT PRIMARY KEY, at REAL NOT NULL, user TEXT, salt BLOB NOT NULL, packed BLOB NOT NULL);
    CREATE INDEX sides_user ON sides (user)""",
)
INSERT = "INSERT OR REPLACE INTO sides VALUES (?, ?, ?, ?, ?)"
ONE = "SELECT decision_id, at, user, salt, packed FROM sides WHERE decision_id = ?"


class Sides:
    """The side records of the segment that is being written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._writer = connect(path, synchronous="NORMAL")
        migrate(self._writer, path, SCHEMA)

    def add(self, sides: Sequence[Side]) -> None:
        """Store them in one transaction."""
        rows = [(one.decision_id, one.at, one.user, one.salt, one.packed) for one in sides]
        with Transaction(self._writer, self._lock, self._path) as connection:
            connection.executemany(INSERT, rows)

    def close(self) -> None:
        """Give the file back."""
        self._writer.close()


def find(path: Path, decision_id: str) -> Side | None:
    """The side record of a decision; None where it has been erased."""
    if not path.exists():
        return None
    readers = Readers(path)
    try:
        found = readers.rows(ONE, (decision_id,))
    finally:
        readers.close()
    return Side(*found[0]) if found else None


def forget(path: Path, user: str, until: float) -> int:
    """Erase what a user's pseudonym stands on up to ``until`` (s UTC); the bytes are overwritten."""
    readers = Readers(path)
    try:
        if not readers.rows("SELECT 1 FROM sides WHERE user = ? AND at <= ? LIMIT 1", (user, until)):
            return 0
    finally:
        readers.close()
    writer = connect(path, synchronous="FULL")
    try:
        with Transaction(writer, Lock(), path) as connection:
            removed = connection.execute("DELETE FROM sides WHERE user = ? AND at <= ?", (user, until)).rowcount
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        writer.close()
    return removed


def remove(path: Path) -> None:
    """Delete the file of a segment that is not kept any longer."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
