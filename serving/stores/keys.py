"""API keys: shown once, kept as a hash, known to every worker, gone on every worker once revoked.

A token holds 256 random bits, so one round of SHA-256 keeps it as safe as a slow password hash would.
"""

import base64
import hashlib
import hmac
import secrets

from sqlalchemy import select

from recsys.errors import ConfigError
from serving.stores.database import Database
from serving.stores.records import ROLES, Key, Principal, Role
from serving.stores.tables import api_keys

Known = dict[str, tuple[str, Principal | None]]  # by the first 64 bits of the digest: (digest, who)
NOBODY = ("0" * 64, None)


class KeyStore:
    """Who may call the API, and as what."""

    _db: Database
    _known: tuple[int, Known] = (-1, {})

    def create_key(self, name: str, role: Role, actor: str, *, rate: float | None = None) -> str:
        """Make a key and give its token, which nobody can read again. ConfigError for an unknown role.

        ``rate`` is how many requests a second each worker takes from it; None goes by the role.
        """
        if role not in ROLES:
            raise ConfigError(f"There is no role {role!r}; choose one of {', '.join(ROLES)}.")
        if not name.strip():
            raise ConfigError("A key needs a name that says who uses it.")
        if rate is not None and not 0 < rate < float("inf"):
            raise ConfigError(f"A key's rate is a number of requests a second above 0, not {rate}.")
        token = f"rk_{role}_{base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip('=')}"
        key: dict[str, object] = {"id": f"key_{secrets.token_hex(6)}", "name": name, "role": role}
        if rate is not None:
            key["rate"] = rate
        with self._db.write(actor) as write:
            row = {**key, "digest": _digest(token), "created_at": write.now, "created_by": actor}
            write.execute(api_keys.insert(), row)
            write.change("key", str(key["id"]), {"role": role})
            write.audit("key.create", str(key["id"]), after=key)
        return token

    def keys(self) -> list[Key]:
        """Every key, revoked ones too, oldest first."""
        found = self._db.rows(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id))
        return [Key(r.id, r.name, r.role, r.created_at, r.created_by, r.revoked_at, r.rate) for r in found]

    def revoke_key(self, key_id: str, actor: str) -> bool:
        """Make a key worthless; False where there is none of that id or it is revoked already."""
        with self._db.write(actor) as write:
            known = write.execute(select(api_keys).where(api_keys.c.id == key_id)).first()
            if known is None or known.revoked_at is not None:
                return False
            write.execute(api_keys.update().where(api_keys.c.id == key_id), {"revoked_at": write.now})
            write.change("key_revoked", key_id, {"role": known.role})
            write.audit("key.revoke", key_id, before={"name": known.name, "role": known.role})
        return True

    def authenticate(self, token: str) -> Principal | None:
        """Who holds the token, None if it is no key or a revoked one; microseconds unless the store has changed."""
        sequence = self._db.feed.sequence()
        seen, known = self._known
        if seen != sequence:
            known = self._read()
            self._known = (sequence, known)
        # What is looked up is a prefix of a hash, which says nothing of the token; the rest is compared in one time.
        digest = _digest(token)
        kept, principal = known.get(digest[:16], NOBODY)
        return principal if hmac.compare_digest(kept, digest) else None

    def _read(self) -> Known:
        found = self._db.rows(select(api_keys).where(api_keys.c.revoked_at.is_(None)))
        return {r.digest[:16]: (r.digest, Principal(r.id, r.name, r.role, r.rate)) for r in found}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="backslashreplace")).hexdigest()
