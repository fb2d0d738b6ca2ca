"""What a regulator or the operator has to be told: written with what it tells of, delivered later."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from serving.stores.database import Database, Write
from serving.stores.letters import tell
from serving.stores.records import dump, load
from serving.stores.tables import notifications


@dataclass(frozen=True, slots=True)
class Report:
    """One event to tell of; ``delivered_at`` is when the first webhook took it, None until then."""

    seq: int
    kind: str
    subject: str
    payload: dict[str, Any]
    at: float  # s UTC
    delivered_at: float | None


def emit(write: Write, kind: str, subject: str, payload: dict[str, Any]) -> None:
    """Note an event in the transaction that makes it true."""
    seq = int(write.connection.scalar(select(func.coalesce(func.max(notifications.c.seq), 0))) or 0) + 1
    values = {"seq": seq, "kind": kind, "subject": subject, "payload": dump(payload), "at": write.now}
    write.execute(notifications.insert(), values)
    tell(write, kind, {"subject": subject, **payload}, seq)


class Notifications:
    """What was told, and whether it arrived."""

    _db: Database

    def reports(self, *, subject: str | None = None, undelivered: bool = False) -> list[Report]:
        """Events, oldest first: of one subject, or only those that have not arrived."""
        wanted = select(notifications).order_by(notifications.c.seq)
        if subject is not None:
            wanted = wanted.where(notifications.c.subject == subject)
        if undelivered:
            wanted = wanted.where(notifications.c.delivered_at.is_(None))
        found = self._db.rows(wanted)
        return [Report(r.seq, r.kind, r.subject, load(r.payload), r.at, r.delivered_at) for r in found]
