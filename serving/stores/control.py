"""The control store: what people change while the system runs. The only door to it."""

import hmac
from pathlib import Path
from typing import Self

from sqlalchemy import select

from recsys.clock import Clock, system_clock
from serving.stores.audit import AuditLog
from serving.stores.campaigns import CampaignStore
from serving.stores.database import Database, control_url
from serving.stores.exposure import ExposureStore
from serving.stores.halts import HaltStore
from serving.stores.items import ItemStore
from serving.stores.keys import KeyStore
from serving.stores.labels import LabelStore
from serving.stores.letters import LetterStore
from serving.stores.lists import ListStore
from serving.stores.newcomers import NewcomerStore
from serving.stores.notifications import Notifications
from serving.stores.overrides import OverrideStore
from serving.stores.policies import PolicyStore
from serving.stores.policy_keys import PolicyKeyStore
from serving.stores.records import ROLES, AuditEntry, Change, Controls, Key, Principal, RestoreRequest, Role, load
from serving.stores.reviews import ReviewStore
from serving.stores.rights import RightsStore
from serving.stores.tables import changes
from serving.stores.takedowns import TakedownStore
from serving.stores.users import Erasures, UserControls

__all__ = [
    "ROLES",
    "AuditEntry",
    "Change",
    "ControlStore",
    "Controls",
    "Erasures",
    "Key",
    "Principal",
    "RestoreRequest",
    "Role",
]


class ControlStore(
    OverrideStore,
    CampaignStore,
    HaltStore,
    LetterStore,
    ExposureStore,
    NewcomerStore,
    ListStore,
    TakedownStore,
    ItemStore,
    RightsStore,
    LabelStore,
    PolicyStore,
    PolicyKeyStore,
    ReviewStore,
    UserControls,
    KeyStore,
    Notifications,
    AuditLog,
):
    """All that people change while the system runs, in one database; each parent holds one kind of it.

    Safe to share between threads. Every method raises StoreError where the database does not answer; a write that
    has returned is durable, in the change log and in the audit log.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    @classmethod
    def open(cls, url_or_path: str | Path, clock: Clock = system_clock) -> Self:
        """Open and migrate a SQLite file (made where absent) or a PostgreSQL database."""
        return cls(Database(control_url(url_or_path), clock))

    def close(self) -> None:
        """Give every connection back; the store cannot be used any more."""
        self._db.close()

    def derived_key(self, purpose: str) -> bytes:
        """A secret of its own for a purpose, the same in every process that shares this store."""
        return hmac.digest(self._db.pseudonym_key, f"recsys {purpose}".encode(), "sha256")

    def sequence(self) -> int:
        """The newest change that this process knows of: exact and µs embedded, within about 100 ms on PostgreSQL."""
        return self._db.feed.sequence()

    def silent_seconds(self) -> float:
        """How long a remote store has not answered (s), 0 embedded; after a long silence takedowns may be missing."""
        return self._db.feed.silent_seconds()

    def changes(self, since: int, until: int | None = None) -> list[Change]:
        """The change log after number ``since``, up to ``until``. Lines of items, rights and labels have no payload."""
        wanted = changes.c.seq > since
        if until is not None:
            wanted &= changes.c.seq <= until
        found = self._db.rows(select(changes).where(wanted).order_by(changes.c.seq))
        return [Change(r.seq, r.kind, r.key, load(r.payload), r.at) for r in found]
