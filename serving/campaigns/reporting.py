"""The exposure report of a control store: campaigns, new works, quotas."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from recsys.clock import to_datetime
from recsys.errors import ConfigError
from recsys.overrides import Campaign, Stage, Traffic, is_cold_start
from recsys.overrides.documents import campaign_from
from recsys.overrides.newcomers import interval
from recsys.overrides.pacing import EVEN
from serving.campaigns.quotas import QuotaLine, quota_lines
from serving.campaigns.report import HALTED, HOUR, NOT_ON_AIR, Line, Spans, report, says
from serving.stores.campaigns import Version
from serving.stores.control import ControlStore
from serving.stores.halts import Halt, budget_halted, halted

_Event = tuple[float, str, int]  # when (s UTC), why nothing is served, and whether that begins (1) or ends (-1)


@dataclass(frozen=True, slots=True)
class WorkLine:
    """A new work: where it stands, what was counted, and the 95 % interval of its rate of positives."""

    item_id: str
    stage: Stage
    since: float  # s UTC
    impressions: int
    positives: int
    low: float
    high: float
    ended_at: float | None = None  # s UTC


@dataclass(frozen=True, slots=True)
class Exposed:
    """The whole report."""

    campaigns: list[Line]
    new_works: list[WorkLine]
    quotas: list[QuotaLine]


def exposed(control: ControlStore, now: float, traffic: Traffic = EVEN) -> Exposed:
    """The report at ``now`` (s UTC); ``traffic`` is what guarantees are paced by."""
    return Exposed(lines(control, now, traffic), work_lines(control), quota_lines(control.quota_hours()))


def work_lines(control: ControlStore) -> list[WorkLine]:
    """Every new work that has had a place in the budget, the newest first."""
    found = []
    for known in control.newcomers():
        work = known.work
        low, high = interval(work.positives, work.impressions)
        line = WorkLine(
            work.item_id, known.stage, work.since, work.impressions, work.positives, low, high, known.ended_at
        )
        found.append(line)
    return found


def lines(control: ControlStore, now: float, traffic: Traffic = EVEN) -> list[Line]:
    """A line for every campaign that was ever on air, every single override that holds, and today's new works."""
    found: list[tuple[Campaign, str]] = []
    editors: dict[str, tuple[str, ...]] = {}
    for filed in control.campaigns():
        if filed.approved_at is None:
            continue
        try:
            campaign = campaign_from(filed.served or filed.document, created_by=filed.created_by)
        except ConfigError:
            continue
        found.append((campaign, filed.state))
        editors[filed.id] = (filed.created_by, *filed.authors)
    found += [(override.campaign, "live") for override in control.overrides()]
    budget, thrown = control.cold_start(), control.every_halt()
    if budget is not None and budget.end > now:
        found.append((budget.campaign, "halted" if budget_halted(control.halts(), budget.id) else "live"))

    def off_air(campaign: Campaign) -> Spans:
        if is_cold_start(campaign.id):
            return _off_air([], [one for one in thrown if budget_halted(one[:1], campaign.id)])
        stops = [one for one in thrown if halted(one[:1], campaign.id, editors[campaign.id])]
        return _off_air(_acts(control.campaign_history(campaign.id)), stops)

    shown, misses = control.exposure_since(0).slots, control.exposure_misses()
    return report(found, shown, misses, now, off_air=off_air, traffic=traffic)


def _acts(history: Iterable[Version]) -> list[_Event]:
    """When a campaign was not on air, as its states say."""
    return [
        (-math.inf, NOT_ON_AIR, 1),
        *((one.at, NOT_ON_AIR, -1) for one in history if one.act == "approve"),
        *((one.at, NOT_ON_AIR, 1) for one in history if one.act in ("pause", "revoke")),
    ]


def _off_air(acts: Iterable[_Event], stops: Iterable[tuple[Halt, float]]) -> Spans:
    """When nothing was served, none of it twice: what states say, and kill switches with when each was released."""
    events = list(acts)
    for halt, until in stops:
        events += [(halt.at, HALTED, 1), (until, HALTED, -1)]
    held, spans, since = Counter[str](), [], -math.inf
    for at, why, step in sorted(events, key=lambda event: event[0]):
        if reason := next((name for name in (NOT_ON_AIR, HALTED) if held[name] > 0), None):
            spans.append((since, at, reason))
        # A change that was approved while the one before was on air puts nothing on air that was not.
        held[why] = max(0, held[why] + step)
        since = at
    if reason := next((name for name in (NOT_ON_AIR, HALTED) if held[name] > 0), None):
        spans.append((since, math.inf, reason))
    return spans


def plain(found: Exposed) -> dict[str, Any]:
    """The report as JSON has it."""
    return {
        "campaigns": [plain_line(line) for line in found.campaigns],
        "new_works": [
            {**asdict(line), "since": _iso(line.since), "ended_at": _iso(line.ended_at)} for line in found.new_works
        ],
        "quotas": [
            {**asdict(line), "by_hour": [{**asdict(one), "hour": _iso(one.hour * HOUR)} for one in line.by_hour]}
            for line in found.quotas
        ],
    }


def plain_line(line: Line) -> dict[str, Any]:
    """A campaign's line as JSON has it."""
    values = asdict(line)
    values["status"] = line.status
    values["why"] = [{**asdict(one), "says": says(one.reason)} for one in line.why]
    values["by_hour"] = [{"hour": _iso(hour * HOUR), "n": n} for hour, n in line.by_hour.items()]
    return values


def _iso(at: float | None) -> str | None:
    return None if at is None else to_datetime(at).isoformat()
