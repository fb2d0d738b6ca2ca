"""The shapes of campaigns over HTTP."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from serving.api.fields import Age, Fields, Id, Name, Territory, Time, UserId

Reason = Annotated[str, Meta(max_length=2000)]
Version = Annotated[int, Meta(ge=1, description="The one that was read; or send it as If-Match.")]
Words = Annotated[str, Meta(max_length=200)]


class HoursIn(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """Hours of the local day, on weekdays from 1 (Monday)."""

    weekdays: Annotated[tuple[int, ...], Meta(max_length=7)] = (1, 2, 3, 4, 5, 6, 7)
    opens: Annotated[str, Meta(max_length=5)] = "00:00"
    closes: Annotated[str, Meta(max_length=5)] = "24:00"


class CapsIn(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """At most so many impressions."""

    user_day: int | None = None
    slot: int | None = None
    total: int | None = None


class SponsorIn(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Who pays; stands by every item that it is for."""

    name: Words
    label: Words
    parameters: Annotated[tuple[Words, ...], Meta(max_length=20)]


class CampaignIn(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """A campaign as editors write it; times without an offset are local to ``zone``."""

    id: Annotated[str, Meta(min_length=1, max_length=100)]
    end: Annotated[str, Meta(max_length=40)]
    actions: Annotated[tuple[dict[str, Any], ...], Meta(min_length=1, max_length=500)]
    name: Words | None = None
    objective: Name | None = None
    surfaces: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()
    territories: Annotated[tuple[Territory, ...], Meta(max_length=250)] = ()
    audience: Annotated[str, Meta(max_length=2000)] | None = None
    start: Annotated[str, Meta(max_length=40)] | None = None
    zone: Name | None = None
    hours: HoursIn | None = None
    priority: Annotated[int, Meta(ge=-1000, le=1000)] | None = None
    caps: CapsIn | None = None
    guarantee: Annotated[int, Meta(ge=1)] | None = None
    share: float | None = None
    sponsor: SponsorIn | None = None
    reason: Reason | None = None


class CampaignChange(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Another text for a campaign, and which version it was made from."""

    campaign: CampaignIn
    version: Version | None = None
    reason: Reason = ""


class ActIn(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """An act on a campaign."""

    version: Version | None = None
    reason: Reason = ""


class CampaignBody(Struct, frozen=True, kw_only=True):
    """A campaign and where it stands; ``served`` is what is on air or will be."""

    id: str
    version: int
    state: str
    campaign: dict[str, Any]
    served: dict[str, Any] | None
    authors: tuple[str, ...]
    submitted_by: str | None
    approved_at: str | None
    created_at: str
    created_by: str
    four_eyes: tuple[str, ...]


class CheckedBody(Struct, frozen=True, kw_only=True):
    """A campaign after its dry run."""

    campaign: CampaignBody
    findings: dict[str, Any]


class VersionBody(Struct, frozen=True, kw_only=True):
    """One act of a campaign's history."""

    version: int
    act: str
    state: str
    actor: str
    at: str
    reason: str
    campaign: dict[str, Any]


class HaltIn(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What is to stop now."""

    scope: Literal["campaign", "editor", "all"]
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    key: Annotated[str, Meta(max_length=256, description="The id of a campaign or override, or the editor.")] = ""


class HaltBody(Struct, frozen=True, kw_only=True):
    """A kill switch that is thrown."""

    id: str
    scope: str
    key: str
    at: str
    actor: str
    reason: str
    release_requested_by: str | None


class WebhookIn(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """An address that is to be told."""

    url: Annotated[str, Meta(min_length=1, max_length=2000)]


class WebhookBody(Struct, frozen=True, kw_only=True):
    """An address that is told; its secret is said once."""

    id: str
    url: str
    created_at: str
    created_by: str
    secret: str | None = None


class PreviewIn(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """As whom, where and when to look; and which campaign to try, by its id or its text."""

    surface: Name = "feed"
    territory: Territory | None = None
    age: Age | None = None
    user_id: UserId | None = None
    profile: Fields = {}
    context: Fields = {}
    session: Annotated[tuple[Id, ...], Meta(max_length=1000)] = ()
    k: Annotated[int, Meta(ge=1, le=200)] = 10
    at: Time | None = None
    campaign_id: Annotated[str, Meta(max_length=100)] | None = None
    campaign: CampaignIn | None = None


class WhyBody(Struct, frozen=True):
    """Why a work stands where it is."""

    code: str
    zh: str
    en: str


class PlacedBody(Struct, frozen=True, kw_only=True):
    """One position of a preview."""

    rank: int
    item_id: str
    title: str | None
    source: str
    override_id: str | None
    why: WhyBody


class UnservedBody(Struct, frozen=True):
    """An override that changes nothing in this list, or not all that it would."""

    override_id: str
    reason: str
    says: str


class KeptBody(Struct, frozen=True):
    """What came of a quota: ``pool`` or ``held`` where it was not met."""

    quota: str
    wanted: int
    got: int
    reason: str | None


class PreviewedBody(Struct, frozen=True, kw_only=True):
    """One list."""

    personalised: bool
    degraded: tuple[str, ...]
    items: tuple[PlacedBody, ...]
    unserved: tuple[UnservedBody, ...]
    quotas: tuple[KeptBody, ...]


class MovedBody(Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """A work that stands elsewhere."""

    item_id: str
    before: int
    after: int


class ChangesBody(Struct, frozen=True):
    """Who comes, who goes, who moves."""

    added: tuple[str, ...]
    displaced: tuple[str, ...]
    moved: tuple[MovedBody, ...]


class BlockedBody(Struct, frozen=True):
    """A work of the campaign that the gate keeps from this viewer."""

    item_id: str
    verdict: str
    reason: str


class PreviewBody(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A list as it would be; the rest is there where a campaign is tried."""

    at: str
    list: PreviewedBody
    without: PreviewedBody | None = None
    changes: ChangesBody | None = None
    blocked: tuple[BlockedBody, ...] | None = None
