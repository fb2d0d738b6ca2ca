"""Delta tables in one folder or under one object-store URI."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from recsys.clock import system_clock
from recsys.errors import ConfigError, DataError, StoreError
from recsys.lake.commit import commit, retried
from recsys.lake.erase import erase_users
from recsys.lake.lock import lake_lock
from recsys.lake.returning import erased_events, erased_profiles, erased_records
from recsys.lake.schemas import KEYS, NEEDED, UPSERTED, conform, table_schema
from recsys.lake.tombstones import Tombstones, bury, tombstones
from recsys.lake.upsert import first_of_each, last_of_each, upsert
from recsys.types import BoolArray

Rows: TypeAlias = "pa.Table | pq.ParquetFile"

PERSONAL = ("events", "users", "quarantine", "decisions")
BATCH = 65_536  # rows
_ODD = re.compile(r"[%\[\]^|\\\x00-\x1f]")  # an escape in a URL, or what ends the process inside Delta's library


@dataclass(frozen=True, eq=False)
class Appended:
    """What an append did: ``changed`` rows of the table, and which of the given rows an erasure kept out."""

    changed: int
    erased: BoolArray  # (rows,)


class Lake:
    """The tables events, items, users, quarantine, labels and decisions under ``root``; making it creates nothing.

    Every change is one Delta commit: it is there whole or not at all, whenever the process dies. A table of erasures
    lies beside them, which is not data and has no version here.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = str(root).removeprefix("file://").rstrip("/") or "/"
        self._local = "://" not in self.root
        odd = _ODD.search(str(Path(self.root).resolve())) if self._local else None
        if odd is not None:
            raise ConfigError(
                f"A lake cannot lie in {self.root}: Delta cannot read {odd[0]!r} in a path; use another folder name."
            )

    def has(self, name: str) -> bool:
        """Whether the table exists."""
        uri = self._uri(name)
        if self._local and not Path(uri, "_delta_log").is_dir():
            return False
        return bool(DeltaTable.is_deltatable(uri))

    def versions(self) -> dict[str, int]:
        """The current version of every table that exists."""
        return {name: self._open(name).version() for name in KEYS if self.has(name)}

    def ids(self) -> dict[str, str]:
        """What Delta called every table when it was made: versions of a table that was made anew are not comparable."""
        return {name: str(self._open(name).metadata().id) for name in KEYS if self.has(name)}

    def schema(self, name: str) -> pa.Schema | None:
        """The columns of the current version; None if there is no such table."""
        return _arrow_schema(self._existing(name))

    def append(self, name: str, rows: Rows) -> int:
        """Add rows exactly once and return how many changed: new keys, or for items and users changed rows too.

        A Parquet file is streamed. Nothing new means no new version. Rows of erased users stay out (see ``admit``).
        Raises DataError where columns are missing or do not convert, StoreError where other writers win again and
        again.
        """
        return self.admit(name, rows).changed

    def admit(self, name: str, rows: Rows) -> Appended:
        """As ``append``, telling which rows stayed out because their user was erased.

        An event stays out if it has no time or one up to the erasure; a profile, until the lake has a later event of
        the user; a row for the quarantine always.
        """
        uri = self._uri(name)
        if _length(rows) == 0:
            return Appended(0, np.zeros(0, bool))
        with lake_lock(self.root):
            return retried(partial(self._admit, name, rows), uri)

    def read(self, name: str, version: int | None = None) -> pa.Table:
        """The whole table, as of ``version``; DataError if there is none, StoreError if an erasure took it."""
        self.files(name, version)
        table = self._open(name, version).to_pyarrow_table()
        return conform(table, table_schema(name, table.schema, table.schema))

    def files(self, name: str, version: int | None = None) -> list[str]:
        """The Parquet files of a version, for DuckDB and Spark; empty for a table without rows.

        Columns go by name, and a file lacks the columns that came after it (``union_by_name`` in DuckDB).
        """
        uris: list[str] = self._open(name, version).file_uris()
        files = [unquote(uri) for uri in uris] if self._local else uris
        if self._local and not all(Path(file).exists() for file in files):
            raise StoreError(
                f"Version {version} of {name} in {self.root} went with an erasure of users; use a later version."
            )
        return files

    def erase(self, user_ids: Sequence[str], at: float | None = None) -> dict[str, int]:
        """Remove all rows of these users, and every older file that held one; rows removed by table.

        First it is written down, under a keyed hash, that they were erased at ``at`` (s UTC; now if left out), so that
        no file brings back what is older; a lake that does not exist yet is made for that. Versions before the erasure
        can no longer be read. The ids are not written to any log. Killed anywhere, a repetition completes it.
        """
        with lake_lock(self.root, alone=True):
            bury(self.root, user_ids, system_clock() if at is None else at)
            return {
                name: retried(partial(self._erase, name, user_ids), self._uri(name))
                for name in PERSONAL
                if self.has(name)
            }

    def compact(self) -> None:
        """Merge the small files of every table; older versions stay readable."""
        for name in self.versions():
            with lake_lock(self.root):
                retried(partial(self._compact, name), self._uri(name))

    def _uri(self, name: str) -> str:
        if name not in KEYS:
            raise ConfigError(f"The lake has no table {name!r}; its tables are {', '.join(KEYS)}.")
        return f"{self.root}/{name}"

    def _open(self, name: str, version: int | None = None) -> DeltaTable:
        if not self.has(name):
            raise DataError(f"The lake {self.root} has no table {name}; fill it with recsys ingest.")
        try:
            return DeltaTable(self._uri(name), version=version)
        except (TableNotFoundError, DeltaError) as error:
            raise DataError(
                f"The lake {self.root} has no version {version} of {name}: {error}; name one it has."
            ) from None

    def _existing(self, name: str) -> DeltaTable | None:
        return self._open(name) if self.has(name) else None

    def _admit(self, name: str, rows: Rows) -> Appended:
        erased = self._erased(name, rows)
        change = self._upsert if name in UPSERTED else self._insert
        return Appended(change(name, rows, ~erased), erased)

    def _erased(self, name: str, rows: Rows) -> BoolArray:
        """(rows,) whether a row may not come in because its user was erased."""
        buried = tombstones(self.root) if name in PERSONAL else Tombstones()
        there = [column for column in ("user_id", "timestamp", "record") if column in _schema(rows).names]
        if not buried or "user_id" not in there:
            return np.zeros(_length(rows), bool)
        given = rows.select(there) if isinstance(rows, pa.Table) else rows.read(columns=there)
        if name == "users":
            events = self._existing("events")
            return erased_profiles(given, buried, None if events is None else events.to_pyarrow_dataset())
        return erased_records(given, buried) if name == "quarantine" else erased_events(given, buried)

    def _insert(self, name: str, rows: Rows, wanted: BoolArray) -> int:
        """Rows with new keys, streamed behind what is there."""
        table = self._existing(name)
        schema = table_schema(name, _schema(rows), _arrow_schema(table))
        keep = wanted & _unknown(rows, table, KEYS[name])  # (rows,)
        if keep.any():
            commit(self._uri(name) if table is None else table, schema, _kept(name, rows, keep, schema), whole=False)
        return int(keep.sum())

    def _upsert(self, name: str, rows: Rows, wanted: BoolArray) -> int:
        table = self._existing(name)
        given = rows if isinstance(rows, pa.Table) else rows.read()
        new = conform(given, table_schema(name, given.schema, _arrow_schema(table))).filter(pa.array(wanted))
        if new.num_rows == 0:
            return 0
        _refuse_missing(name, new)
        if table is None:
            new = last_of_each(new, KEYS[name])
            commit(self._uri(name), new.schema, new.to_batches(), whole=False)
            return int(new.num_rows)
        old = self.read(name, table.version())
        done = upsert(old, new, KEYS[name])
        if done.changed or done.table.column_names != old.column_names:
            commit(table, done.table.schema, done.table.to_batches(), whole=True)
        return done.changed

    def _erase(self, name: str, user_ids: Sequence[str]) -> int:
        return erase_users(self._open(name), user_ids)

    def _compact(self, name: str) -> None:
        self._open(name).optimize.compact()


def _length(rows: Rows) -> int:
    return int(rows.num_rows if isinstance(rows, pa.Table) else rows.metadata.num_rows)


def _schema(rows: Rows) -> pa.Schema:
    return rows.schema if isinstance(rows, pa.Table) else rows.schema_arrow


def _arrow_schema(table: DeltaTable | None) -> pa.Schema | None:
    return None if table is None else pa.schema(table.schema().to_arrow())


def _unknown(rows: Rows, table: DeltaTable | None, key: str) -> BoolArray:
    """(rows,) whether a row's key is in neither the table nor an earlier row."""
    keys = (rows if isinstance(rows, pa.Table) else rows.read(columns=[key]))[key].cast(pa.string())
    keep = first_of_each(keys)
    if table is not None:
        there = table.to_pyarrow_dataset().to_table(columns=[key])[key].cast(pa.string())
        keep &= ~np.asarray(pc.is_in(keys, value_set=there.combine_chunks()), bool)
    return keep


def _kept(name: str, rows: Rows, keep: BoolArray, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    whole = isinstance(rows, pa.Table)
    batches = rows.to_batches(max_chunksize=BATCH) if whole else rows.iter_batches(batch_size=BATCH)
    at = 0
    for batch in batches:
        chosen = conform(batch.filter(pa.array(keep[at : at + len(batch)])), schema)
        at += len(batch)
        _refuse_missing(name, chosen)
        yield from chosen.to_batches()


def _refuse_missing(name: str, rows: pa.Table) -> None:
    for column in NEEDED.get(name, (KEYS[name],)):
        if rows[column].null_count:
            raise DataError(f"{rows[column].null_count} rows for the table {name} have no {column}; leave them out.")
