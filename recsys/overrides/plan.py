"""What may hold on one surface in one territory for a while: live campaigns flattened into arrays, in their order."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recsys.overrides.actions import Boost, Bury, CampaignAction, Exclude, Fill, Pin, Present, Row
from recsys.overrides.audience import Audience, reads_profile
from recsys.overrides.campaign import Campaign
from recsys.overrides.hours import local_day, next_midnight
from recsys.overrides.objectives import OBJECTIVES
from recsys.overrides.pacing import Traffic, planned
from recsys.overrides.reasons import UNKNOWN_ITEM
from recsys.types import BoolArray, IntArray

QUARTER = 900.0  # s: between two of them a plan for a guarantee is a straight line


class Claim(NamedTuple):
    """Slots that a pin, a fill or a row wants, and the items for them."""

    campaign: int
    id: str
    kind: str  # pin, fill, row: also the source of its items
    slot: int
    size: int
    items: tuple[int, ...]
    title: str = ""


class Text(NamedTuple):
    """Another title or artwork for an item, and whose it is."""

    campaign: int
    id: str
    item: int
    title: str | None
    artwork: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A campaign with its actions' items as dense indices; None for an item that is unknown."""

    campaign: Campaign
    items: tuple[tuple[int, ...] | None, ...]  # aligned with the actions


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """Boosts and buries as rows, sorted by item and then by order."""

    items: IntArray  # (rows,)
    values: NDArray[np.float64]  # (rows,)
    campaigns: IntArray  # (rows,)
    boosts: BoolArray  # (rows,)
    ids: tuple[str, ...]  # (rows,)


@dataclass(frozen=True, slots=True, eq=False)
class Promises:
    """Guarantees and how they run: planned impressions are ``base + slope × (now − since)``."""

    campaigns: IntArray  # (guarantees,)
    ids: tuple[str, ...]
    base: NDArray[np.float64]
    slope: NDArray[np.float64]
    items: tuple[Mapping[int, str], ...]  # what each may be given to, and by which action


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The campaigns of one place and time, those that come first in the total order first."""

    since: float
    until: float
    campaigns: tuple[Campaign, ...]
    audiences: tuple[Audience, ...]  # distinct
    audience_of: IntArray  # (campaigns,) 0 for everybody, else 1 + its place in audiences
    profiled: BoolArray  # (1 + audiences,)
    fields: tuple[str, ...] | None  # that the audiences read; None where one does not say
    for_minors: BoolArray  # (campaigns,)
    days: tuple[int, ...]  # (campaigns,) the local date of each
    claims: tuple[Claim, ...]
    factors: Factors
    excludes: tuple[IntArray, IntArray]  # items, campaigns
    texts: tuple[Text, ...]
    lost: tuple[tuple[int, str, str], ...]  # campaign, action id, reason
    totals: tuple[IntArray, tuple[str, ...], NDArray[np.int64]]  # campaigns with a total cap, their ids, their caps
    user_caps: Mapping[str, tuple[int, int]]  # id → (campaign, cap)
    ceilings: frozenset[int]  # campaigns that have any
    promises: Promises
    at: Mapping[str, int] = field(default_factory=dict)  # action id → campaign, of what promotes
    plain: bool = field(init=False)  # nothing in it depends on who looks or on what has been counted

    def __post_init__(self) -> None:
        plain = not (self.audiences or self.totals[1] or self.user_caps or self.promises.ids)
        object.__setattr__(self, "plain", plain)

    @classmethod
    def build(cls, here: Iterable[Compiled], now: float, traffic: Traffic, *, placeless: bool) -> Self:
        """Flatten what is live at ``now`` of the campaigns of a place, which come in their order.

        ``placeless``: the viewer's territory is unknown; of a campaign for some territories only excludes hold then.
        """
        here = list(here)
        live = [one for one in here if one.campaign.start <= now < one.campaign.end and _is_open(one.campaign, now)]
        campaigns = tuple(one.campaign for one in live)
        until = min((turn for one in here for turn in _turns(one.campaign, now)), default=math.inf)
        return cls(
            since=now,
            until=until,
            campaigns=campaigns,
            for_minors=np.array([_for_minors(campaign) for campaign in campaigns], np.bool_),
            days=_days(campaigns, now),
            totals=_totals(campaigns),
            user_caps={
                campaign.id: (at, campaign.caps.user_day)
                for at, campaign in enumerate(campaigns)
                if campaign.caps.user_day is not None
            },
            ceilings=frozenset(at for at, campaign in enumerate(campaigns) if _has_ceiling(campaign)),
            promises=_promises(live, now, until, traffic, placeless=placeless),
            **_audiences(campaigns),
            **_actions(live, placeless),
        )


def _is_open(campaign: Campaign, now: float) -> bool:
    return campaign.hours is None or campaign.hours.open_at(now, campaign.zone)


def _turns(campaign: Campaign, now: float) -> list[float]:
    """The moments after ``now`` at which something about a campaign changes; of those far ahead only the first."""
    turns = [turn for turn in (campaign.start, campaign.end) if turn > now]
    if campaign.start <= now < campaign.end:
        if campaign.hours is not None:
            turns.append(campaign.hours.next_turn(now, campaign.zone))
        if campaign.caps.user_day is not None:
            turns.append(next_midnight(now, campaign.zone))
        if campaign.guarantee is not None:
            turns.append((now // QUARTER + 1) * QUARTER)
    return turns


def _for_minors(campaign: Campaign) -> bool:
    aims = (campaign.objective, "sponsored") if campaign.sponsor is not None else (campaign.objective,)
    return all(OBJECTIVES[aim].for_minors for aim in aims)


def _has_ceiling(campaign: Campaign) -> bool:
    caps = (campaign.caps.user_day, campaign.caps.slot, campaign.caps.total)
    return campaign.share is not None or any(cap is not None for cap in caps)


def _days(campaigns: Sequence[Campaign], now: float) -> tuple[int, ...]:
    day = {zone: local_day(now, zone) for zone in {campaign.zone for campaign in campaigns}}
    return tuple(day[campaign.zone] for campaign in campaigns)


def _totals(campaigns: Sequence[Campaign]) -> tuple[IntArray, tuple[str, ...], NDArray[np.int64]]:
    capped = [(at, campaign) for at, campaign in enumerate(campaigns) if campaign.caps.total is not None]
    return (
        np.array([at for at, _ in capped], np.int32),
        tuple(campaign.id for _, campaign in capped),
        np.array([campaign.caps.total for _, campaign in capped], np.int64),
    )


def _promises(live: Sequence[Compiled], now: float, until: float, traffic: Traffic, *, placeless: bool) -> Promises:
    given = [
        (at, one)
        for at, one in enumerate(live)
        if one.campaign.guarantee is not None and not (placeless and one.campaign.territories)
    ]
    ends = [_planned(one.campaign, until, traffic) for _, one in given]
    base = np.array([_planned(one.campaign, now, traffic) for _, one in given], np.float64)
    slope = (np.array(ends, np.float64) - base) / (until - now) if given else base
    return Promises(
        np.array([at for at, _ in given], np.int32),
        tuple(one.campaign.id for _, one in given),
        base,
        slope,
        tuple(_boosted(one) for _, one in given),
    )


def _planned(campaign: Campaign, moment: float, traffic: Traffic) -> float:
    share = traffic.share(campaign.start, campaign.end, moment, zone=campaign.zone, hours=campaign.hours)
    return planned(campaign.guarantee or 0, share)


def _boosted(one: Compiled) -> dict[int, str]:
    rows = zip(one.campaign.actions, one.campaign.action_ids, one.items, strict=True)
    found: dict[int, str] = {}
    for action, name, items in rows:
        if items and isinstance(action, Boost):
            found.setdefault(items[0], name)
    return found


def _audiences(campaigns: Sequence[Campaign]) -> dict[str, Any]:
    place: dict[Audience, int] = {}
    for campaign in campaigns:
        if campaign.audience is not None:
            place.setdefault(campaign.audience, len(place) + 1)
    return {
        "audiences": tuple(place),
        "audience_of": np.array([place[c.audience] if c.audience is not None else 0 for c in campaigns], np.int32),
        "profiled": np.array([False, *map(reads_profile, place)], np.bool_),
        "fields": _fields(tuple(place)),
    }


def _fields(audiences: Sequence[Audience]) -> tuple[str, ...] | None:
    if any(getattr(audience, "names", None) is None for audience in audiences):
        return None
    return tuple(sorted({name for audience in audiences for name in audience.names}))


def _actions(live: Sequence[Compiled], placeless: bool) -> dict[str, Any]:
    claims, texts, lost = [], [], []
    excludes: list[tuple[int, int]] = []  # item, campaign
    factors: list[tuple[int, int, float, int, bool, str]] = []  # item, turn, factor, campaign, is a boost, id
    at_id: dict[str, int] = {}
    for at, one in enumerate(live):
        only_excludes = placeless and bool(one.campaign.territories)
        rows = zip(one.campaign.actions, one.campaign.action_ids, one.items, strict=True)
        for action, name, items in rows:
            if only_excludes and not isinstance(action, Exclude):
                continue
            if items is None:
                lost.append((at, name, UNKNOWN_ITEM))
            elif isinstance(action, Exclude):
                excludes.append((items[0], at))
            elif isinstance(action, Boost | Bury):
                factors.append((items[0], len(factors), action.applied, at, isinstance(action, Boost), name))
            elif isinstance(action, Present):
                texts.append(Text(at, name, items[0], action.title, action.artwork))
            else:
                claims.append(_claim(at, name, action, items))
            if isinstance(action, Pin | Boost | Fill | Row):
                at_id[name] = at
    factors.sort()
    return {
        "claims": tuple(claims),
        "texts": tuple(texts),
        "lost": tuple(lost),
        "at": at_id,
        "excludes": (
            np.array([item for item, _ in excludes], np.int32),
            np.array([at for _, at in excludes], np.int32),
        ),
        "factors": Factors(
            np.array([row[0] for row in factors], np.int32),
            np.array([row[2] for row in factors], np.float64),
            np.array([row[3] for row in factors], np.int32),
            np.array([row[4] for row in factors], np.bool_),
            tuple(row[5] for row in factors),
        ),
    }


def _claim(at: int, name: str, action: CampaignAction, items: tuple[int, ...]) -> Claim:
    if isinstance(action, Row):
        return Claim(at, name, "row", action.slot, action.size, items, action.title)
    if isinstance(action, Fill):
        return Claim(at, name, "fill", action.slot, action.quota, items)
    assert isinstance(action, Pin)  # noqa: S101 - for the type checker
    return Claim(at, name, "pin", action.slot, 1, items)
