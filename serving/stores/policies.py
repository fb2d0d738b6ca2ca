"""Published policy packs: versions that are only added, and the steps that put one in force."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Row, func, select

from recsys.errors import ConfigError, StoreError
from serving.stores.database import Database, Write
from serving.stores.records import dump, load
from serving.stores.reviews import ConflictError
from serving.stores.tables import policy_counts, policy_packs, policy_steps

Action = Literal["propose", "publish", "decline", "shadow", "canary", "stop"]
BASE = "base"  # how the scope of a pack that holds everywhere is named outside


@dataclass(frozen=True, slots=True)
class PackText:
    """A pack as it was signed, before it has a number."""

    scope: str
    cite: str
    text: str
    signature: str = ""  # "" = unsigned
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class StoredPack:
    """A version that is kept for good."""

    number: int
    scope: str
    cite: str
    text: str
    signature: str
    key_id: str
    added_at: float
    added_by: str


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody did with a pack. ``number`` 0: the scope has no pack of its own from then on."""

    step: int
    action: Action
    scope: str
    number: int
    share: float
    refers: int
    loosens: tuple[str, ...]
    actor: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Standing:
    """What follows from all steps so far."""

    in_force: Mapping[str, int] = field(default_factory=dict)  # scope → number
    proposals: tuple[Step, ...] = ()  # that wait for a second person
    trial: Step | None = None  # shadow or canary
    since: int = 0  # the newest step that changed what is in force


class PolicyStore:
    """What was published, and what is in force."""

    _db: Database

    def policy_packs(self) -> list[StoredPack]:
        """Every version, oldest first."""
        return [_pack(row) for row in self._db.rows(select(policy_packs).order_by(policy_packs.c.number))]

    def policy_pack(self, number: int) -> StoredPack:
        """One version; ConfigError where there is none, StoreError where its text was altered."""
        found = self._db.rows(select(policy_packs).where(policy_packs.c.number == number))
        if not found:
            raise ConfigError(f"There is no policy pack {number}; list them with: recsys policy list.")
        return _pack(found[0])

    def policy_steps(self) -> list[Step]:
        """Every step, oldest first."""
        return [_step(row) for row in self._db.rows(select(policy_steps).order_by(policy_steps.c.step))]

    def policy_standing(self) -> Standing:
        """What is in force, what waits for a second person, what is on trial."""
        return standing(self.policy_steps())

    def propose_policy(
        self,
        pack: PackText | StoredPack | None,
        scope: str,
        loosens: Iterable[str],
        since: int,
        *,
        actor: str,
        reason: str,
    ) -> Step:
        """Publish a pack at once where it loosens nothing, else let it wait for a second person.

        ``pack`` None takes the scope's own pack out of force. ``loosens`` was worked out against what was in force
        after step ``since``: ConflictError where that is not so any more.
        """
        _explained(actor, reason)
        with self._db.write(actor) as write:
            if _standing(write).since != since:
                raise ConflictError("Another policy was put in force meanwhile; look at the difference again.")
            number = 0 if pack is None else _added(write, pack)
            told = tuple(loosens)
            step = _take(write, "propose", scope, number, loosens=told, reason=reason)
            return step if told else _take(write, "publish", scope, number, refers=step.step, reason=reason)

    def approve_policy(self, step: int, actor: str) -> Step:
        """Put in force what another person proposed; ConflictError where the policy has changed since."""
        with self._db.write(actor) as write:
            now = _standing(write)
            asked = _waiting(now, step)
            if not actor or asked.actor == actor:
                raise ConfigError(
                    f"A looser policy needs a second person: {actor or 'nobody'} has proposed step {step}."
                )
            if now.since > step:
                raise ConflictError("Another policy was put in force since this was proposed; propose it again.")
            return _take(
                write, "publish", asked.scope, asked.number, refers=step, loosens=asked.loosens, reason=asked.reason
            )

    def decline_policy(self, step: int, actor: str, reason: str) -> Step:
        """Take a proposal back, one's own or another's."""
        _explained(actor, reason)
        with self._db.write(actor) as write:
            asked = _waiting(_standing(write), step)
            return _take(write, "decline", asked.scope, asked.number, refers=step, reason=reason)

    def try_policy(self, pack: PackText, *, share: float | None, actor: str, reason: str) -> Step:
        """Judge real requests by a pack too: without effect (None), or for a share of them by the stricter of both."""
        _explained(actor, reason)
        if share is not None and not 0 < share <= 1:
            raise ConfigError(f"The share of a canary is {share:g}; give one above 0 and at most 1.")
        with self._db.write(actor) as write:
            number = _added(write, pack)
            if _standing(write).in_force.get(pack.scope) == number:
                raise ConfigError(f"{pack.cite} is in force already; there is nothing to try.")
            action: Action = "shadow" if share is None else "canary"
            return _take(write, action, pack.scope, number, share=share or 0.0, reason=reason)

    def stop_policy_trial(self, actor: str, reason: str) -> Step:
        """End the trial; ConfigError where there is none."""
        _explained(actor, reason)
        with self._db.write(actor) as write:
            trial = _standing(write).trial
            if trial is None:
                raise ConfigError("No policy is on trial.")
            return _take(write, "stop", trial.scope, trial.number, refers=trial.step, reason=reason)

    def count_policy_trial(self, step: int, counts: Mapping[tuple[str, str, str], int]) -> None:
        """Add to what a trial found, by surface, label and verdicts."""
        with self._db.write("trial") as write:
            for (surface, label, verdicts), count in counts.items():
                c = policy_counts.c
                key = (c.step == step) & (c.surface == surface) & (c.label == label) & (c.verdicts == verdicts)
                known = write.execute(policy_counts.update().where(key).values(count=c.count + count))
                if not known.rowcount:
                    row = {"step": step, "surface": surface, "label": label, "verdicts": verdicts, "count": count}
                    write.execute(policy_counts.insert(), row)

    def policy_trial_counts(self, step: int) -> dict[tuple[str, str, str], int]:
        """What a trial found so far on all workers, by surface, label and verdicts."""
        rows = self._db.rows(select(policy_counts).where(policy_counts.c.step == step))
        return {(r.surface, r.label, r.verdicts): int(r._mapping["count"]) for r in rows}


def standing(steps: Iterable[Step]) -> Standing:
    """What follows from steps in order."""
    in_force: dict[str, int] = {}
    waiting: dict[int, Step] = {}
    trial: Step | None = None
    since = 0
    for step in steps:
        waiting.pop(step.refers, None)
        if step.action == "propose":
            waiting[step.step] = step
        elif step.action in {"shadow", "canary"}:
            trial = step
        elif step.action == "stop":
            trial = None
        elif step.action == "publish":
            since = step.step
            if step.number:
                in_force[step.scope] = step.number
            else:
                in_force.pop(step.scope, None)
            if trial is not None and (trial.scope, trial.number) == (step.scope, step.number):
                trial = None  # it has been promoted
    return Standing(in_force, tuple(waiting.values()), trial, since)


def _standing(write: Write) -> Standing:
    return standing(_step(row) for row in write.execute(select(policy_steps).order_by(policy_steps.c.step)))


def _waiting(now: Standing, step: int) -> Step:
    found = next((one for one in now.proposals if one.step == step), None)
    if found is None:
        raise ConfigError(f"No proposal {step} waits for a second person; list them with: recsys policy list.")
    return found


def _added(write: Write, pack: PackText | StoredPack) -> int:
    """The number of a signed text, a new one where it was not there before."""
    if isinstance(pack, StoredPack):
        return pack.number
    digest = _digest(pack.text)
    same = (policy_packs.c.sha256 == digest) & (policy_packs.c.signature == pack.signature)
    known = write.execute(select(policy_packs.c.number).where(same)).scalar()
    if known is not None:
        return int(known)
    number = int(write.execute(select(func.coalesce(func.max(policy_packs.c.number), 0))).scalar()) + 1
    row = {"number": number, "scope": pack.scope, "cite": pack.cite, "sha256": digest, "key_id": pack.key_id}
    kept = {**row, "text": pack.text, "signature": pack.signature, "added_at": write.now, "added_by": write.actor}
    write.execute(policy_packs.insert(), kept)
    write.audit("policy.add", str(number), after=row)
    return number


def _take(
    write: Write,
    action: Action,
    scope: str,
    number: int,
    *,
    share: float = 0.0,
    refers: int = 0,
    loosens: tuple[str, ...] = (),
    reason: str,
) -> Step:
    last = write.execute(select(func.coalesce(func.max(policy_steps.c.step), 0))).scalar()
    step = Step(int(last) + 1, action, scope, number, share, refers, loosens, write.actor, reason, write.now)
    row = {name: getattr(step, name) for name in Step.__slots__}
    write.execute(policy_steps.insert(), {**row, "loosens": dump(list(loosens))})
    before = _standing_before(write, step)
    write.audit(f"policy.{action}", scope or BASE, before=before, after=row, reason=reason)
    if action in {"publish", "shadow", "canary", "stop"}:
        write.change("policy", scope or BASE, {"step": step.step, "action": action, "number": number})
    return step


def _standing_before(write: Write, step: Step) -> Any:
    c = policy_steps.c
    held = (c.scope == step.scope) & (c.action == "publish") & (c.step < step.step)
    number = write.execute(select(c.number).where(held).order_by(c.step.desc()).limit(1)).scalar()
    return {"in_force": number or 0}


def _explained(actor: str, reason: str) -> None:
    if not actor or not reason.strip():
        raise ConfigError("A change of policy needs an actor and a reason; give both.")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _pack(row: Row[Any]) -> StoredPack:
    if _digest(row.text) != row.sha256:
        raise StoreError(
            f"The policy pack {row.number} ({row.cite}) was altered in the control store; publish it again and restore "
            "the store from a backup."
        )
    return StoredPack(row.number, row.scope, row.cite, row.text, row.signature, row.key_id, row.added_at, row.added_by)


def _step(row: Row[Any]) -> Step:
    return Step(
        row.step, row.action, row.scope, row.number, row.share, row.refers, tuple(load(row.loosens)), row.actor,
        row.reason, row.at,
    )  # fmt: skip
