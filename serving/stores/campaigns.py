"""Campaigns: every version kept, every act in the change log and the audit, one writer at a time by version."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import structlog
from sqlalchemy import Row, select

from recsys.errors import ConfigError
from recsys.overrides import Budget, Campaign, Override, is_cold_start
from recsys.overrides.documents import Document, campaign_from
from serving.campaigns.states import FINAL, SERVED, Act, State, after
from serving.stores.database import Database, Write
from serving.stores.halts import Halt, budget_halted, halted
from serving.stores.letters import tell
from serving.stores.records import ConflictError, dump, load
from serving.stores.removals import state_removals
from serving.stores.tables import campaign_versions, campaigns, idempotency

log = structlog.get_logger()
CLOCK = "clock"  # the actor of what time brings about


@dataclass(frozen=True, slots=True)
class Said:
    """Who acts, why, on which version as it was read, and under which key a repetition is known."""

    actor: str
    reason: str = ""
    version: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Filed:
    """A campaign with where it stands. ``served`` is what was approved and is on air or will be."""

    id: str
    version: int
    state: State
    document: Document
    served: Document | None
    authors: tuple[str, ...]
    submitted_by: str | None
    approved_at: float | None  # s UTC
    created_at: float  # s UTC
    created_by: str
    end: float  # s UTC, of what is served, else of the document

    @property
    def campaign(self) -> Campaign:
        """As it was last written."""
        return campaign_from(self.document, created_by=self.created_by)


@dataclass(frozen=True, slots=True)
class Version:
    """One act in a campaign's history."""

    version: int
    act: Act
    state: State
    actor: str
    at: float  # s UTC
    reason: str
    document: Document


class CampaignStore:
    """Campaigns in every state, and what of them and of single overrides is served."""

    _db: Database

    def campaigns(self) -> list[Filed]:
        """Every campaign, the newest first."""
        found = self._db.rows(select(campaigns).order_by(campaigns.c.created_at.desc(), campaigns.c.id))
        return [_filed(row) for row in found]

    def campaign(self, campaign_id: str) -> Filed:
        """One campaign. ConfigError where there is none."""
        rows = self._db.rows(select(campaigns).where(campaigns.c.id == campaign_id))
        if not rows:
            raise ConfigError(f"There is no campaign {campaign_id!r}; list them with: recsys campaign list.")
        return _filed(rows[0])

    def campaign_history(self, campaign_id: str) -> list[Version]:
        """Every act on a campaign, oldest first."""
        table = campaign_versions
        found = self._db.rows(select(table).where(table.c.campaign_id == campaign_id).order_by(table.c.version))
        return [Version(r.version, r.act, r.state, r.actor, r.at, r.reason, load(r.document)) for r in found]

    def orders(self, at: float | None = None) -> list[Override | Campaign]:
        """What has not ended at ``at`` (s UTC, now if left out), without what a kill switch holds back."""
        halts = self.halts()  # type: ignore[attr-defined]
        singles: list[Override] = self.overrides(at)  # type: ignore[attr-defined]
        now = self._db.clock() if at is None else at
        query = select(campaigns).where(campaigns.c.served.is_not(None) & (campaigns.c.end > now))
        filed = [_filed(row) for row in self._db.rows(query.order_by(campaigns.c.id))]
        budget: Budget | None = self.cold_start()  # type: ignore[attr-defined]
        return orders_of(singles, filed, halts, None if budget is None or budget.end <= now else budget)

    def file_campaign(self, document: Document, end: float, said: Said) -> Filed:
        """A new draft. ConflictError where the id is taken; the same key and text again give what is there."""
        with self._db.write(said.actor) as write:
            name = str(document["id"])
            if is_cold_start(name):
                raise ConfigError(f"id is {name!r}: such ids are those of the budget of new works; give another.")
            if (again := _again(write, said, "create", name, document)) is not None:
                return again
            if _row(write, name) is not None:
                raise ConflictError(f"There is a campaign {name!r} already; update it, or give another id.")
            now, who = write.now, said.actor
            fresh = Filed(name, 0, "draft", document, None, (who,), None, None, now, who, end)
            return _put(write, None, fresh, "create", said)

    def move_campaign(
        self,
        campaign_id: str,
        act: Act,
        said: Said,
        *,
        document: Document | None = None,
        end: float | None = None,
        needs: tuple[str, ...] = (),
    ) -> Filed:
        """One act on a campaign. ``needs`` says why whoever approves must not be an author.

        ConflictError where the state does not allow it, another version than the named one is there, or for this actor.
        """
        with self._db.write(said.actor) as write:
            if (again := _again(write, said, act, campaign_id, document)) is not None:
                return again
            row = _row(write, campaign_id)
            if row is None:
                raise ConfigError(f"There is no campaign {campaign_id!r}; list them with: recsys campaign list.")
            before = _filed(row)
            _refuse_stale(write, before, said.version)
            moved = _moved(before, act, said.actor, document, end)
            if act == "approve":
                _refuse_own(before, said.actor, needs)
                moved = replace(moved, served=before.document, approved_at=write.now)
            moved = _put(write, before, moved, act, said)
            if act in ("approve", "tighten"):
                was = None if before.served is None else campaign_from(before.served)
                state_removals(write, moved.campaign, moved.authors, was)
            return _turned(write, moved) if act == "approve" else moved

    def turn_campaigns(self) -> int:
        """Say of campaigns that have begun or ended that they have; serving goes by their times by itself."""
        now = self._db.clock()
        waiting = campaigns.c.state.not_in(FINAL) & ((campaigns.c.state == "scheduled") | (campaigns.c.end <= now))
        due = [f for row in self._db.rows(select(campaigns).where(waiting)) if _due(f := _filed(row), now)]
        if not due:
            return 0
        with self._db.write(CLOCK) as write:
            for one in due:
                if (row := _row(write, one.id)) is not None:
                    _turned(write, _filed(row))
        return len(due)


def orders_of(
    singles: Iterable[Override], filed: Iterable[Filed], halts: Collection[Halt], budget: Budget | None = None
) -> list[Override | Campaign]:
    """What is served of single overrides, of what is on air and of new works, without what a kill switch holds back."""
    found: list[Override | Campaign] = [one for one in singles if not halted(halts, one.id, (one.created_by,))]
    running = (one for one in filed if not halted(halts, one.id, (one.created_by, *one.authors)))
    found += [order for one in running if (order := _order(one)) is not None]
    if budget is not None and not budget_halted(halts, budget.id):
        found.append(budget.campaign)
    return found


def filed_of(payload: Mapping[str, Any]) -> Filed:
    """A campaign as its line in the change log has it."""
    return Filed(**{**payload, "authors": tuple(payload["authors"])})


def _row(write: Write, campaign_id: str) -> Row[Any] | None:
    found: Row[Any] | None = write.execute(select(campaigns).where(campaigns.c.id == campaign_id)).first()
    return found


def _moved(before: Filed, act: Act, actor: str, document: Document | None, end: float | None) -> Filed:
    """A campaign after an act, approval aside."""
    moved = replace(before, state=after(before.state, act))
    if document is not None:
        moved = replace(moved, document=document)
    if end is not None:
        moved = replace(moved, end=end)
    if act == "update":
        served = before.state in SERVED or before.state == "paused"
        # Whoever approved what is on air has nothing to do with the new text: its author alone is barred.
        moved = replace(moved, authors=(actor,) if served else tuple(dict.fromkeys((*before.authors, actor))))
    if act in ("submit", "resume"):
        moved = replace(moved, submitted_by=actor)
    if act == "tighten":
        moved = replace(moved, served=document)
    if act == "pause" and before.served is None:
        raise ConflictError("Nothing of this campaign is on air.")
    if act in ("pause", "revoke"):
        moved = replace(moved, served=None)
    return moved


def _turned(write: Write, filed: Filed) -> Filed:
    """What time has brought about by now."""
    said = Said(write.actor)
    if filed.state not in FINAL and filed.end <= write.now:
        return _put(
            write, filed, _moved(filed, "expire", write.actor, None, None), "expire", replace(said, reason="its end")
        )
    if filed.state == "scheduled" and filed.campaign.start <= write.now:
        return _put(
            write, filed, _moved(filed, "start", write.actor, None, None), "start", replace(said, reason="its start")
        )
    return filed


def _due(filed: Filed, now: float) -> bool:
    return filed.end <= now or (filed.state == "scheduled" and filed.campaign.start <= now)


def _put(write: Write, before: Filed | None, moved: Filed, act: Act, said: Said) -> Filed:
    """Store the next version with its line in the history, the change log, the audit and the letters."""
    fresh = replace(moved, version=moved.version + 1)
    values = {name: getattr(fresh, name) for name in Filed.__slots__}
    values["document"], values["authors"] = dump(fresh.document), dump(list(fresh.authors))
    values["served"] = None if fresh.served is None else dump(fresh.served)
    if before is None:
        write.execute(campaigns.insert(), values)
    else:
        write.execute(campaigns.update().where(campaigns.c.id == fresh.id), values)
    line = {"campaign_id": fresh.id, "version": fresh.version, "act": act, "state": fresh.state, "at": write.now}
    text = {"actor": said.actor, "reason": said.reason, "document": values["document"]}
    write.execute(campaign_versions.insert(), {**line, **text})
    write.change("campaign", fresh.id, asdict(fresh))  # whole: a decision is replayed from the change log
    told = None if before is None else _told(before)
    write.audit(f"campaign.{act}", fresh.id, before=told, after=_told(fresh), reason=said.reason)
    happened = {"campaign": fresh.id, "act": act, "state": fresh.state, "version": fresh.version}
    was = None if before is None else before.state
    tell(write, "campaign.state", {**happened, "was": was, "actor": said.actor, "reason": said.reason})
    _remember(write, said, act, fresh.id, moved.document)
    return fresh


def _told(filed: Filed) -> dict[str, Any]:
    return {"state": filed.state, "version": filed.version, "document": filed.document, "served": filed.served}


def _refuse_stale(write: Write, now: Filed, version: int | None) -> None:
    """Of two people on one campaign the second is told what the first has changed."""
    if version is None or version == now.version:
        return
    table = campaign_versions
    query = select(table).where((table.c.campaign_id == now.id) & (table.c.version > version))
    since = write.execute(query.order_by(table.c.version)).all()
    read = write.execute(select(table).where((table.c.campaign_id == now.id) & (table.c.version == version))).first()
    acts = "; ".join(f"{row.actor}: {row.act}" for row in since) or "nothing that you could have read"
    fields = [] if read is None else changed(load(read.document), now.document)
    raise ConflictError(
        f"{now.id!r} has version {now.version}, you read {version}. Since then: {acts}."
        f"{' Changed: ' + ', '.join(fields) + '.' if fields else ''} Read it again; nothing was changed."
    )


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The fields that differ."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def _refuse_own(filed: Filed, actor: str, needs: tuple[str, ...]) -> None:
    if needs and actor in {*filed.authors, filed.submitted_by}:
        raise ConflictError(
            f"You have written or submitted {filed.id!r}, and another person has to approve it: {'; '.join(needs)}."
        )


def _digest(act: str, campaign_id: str, document: Document | None) -> str:
    return hashlib.sha256(dump([act, campaign_id, document]).encode()).hexdigest()


def _again(write: Write, said: Said, act: str, campaign_id: str, document: Document | None) -> Filed | None:
    """The campaign as it is where this very request has been carried out before."""
    if said.key is None:
        return None
    table = idempotency
    done = write.execute(select(table).where((table.c.key == said.key) & (table.c.actor == said.actor))).first()
    if done is None:
        return None
    if done.digest != _digest(act, campaign_id, document):
        raise ConflictError("This idempotency key was used for another request; give every request a key of its own.")
    row = _row(write, done.campaign_id)
    return None if row is None else _filed(row)


def _remember(write: Write, said: Said, act: Act, campaign_id: str, document: Document) -> None:
    if said.key is None:
        return
    asked = document if act in ("create", "update", "tighten") else None
    row = {"key": said.key, "actor": said.actor, "campaign_id": campaign_id, "at": write.now}
    write.execute(idempotency.insert(), {**row, "digest": _digest(act, campaign_id, asked)})


def _order(filed: Filed) -> Campaign | None:
    try:
        return campaign_from(
            filed.served or {}, created_by=filed.created_by, approved_at=filed.approved_at or filed.created_at
        )
    except ConfigError as error:
        log.error("campaign_unreadable", campaign=filed.id, error=str(error))
        return None


def _filed(row: Row[Any]) -> Filed:
    values = dict(row._mapping)
    values["document"], values["authors"] = load(row.document), tuple(load(row.authors))
    values["served"] = None if row.served is None else load(row.served)
    return Filed(**values)
