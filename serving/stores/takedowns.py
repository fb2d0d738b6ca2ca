"""Takedowns: one person is enough to take an item down, two are needed to bring it back."""

import secrets
from typing import Any

from sqlalchemy import Row, select

from recsys.errors import ConfigError
from recsys.safety import Takedown, terms
from serving.stores.database import Database, Write
from serving.stores.records import RestoreRequest
from serving.stores.reviews import Reasons, Statement, state
from serving.stores.tables import takedowns

ACTIVE = takedowns.c.restored_at.is_(None)


class TakedownStore:
    """What must not be shown, from the next request on."""

    _db: Database

    def takedowns(self) -> list[Takedown]:
        """Every takedown in force, oldest first."""
        found = self._db.rows(select(takedowns).where(ACTIVE).order_by(takedowns.c.at, takedowns.c.id))
        return [_takedown(row) for row in found]

    def take_down(self, item_id: str, *, reason: str, actor: str, territory: str | None = None) -> Takedown:
        """Take an item down in a territory, everywhere if left out; once more for the same pair changes nothing."""
        if not item_id or not reason.strip():
            raise ConfigError("A takedown needs an item id and a reason; give both.")
        place = terms.territory(territory) or ""  # like the gate: what is no code counts as everywhere
        with self._db.write(actor) as write:
            same = (takedowns.c.item_id == item_id) & (takedowns.c.territory == place)
            known = write.execute(select(takedowns).where(ACTIVE & same)).first()
            if known is not None:
                return _takedown(known)
            found = Takedown(f"td_{secrets.token_hex(6)}", item_id, place or None, reason, write.now)
            row = {"id": found.id, "item_id": item_id, "territory": place, "reason": reason, "at": write.now}
            write.execute(takedowns.insert(), {**row, "actor": actor})
            payload = {**row, "territory": found.territory}
            write.change("takedown", item_id, payload)
            write.audit("takedown", item_id, after=payload, reason=reason)
            state(write, _reasons(found, actor))
        return found

    def restore_requests(self) -> list[RestoreRequest]:
        """Takedowns in force that somebody asked to lift."""
        asked = takedowns.c.restore_requested_by.is_not(None)
        found = self._db.rows(select(takedowns).where(ACTIVE & asked).order_by(takedowns.c.at, takedowns.c.id))
        return [
            RestoreRequest(r.id, r.item_id, r.territory or None, r.restore_requested_by, r.restore_reason)
            for r in found
        ]

    def request_restore(self, takedown_id: str, actor: str, reason: str) -> None:
        """Ask that an item be shown again; ConfigError where there is no such takedown or someone else has asked."""
        if not actor or not reason.strip():
            raise ConfigError("A restore needs an actor and a reason; give both.")
        with self._db.write(actor) as write:
            known = _in_force(write, takedown_id)
            if known.restore_requested_by == actor:
                return
            if known.restore_requested_by is not None:
                raise ConfigError(
                    f"{known.restore_requested_by} has already asked to restore {takedown_id}; approve that instead."
                )
            values = {"restore_requested_by": actor, "restore_reason": reason}
            write.execute(takedowns.update().where(takedowns.c.id == takedown_id), values)
            write.audit("restore.request", known.item_id, after={"takedown_id": takedown_id}, reason=reason)

    def approve_restore(self, takedown_id: str, actor: str) -> None:
        """Lift a takedown; ConfigError where nobody has asked for it or the one who asked is ``actor``."""
        with self._db.write(actor) as write:
            known = _in_force(write, takedown_id)
            if known.restore_requested_by is None:
                raise ConfigError(f"Nobody has asked to restore {takedown_id}; request it first.")
            if not actor or known.restore_requested_by == actor:
                raise ConfigError(f"A restore needs a second person: {actor or 'nobody'} has asked for {takedown_id}.")
            write.execute(takedowns.update().where(takedowns.c.id == takedown_id), {"restored_at": write.now})
            payload = {"takedown_id": takedown_id, "item_id": known.item_id, "territory": known.territory or None}
            write.change("restore", known.item_id, payload)
            before = {**payload, "reason": known.reason, "requested_by": known.restore_requested_by}
            write.audit("restore.approve", known.item_id, before=before, reason=known.restore_reason)


def _in_force(write: Write, takedown_id: str) -> Row[Any]:
    known: Row[Any] | None = write.execute(select(takedowns).where(ACTIVE & (takedowns.c.id == takedown_id))).first()
    if known is None:
        raise ConfigError(f"No takedown in force has the id {takedown_id}; list them with: recsys takedown list.")
    return known


def _reasons(found: Takedown, actor: str) -> Statement:
    """The statement of reasons of an order."""
    told = Reasons("The work was taken down.", found.reason, f"Order {found.id}", found.territory or "Everywhere")
    return Statement(f"st_{found.id}", found.id, found.item_id, None, told, (), actor, (actor,), found.at)


def _takedown(row: Row[Any]) -> Takedown:
    return Takedown(row.id, row.item_id, row.territory or None, row.reason, row.at)
