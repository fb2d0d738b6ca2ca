"""Editors' overrides: kept until they end, revoked by hand, never deleted."""

import math
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, select

from recsys.errors import ConfigError
from recsys.overrides import Override, is_cold_start
from serving.stores.database import Database
from serving.stores.records import dump, load
from serving.stores.removals import state_removals
from serving.stores.tables import overrides


class OverrideStore:
    """What editors promote, bury, pin and leave out."""

    _db: Database

    def overrides(self, at: float | None = None) -> list[Override]:
        """Every override that is neither revoked nor ended at ``at`` (s UTC, now if left out); some may lie ahead."""
        now = self._db.clock() if at is None else at
        alive = overrides.c.revoked_at.is_(None) & (overrides.c.end > now)
        found = self._db.rows(select(overrides).where(alive).order_by(overrides.c.created_at, overrides.c.id))
        return [_override(row) for row in found]

    def put_override(self, override: Override, actor: str) -> Override:
        """Store an override; one with a known id replaces it. ConfigError where it is impossible or revoked."""
        override.validate()
        if is_cold_start(override.id):
            raise ConfigError(f"id is {override.id!r}: such ids are those of the budget of new works; give another.")
        row = _row(override)
        with self._db.write(actor) as write:
            known = write.execute(select(overrides).where(overrides.c.id == override.id)).first()
            if known is not None and known.revoked_at is not None:
                raise ConfigError(f"Override {override.id} has been revoked; make a new one instead.")
            if known is None:
                write.execute(overrides.insert(), row)
            else:
                write.execute(overrides.update().where(overrides.c.id == override.id), row)
            after = _plain(override)
            write.change("override", override.id, after)
            before = None if known is None else _plain(_override(known))
            state_removals(write, override.campaign, (), None if known is None else _override(known).campaign)
            write.audit("override.put", override.id, before=before, after=after, reason=override.reason)
        return override

    def revoke_override(self, override_id: str, actor: str, reason: str) -> bool:
        """End an override now; False where there is none of that id or it is revoked already."""
        with self._db.write(actor) as write:
            known = write.execute(select(overrides).where(overrides.c.id == override_id)).first()
            if known is None or known.revoked_at is not None:
                return False
            write.execute(overrides.update().where(overrides.c.id == override_id), {"revoked_at": write.now})
            write.change("override_revoked", override_id, {"item_id": known.item_id})
            write.audit("override.revoke", override_id, before=_plain(_override(known)), reason=reason)
        return True


def _plain(override: Override) -> dict[str, Any]:
    values = asdict(override)
    values["start"] = override.start if math.isfinite(override.start) else None  # JSON has no infinity
    return {**values, "surfaces": sorted(override.surfaces), "territories": sorted(override.territories)}


def _row(override: Override) -> dict[str, Any]:
    values = _plain(override)
    lists = {name: dump(values[name]) for name in ("surfaces", "territories")}
    return {**values, **lists, "start": override.start}


def _override(row: Row[Any]) -> Override:
    values = {name: value for name, value in row._mapping.items() if name != "revoked_at"}
    values["surfaces"] = frozenset(load(row.surfaces))
    values["territories"] = frozenset(load(row.territories))
    return Override(**values)
