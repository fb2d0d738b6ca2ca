"""The audit log: who did what, to what, why; each line holds the hash of the one before."""

import json
from typing import Any

from sqlalchemy import Row, select

from serving.stores.database import AUDIT_HEAD, Database, chained
from serving.stores.records import AuditEntry, load
from serving.stores.tables import audit, meta

PAGE = 1000


class AuditLog:
    """Reading and verifying; every write of the store adds its line in its own transaction."""

    _db: Database

    def audit(self, since: int = 0, limit: int | None = None) -> list[AuditEntry]:
        """The lines after number ``since``, oldest first, ``limit`` of them or all."""
        found = self._db.rows(select(audit).where(audit.c.seq > since).order_by(audit.c.seq).limit(limit))
        return [_entry(row) for row in found]

    def note(self, action: str, target: str, *, actor: str, after: Any, reason: str = "") -> None:
        """Add a line about something that changes nothing in the store, such as an anchor of the decision log."""
        with self._db.write(actor) as write:
            write.audit(action, target, after=after, reason=reason)

    def notes(self, action: str, target: str | None = None) -> list[AuditEntry]:
        """The lines of one kind, oldest first."""
        wanted = audit.c.action == action
        if target is not None:
            wanted &= audit.c.target == target
        return [_entry(row) for row in self._db.rows(select(audit).where(wanted).order_by(audit.c.seq))]

    def verify_audit(self) -> int | None:
        """The number of the first line that is altered, missing or out of place; None where the whole log holds."""
        previous, expected = "", 1
        while True:
            page = select(audit).where(audit.c.seq >= expected).order_by(audit.c.seq).limit(PAGE)
            found = self._db.rows(page)
            for row in found:
                entry = dict(row._mapping)
                digest = entry.pop("hash")
                if row.seq != expected or chained(previous, entry) != digest:
                    return expected
                previous, expected = digest, expected + 1
            if len(found) < PAGE:
                break
        head = self._db.rows(select(meta.c.value).where(meta.c.name == AUDIT_HEAD))
        return None if head and head[0].value == f"{expected - 1}:{previous}" else expected

    def export_audit(self, since: int = 0) -> list[str]:
        """The lines as JSON, for an archive outside of the store."""
        return [
            json.dumps({name: getattr(entry, name) for name in AuditEntry.__slots__}, ensure_ascii=False, default=str)
            for entry in self.audit(since)
        ]


def _entry(r: Row[Any]) -> AuditEntry:
    return AuditEntry(r.seq, r.at, r.actor, r.action, r.target, load(r.before), load(r.after), r.reason, r.hash)
