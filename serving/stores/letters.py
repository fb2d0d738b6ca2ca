"""Webhooks and what waits to be sent to them: written in the transaction of what they tell of."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from recsys.errors import ConfigError
from serving.stores.database import Database, Write
from serving.stores.records import dump
from serving.stores.tables import letters, notifications, webhooks

WAITS = (10.0, 60.0, 300.0, 1_800.0, 7_200.0, 21_600.0, 43_200.0)  # s before each further attempt; then it is given up
LEASE_SECONDS = 60.0  # how long one worker has for an attempt before another takes it over


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told."""

    id: str
    url: str
    created_at: float  # s UTC
    created_by: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on its way."""

    id: str
    webhook: Webhook
    body: str
    attempts: int


class LetterStore:
    """Addresses and letters. The secret of a webhook is derived, so that no table holds one."""

    _db: Database

    def webhooks(self) -> list[Webhook]:
        """All addresses, oldest first."""
        found = select(webhooks).where(webhooks.c.removed_at.is_(None)).order_by(webhooks.c.created_at, webhooks.c.id)
        return [Webhook(r.id, r.url, r.created_at, r.created_by) for r in self._db.rows(found)]

    def add_webhook(self, url: str, actor: str) -> Webhook:
        """Tell an address of everything from now on; the caller has checked it."""
        with self._db.write(actor) as write:
            made = Webhook(f"wh_{secrets.token_hex(6)}", url, write.now, actor)
            write.execute(webhooks.insert(), {name: getattr(made, name) for name in Webhook.__slots__})
            write.audit("webhook.add", made.id, after={"url": url})
        return made

    def remove_webhook(self, webhook_id: str, actor: str) -> None:
        """Tell it no more; what waits for it is dropped. ConfigError where there is none."""
        with self._db.write(actor) as write:
            known = (webhooks.c.id == webhook_id) & webhooks.c.removed_at.is_(None)
            if write.execute(select(webhooks.c.id).where(known)).first() is None:
                raise ConfigError(f"There is no webhook {webhook_id!r}; list them with: recsys webhook list.")
            write.execute(webhooks.update().where(known), {"removed_at": write.now})
            write.execute(letters.update().where(letters.c.webhook_id == webhook_id), {"due_at": None})
            write.audit("webhook.remove", webhook_id)

    def webhook_secret(self, webhook_id: str) -> str:
        """What its messages are signed with."""
        return str(self.derived_key(f"webhook {webhook_id}").hex())  # type: ignore[attr-defined]

    def take_letters(self, most: int = 20) -> list[Letter]:
        """Letters that are due, held for this worker for a minute."""
        now, known = self._db.clock(), {webhook.id: webhook for webhook in self.webhooks()}
        due = letters.c.due_at <= now
        if not self._db.rows(select(letters.c.id).where(due).limit(1)):
            return []
        with self._db.write("herald") as write:
            rows = write.execute(select(letters).where(due).order_by(letters.c.due_at).limit(most)).all()
            for row in rows:
                write.execute(letters.update().where(letters.c.id == row.id), {"due_at": now + LEASE_SECONDS})
        return [Letter(r.id, known[r.webhook_id], r.body, r.attempts) for r in rows if r.webhook_id in known]

    def letter_sent(self, letter: Letter, error: str | None) -> None:
        """Note an attempt; one that failed is tried again after a growing wait, eight times in all.

        A notification is delivered as soon as the first of its letters is.
        """
        now, tried = self._db.clock(), letter.attempts + 1
        again = None if error is None or tried > len(WAITS) else now + WAITS[tried - 1]
        values = {"attempts": tried, "due_at": again, "error": error or "", "delivered_at": now if not error else None}
        with self._db.write("herald") as write:
            write.execute(letters.update().where(letters.c.id == letter.id), values)
            if error is None:
                told = select(letters.c.notification).where(letters.c.id == letter.id).scalar_subquery()
                first = (notifications.c.seq == told) & notifications.c.delivered_at.is_(None)
                write.execute(notifications.update().where(first), {"delivered_at": now})

    def letters(self) -> list[dict[str, Any]]:
        """The newest letters, at most 1,000, for whoever looks why one did not arrive."""
        found = self._db.rows(select(letters).order_by(letters.c.id.desc()).limit(1000))
        return [dict(row._mapping) for row in found]


def tell(write: Write, event: str, payload: Mapping[str, Any], notification: int | None = None) -> None:
    """Put a message for every webhook among the letters, in the transaction of what it tells of.

    ``notification`` is the number of the one that it brings.
    """
    known = write.execute(select(webhooks.c.id).where(webhooks.c.removed_at.is_(None))).all()
    for row in known:
        letter = f"{int(write.now * 1000):013d}-{secrets.token_hex(6)}"
        body = dump({"id": letter, "event": event, "at": write.now, "data": dict(payload)})
        waiting = {"id": letter, "webhook_id": row.id, "body": body, "attempts": 0, "due_at": write.now, "error": ""}
        write.execute(letters.insert(), {**waiting, "notification": notification})
