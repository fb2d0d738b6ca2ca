"""The calls of a newsroom's system: campaigns, previews, kill switches, exposure, the audit.

Every act on a campaign is sent with an Idempotency-Key, so that it is carried out once however often it is sent.
"""

import uuid
from typing import Any

from serving.api.campaign_schemas import (
    ActIn,
    CampaignBody,
    CampaignChange,
    CampaignIn,
    CheckedBody,
    HaltBody,
    HaltIn,
    PreviewBody,
    PreviewIn,
    VersionBody,
)
from serving.api.decision_schemas import AuditBody
from serving.api.exposure_schemas import ExposureReport
from serving.client.calls import Call, part

CAMPAIGNS = "/v1/campaigns"


def create_campaign(campaign: CampaignIn, *, key: str | None = None) -> Call[CampaignBody]:
    """Write a draft; nothing of it is shown."""
    return Call("POST", CAMPAIGNS, CampaignBody, campaign, key=_key(key))


def campaigns() -> Call[tuple[CampaignBody, ...]]:
    """All campaigns, the newest first."""
    return Call("GET", CAMPAIGNS, tuple[CampaignBody, ...])


def campaign(campaign_id: str) -> Call[CampaignBody]:
    """One campaign, with the version that a change has to name."""
    return Call("GET", _path(campaign_id), CampaignBody)


def campaign_history(campaign_id: str) -> Call[tuple[VersionBody, ...]]:
    """Who did what with a campaign, oldest first."""
    return Call("GET", _path(campaign_id, "history"), tuple[VersionBody, ...])


def campaign_findings(campaign_id: str) -> Call[dict[str, Any]]:
    """What a dry run finds; changes nothing."""
    return Call("GET", _path(campaign_id, "findings"), dict[str, Any])


def update_campaign(
    campaign: CampaignIn, version: int, *, reason: str = "", key: str | None = None
) -> Call[CampaignBody]:
    """Change a campaign. ``Conflict`` where somebody else has since ``version`` was read."""
    body = CampaignChange(campaign=campaign, version=version, reason=reason)
    return Call("PUT", _path(campaign.id), CampaignBody, body, key=_key(key))


def validate_campaign(
    campaign_id: str, *, version: int | None = None, reason: str = "", key: str | None = None
) -> Call[CheckedBody]:
    """A dry run; the campaign is validated where ``findings["mistakes"]`` is empty."""
    body = ActIn(version=version, reason=reason)
    return Call("POST", _path(campaign_id, "validate"), CheckedBody, body, key=_key(key))


def submit_campaign(
    campaign_id: str, *, version: int | None = None, reason: str = "", key: str | None = None
) -> Call[CampaignBody]:
    """Ask for approval; on air at once where one person is enough."""
    return _act(campaign_id, "submit", version, reason, key)


def approve_campaign(campaign_id: str, version: int, *, reason: str = "", key: str | None = None) -> Call[CampaignBody]:
    """Put the version that was read on air. ``Conflict`` for its author where a rule asks for another person."""
    return _act(campaign_id, "approve", version, reason, key)


def reject_campaign(
    campaign_id: str, *, version: int | None = None, reason: str = "", key: str | None = None
) -> Call[CampaignBody]:
    """Send a pending campaign back to its authors."""
    return _act(campaign_id, "reject", version, reason, key)


def pause_campaign(
    campaign_id: str, *, version: int | None = None, reason: str = "", key: str | None = None
) -> Call[CampaignBody]:
    """Take a campaign off the air at once."""
    return _act(campaign_id, "pause", version, reason, key)


def resume_campaign(
    campaign_id: str, *, version: int | None = None, reason: str = "", key: str | None = None
) -> Call[CampaignBody]:
    """Ask to put a paused campaign on air again."""
    return _act(campaign_id, "resume", version, reason, key)


def revoke_campaign(
    campaign_id: str, *, version: int | None = None, reason: str = "", key: str | None = None
) -> Call[CampaignBody]:
    """End a campaign for good."""
    return _act(campaign_id, "revoke", version, reason, key)


def preview(request: PreviewIn) -> Call[PreviewBody]:
    """A list as somebody would have it, with and without a campaign; counts as nothing."""
    return Call("POST", "/v1/preview", PreviewBody, request)


def halt(request: HaltIn) -> Call[HaltBody]:
    """Stop a campaign, an editor's work or every override; one that is thrown already stays as it is."""
    return Call("POST", "/v1/halts", HaltBody, request)


def halts() -> Call[tuple[HaltBody, ...]]:
    """The kill switches that are thrown."""
    return Call("GET", "/v1/halts", tuple[HaltBody, ...])


def request_release(halt_id: str, reason: str) -> Call[HaltBody]:
    """Ask to start again; another person has to approve."""
    return Call("POST", f"/v1/halts/{part(halt_id)}/release", HaltBody, ActIn(reason=reason))


def approve_release(halt_id: str) -> Call[None]:
    """Start again, as a second person; a second try would find it released."""
    return Call("POST", f"/v1/halts/{part(halt_id)}/release/approval", type(None), repeatable=False)


def exposure() -> Call[ExposureReport]:
    """Promised against delivered by campaign; new works; quotas."""
    return Call("GET", "/v1/exposure", ExposureReport)


def audit(since: int = 0) -> Call[tuple[AuditBody, ...]]:
    """At most 1,000 lines of the audit log after number ``since``, oldest first; role safety."""
    return Call("GET", f"/v1/audit?since={since}", tuple[AuditBody, ...])


def _act(campaign_id: str, act: str, version: int | None, reason: str, key: str | None) -> Call[CampaignBody]:
    body = ActIn(version=version, reason=reason)
    return Call("POST", _path(campaign_id, act), CampaignBody, body, key=_key(key))


def _path(campaign_id: str, *rest: str) -> str:
    return "/".join((CAMPAIGNS, part(campaign_id), *rest))


def _key(given: str | None) -> str:
    return given or uuid.uuid4().hex
