"""What is done with the decision log in the background: anchored, forgotten, removed in time, drained to the lake."""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import structlog

from recsys.clock import Clock, system_clock
from recsys.lake import Lake
from serving.receipts import sides
from serving.receipts.chain import Segment, header, last, node_of, records, segments
from serving.receipts.records import offset_of, overrides_of, sources_of
from serving.receipts.verify import ANCHOR, REMOVED
from serving.stores.control import ControlStore

log = structlog.get_logger()
ACTOR = "decision log"
DAY = 86_400.0
HOUR = 3_600.0
BATCH = 10_000
TIME = pa.timestamp("us", tz="UTC")
DECISIONS = pa.schema(
    [
        pa.field("decision_id", pa.string()),
        pa.field("timestamp", TIME),
        *(pa.field(name, pa.string()) for name in ("surface", "territory", "bundle", "policy")),
        *(pa.field(name, pa.int64()) for name in ("age", "control", "overlay", "k", "offset", "seed")),
        pa.field("personalised", pa.bool_()),
        *(pa.field(name, pa.list_(pa.string())) for name in ("items", "sources", "overrides", "degraded")),
        pa.field("propensities", pa.list_(pa.float64())),
    ]
)


def anchor(folder: Path, control: ControlStore) -> int:
    """Write the head of every chain into the audit log, where one has moved; says how many chains."""
    node = node_of(folder)
    heads = {}
    for chain, own in _chains(folder):
        end = last(own[-1])
        heads[chain] = {"file": own[-1].path.name, "segment": own[-1].number, "n": end["n"], "head": end["h"]}
    notes = control.notes(ANCHOR, node)
    before = notes[-1].after["chains"] if notes else {}
    moved = {chain: at for chain, at in heads.items() if at["n"] and at["n"] != before.get(chain, {}).get("n")}
    if not moved:
        return 0
    # all of them, so that the newest anchor alone tells of every chain
    whole = {chain: at for chain, at in heads.items() if at["n"]}
    control.note(ANCHOR, node, actor=ACTOR, after={"chains": {**before, **whole}})
    return len(moved)


def forget(folder: Path, control: ControlStore, since: int = 0) -> int:
    """Erase the side records of everybody who was erased after change number ``since``; the chains stay as they are."""
    erased = control.erased_since(since)
    return sum(forget_user(folder, user, at) for user, at in erased.times.items())


def forget_user(folder: Path, user: str, until: float) -> int:
    """Erase the side records of one user, by pseudonym, of decisions up to ``until`` (s UTC)."""
    return sum(sides.forget(segment.side, user, until) for segment in segments(folder) if segment.side.exists())


def remove_old(folder: Path, control: ControlStore, *, days: float, clock: Clock = system_clock) -> list[str]:
    """Delete the segments that were closed more than ``days`` ago; their last hashes go into the audit log first."""
    limit, node = clock() - days * DAY, node_of(folder)
    old = [segment for _, own in _chains(folder) for segment in _closed_before(own, limit)]
    if not old:
        return []
    facts = [_fact(segment) for segment in old]
    reason = f"kept for {days:g} days"
    control.note(REMOVED, node, actor=ACTOR, after={"segments": facts}, reason=reason)
    for segment in old:
        sides.remove(segment.side)
        segment.path.unlink()
    log.info("decision_segments_removed", segments=len(old))
    return [segment.path.name for segment in old]


def drain_decisions(folder: Path, lake: Lake) -> int:
    """Bring new records into the lake's table ``decisions``, which knows no user; says how many rows it got.

    A bookmark beside the log holds each chain's place. Killed anywhere, the next drain adds nothing twice.
    """
    bookmark = folder / "drained.json"
    places: dict[str, int] = json.loads(bookmark.read_text()) if bookmark.exists() else {}
    added = 0
    for chain, own in _chains(folder):
        fresh = _after(own, places.get(chain, 0))
        while rows := [row for row, _ in zip(fresh, range(BATCH), strict=False)]:
            added += lake.append("decisions", _table(rows))
            places[chain] = rows[-1]["n"]
            draft = bookmark.with_suffix(".part")
            draft.write_text(json.dumps(places))
            draft.replace(bookmark)
    return added


def _chains(folder: Path) -> Iterator[tuple[str, list[Segment]]]:
    for chain, own in groupby(segments(folder), key=lambda one: one.chain):
        yield chain, list(own)


def _closed_before(own: list[Segment], limit: float) -> Iterator[Segment]:
    """A segment was closed when the next one was opened; the newest one is never old."""
    for segment, following in pairwise(own):
        if header(following)["opened"] > limit:
            return
        yield segment


def _fact(segment: Segment) -> dict[str, Any]:
    first, end = header(segment), last(segment)
    count = end["n"] - first["n"]
    return {
        "file": segment.path.name,
        "chain": segment.chain,
        "segment": segment.number,
        "records": count,
        "n": end["n"],
        "head": end["h"],
    }


def _after(own: list[Segment], place: int) -> Iterator[dict[str, Any]]:
    """The records behind ``place``, whole segments before it unread."""
    begins = [header(segment)["n"] for segment in own]
    for at, segment in enumerate(own):
        if at + 1 < len(own) and begins[at + 1] <= place:
            continue
        yield from (found for found in records(segment) if found["n"] > place)


def _table(rows: Iterable[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([_row(found) for found in rows], schema=DECISIONS)


def _row(found: dict[str, Any]) -> dict[str, Any]:
    surface, territory, age, personalised = found["viewer"][:4]
    return {
        "decision_id": found["id"],
        "timestamp": round(found["at"] * 1e6),
        "surface": surface,
        "territory": territory,
        "age": age,
        "personalised": personalised,
        **{name: found[name] for name in ("bundle", "policy", "control", "overlay", "k", "items")},
        "offset": offset_of(found),
        "sources": sources_of(found),
        "overrides": overrides_of(found),
        "degraded": found.get("degraded", []),
        "seed": found.get("seed"),
        "propensities": [float(value) for value in found.get("propensities", [])],
    }
