"""Kill switches: one person stops a campaign, everything of an editor, or every override; two start it again."""

import math
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select

from recsys.errors import ConfigError
from recsys.overrides.newcomers import COLD_START
from serving.stores.database import Database, Write
from serving.stores.letters import tell
from serving.stores.records import ConflictError
from serving.stores.tables import halts

Scope = Literal["campaign", "editor", "all"]


@dataclass(frozen=True, slots=True)
class Halt:
    """One switch that is thrown."""

    id: str
    scope: Scope
    key: str  # the id of a campaign or override, the editor, "" for all
    at: float  # s UTC
    actor: str
    reason: str
    release_requested_by: str | None = None


class HaltStore:
    """What is stopped now. A switch acts on the next request everywhere."""

    _db: Database

    def halts(self) -> list[Halt]:
        """The switches that are thrown, oldest first."""
        found = self._db.rows(select(halts).where(halts.c.released_at.is_(None)).order_by(halts.c.at, halts.c.id))
        return [_halt(row) for row in found]

    def every_halt(self) -> list[tuple[Halt, float]]:
        """Every switch that was ever thrown, oldest first, and until when (s UTC, inf while it is)."""
        found = self._db.rows(select(halts).order_by(halts.c.at, halts.c.id))
        return [(_halt(row), math.inf if row.released_at is None else row.released_at) for row in found]

    def halt(self, scope: Scope, key: str, actor: str, reason: str) -> Halt:
        """Throw a switch; one that is thrown stays as it is. ConfigError where it names nothing."""
        if scope != "all" and not key:
            raise ConfigError(f"A halt of {scope} names which; give its id.")
        key = "" if scope == "all" else key
        with self._db.write(actor) as write:
            there = (halts.c.scope == scope) & (halts.c.key == key) & halts.c.released_at.is_(None)
            if (known := write.execute(select(halts).where(there)).first()) is not None:
                return _halt(known)
            made = Halt(f"halt_{secrets.token_hex(6)}", scope, key, write.now, actor, reason)
            write.execute(halts.insert(), {name: getattr(made, name) for name in Halt.__slots__})
            _say(write, made, "halt", reason)
        return made

    def request_release(self, halt_id: str, actor: str, reason: str) -> Halt:
        """Ask to start again; nothing happens until another person approves."""
        with self._db.write(actor) as write:
            known = _mine(write, halt_id)
            write.execute(halts.update().where(halts.c.id == halt_id), {"release_requested_by": actor})
            write.audit("halt.request_release", halt_id, before=_plain(known), reason=reason)
        return Halt(**{**_plain(known), "release_requested_by": actor})

    def approve_release(self, halt_id: str, actor: str, reason: str = "") -> None:
        """Start again, as another person than who asked. ConflictError for that one, or where nobody has asked."""
        with self._db.write(actor) as write:
            known = _mine(write, halt_id)
            if known.release_requested_by is None:
                raise ConflictError(f"Nobody has asked to release {halt_id}; ask first, another person approves.")
            if known.release_requested_by == actor:
                raise ConflictError("You have asked for this release; another person has to approve it.")
            write.execute(halts.update().where(halts.c.id == halt_id), {"released_at": write.now})
            _say(write, known, "release", reason)


def halted(thrown: Collection[Halt], order_id: str, editors: Collection[str]) -> bool:
    """Whether an order of these editors is held back."""
    return any(
        halt.scope == "all" or halt.key == order_id if halt.scope != "editor" else halt.key in editors
        for halt in thrown
    )


def budget_halted(thrown: Collection[Halt], budget_id: str) -> bool:
    """Whether a day's budget of new works is held back: by its own id, or as every day's is."""
    return any(halted(thrown, name, ()) for name in (budget_id, COLD_START))


def _mine(write: Write, halt_id: str) -> Halt:
    row = write.execute(select(halts).where((halts.c.id == halt_id) & halts.c.released_at.is_(None))).first()
    if row is None:
        raise ConfigError(f"There is no halt {halt_id!r} in force; list them with: recsys halt list.")
    return _halt(row)


def _say(write: Write, halt: Halt, act: str, reason: str) -> None:
    plain = _plain(halt)
    write.change("halt", halt.id, {"act": act, **plain})
    write.audit(f"halt.{act}", halt.id, before=None if act == "halt" else plain, after=plain, reason=reason)
    tell(write, f"override.{act}", {"scope": halt.scope, "key": halt.key, "actor": write.actor, "reason": reason})


def _plain(halt: Halt) -> dict[str, Any]:
    return {name: getattr(halt, name) for name in Halt.__slots__}


def _halt(row: Any) -> Halt:
    return Halt(*(getattr(row, name) for name in Halt.__slots__))
