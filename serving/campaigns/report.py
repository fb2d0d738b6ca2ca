"""Promised against delivered, by campaign: what was shown, what was planned by now, and why it is less."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from recsys.overrides import REASONS, Campaign, Traffic
from recsys.overrides.pacing import EVEN, planned
from recsys.overrides.quotas import HELD, POOL
from serving.exposure import GATE, OWN_CHOICE, REMOVED, UNEXPLAINED
from serving.stores.exposure import Misses

HOUR = 3600.0
FEW_LISTS = "few_lists"
HALTED = "halted"
NOT_ON_AIR = "not_on_air"
SAYS = {
    **REASONS,
    FEW_LISTS: "fewer lists were asked for where it holds than its promise needs",
    HALTED: "a kill switch held it back",
    NOT_ON_AIR: "it was not approved yet, paused or revoked",
    REMOVED: "the last check or a cap took its work out of the list",
    OWN_CHOICE: "the user has had its works or hidden them, or a filter leaves them out",
    POOL: "nothing else that may be shown there counts for it",
    HELD: "what it could have replaced counts for a quota that comes first",
    UNEXPLAINED: "it was due in a list that neither showed it nor said why",
}
Spans = Sequence[tuple[float, float, str]]  # from, to (s UTC), and why nothing was served in between


def says(reason: str) -> str:
    """A reason in words."""
    if reason.startswith(GATE):
        return f"safety or rights keep its works away: {reason.removeprefix(GATE)}"
    return SAYS[reason]


@dataclass(frozen=True, slots=True)
class Missed:
    """What one reason has cost a promise: impressions that are missing now, and lists in which it was met."""

    reason: str
    impressions: int
    lists: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One campaign. ``why`` explains all that is missing, the costliest first; empty where nothing is."""

    campaign: str
    name: str
    state: str
    delivered: int
    by_slot: Mapping[int, int]
    promised: int | None = None
    planned: int | None = None  # of the promise, by the moment of the report
    missing: int = 0
    lists: int = 0  # in which it was behind and got nothing, for whatever reason
    why: tuple[Missed, ...] = ()
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
        return "unexplained" if any(one.reason == UNEXPLAINED for one in self.why) else "explained"


def report(
    campaigns: Iterable[tuple[Campaign, str]],
    shown: Mapping[tuple[str, int, int], int],
    misses: Misses,
    now: float,
    *,
    off_air: Callable[[Campaign], Spans] = lambda campaign: (),
    traffic: Traffic = EVEN,
) -> list[Line]:
    """A line for each campaign and its state, at ``now`` (s UTC). ``off_air`` is asked of what lacks something."""
    slots: defaultdict[str, Counter[int]] = defaultdict(Counter)
    hours: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for (name, slot, hour), n in shown.items():
        slots[name][slot] += n
        hours[name][hour] += n
    lost: defaultdict[str, Misses] = defaultdict(Counter)
    for key, n in misses.items():
        lost[key[0]][key] += n
    lines = []
    for campaign, state in campaigns:
        line = Line(
            campaign.id, campaign.name, state, slots[campaign.id].total(), dict(sorted(slots[campaign.id].items()))
        )
        line = replace(line, by_hour=dict(sorted(hours[campaign.id].items())))
        if campaign.guarantee is not None:
            plan = _planned(campaign, now, traffic)
            missing = max(0, plan - line.delivered)
            why = _why(campaign, now, missing, lost[campaign.id], off_air(campaign), traffic) if missing else ()
            line = replace(line, promised=campaign.guarantee, planned=plan, missing=missing, why=why)
            line = replace(line, lists=lost[campaign.id].total())
        lines.append(line)
    return lines


def _why(
    campaign: Campaign, now: float, missing: int, lost: Misses, off_air: Spans, traffic: Traffic
) -> tuple[Missed, ...]:
    """What is missing by reason; the numbers add up to it.

    Whoever is behind has the next list or counts as missed in it, and while it is off the air its plan goes on: those
    are the losses. What was lost early has been caught up first, so the newest losses are what is missing now. Beyond
    them it had every list that it was behind in, and there were too few.
    """
    losses = [((hour + 1) * HOUR, reason, float(n)) for (_, reason, hour), n in lost.items()]
    for begin, end, reason in off_air:
        begin, end = max(begin, campaign.start), min(end, campaign.end, now)
        while begin < end:
            then = min(end, (begin // HOUR + 1) * HOUR)
            grown = _share(campaign, then, traffic) - _share(campaign, begin, traffic)
            losses.append((then, reason, planned(campaign.guarantee or 0, grown)))
            begin = then
    cost: defaultdict[str, float] = defaultdict(float)
    left = float(missing)
    for _, reason, n in sorted(losses, reverse=True):
        taken = min(n, left)
        cost[reason] += taken
        left -= taken
    if left > 1e-6:
        cost[FEW_LISTS] += left
    lists: Counter[str] = Counter()
    for (_, reason, _), n in lost.items():
        lists[reason] += n
    whole = _whole(cost, missing)
    found = [Missed(reason, n, lists[reason]) for reason, n in whole.items() if n or reason == UNEXPLAINED]
    return tuple(sorted(found, key=lambda one: (-one.impressions, one.reason)))


def _whole(cost: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers that add up to the total, by the largest remainders."""
    found = {reason: math.floor(n + 1e-9) for reason, n in cost.items()}
    rest = sorted(cost, key=lambda reason: (found[reason] - cost[reason], reason))
    for reason in rest[: total - sum(found.values())]:
        found[reason] += 1
    return found


def _share(campaign: Campaign, moment: float, traffic: Traffic) -> float:
    return traffic.share(campaign.start, campaign.end, moment, zone=campaign.zone, hours=campaign.hours)


def _planned(campaign: Campaign, now: float, traffic: Traffic) -> int:
    at = min(now, campaign.end)
    if campaign.guarantee is None or at <= campaign.start:
        return 0
    return math.floor(planned(campaign.guarantee, _share(campaign, at, traffic)) + 1e-9)
