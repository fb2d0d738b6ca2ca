"""Where people of a world work on policies and campaigns: the service's own desks, two people at each."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.worlds.forms import campaign_of
from benchmarks.worlds.toml import toml
from recsys.clock import Clock
from recsys.overrides.documents import document_of
from recsys.safety import Policy
from recsys.safety.difference import Difference
from recsys.safety.local import Pack
from serving.campaigns.desk import Desk as CampaignDesk
from serving.campaigns.four_eyes import FourEyes
from serving.campaigns.states import SERVED
from serving.policies import Desk as PolicyDesk
from serving.policies import Packs
from serving.settings import Settings
from serving.stores.campaigns import Said
from serving.stores.control import ControlStore
from serving.stores.policies import Standing
from serving.stores.records import ConflictError
from serving.view import View

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Quick(PolicyDesk):
    """Does not work out for seconds what a pack changes: whatever it is, two people put it in force."""

    def _compared(self, scope: str, pack: Pack | None, standing: Standing) -> Difference:
        packs = Packs.in_force(self.control, self.fallback, standing)
        before, after = packs.policy(), packs.but(scope, pack, self.fallback).policy()
        return Difference(before.cite, after.cite, 0, (), {}, ("not compared",))


@dataclass(frozen=True)
class Desks:
    """Acts that need the rules of the desk; what is refused raises."""

    control: ControlStore
    clock: Clock
    pack: str  # the file that judges as long as nothing is published
    rules: FourEyes = field(default_factory=FourEyes.load)

    def policy(self, step: Record, view: View) -> None:
        """Publish, roll back or try a pack; what loosens is approved by a second person."""
        settings = Settings(var=Path("nowhere"), policy=self.pack, policy_unsigned=True)
        desk = Quick(settings, self.control, self.clock, view)
        who: dict[str, str] = {"actor": "one", "reason": "r"}
        if step["act"] == "try":
            desk.try_out(toml(step["pack"]), "", share=step["share"], **who)
        elif step["act"] == "stop":
            self.control.stop_policy_trial("one", "r")
        else:
            if step["act"] == "publish":
                made, _ = desk.publish(toml(step["pack"]), "", **who)
            elif step["act"] == "promote":
                made, _ = desk.promote(**who)
            else:
                made, _ = desk.rollback(step["scope"], **who)
            desk.approve(made.step, "two")

    def campaign(self, step: Record, policy: Policy) -> None:
        """File and approve a campaign, or change, pause, resume or revoke one."""
        desk, name = CampaignDesk(self.control, self.rules, policy=policy), step["id"]
        if step["act"] == "file":
            desk.create(document_of(campaign_of(step["campaign"])), Said(step["campaign"]["by"]))
            desk.validate(name, Said(step["campaign"]["by"]))
            desk.submit(name, Said(step["campaign"]["by"]))
            self._approve(desk, name)
        elif step["act"] == "tighten":
            filed = self.control.campaign(name)
            if filed.state not in SERVED:
                raise ConflictError("What is not on air is not tightened but changed.")
            desk.update(name, document_of(campaign_of(step["campaign"])), Said("gus", version=filed.version))
        elif step["act"] == "resume":
            desk.resume(name, Said("one"))
            self._approve(desk, name)
        elif step["act"] == "pause":
            desk.pause(name, Said("one", "r"))
        else:
            desk.revoke(name, Said("one", "r"))

    def _approve(self, desk: CampaignDesk, name: str) -> None:
        filed = self.control.campaign(name)
        if filed.state == "pending":
            desk.approve(name, Said("two", version=filed.version))
