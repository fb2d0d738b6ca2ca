"""A dry run: whom a campaign would meet, what the gate says of its works, and how many lists it would reach."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recsys.clock import fixed_clock
from recsys.overrides import REASONS, Campaign, Exclude, Fill, Override, Row, campaign_of
from recsys.safety import Gate
from recsys.types import Viewer
from serving.building import compiled
from serving.view import View

DAY = 86_400.0
MOST_PLACES = 12  # surfaces, and territories, that are tried
ADULT = 30
WINDOWS = frozenset({"window", "embargo", "territory"})  # reasons that are a matter of rights


@dataclass(frozen=True, slots=True)
class Lost:
    """An order that would change nothing, and why; ``here`` says where that was found."""

    override: str
    reason: str
    says: str
    here: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Blocked:
    """A work that may not be shown, and where."""

    item_id: str
    reason: str
    here: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """How many lists of the recent log the campaign would have been for; an audience is not in the log."""

    lists: int
    days: float
    expected: int | None  # lists over the run, at that rate


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that a dry run found. ``mistakes`` keep a campaign from being validated; the rest is for people."""

    mistakes: tuple[str, ...] = ()
    four_eyes: tuple[str, ...] = ()  # why a second person has to approve
    loses: tuple[Lost, ...] = ()  # its own actions that others would keep out
    beats: tuple[Lost, ...] = ()  # others that it would keep out
    safety: tuple[Blocked, ...] = ()
    rights: tuple[Blocked, ...] = ()
    reach: Reach | None = None
    notes: tuple[str, ...] = ()


def dry_run(
    view: View, campaign: Campaign, others: Sequence[Override | Campaign], lists: Sequence[dict[str, Any]] = ()
) -> Findings:
    """What would come of a campaign beside ``others``; nothing is shown, counted or stored."""
    unknown = [item for item in works(campaign) if item not in view.ids]
    loses, beats = _conflicts(view, campaign, others)
    safety, rights, everywhere = _blocked(view, campaign)
    mistakes = [f"the catalogue has no work {item!r}" for item in unknown]
    promoted = {item for item in works(campaign, promoted=True) if item in view.ids}
    if promoted and promoted <= everywhere:
        mistakes.append("none of its works may be shown anywhere where it would hold; see safety and rights")
    return Findings(
        mistakes=tuple(mistakes),
        loses=loses,
        beats=beats,
        safety=safety,
        rights=rights,
        reach=_reach(view, campaign, lists),
    )


def works(campaign: Campaign, *, promoted: bool = False) -> list[str]:
    """The works that a campaign names, each once, in order; with ``promoted`` without those that it only excludes."""
    named: dict[str, None] = {}
    for action in campaign.actions:
        if isinstance(action, Exclude) and promoted:
            continue
        named |= dict.fromkeys(action.pool if isinstance(action, Fill | Row) else (action.item_id,))
    return list(named)


def gate_at(gate: Gate, at: float) -> Gate:
    """The gate as it will be at another moment (s UTC). Its policy is as fresh or as stale as it is now."""
    confirmed = (lambda: -math.inf) if gate.stale else None
    return replace(gate, clock=fixed_clock(at), confirmed=confirmed)


def places(view: View, campaign: Campaign) -> list[tuple[str, str | None]]:
    """Surfaces and territories where a campaign holds; of everywhere the policy's surfaces and an unknown territory."""
    surfaces = sorted(campaign.surfaces or view.policy.surfaces)[:MOST_PLACES]
    territories: list[str | None] = [*sorted(campaign.territories)[:MOST_PLACES]] or [None]
    return [(surface, territory) for surface in surfaces for territory in territories]


def moments(view: View, campaign: Campaign) -> list[float]:
    """When to look: at the beginning, in the middle and at the end of what is left of the run."""
    now = view.gate.clock()
    begin = max(campaign.start, now) if math.isfinite(campaign.start) else now
    last = max(begin, math.nextafter(campaign.end, -math.inf))
    return list(dict.fromkeys((begin, (begin + last) / 2, last)))


def _conflicts(
    view: View, campaign: Campaign, others: Sequence[Override | Campaign]
) -> tuple[tuple[Lost, ...], tuple[Lost, ...]]:
    """Who would lose to whom, if everybody were in everybody's audience and nothing were spent."""
    open_to_all = [_for_all(order.campaign if isinstance(order, Override) else order) for order in others]
    approved = replace(_for_all(campaign), approved_at=view.gate.clock())
    without, with_it = compiled(view, open_to_all), compiled(view, [*open_to_all, approved])
    own: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    new: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for surface, territory in places(view, campaign):
        viewer, here = Viewer(surface, territory, ADULT), _place(surface, territory)
        for at in moments(view, campaign):
            before = {(one.override, one.reason) for one in without.live(viewer, at).unserved}
            for lost in with_it.live(viewer, at).unserved:
                key = (lost.override, lost.reason)
                if campaign_of(lost.override) == campaign.id:
                    own[key].append(here)
                elif key not in before:
                    new[key].append(here)
    return _lost(own), _lost(new)


def _for_all(campaign: Campaign) -> Campaign:
    return replace(campaign, audience=None, hours=None)


def _lost(found: dict[tuple[str, str], list[str]]) -> tuple[Lost, ...]:
    return tuple(
        Lost(name, reason, REASONS[reason], tuple(dict.fromkeys(here)))
        for (name, reason), here in sorted(found.items())
    )


def _blocked(view: View, campaign: Campaign) -> tuple[tuple[Blocked, ...], tuple[Blocked, ...], set[str]]:
    """What the gate keeps away: by safety, by rights, and the works that no one would see at all."""
    names = [item for item in works(campaign, promoted=True) if item in view.ids]
    index = view.ids.dense(names)
    order = [view.ids[int(item)] for item in index]
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    shown: set[str] = set()
    for at in moments(view, campaign):
        gate = gate_at(view.gate, at)
        for viewer, here in _viewers(view, campaign):
            verdicts = gate.check(viewer, index)
            for name, allowed, finding in zip(order, verdicts.allowed.tolist(), verdicts.findings, strict=True):
                if allowed:
                    shown.add(name)
                else:
                    found[name, finding.reason].append(here)
    blocked = [Blocked(name, why, tuple(dict.fromkeys(here))) for (name, why), here in sorted(found.items())]
    rights = tuple(one for one in blocked if one.reason in WINDOWS)
    return tuple(one for one in blocked if one.reason not in WINDOWS), rights, set(order) - shown


def _viewers(view: View, campaign: Campaign) -> Iterator[tuple[Viewer, str]]:
    """One viewer of each age band, and one of unknown age, wherever the campaign holds."""
    ages: list[int | None] = [None, *view.policy.age_bands]
    for surface, territory in places(view, campaign):
        for age in ages:
            told = "age unknown" if age is None else f"age {age}"
            yield Viewer(surface, territory, age), f"{_place(surface, territory)}, {told}"


def _place(surface: str, territory: str | None) -> str:
    return f"{surface} in {territory}" if territory else surface


def _reach(view: View, campaign: Campaign, lists: Iterable[dict[str, Any]]) -> Reach | None:
    times, hits = [], 0
    for decision in lists:
        surface, territory = decision["viewer"][:2]
        times.append(decision["at"])
        here = not campaign.surfaces or surface in campaign.surfaces
        hits += here and (not campaign.territories or territory in campaign.territories)
    if not times:
        return None
    days = max(float(np.ptp(times)) / DAY, 1 / 24)
    now = view.gate.clock()
    begin = max(campaign.start, now) if math.isfinite(campaign.start) else now
    return Reach(hits, round(days, 2), int(hits / days * max(campaign.end - begin, 0) / DAY))
