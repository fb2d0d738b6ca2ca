"""Who was erased and when, under a keyed hash, so that an old file does not bring them back.

The table ``erasures`` lies beside the others. Its key is random, made with the table, and stands in the table's own
description: so both come to be in one commit, in a folder as in an object store, and no data file holds the key.
"""

import hashlib
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable
from numpy.typing import NDArray

from recsys.errors import ConfigError, StoreError
from recsys.lake.commit import commit, retried
from recsys.lake.schemas import TIME

NEVER = np.iinfo(np.int64).min  # µs; before every event
_SCHEMA = pa.schema([("pseudonym", pa.string()), ("erased_at", TIME)])
_KEY_BYTES = 32


@dataclass(frozen=True, eq=False)
class Tombstones:
    """The erasures of a lake: µs UTC by the keyed hash of the user id."""

    key: bytes = b""
    times: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times)

    def knows(self, user_id: str) -> bool:
        """Whether a user was ever erased."""
        return pseudonym(self.key, user_id) in self.times

    def of(self, users: pa.Array) -> NDArray[np.int64]:
        """(rows,) when the user of each row was erased (µs UTC), NEVER where not; each distinct id is hashed once."""
        coded = users.cast(pa.string()).dictionary_encode()
        names = coded.dictionary.to_pylist()
        times = np.array([self.times.get(pseudonym(self.key, name), NEVER) for name in names] + [NEVER], np.int64)
        where = np.asarray(coded.indices.fill_null(len(names)))  # (rows,)
        return np.asarray(times[where], np.int64)


def pseudonym(key: bytes, user_id: str) -> str:
    """128 bits of keyed BLAKE2b over the id, hexadecimal."""
    return hashlib.blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=16, key=key).hexdigest()


def tombstones(root: str) -> Tombstones:
    """All erasures of the lake at ``root``; none where nobody was ever erased."""
    table = _opened(root)
    return Tombstones() if table is None else _read(table, root)


def bury(root: str, user_ids: Sequence[str], at: float) -> None:
    """Remember that these users were erased at ``at`` (s UTC); an erasure never moves back. One commit."""
    if not math.isfinite(at):
        raise ConfigError(f"An erasure cannot have the time {at}; give seconds since 1970 UTC.")
    if user_ids:
        retried(partial(_bury, root, user_ids, round(at * 1e6)), _uri(root))


def _bury(root: str, user_ids: Sequence[str], micros: int) -> None:
    table = _opened(root)
    known = Tombstones(secrets.token_bytes(_KEY_BYTES)) if table is None else _read(table, root)
    times = dict(known.times)
    for user_id in user_ids:
        name = pseudonym(known.key, user_id)
        times[name] = max(micros, times.get(name, NEVER))
    if times != known.times:
        rows = pa.table({"pseudonym": list(times), "erased_at": pa.array(times.values(), pa.int64()).cast(TIME)})
        batches = rows.cast(_SCHEMA).to_batches()
        target = _uri(root) if table is None else table
        commit(target, _SCHEMA, batches, whole=table is not None, description=known.key.hex())
    if table is not None:  # the newest version says it all
        table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)


def _read(table: DeltaTable, root: str) -> Tombstones:
    key = table.metadata().description or ""
    if len(key) != 2 * _KEY_BYTES:
        raise StoreError(f"The table erasures in {root} has lost its key, its description; restore it from a backup.")
    rows = table.to_pyarrow_table()
    micros = rows["erased_at"].cast(TIME).cast(pa.int64()).to_pylist()
    return Tombstones(bytes.fromhex(key), dict(zip(rows["pseudonym"].to_pylist(), micros, strict=True)))


def _opened(root: str) -> DeltaTable | None:
    uri = _uri(root)
    return DeltaTable(uri) if DeltaTable.is_deltatable(uri) else None


def _uri(root: str) -> str:
    return f"{root}/erasures"
