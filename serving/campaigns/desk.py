"""Where people work on campaigns: every act with its rules, the same from the API and the command line."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from recsys.errors import ConfigError
from recsys.overrides import Campaign
from recsys.overrides.campaign import MINOR_SURFACES
from recsys.overrides.documents import Document, campaign_from, document_of
from recsys.safety import Policy
from serving.campaigns.dryrun import Findings, dry_run
from serving.campaigns.four_eyes import FourEyes
from serving.campaigns.states import SERVED
from serving.campaigns.tightening import tightens
from serving.stores.campaigns import Filed, Said
from serving.stores.control import ControlStore
from serving.stores.records import ConflictError
from serving.view import View

ID = re.compile(r"[\w][\w.\-]{0,99}")  # stands in paths


@dataclass(frozen=True, slots=True)
class Desk:
    """The acts. ``view`` is what a dry run looks at; without one only the text of a campaign is looked at."""

    control: ControlStore
    four_eyes: FourEyes
    view: View | None = None
    policy: Policy | None = None  # where there is no view: what says which surfaces are for minors
    lists: tuple[dict[str, Any], ...] = ()  # recent decisions, for the reach

    @property
    def minor_surfaces(self) -> Collection[str]:
        """The surfaces for minors, as the policy has them."""
        policy = self.policy if self.view is None else self.view.policy
        return MINOR_SURFACES if policy is None else policy.minor_surfaces

    def create(self, document: Document, said: Said) -> Filed:
        """A draft. ConfigError where the text cannot be."""
        campaign = self._read(document)
        if not ID.fullmatch(campaign.id):
            raise ConfigError(f"id is {campaign.id!r}; write 1 to 100 letters, digits and . _ - in it.")
        return self.control.file_campaign(document_of(campaign), campaign.end, said)

    def update(self, campaign_id: str, document: Document, said: Said) -> Filed:
        """Another text. What only tightens a campaign on air acts at once; anything else waits for approval.

        ConflictError where ``said.version`` is not the newest; ConfigError where it is missing.
        """
        if said.version is None:
            raise ConfigError("version is missing; name the one that you have read, so that nobody's work is lost.")
        campaign = self._read({**document, "id": campaign_id})
        now, text = self.control.campaign(campaign_id), document_of(campaign)
        if now.version == said.version and now.state in SERVED and tightens(now.campaign, campaign):
            return self.control.move_campaign(campaign_id, "tighten", said, document=text, end=campaign.end)
        end = campaign.end if now.served is None else None
        return self.control.move_campaign(campaign_id, "update", said, document=text, end=end)

    def validate(self, campaign_id: str, said: Said) -> tuple[Filed, Findings]:
        """A dry run; the campaign is validated where nothing stands against it."""
        filed = self.control.campaign(campaign_id)
        found = self.findings(filed)
        if found.mistakes:
            return filed, found
        said = replace(said, version=filed.version if said.version is None else said.version)
        return self.control.move_campaign(campaign_id, "validate", said), found

    def findings(self, filed: Filed) -> Findings:
        """What a dry run of a campaign finds; changes nothing."""
        campaign = filed.campaign
        why = self.four_eyes.why(campaign, self.minor_surfaces)
        if self.view is None:
            return Findings(four_eyes=why, notes=("no model is published: only the text was checked",))
        others = [order for order in self.control.orders() if order.id != filed.id]
        return replace(dry_run(self.view, campaign, others, self.lists), four_eyes=why)

    def submit(self, campaign_id: str, said: Said) -> Filed:
        """Ask for approval; where one person is enough it is given at once."""
        filed = self.control.move_campaign(campaign_id, "submit", said)
        return self._settled(filed, said)

    def approve(self, campaign_id: str, said: Said) -> Filed:
        """Put on air what is pending, as another person where a rule says so. ConfigError without a version."""
        if said.version is None:
            raise ConfigError("version is missing; approve the one that you have read.")
        filed = self.control.campaign(campaign_id)
        campaign = filed.campaign
        campaign.validate(self.minor_surfaces)
        needs = self.four_eyes.why(campaign, self.minor_surfaces)
        return self.control.move_campaign(campaign_id, "approve", said, end=campaign.end, needs=needs)

    def resume(self, campaign_id: str, said: Said) -> Filed:
        """Put a paused campaign on air again; it waits for another person where a rule says so."""
        return self._settled(self.control.move_campaign(campaign_id, "resume", said), said)

    def reject(self, campaign_id: str, said: Said) -> Filed:
        """Send it back to its authors."""
        return self.control.move_campaign(campaign_id, "reject", said)

    def pause(self, campaign_id: str, said: Said) -> Filed:
        """Off the air at once; one person."""
        return self.control.move_campaign(campaign_id, "pause", said)

    def revoke(self, campaign_id: str, said: Said) -> Filed:
        """Off the air for good; one person."""
        return self.control.move_campaign(campaign_id, "revoke", said)

    def refuse_single(self, campaign: Campaign) -> None:
        """ConflictError where a single override is one of those that a second person has to approve."""
        if why := self.four_eyes.why(campaign, self.minor_surfaces):
            raise ConflictError(
                f"This needs a second person: {'; '.join(why)}. Make it a campaign (POST /v1/campaigns, "
                "recsys campaign create), or name other surfaces."
            )

    def _settled(self, filed: Filed, said: Said) -> Filed:
        campaign = filed.campaign
        if filed.state != "pending" or self.four_eyes.why(campaign, self.minor_surfaces):
            return filed
        alone = replace(said, version=filed.version, key=None)
        return self.control.move_campaign(filed.id, "approve", alone, end=campaign.end)

    def _read(self, document: Document) -> Campaign:
        campaign = campaign_from(document)
        campaign.validate(self.minor_surfaces)
        return campaign
