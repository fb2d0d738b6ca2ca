"""Run the expressions of ``events`` and write what they give as arrays: the part that needs an engine."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.expr.types import Table

from recsys.dataset.folder import ARRAYS
from recsys.errors import DataError
from recsys.prepare import duck, events
from recsys.prepare.rules import Scale, resolve
from recsys.prepare.spec import EventRule, PrepareSpec

BATCH = 1 << 18  # rows on their way from the engine to the arrays


@dataclass(frozen=True, eq=False)
class Log:
    """What was kept of a log, and what it was like. ``users`` and ``items`` are sorted external ids."""

    users: pa.Array
    items: pa.Array  # of the kept events only
    rules: Mapping[str, EventRule]
    counts: dict[str, int]
    kinds: dict[str, int]
    ordered: bool
    export: Callable[[pa.Array, Path], "Facts"] = field(repr=False)


@dataclass(slots=True)
class Facts:
    """What is counted while the arrays are written."""

    positives: int = 0
    untimed: int = 0
    at: float = float("nan")  # s UTC


def read_log(engine: Backend, files: Sequence[str], spec: PrepareSpec) -> Log:
    """The kept events of a lake version; raises DataError where none are left."""
    if not files:  # all rows went, for example with an erasure
        raise DataError(_nothing_left({"read": 0}, spec))
    raw = events.conform(duck.read(engine, files))
    once = duck.keep(engine, events.unique(raw))
    read, left = _count(raw), _count(once)
    scales = [Scale(**row) for row in events.scales(once).to_pyarrow().to_pylist()]
    kept = _frequent(engine, once, spec)
    counts = {"read": read, "duplicates": read - left, "below_minimum": left - _count(kept), "events": _count(kept)}
    if not counts["events"]:
        raise DataError(_nothing_left(counts, spec))
    rules = resolve(spec.events, scales)
    users, items = _ids(kept, "user_id"), _ids(kept, "item_id")

    def export(catalogue: pa.Array, folder: Path) -> Facts:
        weighed = events.weighed(kept, rules).drop("kind", "value")
        indexed = events.dense(weighed, _index(engine, users, "user"), _index(engine, catalogue, "item"))
        final = events.ordered(events.sessions(indexed, spec.session_gap_minutes, by="user"))
        return write_arrays(duck.batches(engine, final, BATCH), counts["events"], folder)

    kinds = {scale.kind: scale.events for scale in sorted(scales, key=lambda scale: scale.kind)}
    return Log(users, items, rules, counts, kinds, _has_order(kept), export)


def write_arrays(batches: Iterable[pa.RecordBatch], length: int, folder: Path) -> Facts:
    """Fill the arrays of a data set from sorted batches, a batch at a time."""
    arrays = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=(length,))
        for name, dtype in ARRAYS.items()
    }
    facts, start, last = Facts(), 0, (-1, -1, -1)
    for batch in batches:
        columns = {name: batch.column(name) for name in batch.schema.names}
        if not batch.num_rows:
            continue
        rows = slice(start, start + batch.num_rows)
        time = _seconds(columns["timestamp"])
        session, last = _across_users(columns, last)
        arrays["time"][rows], arrays["session"][rows] = time, session
        for name in ("user", "item", "weight", "positive"):
            arrays[name][rows] = columns[name].to_numpy(zero_copy_only=False)
        facts.positives += int(np.count_nonzero(arrays["positive"][rows]))
        facts.untimed += int(np.count_nonzero(np.isnan(time)))
        facts.at = float(np.fmax(facts.at, np.fmax.reduce(time, initial=np.nan)))
        start = rows.stop
    if start != length:
        raise DataError(f"Preparing gave {start} of {length} events; the lake changed meanwhile, run it again.")
    for array in arrays.values():
        array.flush()
    return facts


def _seconds(timestamps: pa.Array) -> Any:
    micros = timestamps.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return micros.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) / 1e6  # null becomes NaN


def _across_users(columns: Mapping[str, Any], last: tuple[int, int, int]) -> tuple[Any, tuple[int, int, int]]:
    """Sessions numbered over the data set; ``last`` is (user, own number, number) of the event before this batch."""
    user = columns["user"].to_numpy(zero_copy_only=False)
    own = columns["session"].to_numpy(zero_copy_only=False)
    step = np.diff(user, prepend=last[0])
    if (step < 0).any():
        raise DataError("The engine gave events out of order, so nothing was written; try with threads = 1.")
    new = (step > 0) | np.diff(own, prepend=last[1]).astype(bool)
    number = last[2] + np.cumsum(new)
    return number, (int(user[-1]), int(own[-1]), int(number[-1]))


def _frequent(engine: Backend, once: Table, spec: PrepareSpec) -> Table:
    if max(spec.min_user_events, spec.min_item_events) == 1:
        return once
    counted, before = duck.keep(engine, events.pairs(once)), -1
    while (size := _count(counted)) != before:
        counted, before = duck.keep(engine, events.frequent(counted, spec.min_user_events, spec.min_item_events)), size
    return duck.keep(engine, events.among(once, counted))


def _ids(kept: Table, column: str) -> pa.Array:
    ids = kept.select(column).distinct().order_by(column).to_pyarrow()[column]
    return ids.cast(pa.string()).combine_chunks()


def _index(engine: Backend, ids: pa.Array, name: str) -> Table:
    table = pa.table({f"{name}_id": ids, name: pa.array(np.arange(len(ids), dtype=np.int32))})
    return duck.keep(engine, ibis.memtable(table))


def _has_order(kept: Table) -> bool:
    return bool((kept.timestamp.notnull() | kept.order.notnull()).any().to_pyarrow().as_py())


def _count(table: Table) -> int:
    return int(table.count().to_pyarrow().as_py())


def _nothing_left(counts: Mapping[str, int], spec: PrepareSpec) -> str:
    if not counts["read"]:
        return "The events table of this lake version holds no events; ingest some first."
    return (
        f"None of {counts['read']} events is left: no set of users with at least {spec.min_user_events} events and "
        f"items with at least {spec.min_item_events} exists; lower min_user_events or min_item_events."
    )
