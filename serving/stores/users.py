"""What users decided about their lists, and who has been erased."""

import hmac
import json
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from serving.stores.database import Database, Write
from serving.stores.records import Controls, dump, load
from serving.stores.tables import controls, erasures, exposure_users, newcomer_users

POINT = "SELECT personalised, hidden, not_interested FROM controls WHERE user_id = :user_id"
ERASED = "SELECT at FROM erasures WHERE pseudonym = :pseudonym"


@dataclass(frozen=True)
class Erasures:
    """Many erasures at once, for going through a log: who, under a keyed hash, and when."""

    times: dict[str, float]  # s UTC by pseudonym
    key: bytes

    def __len__(self) -> int:
        return len(self.times)

    def at(self, user_id: str) -> float | None:
        """When a user was erased, None if not."""
        return self.times.get(pseudonym(self.key, user_id)) if self.times else None


class UserControls:
    """Point queries by user id; the audit log names users by a keyed hash only, so that erasure leaves it whole."""

    _db: Database

    def controls(self, user_id: str) -> Controls:
        """What a user decided; the defaults where they never did."""
        row = self._db.point(POINT, user_id=user_id)
        if row is None:
            return Controls()
        personalised, hidden, not_interested = row
        return Controls(bool(personalised), frozenset(json.loads(hidden)), frozenset(json.loads(not_interested)))

    def every_control(self) -> dict[str, Controls]:
        """What each user decided who ever did, by user id."""
        return {
            row.user_id: Controls(row.personalised, frozenset(load(row.hidden)), frozenset(load(row.not_interested)))
            for row in self._db.rows(select(controls))
        }

    def put_controls(self, user_id: str, chosen: Controls, actor: str = "user") -> None:
        """Replace what a user decided."""
        row = {
            "user_id": user_id,
            "personalised": chosen.personalised,
            "hidden": dump(chosen.hidden),
            "not_interested": dump(chosen.not_interested),
        }
        with self._db.write(actor) as write:
            upsert(write, controls, row)
            counts = {"hidden": len(chosen.hidden), "not_interested": len(chosen.not_interested)}
            after = {"personalised": chosen.personalised, **counts}
            write.audit("controls.put", f"user:{self.pseudonym(user_id)}", after=after)

    def erase_user(self, user_id: str, actor: str = "user") -> None:
        """Forget a user's decisions and remember, under a keyed hash, that older events must not come back."""
        name = self.pseudonym(user_id)
        with self._db.write(actor) as write:
            write.execute(delete(controls).where(controls.c.user_id == user_id))
            for shown in (exposure_users, newcomer_users):  # the counts of campaigns and works name nobody and stay
                write.execute(delete(shown).where(shown.c.pseudonym == name))
            seq = write.change("erasure", name, {})
            upsert(write, erasures, {"pseudonym": name, "at": write.now, "seq": seq})
            write.audit("user.erase", f"user:{name}")
        self._db.wipe()

    def erased_at(self, user_id: str) -> float | None:
        """When a user was last erased (s UTC), None if never."""
        row = self._db.point(ERASED, pseudonym=self.pseudonym(user_id))
        return None if row is None else float(row[0])

    def erased_since(self, seq: int = 0) -> Erasures:
        """Every erasure after change number ``seq``."""
        found = self._db.rows(select(erasures.c.pseudonym, erasures.c.at).where(erasures.c.seq > seq))
        return Erasures({row.pseudonym: row.at for row in found}, self._db.pseudonym_key)

    def pseudonym(self, user_id: str) -> str:
        """The keyed hash by which audit and erasures know a user."""
        return pseudonym(self._db.pseudonym_key, user_id)


def pseudonym(key: bytes, user_id: str) -> str:
    """The first 128 bits of HMAC-SHA256, hexadecimal."""
    return hmac.digest(key, user_id.encode(), "sha256").hex()[:32]


def upsert(write: Write, table: type | object, row: dict[str, object], *, keys: int = 1) -> None:
    """Insert a row or replace the one with the same key, which is the first ``keys`` columns."""
    dialect = postgresql if write.connection.dialect.name == "postgresql" else sqlite
    names = list(row)
    insert = dialect.insert(table)
    fresh = {name: insert.excluded[name] for name in names[keys:]}
    write.execute(insert.on_conflict_do_update(index_elements=names[:keys], set_=fresh), row)
