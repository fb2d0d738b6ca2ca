"""Between lake and user state: ``sync`` brings in what the lake knows, ``drain`` takes out what was accepted."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs
import pyarrow.parquet as pq

from recsys.dataset.catalogue import JUDGED_LISTS, Catalogue
from recsys.errors import DataError, StoreError
from recsys.lake import Lake
from recsys.lake.schemas import LABEL_FIELDS
from serving.stores.control import ControlStore, Erasures
from serving.stores.state import Event, UserState

BATCH = 10_000  # rows
UPSERT_SEQ = "upsert_seq"  # column of the lake's items: the newest upsert that a row holds
COLUMNS = (
    *("event_id", "user_id", "item_id", "kind", "timestamp", "value"),
    *("session_id", "surface", "device", "request_id", "order"),
)
TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [pa.field(name, pa.string()) for name in COLUMNS if name not in {"timestamp", "value", "order"}]
    + [pa.field("timestamp", TIME), pa.field("value", pa.float64()), pa.field("order", pa.int64())]
)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did. ``version`` is the lake's version of events that the state now covers, None without events."""

    added: int
    skipped_erased: int
    version: int | None
    profiles: int = 0


def sync(
    lake: Lake,
    state: UserState,
    control: ControlStore | None = None,
    *,
    progress: Callable[[int], None] = lambda rows: None,
) -> SyncReport:
    """Fill the state from the lake: only what changed since the last time, harmless to repeat or to kill.

    Events of an erased user from before the erasure, or without a time, stay away; so does the profile.
    ``progress`` is told the number of rows read. Raises StoreError or DataError of the stores.
    """
    versions = lake.versions()
    erased = Erasures({}, b"") if control is None else control.erased_since(0)
    added = skipped = profiles = 0
    for batch in _news(lake, state, "events", versions):
        events = [_event(row) for row in batch]
        kept = [event for event in events if not _is_erased(event, erased)]
        added += state.append(kept, pending=False)
        skipped += len(events) - len(kept)
        progress(len(batch))
    for batch in _news(lake, state, "users", versions):
        known = {row["user_id"]: _profile(row) for row in batch if erased.at(row["user_id"]) is None}
        state.put_profiles(known)
        profiles += len(known)
    for name, version in versions.items():
        if name in {"events", "users"}:
            state.put_cursor(_bookmark(lake, name), str(version))
    return SyncReport(added, skipped, versions.get("events"), profiles)


def drain(state: UserState, lake: Lake, control: ControlStore | None = None, *, limit: int = BATCH) -> int:
    """Move accepted events to the lake and say how many rows it got; ``limit`` are read at a time.

    The lake takes each event id once, and the state lets go only of what the lake has: killed anywhere, the next drain
    goes on. With ``control``, events from before their user's erasure are left out, and users who are erased while
    this runs are erased from the lake again.
    """
    added = 0
    while events := state.pending(limit):
        before = 0 if control is None else control.sequence()
        erased = Erasures({}, b"") if control is None else control.erased_since(0)
        kept = [event for event in events if not _is_older(event, erased)]
        added += lake.append("events", _table(kept)) if kept else 0
        state.drained([event.event_id for event in events])
        if control is not None:
            late = control.erased_since(before)
            times = {event.user_id: late.at(event.user_id) for event in kept}
            users = {user_id: at for user_id, at in times.items() if at is not None}
            if users:
                lake.erase(sorted(users), at=max(users.values()))
    return added


def drain_items(control: ControlStore, state: UserState, lake: Lake) -> int:
    """Bring upserted items into the lake, so that the next bundle knows them; says how many rows changed.

    A record replaces what the lake has of the item, but a column that neither the lake nor a record has is not made:
    whether there is a label column decides the default policy.
    """
    bookmark = json.dumps(["items", lake.root])
    since = int(state.cursor(bookmark) or 0)
    found = control.items(since)
    if not found:
        return 0
    table = Catalogue.from_records([record for _, record in found]).table
    table = table.append_column(UPSERT_SEQ, pa.array([seq for seq, _ in found], pa.int64()))
    schema = lake.schema("items")
    table = _as_held(table, schema)
    known = set() if schema is None else set(schema.names)
    kept = [name for name in table.column_names if name in known or table[name].null_count < table.num_rows]
    changed = lake.append("items", table.select(kept))
    state.put_cursor(bookmark, str(max(seq for seq, _ in found)))
    return changed


def _as_held(table: pa.Table, schema: pa.Schema | None) -> pa.Table:
    """Judged lists as the lake has them: as text parted by ``|``; not at all where its column is something else."""
    if schema is None:
        return table
    for name in set(JUDGED_LISTS) & set(table.column_names) & set(schema.names):
        held = schema.field(name).type
        place = table.schema.get_field_index(name)
        if pa.types.is_string(held):
            table = table.set_column(place, name, pc.binary_join(table[name].combine_chunks(), "|"))
        elif not pa.types.is_list(held):
            table = table.remove_column(place)
    return table


def drain_labels(control: ControlStore, state: UserState, lake: Lake) -> int:
    """Bring label events into the lake, with all of their provenance; says how many it got.

    The lake takes each event id once, so a drain that was killed is simply done again.
    """
    bookmark = json.dumps(["labels", lake.root])
    since, added = int(state.cursor(bookmark) or 0), 0
    while found := control.label_events_since(since, BATCH):
        rows = [
            {**asdict(event), "created": _micros(event.created), "expires": _micros(event.expires)}
            for _, event in found
        ]
        columns = {name: [row[name] for row in rows] for name in LABEL_FIELDS}
        added += lake.append("labels", pa.table(columns, schema=pa.schema(list(LABEL_FIELDS.items()))))
        since = found[-1][0]
        state.put_cursor(bookmark, str(since))
    return added


def _micros(at: float | None) -> int | None:
    return None if at is None else round(at * 1e6)


def _news(lake: Lake, state: UserState, name: str, versions: dict[str, int]) -> Iterator[list[dict[str, Any]]]:
    """Rows of the files that came since the bookmark; all files where the bookmarked version is gone."""
    if name not in versions:
        return
    seen = state.cursor(_bookmark(lake, name))
    if seen == str(versions[name]):
        return
    old: list[str] = []
    if seen is not None:
        with suppress(DataError, StoreError):  # an erasure or a new lake: everything is read again
            old = lake.files(name, int(seen))
    for file in sorted(set(lake.files(name, versions[name])) - set(old)):
        yield from _rows(file, COLUMNS if name == "events" else None)


def _rows(file: str, columns: Sequence[str] | None) -> Iterator[list[dict[str, Any]]]:
    try:
        filesystem, path = pyarrow.fs.FileSystem.from_uri(file) if "://" in file else (None, file)
        with pq.ParquetFile(path, filesystem=filesystem) as parquet:
            names = set(parquet.schema_arrow.names)
            wanted = None if columns is None else [name for name in columns if name in names]
            for batch in parquet.iter_batches(BATCH, columns=wanted):
                yield _seconds(batch).to_pylist()
    except OSError as error:
        raise StoreError(f"A file of the lake went while it was read ({error}); run the sync again.") from None


def _seconds(batch: pa.RecordBatch) -> pa.Table:
    """Times as float seconds: making a datetime of each would be the slowest step."""
    table = pa.Table.from_batches([batch])
    if "timestamp" not in table.column_names:
        return table
    micros = table["timestamp"].cast(TIME).cast(pa.int64()).cast(pa.float64())
    return table.set_column(table.column_names.index("timestamp"), "timestamp", pc.divide(micros, 1e6))


def _event(row: dict[str, Any]) -> Event:
    time = row.get("timestamp")
    return Event(**{**row, "timestamp": float("nan") if time is None else time})


def _profile(row: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in row.items() if name != "user_id" and value is not None}


def _is_erased(event: Event, erased: Erasures) -> bool:
    at = erased.at(event.user_id)
    return at is not None and not event.timestamp > at  # an unknown time counts as before


def _is_older(event: Event, erased: Erasures) -> bool:
    at = erased.at(event.user_id)
    return at is not None and event.timestamp < at


def _table(events: Sequence[Event]) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [getattr(event, name) for event in events] for name in COLUMNS}
    columns["timestamp"] = [None if t != t else round(t * 1e6) for t in columns["timestamp"]]
    arrays = {name: pa.array(columns[name], pa.int64() if name == "timestamp" else None) for name in COLUMNS}
    return pa.table({name: arrays[name].cast(SCHEMA.field(name).type) for name in COLUMNS})


def _bookmark(lake: Lake, name: str) -> str:
    return json.dumps(["lake", lake.root, name])
