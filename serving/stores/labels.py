"""Label events: added, never changed, never deleted."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, func, select

from recsys.errors import DataError
from recsys.safety.labels import PRESENT, LabelEvent
from serving.stores.database import Database, Write, chunks
from serving.stores.records import dump
from serving.stores.tables import changes, items, labels

TICK = 1e-6  # s between two statements that are made at once
FIELDS = len(LabelEvent.__slots__)
Also = Callable[[Write, Sequence[LabelEvent]], None]
# what makes two events of an id the same; version, time and speaker are filled in where they are not said
_SAID = ("item_id", "source", "label", "score", "territory", "expires", "negates", "evidence", "policy_version")


class LabelStore:
    """Who said what of which item."""

    _db: Database

    def label_events(self, item_ids: Iterable[str] | None = None) -> list[LabelEvent]:
        """Every event, or those of some items, oldest first."""
        query = select(labels).order_by(labels.c.created, labels.c.id)
        if item_ids is None:
            return [_event(row) for row in self._db.rows(query)]
        found = [self._db.rows(query.where(labels.c.item_id.in_(some))) for some in chunks(item_ids)]
        return [_event(row) for rows in found for row in rows]

    def label_events_as_of(self, seq: int) -> list[LabelEvent]:
        """Every event up to change number ``seq``, oldest first."""
        until = select(labels).where(labels.c.seq <= seq).order_by(labels.c.created, labels.c.id)
        return [_event(row) for row in self._db.rows(until)]

    def label_events_since(self, seq: int, limit: int) -> list[tuple[int, LabelEvent]]:
        """(change number, event) after change ``seq``, about ``limit`` of them; those of a change come together."""
        query = select(labels).where(labels.c.seq > seq).order_by(labels.c.seq, labels.c.id)
        rows = self._db.rows(query.limit(limit))
        if len(rows) == limit:
            last = rows[-1].seq
            rest = select(labels).where(labels.c.seq == last).order_by(labels.c.id)
            rows = [*(row for row in rows if row.seq < last), *self._db.rows(rest)]
        return [(row.seq, _event(row)) for row in rows]

    def item_versions(self, item_ids: Iterable[str] | None = None) -> dict[str, int]:
        """The present version of those items (None: of all) that were upserted; the others have version 0."""
        query = select(items.c.item_id, items.c.version)
        if item_ids is None:
            return {row.item_id: row.version for row in self._db.rows(query)}
        found = [self._db.rows(query.where(items.c.item_id.in_(some))) for some in chunks(item_ids)]
        return {row.item_id: row.version for rows in found for row in rows}

    def add_labels(
        self, events: Sequence[LabelEvent], actor: str, *, dated: bool = True, also: Also | None = None
    ) -> tuple[int, int]:
        """Store all events or none, each id once; gives how many were new and the newest change number.

        ``item_version`` PRESENT is filled in. Events that are not ``dated`` are said now, one after the other and after
        everything that was said of their items before, whatever the clocks of others were. DataError names the event
        that is impossible, that is of a version which does not exist, or whose id is there with another content.
        ``also`` is done with the new events in the same transaction.
        """
        checked = [_checked(event, place) for place, event in enumerate(events)]
        with self._db.write(actor) as write:
            new = add(write, checked, dated=dated)
            if also is not None:
                also(write, new)
            return len(new), write.newest()


def add(write: Write, events: Sequence[LabelEvent], *, dated: bool, reason: str = "") -> list[LabelEvent]:
    """Add checked events in a transaction that is open already; gives those whose id was new."""
    new = list(_unknown(write, events))
    if not new:
        return []
    versions = _newest_versions(write, {event.item_id for event in new})
    filled = [_versioned(event, versions.get(event.item_id, 0)) for event in new]
    filled = filled if dated else _dated(write, filled)
    first = write.newest() + 1
    seqs = {item_id: seq for seq, item_id in enumerate(dict.fromkeys(event.item_id for event in filled), first)}
    told = [{"seq": seq, "kind": "label", "key": item, "payload": "{}", "at": write.now} for item, seq in seqs.items()]
    write.execute(changes.insert(), told)
    write.execute(labels.insert(), [{**_row(event), "seq": seqs[event.item_id]} for event in filled])
    digest = hashlib.sha256("\n".join(dump(_row(event)) for event in filled).encode()).hexdigest()
    target = filled[0].item_id if len(seqs) == 1 else f"{len(seqs)} items"
    write.audit("labels.add", target, after={"labels": [e.id for e in filled], "sha256": digest}, reason=reason)
    return filled


def _checked(event: LabelEvent, place: int) -> LabelEvent:
    try:
        return event.checked()
    except DataError as error:
        raise DataError(f"labels[{place}] ({event.id or 'no id'}): {error}") from None


def _unknown(write: Write, events: Sequence[LabelEvent]) -> Iterator[LabelEvent]:
    known: dict[str, LabelEvent] = {}
    for some in chunks(event.id for event in events):
        known |= {row.id: _event(row) for row in write.execute(select(labels).where(labels.c.id.in_(some)))}
    for event in events:
        there = known.setdefault(event.id, event)
        if there is event:
            yield event
        elif any(getattr(there, name) != getattr(event, name) for name in _SAID):
            raise DataError(
                f"The label {event.id} is there already and says something else; events are never changed, "
                "so give this one an id of its own."
            )


def _newest_versions(write: Write, item_ids: set[str]) -> dict[str, int]:
    query = select(items.c.item_id, items.c.seq)
    found = [write.execute(query.where(items.c.item_id.in_(some))).all() for some in chunks(item_ids)]
    return {row.item_id: row.seq for rows in found for row in rows}


def _versioned(event: LabelEvent, newest: int) -> LabelEvent:
    if event.item_version == PRESENT:
        return replace(event, item_version=newest)
    if event.item_version > newest:
        raise DataError(
            f"The label {event.id} is of version {event.item_version} of {event.item_id}, whose newest is {newest}; "
            "leave item_version out for the newest."
        )
    return event


def _dated(write: Write, events: Sequence[LabelEvent]) -> list[LabelEvent]:
    query = select(labels.c.item_id, func.max(labels.c.created).label("newest")).group_by(labels.c.item_id)
    found = [write.execute(query.where(labels.c.item_id.in_(some))) for some in chunks(e.item_id for e in events)]
    newest = {row.item_id: row.newest for rows in found for row in rows}
    said: list[LabelEvent] = []
    for event in events:
        last = newest.get(event.item_id, -math.inf)
        newest[event.item_id] = max(write.now, last + TICK)
        said.append(replace(event, created=newest[event.item_id]))
    return said


def _event(row: Row[Any]) -> LabelEvent:
    return LabelEvent(*row[:FIELDS])  # the table has the event's fields, in their order, and the change number


def _row(event: LabelEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in LabelEvent.__slots__}
