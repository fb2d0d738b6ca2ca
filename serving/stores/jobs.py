"""A small durable queue for work that outlives a request, such as erasing a user from the lake."""

import json
import sqlite3
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.clock import Clock, system_clock
from recsys.errors import StoreError
from serving.stores.sqlite import Readers, Transaction, connect, migrate

SCHEMA = (
    """CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, payload TEXT NOT NULL,
        due REAL NOT NULL, tries INTEGER NOT NULL, error TEXT NOT NULL)""",
)
DUE = """SELECT seq, id, kind, payload, tries FROM jobs
    WHERE due <= :now AND (:kind IS NULL OR kind = :kind) ORDER BY seq LIMIT 1"""
LEASE_SECONDS = 300.0
LONGEST_WAIT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do; ``tries`` counts this take, so it is 1 the first time."""

    id: str
    kind: str
    payload: dict[str, Any]
    tries: int


class Jobs:
    """Jobs in a SQLite file. One is given to one taker at a time; a taker that dies loses it to the next.

    Work is done at least once, so it has to be harmless when it is repeated. The clock is the machine's by default,
    because a lease has to run out even where the events' clock stands still.
    """

    def __init__(self, path: Path | str, clock: Clock = system_clock) -> None:
        self.path = Path(path)
        self._clock = clock
        self._lock = threading.Lock()
        self._writer = connect(self.path, synchronous="FULL")
        migrate(self._writer, self.path, SCHEMA)
        self._wipe()  # of what a process left that was killed between the two steps of done
        self._readers = Readers(self.path)

    def put(self, kind: str, payload: Mapping[str, Any]) -> str:
        """Add a job, durably; gives its id."""
        job_id = uuid.uuid4().hex
        with self._write() as connection:
            connection.execute(
                "INSERT INTO jobs (id, kind, payload, due, tries, error) VALUES (?, ?, ?, ?, 0, '')",
                (job_id, kind, json.dumps(dict(payload)), self._clock()),
            )
        return job_id

    def take(self, kind: str | None = None, *, lease_seconds: float = LEASE_SECONDS) -> Job | None:
        """The oldest job that is due, of any kind if none is named; it is due again when the lease has run out."""
        now = self._clock()
        with self._write() as connection:
            row = connection.execute(DUE, {"now": now, "kind": kind}).fetchone()
            if row is None:
                return None
            taken = "UPDATE jobs SET due = ?, tries = tries + 1 WHERE seq = ?"
            connection.execute(taken, (now + lease_seconds, row[0]))
        return Job(row[1], row[2], json.loads(row[3]), row[4] + 1)

    def done(self, job_id: str) -> None:
        """Tell that a job is finished; its payload is overwritten, and the log that held it emptied."""
        with self._write() as connection:
            connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
        self._wipe()

    def failed(self, job_id: str, error: str) -> None:
        """Give a job back; it is due again after a wait that doubles with every try, an hour at most."""
        with self._write() as connection:
            connection.execute(
                "UPDATE jobs SET due = ? + min(?, (1 << min(tries, 20))), error = ? WHERE id = ?",
                (self._clock(), LONGEST_WAIT_SECONDS, error, job_id),
            )

    def waiting(self) -> int:
        """How many jobs are not finished."""
        return int(self._readers.rows("SELECT count(*) FROM jobs")[0][0])

    def close(self) -> None:
        """Close every connection."""
        self._readers.close()
        self._writer.close()

    def _wipe(self) -> None:
        """Empty the log of what has been deleted, where no reader holds it."""
        try:
            with self._lock:
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"The log of {self.path} cannot be emptied: {error}. Check the disk.") from None

    def _write(self) -> Transaction:
        return Transaction(self._writer, self._lock, self.path)
