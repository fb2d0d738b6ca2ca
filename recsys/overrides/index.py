"""All campaigns of a service, compiled: what holds for a viewer is found without a loop over them."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from recsys.dataset.ids import IdMap
from recsys.errors import ConfigError
from recsys.overrides.actions import CampaignAction, Fill, Row
from recsys.overrides.audience import NOBODY, Audience, Person
from recsys.overrides.campaign import MINOR_SURFACES, Campaign
from recsys.overrides.exposure import ExposureCounts, NoExposure
from recsys.overrides.live import NONE_LIVE, Live, Resolved, minors_spared, resolve
from recsys.overrides.override import Override
from recsys.overrides.pacing import EVEN, Traffic
from recsys.overrides.plan import Compiled, Plan
from recsys.overrides.reasons import CAP_TOTAL, CAP_UNREADABLE, CAP_USER_DAY
from recsys.safety import terms
from recsys.safety.recent import Recent
from recsys.types import BoolArray, IntArray, Viewer

_NOWHERE = "\0"  # a territory that no override names
_NO_COUNTS = NoExposure()


class _Place(NamedTuple):
    """A plan and what was worked out under it."""

    plan: Plan
    outcomes: Recent[tuple[Any, ...], "_Outcome"]  # what audiences say, by the values they read
    resolved: Recent[bytes, Resolved]
    excluded: Recent[bytes, IntArray]  # one array for one set of excludes, so that others can know it by its identity
    plain: dict[bool, tuple[Resolved, Mapping[int, str]]]  # for grown-ups and minors, where no more is asked


class _Outcome(NamedTuple):
    """What audiences say of somebody."""

    on: BoolArray  # (campaigns,) to whose audience a person belongs
    tight: BoolArray  # (campaigns,) whose excludes apply to them
    key: bytes  # the same for the same two


@dataclass(frozen=True, slots=True, eq=False)
class OverrideIndex:
    """All campaigns of a service, in their order. Immutable and safe to share between threads."""

    ordered: tuple[Compiled, ...]  # who comes first wins
    refused: tuple[str, ...]  # why others are left out, one sentence each
    traffic: Traffic
    _named: tuple[frozenset[str], frozenset[str]]  # surfaces and territories that make a difference
    _places: Recent[tuple[str, str | None], list[_Place]] = field(default_factory=lambda: Recent(256), repr=False)

    @classmethod
    def compile(
        cls,
        orders: Iterable[Override | Campaign],
        ids: IdMap,
        *,
        traffic: Traffic = EVEN,
        minor_surfaces: Collection[str] = MINOR_SURFACES,
    ) -> Self:
        """Put campaigns in order: priority falling, specificity falling, approval rising, id.

        One that does not validate is left out and its sentence kept in ``refused``; serving goes on without it.
        """
        sound, refused = [], []
        for order in dict.fromkeys(orders):
            try:
                order.validate() if isinstance(order, Override) else order.validate(minor_surfaces)
            except ConfigError as error:
                refused.append(str(error))
            else:
                sound.append(order.campaign if isinstance(order, Override) else order)
        sound.sort(key=_rank)
        return cls(
            ordered=tuple(_compiled(campaign, ids) for campaign in sound),
            refused=tuple(sorted(refused)),
            traffic=traffic,
            _named=(
                frozenset[str]().union(*(campaign.surfaces for campaign in sound)),
                frozenset[str]().union(*(campaign.territories for campaign in sound)),
            ),
        )

    def live(self, viewer: Viewer, now: float, person: Person = NOBODY, exposure: ExposureCounts = _NO_COUNTS) -> Live:
        """What holds for a viewer at ``now`` (s UTC), with caps and guarantees as ``exposure`` counts them.

        To a viewer whose territory is unknown, an exclude for some territories applies and nothing else for some does.
        An audience that reads the profile has nobody in it who is a minor or has opted out; its excludes apply to them.
        """
        if not self.ordered or not math.isfinite(now):
            return NONE_LIVE
        place = self._place(viewer, now)
        plan = place.plan
        if not plan.campaigns:
            return NONE_LIVE
        user = person.user if person.personalised else None
        if plan.plain:
            if person.minor not in place.plain:
                place.plain[person.minor] = _plain(place, person)
            resolved, spent = place.plain[person.minor]
            return Live(resolved, plan, spent, (), (), user, exposure)
        on, tight, key = _applying(place, person)
        within = on.data  # read one by one: three times as fast as the array
        spent = minors_spared(plan, person.minor) | _spent(plan, person, exposure)
        spent = {at: reason for at, reason in spent.items() if within[at]}
        promote = on
        if spent:
            promote = on.copy()
            promote[list(spent)] = False
            key += np.packbits(promote).tobytes()
        resolved = place.resolved.get(key, lambda: resolve(plan, on, promote, _excluded(place, tight)))
        behind = _behind(plan, now, on, exposure)
        owed = tuple(np.flatnonzero(behind).tolist())
        due = tuple(np.flatnonzero(behind & promote[plan.promises.campaigns]).tolist()) if spent else owed
        return Live(resolved, plan, spent, due, owed, user, exposure)

    def _place(self, viewer: Viewer, now: float) -> _Place:
        """The plan of a place now; worked out once between two moments at which anything changes."""
        surfaces, territories = self._named
        surface = viewer.surface if viewer.surface in surfaces else ""
        territory = terms.territory(viewer.territory)
        if territory is not None and territory not in territories:
            territory = _NOWHERE
        held = self._places.get((surface, territory), list)
        if held and held[0].plan.since <= now < held[0].plan.until:
            return held[0]
        here = (one for one in self.ordered if _speaks_of(one.campaign, surface, territory))
        plan = Plan.build(here, now, self.traffic, placeless=territory is None)
        made = _Place(plan, Recent(1024), Recent(512), Recent(512), {})
        held[:] = [made]  # replaced whole: a thread that reads the old one has a consistent one
        return made


def _rank(campaign: Campaign) -> tuple[Any, ...]:
    """The total order; what follows the id only decides between campaigns that share one."""
    return (-campaign.priority, -campaign.specificity, campaign.approved_at, campaign.id, repr(_sorted(campaign)))


def _sorted(campaign: Campaign) -> tuple[Any, ...]:
    """All that a campaign says, with sets in an order that does not depend on how they were made."""
    values = (getattr(campaign, name) for name in campaign.__slots__)
    return tuple(sorted(value) if isinstance(value, frozenset) else value for value in values)


def _compiled(campaign: Campaign, ids: IdMap) -> Compiled:
    return Compiled(campaign, tuple(tuple(ids.dense(_names(action)).tolist()) or None for action in campaign.actions))


def _names(action: CampaignAction) -> tuple[str, ...]:
    return action.pool if isinstance(action, Fill | Row) else (action.item_id,)


def _speaks_of(campaign: Campaign, surface: str, territory: str | None) -> bool:
    here = territory is None or territory in campaign.territories
    return (not campaign.surfaces or surface in campaign.surfaces) and (not campaign.territories or here)


def _plain(place: _Place, person: Person) -> tuple[Resolved, Mapping[int, str]]:
    """What holds for whoever looks, minor or not, under a plan that asks nothing else of them, and who is spared."""
    plan = place.plan
    everyone = np.ones(len(plan.campaigns), np.bool_)
    spared = minors_spared(plan, person.minor)
    promote = everyone.copy()
    promote[list(spared)] = False
    return resolve(plan, everyone, promote, _excluded(place, everyone)), spared


def _applying(place: _Place, person: Person) -> _Outcome:
    plan = place.plan
    if not plan.audiences:
        return place.outcomes.get((), lambda: _outcome(np.ones(len(plan.campaigns), np.bool_)))
    read = sorted(person.record().items()) if plan.fields is None else map(person.value, plan.fields)
    return place.outcomes.get((person.profile_counts, *read), lambda: _asked(plan, person))


def _excluded(place: _Place, tight: BoolArray) -> IntArray:
    """(excluded,) sorted items that are left out."""
    items, campaigns = place.plan.excludes
    held = tight[campaigns]
    return place.excluded.get(held.tobytes(), lambda: np.unique(items[held]))


def _asked(plan: Plan, person: Person) -> _Outcome:
    """An audience that is not asked or fails has nobody in it, and may have anybody."""
    record = person.record()
    asked = [bool(person.profile_counts or not profiled) for profiled in plan.profiled[1:]]
    found = [_holds(audience, record) if ask else None for audience, ask in zip(plan.audiences, asked, strict=True)]
    holds = np.array([True, *(one is True for one in found)])
    perhaps = np.array([True, *(one is not False for one in found)])
    return _outcome(holds[plan.audience_of], perhaps[plan.audience_of])


def _outcome(on: BoolArray, tight: BoolArray | None = None) -> _Outcome:
    tight = on if tight is None else tight
    return _Outcome(on, tight, np.packbits([on, tight]).tobytes())


def _holds(audience: Audience, record: Mapping[str, object]) -> bool | None:
    try:
        return bool(audience.holds(record))
    except Exception:  # noqa: BLE001 - whatever an expression meets, the list goes on without its campaign
        return None


def _spent(plan: Plan, person: Person, exposure: ExposureCounts) -> dict[int, str]:
    """Campaigns that promote nothing any more, by their caps."""
    at, ids, caps = plan.totals
    spent = dict.fromkeys(at[exposure.totals(ids) >= caps].tolist(), CAP_TOTAL) if ids else {}
    if not plan.user_caps or person.user is None:
        return spent
    if not person.personalised:
        return spent | dict.fromkeys((campaign for campaign, _ in plan.user_caps.values()), CAP_UNREADABLE)
    for (name, day), count in exposure.of_user(person.user).items():
        campaign, cap = plan.user_caps.get(name, (-1, 0))
        if campaign >= 0 and day == plan.days[campaign] and count >= cap:
            spent[campaign] = CAP_USER_DAY
    return spent


def _behind(plan: Plan, now: float, on: BoolArray, exposure: ExposureCounts) -> BoolArray:
    """(guarantees,) which of them apply and are behind their plan."""
    promises = plan.promises
    if not promises.ids:
        return np.zeros(0, np.bool_)
    plans = promises.base + promises.slope * (now - plan.since)
    return (exposure.totals(promises.ids) < plans) & on[promises.campaigns]
