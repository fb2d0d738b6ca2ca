"""Items that came in after the bundle: the overlay's fields and vectors, in order of arrival."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Subquery, case, func, select
from sqlalchemy.dialects import postgresql, sqlite

from recsys.errors import DataError
from serving.stores.database import Database, Write, chunks
from serving.stores.records import dump, load
from serving.stores.tables import changes, item_history, items
from serving.upserts import stricter


class ItemStore:
    """Upserted items. A record may hold times and float32 arrays; it comes back as it was given."""

    _db: Database

    def items(self, since: int = 0) -> list[tuple[int, dict[str, Any]]]:
        """(change number, record) of every item whose newest upsert is after ``since``.

        Ordered by first arrival, which a later upsert does not change: every worker that numbers new ids in this order
        gets the same numbers, whether it followed along or starts now.
        """
        newer = select(items.c.seq, items.c.record).where(items.c.seq > since).order_by(items.c.first_seq)
        return [(row.seq, load(row.record)) for row in self._db.rows(newer)]

    def items_as_of(self, seq: int) -> list[tuple[int, dict[str, Any]]]:
        """``items()`` as it was when ``seq`` was the newest change."""
        then = _then(seq)
        found = select(then.c.seq, then.c.record).join(items, items.c.item_id == then.c.item_id)
        return [(row.seq, load(row.record)) for row in self._db.rows(found.order_by(items.c.first_seq))]

    def item_versions_as_of(self, seq: int) -> dict[str, int]:
        """The version that each upserted item had when ``seq`` was the newest change."""
        then = _then(seq)
        return {row.item_id: row.version for row in self._db.rows(select(then.c.item_id, then.c.version))}

    def kept_items(self, seq: int) -> set[int]:
        """The change numbers up to ``seq`` of upserts whose record is still known."""
        return {row.seq for row in self._db.rows(select(item_history.c.seq).where(item_history.c.seq <= seq))}

    def item_as_of(self, item_id: str, seq: int) -> dict[str, Any] | None:
        """The newest upsert of one item up to change number ``seq``, None if there is none."""
        own = (item_history.c.item_id == item_id) & (item_history.c.seq <= seq)
        newest = select(item_history.c.record).where(own).order_by(item_history.c.seq.desc()).limit(1)
        found = self._db.rows(newest)
        return load(found[0].record) if found else None

    def upsert_items(self, records: Sequence[Mapping[str, Any]], actor: str) -> int:
        """Store all records or none; gives the last change number (0 for none). DataError without an ``item_id``.

        A record that is not of the role safety loosens nothing that an earlier one said (``upserts.stricter``): of two
        workers that compare with what each of them has seen, the later would else forget what the earlier wrote.
        """
        ids = [_item_id(record) for record in records]
        if not ids:
            return 0
        with self._db.write(actor) as write:
            first = write.newest() + 1
            texts = _tightened(write, ids, records)
            rows = [
                {"item_id": item_id, "first_seq": seq, "seq": seq, "record": record, "version": seq}
                for seq, (item_id, record) in enumerate(zip(ids, texts, strict=True), first)
            ]
            dialect = postgresql if write.connection.dialect.name == "postgresql" else sqlite
            insert = dialect.insert(items)
            same = items.c.record == insert.excluded.record
            version = case((same, items.c.version), else_=insert.excluded.version)
            fresh = {"seq": insert.excluded.seq, "record": insert.excluded.record, "version": version}
            write.execute(insert.on_conflict_do_update(index_elements=["item_id"], set_=fresh), rows)
            logged = [
                {"seq": row["seq"], "kind": "item", "key": row["item_id"], "payload": "{}", "at": write.now}
                for row in rows
            ]
            write.execute(changes.insert(), logged)
            names = [column.name for column in item_history.c]
            kept = select(*(items.c[name] for name in names)).where(items.c.seq >= first)
            write.execute(item_history.insert().from_select(names, kept))
            digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
            write.audit("items.upsert", f"{len(ids)} items", after={"items": ids, "sha256": digest})
        return first + len(ids) - 1


def _then(seq: int) -> Subquery:
    """The newest row of each item's history up to change number ``seq``."""
    until = select(func.max(item_history.c.seq)).where(item_history.c.seq <= seq).group_by(item_history.c.item_id)
    return select(item_history).where(item_history.c.seq.in_(until)).subquery()


def _item_id(record: Mapping[str, Any]) -> str:
    item_id = record.get("item_id")
    if not isinstance(item_id, str) or not item_id:
        raise DataError("An item without an item_id cannot be stored; give every record a non-empty string.")
    return item_id


def _tightened(write: Write, ids: Sequence[str], records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The records as they are stored, each after those before it."""
    held: dict[str, Mapping[str, Any]] = {}
    for some in chunks(ids):
        found = write.execute(select(items.c.item_id, items.c.record).where(items.c.item_id.in_(some)))
        held |= {row.item_id: load(row.record) for row in found}
    texts = []
    for item_id, record in zip(ids, records, strict=True):
        held[item_id] = stricter(held[item_id], record) if item_id in held else record
        texts.append(dump(held[item_id]))
    return texts
