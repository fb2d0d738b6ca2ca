"""From packs to the policy in force: what is published, composed; what is submitted, verified, compared, proposed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from recsys.clock import Clock
from recsys.dataset.catalogue import Catalogue
from recsys.errors import ConfigError, RecsysError
from recsys.safety import Policy, load_policy
from recsys.safety.difference import Difference, difference
from recsys.safety.local import EVERYWHERE, LocalPack, Pack, composed, parse_pack, scope_of
from recsys.safety.signing import key_id, verified
from serving.labels import rows
from serving.settings import Settings
from serving.stores.control import ControlStore
from serving.stores.policies import BASE, PackText, Standing, Step, StoredPack

if TYPE_CHECKING:
    from serving.view import View

log = structlog.get_logger()
MAX_BYTES = 500_000  # of one pack
DEFAULT = "open"  # where no bundle is published and no pack is set


@dataclass(frozen=True, slots=True)
class Packs:
    """The packs that make one policy: the base and the local ones by scope."""

    base: Policy
    local: Mapping[str, LocalPack] = field(default_factory=dict)

    @classmethod
    def in_force(cls, control: ControlStore, fallback: str, standing: Standing) -> "Packs":
        """What is published; ``fallback`` names the base as long as none is."""
        found = {scope: _parsed(control.policy_pack(number)) for scope, number in standing.in_force.items()}
        base = found.pop(EVERYWHERE, None)
        local = {scope: pack for scope, pack in found.items() if isinstance(pack, LocalPack)}
        return cls(base if isinstance(base, Policy) else load_policy(fallback), local)

    def but(self, scope: str, pack: Pack | None, fallback: str) -> "Packs":
        """With another pack for one scope, or none of its own."""
        if scope == EVERYWHERE:
            return Packs(pack if isinstance(pack, Policy) else load_policy(fallback), self.local)
        others = {name: one for name, one in self.local.items() if name != scope}
        return Packs(self.base, {**others, scope: pack} if isinstance(pack, LocalPack) else others)

    def policy(self) -> Policy:
        """All of them together."""
        return composed(self.base, self.local)


@dataclass(frozen=True, slots=True)
class Ruling:
    """The policy in force, and the one on trial beside it."""

    policy: Policy
    trial: Step | None = None
    candidate: Policy | None = None


def ruling(control: ControlStore, fallback: str) -> Ruling:
    """What holds by the control store now. A trial that cannot be held is none, and says so in the log."""
    standing = control.policy_standing()
    packs = Packs.in_force(control, fallback, standing)
    trial = standing.trial
    if trial is None:
        return Ruling(packs.policy())
    try:
        candidate = packs.but(trial.scope, _parsed(control.policy_pack(trial.number)), fallback).policy()
    except RecsysError as error:
        log.error("policy_trial_refused", step=trial.step, error=str(error))
        return Ruling(packs.policy())
    return Ruling(packs.policy(), trial, candidate)


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """Where packs are submitted. Nothing is written but by the methods that take an actor."""

    settings: Settings
    control: ControlStore
    clock: Clock
    view: "View | None"  # whose works are compared; None = nothing is published yet

    @property
    def fallback(self) -> str:
        """The base as long as none is published."""
        return self.settings.policy or (self.view.bundle.manifest.policy if self.view else DEFAULT)

    def check(self, text: str, where: str = "policy") -> tuple[str, Policy]:
        """The scope of a pack and the whole policy with it; ConfigError names each mistake."""
        pack = _read(text, where)
        packs = Packs.in_force(self.control, self.fallback, self.control.policy_standing())
        return scope_of(pack), packs.but(scope_of(pack), pack, self.fallback).policy()

    def diff(self, text: str, where: str = "policy") -> Difference:
        """What would change if this pack were in force."""
        pack = _read(text, where)
        return self._compared(scope_of(pack), pack, self.control.policy_standing())

    def publish(self, text: str, signature: str, *, actor: str, reason: str) -> tuple[Step, Difference]:
        """Put a pack in force, or propose it where it loosens something."""
        submitted = self.verified(text, signature)
        return self._propose(submitted, submitted.scope, actor=actor, reason=reason)

    def approve(self, step: int, actor: str) -> Step:
        """Agree to a proposal as a second person; the signature has to be good still."""
        asked = next((one for one in self.control.policy_standing().proposals if one.step == step), None)
        if asked is not None and asked.number:
            self._trusted(self.control.policy_pack(asked.number))
        return self.control.approve_policy(step, actor)

    def rollback(self, scope: str, *, to: int | None = None, actor: str, reason: str) -> tuple[Step, Difference]:
        """Go back to the version of a scope before the present one, or to version ``to``; 0 = none of its own."""
        number = self._before(scope) if to is None else to
        pack = self.control.policy_pack(number) if number else None
        if pack is not None and pack.scope != scope:
            raise ConfigError(f"The pack {number} is of {pack.scope or BASE}, not of {scope or BASE}.")
        if pack is not None:
            self._trusted(pack)
        return self._propose(pack, scope, actor=actor, reason=reason)

    def try_out(self, text: str, signature: str, *, share: float | None, actor: str, reason: str) -> Step:
        """Start a trial: a shadow, or a canary for a share of the requests."""
        submitted = self.verified(text, signature)
        self.check(text)
        return self.control.try_policy(submitted, share=share, actor=actor, reason=reason)

    def promote(self, *, actor: str, reason: str) -> tuple[Step, Difference]:
        """Publish what is on trial, by the rules of publishing."""
        trial = self.control.policy_standing().trial
        if trial is None:
            raise ConfigError("No policy is on trial.")
        pack = self.control.policy_pack(trial.number)
        self._trusted(pack)
        return self._propose(pack, trial.scope, actor=actor, reason=reason)

    def verified(self, text: str, signature: str) -> PackText:
        """A pack that may be published; ConfigError where its signature is none of a trusted key."""
        pack = _read(text, "policy")
        cite = pack.cite if isinstance(pack, Policy) else f"{pack.name}@{pack.version}"
        if not signature and self.settings.policy_unsigned:
            return PackText(scope_of(pack), cite, text)
        if not signature:
            raise ConfigError("The pack is not signed; sign it with: recsys policy sign FILE --key KEYFILE.")
        for key in self._keys():
            if verified(text.encode(), signature, key):
                return PackText(scope_of(pack), cite, text, signature, key_id(key))
        raise ConfigError(
            "The signature is not one of these bytes by a trusted key: the pack was changed after it was signed, or "
            "its key is not trusted here (recsys policy keys list)."
        )

    def _trusted(self, pack: StoredPack) -> None:
        self.verified(pack.text, pack.signature)

    def _keys(self) -> list[str]:
        known = [key.public_key for key in self.control.policy_keys() if key.revoked_at is None]
        revoked = {key.id for key in self.control.policy_keys() if key.revoked_at is not None}
        return [*known, *(key for key in self.settings.policy_keys if key_id(key) not in revoked)]

    def _propose(
        self, pack: PackText | StoredPack | None, scope: str, *, actor: str, reason: str
    ) -> tuple[Step, Difference]:
        standing = self.control.policy_standing()
        found = self._compared(scope, None if pack is None else _read(pack.text, "policy"), standing)
        step = self.control.propose_policy(pack, scope, found.loosens, standing.since, actor=actor, reason=reason)
        return step, found

    def _compared(self, scope: str, pack: Pack | None, standing: Standing) -> Difference:
        packs = Packs.in_force(self.control, self.fallback, standing)
        old, new = packs.policy(), packs.but(scope, pack, self.fallback).policy()
        if self.view is None:
            return difference(Catalogue.from_records([]), {}, old, new, self.clock)
        every = Catalogue(rows(self.view, range(len(self.view.ids))))
        return difference(every, self.view.labels.effective, old, new, self.clock)

    def _before(self, scope: str) -> int:
        history = [one.number for one in self.control.policy_steps() if one.action == "publish" and one.scope == scope]
        if not history or not history[-1]:
            raise ConfigError(f"No pack of {scope or BASE} is in force that could be rolled back.")
        return history[-2] if len(history) > 1 else 0


def _read(text: str, where: str) -> Pack:
    if len(text.encode()) > MAX_BYTES:
        raise ConfigError(f"{where} has more than {MAX_BYTES} bytes; split lists off or publish local packs.")
    return parse_pack(text, where=where)


def _parsed(pack: StoredPack) -> Pack:
    return _read(pack.text, f"policy pack {pack.number}")
