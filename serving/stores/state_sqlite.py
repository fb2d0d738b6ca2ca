"""User state in one SQLite file."""

import json
import math
import sqlite3
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from serving.stores.sqlite import Readers, Transaction, connect, migrate
from serving.stores.state import BEFORE, LOOK_BACK, RECENT, SITTING, Event, History, Recent

# Events lie in the order of (user, time), so that a history is one range of the file; a time of -inf is unknown.
SCHEMA = (
    """CREATE TABLE events (
        user_id TEXT NOT NULL, time REAL NOT NULL, place INTEGER NOT NULL, event_id TEXT NOT NULL,
        item_id TEXT NOT NULL, kind TEXT NOT NULL, value REAL,
        PRIMARY KEY (user_id, time, place, event_id)) WITHOUT ROWID;
    CREATE UNIQUE INDEX events_id ON events (event_id);
    CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, event TEXT NOT NULL);
    CREATE INDEX outbox_user ON outbox (user_id);
    CREATE TABLE profiles (user_id TEXT PRIMARY KEY, profile TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE arrivals (n INTEGER NOT NULL);
    INSERT INTO arrivals VALUES (0)""",
    # Whoever saw few items often has their whole set without a walk through all events.
    """CREATE TABLE seen (user_id TEXT NOT NULL, item_id TEXT NOT NULL, PRIMARY KEY (user_id, item_id)) WITHOUT ROWID;
    INSERT INTO seen SELECT DISTINCT user_id, item_id FROM events""",
    # Numbers are never given twice, so that a reader's place stays good whoever is erased.
    """CREATE TABLE IF NOT EXISTS recent (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, item_id TEXT NOT NULL, kind TEXT NOT NULL,
        value REAL, time REAL, before TEXT NOT NULL, again INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS recent_user ON recent (user_id)""",
    # Whoever has read a user needs to read them again only after a change.
    """CREATE TABLE IF NOT EXISTS numbers (user_id TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
    INSERT OR IGNORE INTO numbers SELECT user_id, 0 FROM events UNION SELECT user_id, 0 FROM profiles""",
)
INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING"
# From what is stored: an id that belongs to another event adds nothing.
SEEN = "INSERT OR IGNORE INTO seen SELECT user_id, item_id FROM events WHERE event_id = ?"
NUMBER = "INSERT OR REPLACE INTO numbers VALUES (?, ?)"
OUTBOX = "INSERT INTO outbox (event_id, user_id, event) VALUES (?, ?, ?)"
ARRIVED = "INSERT INTO recent (user_id, item_id, kind, value, time, before, again) VALUES (?, ?, ?, ?, ?, ?, ?)"
SITTING_OF = """SELECT item_id FROM events WHERE user_id = ? AND time BETWEEN ? AND ? AND event_id <> ?
    ORDER BY time DESC, place DESC LIMIT ?"""
READ_RECENT = "SELECT seq, item_id, kind, value, time, before, again FROM recent WHERE seq > ? ORDER BY seq LIMIT ?"
HISTORY = """SELECT item_id, kind, value, time FROM events WHERE user_id = ?
    ORDER BY time DESC, place DESC, event_id DESC LIMIT ?"""


class SqliteState:
    """Histories in a file that all processes of one machine share.

    A commit outlives a kill of the process; ``synchronous = NORMAL`` means that a power cut may cost the last ones.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._writer = connect(path, synchronous="NORMAL")
        migrate(self._writer, path, SCHEMA)
        self._readers = Readers(path)

    def append(self, events: Sequence[Event], *, pending: bool = True) -> int:
        """Store the events whose ids are new, in one transaction; gives how many."""
        if not events:
            return 0
        with self._write() as connection:
            first = self._places(connection, len(events))
            rows = [_row(event, first + offset) for offset, event in enumerate(events)]
            _numbered(connection, {event.user_id for event in events}, first)
            if not pending:
                before = connection.total_changes
                connection.executemany(INSERT, rows)
                added = connection.total_changes - before
                connection.executemany(SEEN, [(event.event_id,) for event in events])
                return added
            fresh = [
                event for event, row in zip(events, rows, strict=True) if connection.execute(INSERT, row).rowcount == 1
            ]
            connection.executemany(SEEN, [(event.event_id,) for event in fresh])
            arrived = [_arrived(connection, event) for event in fresh]
            connection.executemany(ARRIVED, arrived)
            if arrived:
                connection.execute("DELETE FROM recent WHERE seq <= (SELECT MAX(seq) FROM recent) - ?", (RECENT,))
            connection.executemany(OUTBOX, [(e.event_id, e.user_id, json.dumps(asdict(e))) for e in fresh])
        return len(fresh)

    def history(self, user_id: str, limit: int | None = None) -> History:
        """A user's newest ``limit`` events, oldest first."""
        return _history(self._readers.rows(HISTORY, (user_id, -1 if limit is None else limit)))

    def histories(self, user_ids: Sequence[str], limit: int | None = None) -> dict[str, History]:
        """The histories of many users, unknown ones empty."""
        return {user_id: self.history(user_id, limit) for user_id in user_ids}

    def number(self, user_id: str) -> int | None:
        """Another one after every change of what is stored of a user; None where that is nothing."""
        found = self._readers.rows("SELECT n FROM numbers WHERE user_id = ?", (user_id,))
        return int(found[0][0]) if found else None

    def seen(self, user_id: str) -> list[str]:
        """Every item of a user's events once."""
        return [row[0] for row in self._readers.rows("SELECT item_id FROM seen WHERE user_id = ?", (user_id,))]

    def erase(self, user_id: str) -> int:
        """Forget a user; the bytes are overwritten and the log that held them is emptied where nobody reads it."""
        with self._write() as connection:
            removed = connection.execute("DELETE FROM events WHERE user_id = ?", (user_id,)).rowcount
            connection.execute("DELETE FROM seen WHERE user_id = ?", (user_id,))
            connection.execute("DELETE FROM numbers WHERE user_id = ?", (user_id,))
            connection.execute("DELETE FROM outbox WHERE user_id = ?", (user_id,))
            connection.execute("DELETE FROM recent WHERE user_id = ?", (user_id,))
            connection.execute("DELETE FROM profiles WHERE user_id = ?", (user_id,))
        with self._lock:
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return removed

    def pending(self, limit: int) -> list[Event]:
        """Events that the lake has not confirmed, in the order they came."""
        found = self._readers.rows("SELECT event FROM outbox ORDER BY seq LIMIT ?", (limit,))
        return [Event(**json.loads(row[0])) for row in found]

    def recent(self, after: str, limit: int) -> list[Recent]:
        """Accepted events behind a cursor, oldest first; where the file has not changed a pragma tells, in no time."""
        reader = self._readers.mine()
        version = reader.connection.execute("PRAGMA data_version").fetchone()[0]
        if reader.quiet == (after, version):
            return []
        rows = self._readers.rows(READ_RECENT, (int(after or 0), limit))
        reader.quiet = None if rows else (after, version)
        return [_recent(row) for row in rows]

    def drained(self, event_ids: Collection[str]) -> None:
        """Tell that the lake holds these."""
        with self._write() as connection:
            connection.executemany("DELETE FROM outbox WHERE event_id = ?", [(event_id,) for event_id in event_ids])

    def cursor(self, name: str) -> str | None:
        """A bookmark by name."""
        found = self._readers.rows("SELECT value FROM cursors WHERE name = ?", (name,))
        return str(found[0][0]) if found else None

    def put_cursor(self, name: str, value: str | None) -> None:
        """Set a bookmark, or remove it."""
        with self._write() as connection:
            if value is None:
                connection.execute("DELETE FROM cursors WHERE name = ?", (name,))
            else:
                connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (name, value))

    def put_profiles(self, profiles: Mapping[str, Mapping[str, str]]) -> None:
        """Replace the profiles of these users, in one transaction."""
        rows = [(user_id, json.dumps(dict(profile))) for user_id, profile in profiles.items()]
        with self._write() as connection:
            connection.executemany("INSERT OR REPLACE INTO profiles VALUES (?, ?)", rows)
            _numbered(connection, profiles, self._places(connection, 1))

    def profile(self, user_id: str) -> dict[str, str]:
        """A user's profile, empty if there is none."""
        found = self._readers.rows("SELECT profile FROM profiles WHERE user_id = ?", (user_id,))
        return dict(json.loads(found[0][0])) if found else {}

    def ping(self) -> None:
        """Raise StoreError where the file cannot be read."""
        self._readers.rows("SELECT 1 FROM arrivals")

    def close(self) -> None:
        """Close every connection."""
        self._readers.close()
        self._writer.close()

    def _write(self) -> Transaction:
        return Transaction(self._writer, self._lock, self.path)

    def _places(self, connection: sqlite3.Connection, count: int) -> int:
        """Reserve places in the order of arrival; the first of them."""
        connection.execute("UPDATE arrivals SET n = n + ?", (count,))
        return int(connection.execute("SELECT n FROM arrivals").fetchone()[0]) - count


def _numbered(connection: sqlite3.Connection, users: Iterable[str], place: int) -> None:
    """Give the users a number that nobody had before; places in the order of arrival are never given twice."""
    connection.executemany(NUMBER, [(user, place + 1) for user in users])


def _arrived(connection: sqlite3.Connection, event: Event) -> tuple[Any, ...]:
    """An event as counters need it, with what its user had just before."""
    time, sitting = event.timestamp, list[str]()
    if not math.isnan(time):
        about = (event.user_id, time - SITTING, time, event.event_id, LOOK_BACK)
        sitting = [row[0] for row in connection.execute(SITTING_OF, about)]
    before = [item for item in dict.fromkeys(sitting) if item != event.item_id][:BEFORE]
    told = (event.user_id, event.item_id, event.kind, event.value, None if math.isnan(time) else time)
    return (*told, json.dumps(before), event.item_id in sitting)


def _recent(row: Sequence[Any]) -> Recent:
    seq, item, kind, value, time, before, again = row
    return Recent(
        str(seq), item, kind, value, math.nan if time is None else time, tuple(json.loads(before)), bool(again)
    )


def _row(event: Event, arrival: int) -> tuple[Any, ...]:
    time = -math.inf if math.isnan(event.timestamp) else event.timestamp
    place = arrival if event.order is None else event.order
    return (event.user_id, time, place, event.event_id, event.item_id, event.kind, event.value)


def _history(newest_first: Sequence[Sequence[Any]]) -> History:
    if not newest_first:
        return History()
    items, kinds, values, times = (list(column) for column in zip(*reversed(newest_first), strict=True))
    return History(items, kinds, values, [math.nan if time == -math.inf else time for time in times])
