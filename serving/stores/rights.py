"""What rights documents said of works, beside their records: an upsert of a work does not touch it."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.dialects import postgresql, sqlite

from recsys.errors import DataError
from recsys.safety.rights import FORBIDDEN, Rights, decoded, encoded
from serving.stores.database import Database
from serving.stores.tables import changes, rights, rights_history


class RightsStore:
    """The newest rights of each work that a document spoke of."""

    _db: Database

    def rights(self, since: int = 0) -> dict[str, Rights]:
        """Rights by item id, of those that were written after change number ``since``.

        A row that cannot be read any more forbids its work: nobody knows what it allowed.
        """
        newer = select(rights.c.item_id, rights.c.record).where(rights.c.seq > since).order_by(rights.c.seq)
        return _found(self._db.rows(newer))

    def rights_as_of(self, seq: int) -> dict[str, Rights]:
        """``rights()`` as they were when ``seq`` was the newest change."""
        then = select(rights_history).where(rights_history.c.seq <= seq).order_by(rights_history.c.seq)
        return _found(self._db.rows(then))

    def kept_rights(self, seq: int) -> set[int]:
        """The change numbers up to ``seq`` of rights that are still known."""
        return {row.seq for row in self._db.rows(select(rights_history.c.seq).where(rights_history.c.seq <= seq))}

    def put_rights(self, found: Mapping[str, Rights], *, actor: str, reason: str) -> int:
        """Replace the rights of works, of all or of none; gives the last change number (0 for none)."""
        if not found:
            return 0
        texts = {item_id: encoded(record) for item_id, record in found.items()}
        with self._db.write(actor) as write:
            first = write.newest() + 1
            rows = [
                {"item_id": item_id, "seq": seq, "record": text}
                for seq, (item_id, text) in enumerate(texts.items(), first)
            ]
            dialect = postgresql if write.connection.dialect.name == "postgresql" else sqlite
            insert = dialect.insert(rights)
            fresh = {"seq": insert.excluded.seq, "record": insert.excluded.record}
            write.execute(insert.on_conflict_do_update(index_elements=["item_id"], set_=fresh), rows)
            write.execute(rights_history.insert(), rows)
            logged = [
                {"seq": row["seq"], "kind": "rights", "key": row["item_id"], "payload": "{}", "at": write.now}
                for row in rows
            ]
            write.execute(changes.insert(), logged)
            digest = hashlib.sha256("\n".join(texts.values()).encode()).hexdigest()
            write.audit(
                "rights.import", f"{len(rows)} items", after={"items": [*texts], "sha256": digest}, reason=reason
            )
        return first + len(rows) - 1


def _found(rows: Iterable[Row[Any]]) -> dict[str, Rights]:
    """The last rights of each item; most works share their terms with others: these are read and kept once."""
    known: dict[str, Rights] = {}
    found = {}
    for row in rows:
        if row.record not in known:
            known[row.record] = _read(row.record)
        found[row.item_id] = known[row.record]
    return found


def _read(record: str) -> Rights:
    try:
        return decoded(record)
    except DataError:
        return FORBIDDEN
