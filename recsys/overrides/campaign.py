"""A campaign: a named set of actions with an aim, an audience, a mandatory end, limits and promises."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from recsys.errors import ConfigError
from recsys.overrides.actions import PROMOTIONS, Boost, CampaignAction, text_mistakes
from recsys.overrides.audience import Audience, reads_profile
from recsys.overrides.hours import Hours, known_zone
from recsys.overrides.objectives import objective
from recsys.safety import terms

MAX_ACTIONS = 500
MINOR_SURFACES = frozenset({"minor"})


@dataclass(frozen=True, slots=True)
class Caps:
    """At most so many impressions; None is no cap. They limit what promotes, never an exclude or a bury."""

    user_day: int | None = None  # of one user on one local day
    slot: int | None = None  # of any one slot, over the run
    total: int | None = None  # over the run

    def mistakes(self) -> Iterator[str]:
        """What is impossible, one sentence each."""
        for name in ("user_day", "slot", "total"):
            value = getattr(self, name)
            if value is not None and value < 1:
                yield f"caps.{name} is {value}; a cap is at least 1, and none is left out"


@dataclass(frozen=True, slots=True)
class Sponsor:
    """Who pays, as it stands in every response: the label by the item, the payer and the main parameters (DSA 26)."""

    name: str
    label: str  # such as "Ad" or "广告"
    parameters: tuple[str, ...]  # why this viewer sees it, such as "territory: DE"

    def mistakes(self) -> Iterator[str]:
        """What is impossible, one sentence each."""
        yield from text_mistakes("sponsor.name", self.name)
        yield from text_mistakes("sponsor.label", self.label)
        if not self.parameters:
            yield "sponsor.parameters is empty; name what decides who sees the promotion"
        for text in self.parameters:
            yield from text_mistakes("sponsor.parameters", text)


@dataclass(frozen=True, slots=True)
class Campaign:
    """A set of actions. It holds in [start, end), in s UTC, within its hours; no surfaces or territories means all.

    ``approved_at`` decides between equals: the earlier one wins. ``share`` is of the positions of one response, rounded
    down. ``guarantee`` is a number of impressions over the run, paced; it needs boosts, which say of what.
    """

    id: str
    actions: tuple[CampaignAction, ...]
    name: str = ""
    objective: str = "editorial"
    surfaces: frozenset[str] = frozenset()
    territories: frozenset[str] = frozenset()  # ISO 3166-1 alpha-2, upper case
    audience: Audience | None = None
    start: float = -math.inf
    end: float = math.nan  # mandatory
    zone: str = "UTC"  # whose days caps count and whose hours open
    hours: Hours | None = None
    priority: int = 0
    caps: Caps = field(default_factory=Caps)
    guarantee: int | None = None
    share: float | None = None
    sponsor: Sponsor | None = None
    approved_at: float = 0.0
    created_by: str = ""
    reason: str = ""

    @property
    def action_ids(self) -> tuple[str, ...]:
        """What the positions of each action carry: the campaign's own id where it has one action, else ``id/1`` on."""
        if len(self.actions) == 1:
            return (self.id,)
        return tuple(f"{self.id}/{number}" for number in range(1, len(self.actions) + 1))

    @property
    def specificity(self) -> int:
        """Of how many of surface, territory and audience it speaks."""
        return bool(self.surfaces) + bool(self.territories) + (self.audience is not None)

    @property
    def reads_profile(self) -> bool:
        """Whether its audience depends on who somebody is; an audience that does not name its fields counts so."""
        return self.audience is not None and reads_profile(self.audience)

    def validate(self, minor_surfaces: Collection[str] = MINOR_SURFACES) -> None:
        """ConfigError naming each field that says something impossible."""
        if mistakes := list(_mistakes(self, minor_surfaces)):
            raise ConfigError(f"The campaign {self.id!r} cannot be applied: {'; '.join(mistakes)}.")


def campaign_of(action_id: str) -> str:
    """The id of the campaign that an action id belongs to."""
    return action_id.partition("/")[0]


def _mistakes(campaign: Campaign, minor_surfaces: Collection[str]) -> Iterator[str]:
    if not campaign.id or "/" in campaign.id:
        yield f"id is {campaign.id!r}; give one without /"
    if not campaign.actions or len(campaign.actions) > MAX_ACTIONS:
        yield f"actions are {len(campaign.actions)}; give 1 to {MAX_ACTIONS}"
    for number, action in enumerate(campaign.actions, 1):
        yield from (f"action {number} ({action.kind}): {mistake}" for mistake in action.mistakes())
    yield from place_mistakes(campaign.surfaces, campaign.territories)
    yield from time_mistakes(campaign.start, campaign.end)
    if not known_zone(campaign.zone):
        yield f"zone is {campaign.zone!r}; write an IANA name such as Asia/Shanghai"
    if campaign.hours is not None:
        yield from campaign.hours.mistakes()
    yield from campaign.caps.mistakes()
    if campaign.sponsor is not None:
        yield from campaign.sponsor.mistakes()
    yield from _promise_mistakes(campaign)
    yield from _objective_mistakes(campaign, minor_surfaces)
    if not math.isfinite(campaign.approved_at):
        yield "approved_at is no time; give seconds since 1970"


def place_mistakes(surfaces: Collection[str], territories: Collection[str]) -> Iterator[str]:
    """What is wrong with where an order holds."""
    for code in sorted(territories):
        if terms.territory(code) != code:
            yield f"territories has {code!r}; write ISO 3166-1 alpha-2 codes in upper case, and none for everywhere"
    if not all(surfaces):
        yield "surfaces has an empty name; leave it out, and write none for all surfaces"


def time_mistakes(start: float, end: float) -> Iterator[str]:
    """What is wrong with when an order holds."""
    if not math.isfinite(end):
        yield "end is missing; an override has a last moment"
    if math.isnan(start) or start == math.inf or start >= end:
        yield "start is not before end; give a start that is"


def _promise_mistakes(campaign: Campaign) -> Iterator[str]:
    promotes = any(action.kind in PROMOTIONS for action in campaign.actions)
    if campaign.share is not None and not 0 < campaign.share <= 1:
        yield f"share is {campaign.share}; write a part of the list above 0, at most 1"
    if campaign.guarantee is not None:
        if campaign.guarantee < 1:
            yield f"guarantee is {campaign.guarantee}; promise at least 1 impression"
        if not any(isinstance(action, Boost) for action in campaign.actions):
            yield "guarantee is of no item; add a boost (factor 1 is enough) for each item that it may be given to"
        if not math.isfinite(campaign.start):
            yield "guarantee needs a start, from which it is paced"
        if campaign.caps.total is not None and campaign.caps.total < campaign.guarantee:
            yield f"guarantee is {campaign.guarantee}, above caps.total {campaign.caps.total}"
    if campaign.sponsor is not None and not promotes:
        yield "sponsor stands on a campaign that promotes nothing; leave it out"


def _objective_mistakes(campaign: Campaign, minor_surfaces: Collection[str]) -> Iterator[str]:
    aim = "sponsored" if campaign.sponsor is not None else campaign.objective
    try:
        objective(campaign.objective)
        objective(aim, minors=bool(campaign.surfaces & set(minor_surfaces)))
    except ConfigError as error:
        yield f"objective: {str(error).rstrip('.')}"
