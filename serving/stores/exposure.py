"""How often campaigns have been seen, for good and by all workers; users stand here under their pseudonym only."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from serving.stores.database import Database, Write
from serving.stores.tables import erasures, exposure_misses, exposure_users, exposures

Slots = Counter[tuple[str, int, int]]  # campaign, slot, hour since 1970
Users = Counter[tuple[str, str, int]]  # campaign, pseudonym, local day
Misses = Counter[tuple[str, str, int]]  # campaign, why, hour since 1970
LATE = 5.0  # s: what a worker tells so long after an erasure may be older than it
KEPT_DAYS = 3  # local days of users behind the newest one


@dataclass(frozen=True, slots=True)
class Seen:
    """Counts since a revision: totals of what has changed, not what was added."""

    rev: int
    slots: Mapping[tuple[str, int, int], int] = field(default_factory=dict)
    users: Mapping[tuple[str, str, int], int] = field(default_factory=dict)


class ExposureStore:
    """Counts that only rise, each with the revision of its last change."""

    _db: Database

    def add_exposure(self, slots: Slots, users: Users, misses: Misses) -> None:
        """Add what a worker has seen since it last told. Nothing of it is in the audit: it is no decision."""
        with self._db.write("exposure") as write:
            rev = _newest(write) + 1
            _add(write, exposures, [{**_named("slot", key), "n": n, "rev": rev} for key, n in slots.items()])
            gone = just_erased(write)
            told = [{**_of_user(key), "n": n, "rev": rev} for key, n in users.items() if key[1] not in gone]
            _add(write, exposure_users, told)
            _add(write, exposure_misses, [{**_named("reason", key), "n": n} for key, n in misses.items()])
            if users:
                newest = max(day for _, _, day in users)
                write.execute(delete(exposure_users).where(exposure_users.c.day <= newest - KEPT_DAYS))

    def exposure_since(self, rev: int) -> Seen:
        """What has changed after a revision."""
        # The newest revision is read first: what comes in between is read again, never missed.
        newest = self._db.point(NEWEST)[0]
        if newest <= rev:
            return Seen(rev)
        slots = self._db.rows(select(exposures).where(exposures.c.rev > rev))
        users = self._db.rows(select(exposure_users).where(exposure_users.c.rev > rev))
        return Seen(
            newest,
            {(r.campaign_id, r.slot, r.hour): r.n for r in slots},
            {(r.campaign_id, r.pseudonym, r.day): r.n for r in users},
        )

    def exposure_misses(self) -> Misses:
        """Why campaigns were not served, by hour."""
        return Counter({(r.campaign_id, r.reason, r.hour): r.n for r in self._db.rows(select(exposure_misses))})


# Every change of a user's count comes with one of a slot's, so that one table tells.
NEWEST = "SELECT coalesce(max(rev), 0) FROM exposures"


def just_erased(write: Write) -> set[str]:
    """Pseudonyms of whom a worker may still tell what it has counted before the erasure."""
    return set(write.execute(select(erasures.c.pseudonym).where(erasures.c.at > write.now - LATE)).scalars())


def _newest(write: Write) -> int:
    return int(write.execute(select(func.coalesce(func.max(exposures.c.rev), 0))).scalar() or 0)


def _named(second: str, key: tuple[str, Any, int]) -> dict[str, Any]:
    return {"campaign_id": key[0], second: key[1], "hour": key[2]}


def _of_user(key: tuple[str, str, int]) -> dict[str, Any]:
    return {"campaign_id": key[0], "pseudonym": key[1], "day": key[2]}


def _add(write: Write, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    add(write, table, rows, ("n",))


def add(write: Write, table: Table, rows: Iterable[dict[str, Any]], counts: Sequence[str]) -> None:
    """Add ``counts`` to the rows of the same keys, made where there are none; a revision becomes the given one."""
    given = list(rows)
    if not given:
        return
    insert = inserting(write, table)
    fresh: dict[str, Any] = {name: table.c[name] + insert.excluded[name] for name in counts}
    if "rev" in table.c:
        fresh["rev"] = insert.excluded.rev
    keys = [column.name for column in table.primary_key.columns]
    write.execute(insert.on_conflict_do_update(index_elements=keys, set_=fresh), given)


def inserting(write: Write, table: Table) -> Any:
    """An insert that may say what is done with rows that are there already."""
    dialect = postgresql if write.connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)
