"""Takedowns: one person is enough to take an item down, two are needed to bring it back."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, select

from recsys.errors import ConfigError
from recsys.safety import Takedown, terms
from serving.stores.database import Database, Write
from serving.stores.notifications import emit
from serving.stores.records import RestoreRequest, dump, load
from serving.stores.reviews import Reasons, Statement, state
from serving.stores.tables import sightings, takedowns
from serving.stores.users import upsert

ACTIVE = takedowns.c.restored_at.is_(None)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document behind an order, by its hash; the file stays where it is."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Basis:
    """What an order rests on, and the item as it was then."""

    legal_basis: str = ""
    attachments: tuple[Attachment, ...] = ()
    record: Mapping[str, Any] | None = None


NO_BASIS = Basis()


@dataclass(frozen=True, slots=True)
class Ordered:
    """Everything the store knows of a takedown, lifted or not."""

    takedown: Takedown
    actor: str
    basis: Basis
    seq: int | None  # in the change log; None for orders of an older version
    restored_at: float | None  # s UTC


class TakedownStore:
    """What must not be shown, from the next request on."""

    _db: Database

    def takedowns(self) -> list[Takedown]:
        """Every takedown in force, oldest first."""
        found = self._db.rows(select(takedowns).where(ACTIVE).order_by(takedowns.c.at, takedowns.c.id))
        return [_takedown(row) for row in found]

    def ordered(self, takedown_id: str) -> Ordered:
        """One order, lifted ones too; ConfigError where there is none of that id."""
        found = self._db.rows(select(takedowns).where(takedowns.c.id == takedown_id))
        if not found:
            raise ConfigError(f"There is no takedown {takedown_id}; list those in force with: recsys takedown list.")
        return _ordered(found[0])

    def unsighted(self, node: str, looks: Sequence[float]) -> list[Ordered]:
        """Orders for which a look into a node's decision log is due: ``looks`` are the ages (s) at which one is."""
        now = self._db.clock()
        young = takedowns.c.at > now - 2 * max(looks)
        found = self._db.rows(select(takedowns).where(young).order_by(takedowns.c.at, takedowns.c.id))
        seen = select(sightings.c.takedown_id, sightings.c.checked_at).where(sightings.c.node == node)
        looked = {row.takedown_id: row.checked_at for row in self._db.rows(seen)}
        return [
            _ordered(row)
            for row in found
            if any(looked.get(row.id, float("-inf")) < row.at + age <= now for age in looks)
        ]

    def put_sighting(self, takedown_id: str, node: str, found: Mapping[str, Any]) -> None:
        """Keep what the decision log of one node says of an item that was taken down and note it to be told."""
        with self._db.write("decision log") as write:
            row = {"takedown_id": takedown_id, "node": node, "checked_at": write.now, "found": dump(found)}
            upsert(write, sightings, row, keys=2)
            emit(write, "takedown.evidence", takedown_id, {"node": node, **found})
            write.audit("takedown.evidence", takedown_id, after={"node": node, **found})

    def sightings(self, takedown_id: str) -> dict[str, tuple[float, dict[str, Any]]]:
        """(when it was looked, what was found) by node."""
        found = self._db.rows(select(sightings).where(sightings.c.takedown_id == takedown_id))
        return {row.node: (row.checked_at, load(row.found)) for row in found}

    def take_down(
        self, item_id: str, *, reason: str, actor: str, territory: str | None = None, basis: Basis = NO_BASIS
    ) -> Takedown:
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
            payload = {**row, "territory": found.territory}
            seq = write.change("takedown", item_id, payload)
            proof = {"legal_basis": basis.legal_basis, "attachments": [asdict(one) for one in basis.attachments]}
            kept = {"legal_basis": basis.legal_basis, "attachments": dump(proof["attachments"])}
            record = None if basis.record is None else dump(basis.record)
            write.execute(takedowns.insert(), {**row, **kept, "actor": actor, "seq": seq, "record": record})
            emit(write, "takedown.ordered", found.id, {**payload, **proof, "actor": actor})
            write.audit("takedown", item_id, after={**payload, **proof}, reason=reason)
            state(write, _reasons(found, basis, actor))
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
            emit(write, "takedown.restored", takedown_id, {**before, "approved_by": actor})
            write.audit("restore.approve", known.item_id, before=before, reason=known.restore_reason)


def _in_force(write: Write, takedown_id: str) -> Row[Any]:
    known: Row[Any] | None = write.execute(select(takedowns).where(ACTIVE & (takedowns.c.id == takedown_id))).first()
    if known is None:
        raise ConfigError(f"No takedown in force has the id {takedown_id}; list them with: recsys takedown list.")
    return known


def _reasons(found: Takedown, basis: Basis, actor: str) -> Statement:
    """The statement of reasons of an order."""
    provider = (basis.record or {}).get("provider")
    told = Reasons("The work was taken down.", found.reason, f"Order {found.id}", found.territory or "Everywhere")
    return Statement(f"st_{found.id}", found.id, found.item_id, provider, told, (), actor, (actor,), found.at)


def _takedown(row: Row[Any]) -> Takedown:
    return Takedown(row.id, row.item_id, row.territory or None, row.reason, row.at)


def _ordered(row: Row[Any]) -> Ordered:
    attachments = tuple(Attachment(**one) for one in load(row.attachments or "[]"))
    record = None if row.record is None else load(row.record)
    return Ordered(
        _takedown(row), row.actor, Basis(row.legal_basis or "", attachments, record), row.seq, row.restored_at
    )
