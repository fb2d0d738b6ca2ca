"""Public keys whose packs may be published."""

from dataclasses import dataclass

from sqlalchemy import select

from recsys.errors import ConfigError
from recsys.safety.signing import key_id
from serving.stores.database import Database
from serving.stores.tables import policy_keys


@dataclass(frozen=True, slots=True)
class PolicyKey:
    """A public key whose packs may be published."""

    id: str
    name: str
    public_key: str  # base64
    trusted_at: float  # s UTC
    trusted_by: str
    revoked_at: float | None = None


class PolicyKeyStore:
    """Who may sign."""

    _db: Database

    def trust_policy_key(self, name: str, public_key: str, actor: str) -> PolicyKey:
        """Let packs be published that this key signed; ConfigError where it is no key or was revoked before."""
        found = PolicyKey(key_id(public_key), name, public_key.strip(), 0.0, actor)
        if not name.strip():
            raise ConfigError("A key needs a name that says who signs with it.")
        with self._db.write(actor) as write:
            row = write.execute(select(policy_keys).where(policy_keys.c.id == found.id)).first()
            if row is not None and row.revoked_at is not None:
                raise ConfigError(f"The key {found.id} was revoked and stays so; make a new one.")
            if row is None:
                values = {"id": found.id, "name": name, "public_key": found.public_key, "trusted_at": write.now}
                write.execute(policy_keys.insert(), {**values, "trusted_by": actor})
                write.audit("policy.key.trust", found.id, after=values)
        return next(key for key in self.policy_keys() if key.id == found.id)

    def policy_keys(self) -> list[PolicyKey]:
        """Every key that was ever trusted, oldest first."""
        rows = self._db.rows(select(policy_keys).order_by(policy_keys.c.trusted_at, policy_keys.c.id))
        return [PolicyKey(r.id, r.name, r.public_key, r.trusted_at, r.trusted_by, r.revoked_at) for r in rows]

    def revoke_policy_key(self, key: str, actor: str, reason: str) -> None:
        """Publish nothing any more that this key signed; what is in force stays. ConfigError where it is no key."""
        with self._db.write(actor) as write:
            trusted = (policy_keys.c.id == key) & policy_keys.c.revoked_at.is_(None)
            if write.execute(select(policy_keys.c.id).where(trusted)).first() is None:
                raise ConfigError(f"No trusted key has the id {key}; list them with: recsys policy keys list.")
            write.execute(policy_keys.update().where(policy_keys.c.id == key), {"revoked_at": write.now})
            write.audit("policy.key.revoke", key, reason=reason)
