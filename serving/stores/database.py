"""One control database, SQLite or PostgreSQL: transactions that write change log and audit with what they change."""

import hashlib
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Row, create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from recsys.clock import Clock
from recsys.errors import ConfigError, StoreError
from serving.stores import sqlite
from serving.stores.feed import Feed, SqliteFeed
from serving.stores.records import ChangeKind, dump
from serving.stores.tables import audit, changes, meta

HEAD = "0009"  # the newest step in serving/migrations
MIGRATIONS = Path(__file__).parent.parent / "migrations"
IDS = 500  # ids of one query: databases bound its parameters
AUDIT_HEAD = "audit_head"
PSEUDONYM_KEY = "pseudonym_key"


def control_url(location: str | Path) -> URL:
    """A database URL of a URL or a file's path; ConfigError where it is neither SQLite nor PostgreSQL."""
    if isinstance(location, Path) or "://" not in location:
        return URL.create("sqlite", database=str(location))
    try:
        url = make_url(location)
    except ArgumentError:
        raise ConfigError("control_url cannot be parsed; write postgresql://USER@HOST/DATABASE or a path.") from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" and url.database:
        return url
    raise ConfigError(f"control_url has the scheme {url.drivername!r}; write postgresql://… or the path of a file.")


@dataclass(frozen=True)
class Write:
    """One open write transaction: the only writer of the whole database until it commits."""

    connection: Connection
    now: float  # s UTC
    actor: str

    def execute(self, statement: Any, values: Any = None) -> Any:
        """Run a statement in this transaction."""
        return self.connection.execute(statement, values)

    def newest(self) -> int:
        """The newest change number, this transaction's own included."""
        return int(self.connection.scalar(select(func.coalesce(func.max(changes.c.seq), 0))) or 0)

    def change(self, kind: ChangeKind, key: str, payload: Mapping[str, Any]) -> int:
        """Add a line to the change log; gives its number."""
        seq = self.newest() + 1
        values = {"seq": seq, "kind": kind, "key": key, "payload": dump(payload), "at": self.now}
        self.execute(changes.insert(), values)
        return seq

    def audit(self, action: str, target: str, *, before: Any = None, after: Any = None, reason: str = "") -> None:
        """Add a line to the audit log, chained to the one before."""
        last = self.execute(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
        seq, previous = (last.seq + 1, last.hash) if last else (1, "")
        entry = {
            "seq": seq,
            "at": self.now,
            "actor": self.actor,
            "action": action,
            "target": target,
            "before": dump(before),
            "after": dump(after),
            "reason": reason,
        }
        digest = chained(previous, entry)
        self.execute(audit.insert(), {**entry, "hash": digest})
        self.execute(meta.update().where(meta.c.name == AUDIT_HEAD), {"value": f"{seq}:{digest}"})


def chained(previous: str, entry: Mapping[str, Any]) -> str:
    """sha256 of the previous line's hash and this line in canonical JSON (without its own hash)."""
    return hashlib.sha256((previous + dump(entry)).encode()).hexdigest()


class Database:
    """Connections, transactions and the feed of one control database."""

    def __init__(self, url: URL, clock: Clock) -> None:
        self.clock = clock
        self.name = url.render_as_string(hide_password=True)
        self._url = url
        self._embedded = url.get_backend_name() == "sqlite"
        self._lock = threading.Lock()
        self._engine = self._make_engine()
        self._migrate()
        self._readers = sqlite.Readers(Path(str(url.database))) if self._embedded else None
        self.feed: Feed = SqliteFeed(self._readers) if self._readers else _postgres_feed(url, self._engine)
        self.pseudonym_key = bytes.fromhex(self.point("SELECT value FROM meta WHERE name = :n", n=PSEUDONYM_KEY)[0])

    def close(self) -> None:
        """Give every connection back."""
        self.feed.close()
        self._engine.dispose()

    def rows(self, statement: Any, values: Any = None) -> list[Row[Any]]:
        """All rows of a query."""
        try:
            with self._engine.connect() as connection:
                return list(connection.execute(statement, values))
        except SQLAlchemyError as error:
            raise self._refused("could not be read", error) from None

    def point(self, sql: str, **values: Any) -> Any:
        """One row or None by the shortest way: a bare prepared statement on the thread's own connection."""
        if self._readers is not None:
            rows = self._readers.rows(sql, values)
            return rows[0] if rows else None
        found = self.rows(text(sql), values)
        return found[0] if found else None

    @contextmanager
    def write(self, actor: str) -> Iterator[Write]:
        """A transaction that no other writer runs beside, so that change numbers follow the order of commits."""
        try:
            with self._engine.connect() as connection:
                writing = connection.execution_options(recsys_write=True)
                with writing.begin():
                    if not self._embedded:
                        writing.execute(text("LOCK TABLE changes IN EXCLUSIVE MODE"))
                    write = Write(writing, self.clock(), actor)
                    before = write.newest()
                    yield write
                    after = write.newest()
                    if after > before and not self._embedded:
                        writing.execute(text("NOTIFY recsys_control"))
        except SQLAlchemyError as error:
            raise self._refused("did not take a write", error) from None
        self.feed.wrote(after)

    def wipe(self) -> None:
        """Empty SQLite's log of what has been deleted, where no reader holds it; a server does so by itself."""
        if not self._embedded:
            return
        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()

    def _make_engine(self) -> Engine:
        if not self._embedded:
            try:
                return create_engine(self._url, pool_pre_ping=True, connect_args={"connect_timeout": 3})
            except ImportError:
                raise ConfigError('PostgreSQL needs its driver; run: pip install "recsys[postgres]".') from None
        Path(str(self._url.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(self._url, connect_args={"timeout": sqlite.BUSY_TIMEOUT_MS / 1e3})
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return engine

    def _migrate(self) -> None:
        try:
            with self._engine.connect() as connection:
                known = _revision(connection)
            if known != HEAD:
                with self._engine.connect().execution_options(recsys_write=True) as connection, connection.begin():
                    _upgrade(connection, self.name)
        except DBAPIError as error:
            raise self._refused("cannot be opened", error) from None

    def _refused(self, what: str, error: SQLAlchemyError) -> StoreError:
        cause = str(getattr(error, "orig", None) or error).strip()
        return StoreError(f"The control store {self.name} {what}: {cause}. Check that it is there and reachable.")


def _postgres_feed(url: URL, engine: Engine) -> Feed:
    from serving.stores.postgres import PostgresFeed

    feed = PostgresFeed(url)
    event.listen(engine, "connect", lambda connection, record: feed.watch(connection))
    engine.dispose()  # whoever connected before is not watched
    return feed


def _prepare(connection: Any, record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    sqlite.configure(connection, synchronous="FULL")


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: taking it in the middle fails where another has written meanwhile.
    writing = connection.get_execution_options().get("recsys_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _upgrade(connection: Connection, name: str) -> None:
    """Take the missing steps; several processes may open the store at once, one of them does the work."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('recsys ' || current_schema()))"))
    if _revision(connection) == HEAD:
        return
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"The control store {name} was written by a newer version ({error}); update recsys before opening it."
        ) from None
    for key, value in ((AUDIT_HEAD, "0:"), (PSEUDONYM_KEY, secrets.token_hex(32))):
        if connection.execute(select(meta.c.name).where(meta.c.name == key)).first() is None:
            connection.execute(meta.insert(), {"name": key, "value": value})


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """Each once, as many together as one query takes."""
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), IDS):
        yield distinct[start : start + IDS]
