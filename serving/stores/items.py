"""Items that came in after the bundle: the overlay's fields and vectors, in order of arrival."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import case, select
from sqlalchemy.dialects import postgresql, sqlite

from recsys.errors import DataError
from serving.stores.database import Database
from serving.stores.records import dump, load
from serving.stores.tables import changes, items


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

    def upsert_items(self, records: Sequence[Mapping[str, Any]], actor: str) -> int:
        """Store all records or none; gives the last change number (0 for none). DataError without an ``item_id``."""
        ids = [_item_id(record) for record in records]
        if not ids:
            return 0
        texts = [dump(record) for record in records]
        with self._db.write(actor) as write:
            first = write.newest() + 1
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
            digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
            write.audit("items.upsert", f"{len(ids)} items", after={"items": ids, "sha256": digest})
        return first + len(ids) - 1


def _item_id(record: Mapping[str, Any]) -> str:
    item_id = record.get("item_id")
    if not isinstance(item_id, str) or not item_id:
        raise DataError("An item without an item_id cannot be stored; give every record a non-empty string.")
    return item_id
