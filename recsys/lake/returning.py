"""Which rows of an erased user may not come in: all that are not known to be later than the erasure."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recsys.lake.schemas import TIME, conform
from recsys.lake.tombstones import NEVER, Tombstones
from recsys.types import BoolArray

_WORDS = 12  # the longest id looked for in a record that cannot be read, in words; a UUID has five
_READ = 4_000  # characters of such a record that are looked at


def erased_events(rows: pa.Table, buried: Tombstones) -> BoolArray:
    """(rows,) of an erased user, and without a time or not after the erasure."""
    erased = buried.of(_strings(rows, "user_id"))
    return np.asarray((erased != NEVER) & (_micros(rows) <= erased), bool)


def erased_records(rows: pa.Table, buried: Tombstones) -> BoolArray:
    """(rows,) of the quarantine: of an erased user, or unreadable and naming one."""
    users = _strings(rows, "user_id")
    held = buried.of(users) != NEVER
    records = _strings(rows, "record")
    for row in np.flatnonzero(np.asarray(users.is_null(), bool)).tolist():
        held[row] = _names_any(records[row].as_py(), buried)
    return np.asarray(held, bool)


def erased_profiles(rows: pa.Table, buried: Tombstones, events: "pa.dataset.Dataset | None") -> BoolArray:
    """(rows,) of an erased user of whom ``events`` has nothing later than the erasure."""
    users = _strings(rows, "user_id")
    held = np.asarray(buried.of(users) != NEVER, bool)
    if not held.any() or events is None:
        return held
    gone = users.filter(pa.array(held))
    back = {
        user for batch in events.to_batches(columns=["user_id", "timestamp"]) for user in _later(batch, gone, buried)
    }
    return np.asarray(held & np.array([user not in back for user in users.to_pylist()], bool), bool)


def _later(batch: pa.RecordBatch, users: pa.Array, buried: Tombstones) -> list[str]:
    """Those of ``users`` who have an event after their erasure in this batch."""
    found = pa.Table.from_batches([batch])
    found = found.filter(pc.is_in(found["user_id"], value_set=users.cast(found["user_id"].type)))
    return list(found.filter(pa.array(~erased_events(found, buried)))["user_id"].to_pylist())


def _micros(rows: pa.Table) -> NDArray[np.int64]:
    """(rows,) the time in µs UTC, NEVER where there is none."""
    times = conform(rows, pa.schema([("timestamp", TIME)]))["timestamp"]
    return np.asarray(times.cast(pa.int64()).fill_null(NEVER).to_numpy(), np.int64)


def _strings(rows: pa.Table, name: str) -> pa.Array:
    return conform(rows, pa.schema([(name, pa.string())]))[name].combine_chunks()


def _names_any(record: str | None, buried: Tombstones) -> bool:
    """Whether a run of words in the text is an erased user's id, whatever stands between the words."""
    words = list(re.finditer(r"\w+", (record or "")[:_READ]))
    runs = ((first, last) for at, first in enumerate(words) for last in words[at : at + _WORDS])
    return any(buried.knows(first.string[first.start() : last.end()]) for first, last in runs)
