"""Promised against delivered, by campaign: what was shown, what was planned by now, and why it is less."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from recsys.overrides import REASONS, Campaign, Traffic
from recsys.overrides.pacing import EVEN, planned
from serving.campaigns.states import SERVED
from serving.exposure import UNEXPLAINED
from serving.stores.exposure import Misses

HOUR = 3600.0
FEW_LISTS = "few_lists"
HALTED = "halted"
NOT_ON_AIR = "not_on_air"
SAYS = {
    **REASONS,
    FEW_LISTS: "fewer lists were asked for where it holds than its promise needs",
    HALTED: "a kill switch held it back",
    UNEXPLAINED: "it was due in a list that neither showed it nor said why",
    NOT_ON_AIR: "it was not on air all the time",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One campaign. ``why`` explains what is missing by reason, the most frequent first; empty where nothing is."""

    campaign: str
    name: str
    state: str
    delivered: int
    by_slot: Mapping[int, int]
    promised: int | None = None
    planned: int | None = None  # of the promise, by the moment of the report
    missing: int = 0
    why: tuple[tuple[str, int], ...] = ()
    by_hour: Mapping[int, int] = field(default_factory=dict)  # hours since 1970 UTC

    @property
    def status(self) -> str:
        """delivered, on plan, explained or unexplained."""
        if self.promised is None:
            return "no promise"
        if self.delivered >= self.promised:
            return "delivered"
        if not self.missing:
            return "on plan"
        return "unexplained" if any(why == UNEXPLAINED for why, _ in self.why) else "explained"


def report(
    campaigns: Iterable[tuple[Campaign, str]],
    shown: Mapping[tuple[str, int, int], int],
    misses: Misses,
    now: float,
    *,
    halted: Iterable[str] = (),
    traffic: Traffic = EVEN,
) -> list[Line]:
    """A line for each campaign and its state, at ``now`` (s UTC)."""
    slots: defaultdict[str, Counter[int]] = defaultdict(Counter)
    hours: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for (name, slot, hour), n in shown.items():
        slots[name][slot] += n
        hours[name][hour] += n
    lost: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (name, code, _), n in misses.items():
        lost[name][code] += n
    stopped, lines = set(halted), []
    for campaign, state in campaigns:
        line = Line(
            campaign.id, campaign.name, state, slots[campaign.id].total(), dict(sorted(slots[campaign.id].items()))
        )
        line = replace(line, by_hour=dict(sorted(hours[campaign.id].items())))
        if campaign.guarantee is not None:
            plan = _planned(campaign, now, traffic)
            missing = max(0, plan - line.delivered)
            why = _why(state, lost[campaign.id], missing, halted=campaign.id in stopped) if missing else ()
            line = replace(line, promised=campaign.guarantee, planned=plan, missing=missing, why=why)
        lines.append(line)
    return lines


def _why(state: str, lost: Counter[str], missing: int, *, halted: bool) -> tuple[tuple[str, int], ...]:
    """Why a promise is behind its plan. Whoever is due is served by the next list or counted as unserved in it."""
    why = [(HALTED, 0)] if halted else [(NOT_ON_AIR, 0)] if state not in SERVED | {"expired"} else []
    why += lost.most_common()
    if lost.total() < missing:  # in every other list it was served: there were too few
        why.append((FEW_LISTS, 0))
    return tuple(why)


def _planned(campaign: Campaign, now: float, traffic: Traffic) -> int:
    at = min(now, campaign.end)
    if campaign.guarantee is None or at <= campaign.start:
        return 0
    share = traffic.share(campaign.start, campaign.end, at, zone=campaign.zone, hours=campaign.hours)
    return math.floor(planned(campaign.guarantee, share) + 1e-9)
