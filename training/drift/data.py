"""Data drift: the events that a lake version gained against the newest ones it had before, and the two catalogues."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsys.errors import DataError
from recsys.lake import Lake
from recsys.prepare.duck import EngineOptions, connect, read
from training.drift.limits import DriftLimits
from training.drift.report import Measure
from training.drift.statistics import Counts, aligned, moved, psi, psi_noise

Versions = Mapping[str, int]
FIELDS = ("genres", "language", "media_type", "territories")
UNKNOWN = "(none)"
SIDES = ("before", "after")  # the older version's newest events, and those that only the newer version has
BINS = 10


@dataclass(frozen=True, eq=False)
class Log:
    """The two sides as views of one DuckDB connection."""

    sql: Any  # duckdb.DuckDBPyConnection
    fields: Mapping[str, tuple[str, ...]]  # side -> which FIELDS its items have
    users: tuple[int, int]  # of each side: events of one user are alike, so users are what chance counts
    new_events: int

    def counts(self, query: str, *, side: str) -> dict[str, float]:
        """Names and numbers of a query over ``{side}``."""
        return {str(name): float(n) for name, n in self.rows(query, side=side)}

    def rows(self, query: str, *, side: str = "") -> list[tuple[Any, ...]]:
        """The rows of a query."""
        found: list[tuple[Any, ...]] = self.sql.execute(query.replace("{side}", side)).fetchall()
        return found


def data_drift(
    lake: Lake, older: Versions, newer: Versions, limits: DriftLimits, spill: Path
) -> tuple[int, list[Measure]]:
    """The number of new events, and the measures; none where nothing is new."""
    with connect(EngineOptions(), spill) as engine:
        sides = zip(SIDES, ("older", "newer"), (older, newer), strict=True)
        fields = {side: _view(engine, lake, name, versions) for side, name, versions in sides}
        log = _sides(engine.con, limits, fields)
        return log.new_events, list(_measures(log)) if log.new_events else []


def _view(engine: Any, lake: Lake, name: str, versions: Versions) -> tuple[str, ...]:
    """Make the tables of one version visible; gives the FIELDS that its items have."""
    if "events" not in versions:
        raise DataError(f"The lake {lake.root} has no events; ingest some first.")
    files = lake.files("events", versions["events"])
    if not files:
        raise DataError(f"Version {versions['events']} of the events in {lake.root} is empty; name another one.")
    engine.create_view(f"{name}_events", read(engine, files), overwrite=True)
    if "items" in versions and (items := lake.files("items", versions["items"])):
        table = read(engine, items)
        engine.create_view(f"{name}_items", table, overwrite=True)
        return tuple(field for field in FIELDS if field in table.columns)
    return ()


def _sides(sql: Any, limits: DriftLimits, fields: Mapping[str, tuple[str, ...]]) -> Log:
    kept = 'user_id, item_id, kind, "timestamp", value'
    sql.execute(f"CREATE TEMP TABLE after AS SELECT {kept} FROM newer_events ANTI JOIN older_events USING (event_id)")  # noqa: S608
    sql.execute(
        f'CREATE TEMP TABLE before AS SELECT {kept} FROM older_events WHERE "timestamp" IS NULL OR "timestamp" >= '  # noqa: S608
        '(SELECT max("timestamp") FROM older_events) - to_seconds(?)',
        [limits.days * 86_400],
    )
    users = [sql.execute(f"SELECT count(DISTINCT user_id) FROM {side}").fetchone()[0] for side in SIDES]  # noqa: S608
    new = sql.execute("SELECT count(*) FROM after").fetchone()[0]
    return Log(sql, fields, (users[0], users[1]), int(new))


def _measures(log: Log) -> Iterator[Measure]:
    yield _by_count("events.kind", log, "SELECT kind, count(*) FROM {side} GROUP BY 1")
    yield from _values(log)
    yield from _rates(log)
    yield from _fresh(log)
    yield from _popularity(log)
    for field in FIELDS:
        if all(field in log.fields[side] for side in SIDES):
            yield _consumed(field, log)
            yield _catalogue(field, log)


def _by_count(name: str, log: Log, query: str) -> Measure:
    before, after = (log.counts(query, side=side) for side in SIDES)
    return stability(name, before, after, log.users)


def stability(name: str, before: Counts, after: Counts, sizes: tuple[int, int]) -> Measure:
    """PSI of two counted distributions; ``sizes`` are the independent draws behind each."""
    names, a, b = aligned(before, after)
    return Measure(name, "psi", psi(a, b), psi_noise(*sizes, len(names)), moved(names, a, b))


def _values(log: Log) -> Iterator[Measure]:
    """Values by the tenths of the older side."""
    shares = ", ".join(f"{place / BINS}" for place in range(1, BINS))
    (tenths,) = log.rows(f"SELECT quantile_disc(value, [{shares}]) FROM before")[0]  # noqa: S608
    if not tenths:  # no event has a value
        return
    edges = sorted({edge for edge in tenths if math.isfinite(edge)})
    cases = " ".join(f"WHEN value <= {edge!r} THEN 'up to {edge:g}'" for edge in edges)
    query = (
        f"SELECT CASE WHEN value IS NULL THEN '{UNKNOWN}' {cases} ELSE 'above' END, count(*) FROM {{side}} GROUP BY 1"  # noqa: S608
    )
    yield _by_count("events.value", log, query)


def _rates(log: Log) -> Iterator[Measure]:
    """Events, users and items a day with events, as how many times more or fewer."""
    query = (
        'SELECT count(*), count(DISTINCT user_id), count(DISTINCT item_id) FROM {side} WHERE "timestamp" IS NOT NULL '
        "GROUP BY CAST(\"timestamp\" AT TIME ZONE 'UTC' AS DATE)"
    )
    days = [np.array(log.rows(query, side=side), np.float64) for side in SIDES]
    if any(not len(side) for side in days):
        return
    for name, a, b in zip(("events", "users", "items"), *(side.mean(axis=0) for side in days), strict=True):
        yield Measure(f"{name}.a_day", "rate", max(a / b, b / a), detail=f"{a:.1f} → {b:.1f}")


def _fresh(log: Log) -> Iterator[Measure]:
    """The share of new events whose user, or whose item, the older version had never seen."""
    for name, column in (("users.new", "user_id"), ("items.new", "item_id")):
        known = f"SELECT count(*) FROM after SEMI JOIN older_events USING ({column})"  # noqa: S608
        share = 1 - log.rows(known)[0][0] / log.new_events
        yield Measure(name, "share", share, detail=f"{100 * share:.1f} % of new events")


def _popularity(log: Log) -> Iterator[Measure]:
    """Events on known items by how popular the item was: ten groups of items that each had a tenth of the events."""
    rows = log.rows(
        "SELECT count(a.item_id), any_value(b.n) FROM (SELECT item_id, count(*) n FROM before GROUP BY 1) b "
        "LEFT JOIN after a USING (item_id) GROUP BY b.item_id ORDER BY 2 DESC, b.item_id"
    )
    after, before = np.array(rows, np.float64).T
    if not after.sum():
        return
    ends = np.cumsum(before) - before / 2
    tenth = np.minimum((BINS * ends / before.sum()).astype(np.int64), BINS - 1)  # 0: the most popular
    sides = [np.bincount(tenth, side, BINS).astype(np.float64) for side in (before, after)]
    used = sides[0] + sides[1] > 0
    a, b = sides[0][used], sides[1][used]
    names = [f"tenth {place + 1}" for place in np.flatnonzero(used)]
    yield Measure("items.popularity", "psi", psi(a, b), psi_noise(*log.users, len(names)), moved(names, a, b))


def _consumed(field: str, log: Log) -> Measure:
    """Events by a field of their item."""
    before, after = (
        log.counts(
            f"SELECT f, count(*) FROM (SELECT {_each(field)} f FROM {side} LEFT JOIN {table}_items USING (item_id)) "  # noqa: S608
            "GROUP BY 1",
            side=side,
        )
        for side, table in zip(SIDES, ("older", "newer"), strict=True)
    )
    return stability(f"events.{field}", before, after, log.users)


def _catalogue(field: str, log: Log) -> Measure:
    """Items by a field."""
    tables = ("older_items", "newer_items")
    query = f"SELECT f, count(*) FROM (SELECT {_each(field)} f FROM {{side}}) GROUP BY 1"  # noqa: S608
    before, after = (log.counts(query, side=table) for table in tables)
    sizes = [int(log.rows("SELECT count(*) FROM {side}", side=table)[0][0]) for table in tables]
    return stability(f"items.{field}", before, after, (sizes[0], sizes[1]))


def _each(field: str) -> str:
    """One row for each value of a field; a list that is empty or unknown is one unknown value."""
    if field in ("genres", "territories"):
        return f"unnest(CASE WHEN len({field}) > 0 THEN {field} ELSE ['{UNKNOWN}'] END)"
    return f"coalesce({field}, '{UNKNOWN}')"
