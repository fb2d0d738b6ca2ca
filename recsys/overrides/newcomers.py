"""A budget of exposure for new works: each is shown to some until it has proven itself, or has not."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from recsys.errors import ConfigError
from recsys.overrides.actions import Boost
from recsys.overrides.campaign import MAX_ACTIONS, Campaign
from recsys.overrides.hours import as_moment, local

Stage = Literal["exploring", "graduated", "stopped"]
Z = 1.96  # of an interval that holds the true rate in 95 of 100 cases
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class ColdStart:
    """The rule: how much is spent on a new work, and when that ends.

    A work graduates as soon as its rate (positives an impression) is certainly at least ``rate``, and stops as soon as
    it certainly is not; after ``impressions`` the measured rate decides, and after ``days`` it stops in any case.
    """

    impressions: int = 1000  # the budget of one work
    at_least: int = 100  # impressions before any judgement
    rate: float = 0.02
    days: float = 30.0  # from a work's first day
    daily: int = 10_000  # impressions of all new works together on one day
    share: float = 0.1  # of the positions of one list, rounded down
    zone: str = "UTC"  # whose days count

    def validate(self) -> None:
        """ConfigError naming each field that says something impossible."""
        sound = {
            "impressions": self.impressions >= self.at_least,
            "at_least": self.at_least >= 1,
            "rate": 0 < self.rate < 1,
            "days": self.days > 0,
            "daily": self.daily >= 1,
            "share": 0 < self.share <= 1,
        }
        if wrong := [f"{name} is {getattr(self, name)}" for name, fine in sound.items() if not fine]:
            raise ConfigError(f"The cold start cannot work so: {', '.join(wrong)}; see its description for the limits.")

    def stage(self, work: "Newcomer", now: float) -> Stage:
        """Where a work stands at ``now`` (s UTC)."""
        if work.impressions >= self.at_least:
            low, high = interval(work.positives, work.impressions)
            if low >= self.rate:
                return "graduated"
            if high < self.rate:
                return "stopped"
            if work.impressions >= self.impressions:
                return "graduated" if work.positives / work.impressions >= self.rate else "stopped"
        return "exploring" if now < work.since + self.days * DAY_SECONDS else "stopped"

    def campaign(self, works: Iterable["Newcomer"], now: float) -> Campaign | None:
        """The day's budget as a campaign: its guarantee is paced over the local day; None where no work explores.

        It moves nothing but what its guarantee raises. The works with the fewest impressions are in it, then the
        newest, then by id; at most 500.
        """
        exploring = [work for work in works if self.stage(work, now) == "exploring"]
        if not exploring:
            return None
        exploring.sort(key=lambda work: (work.impressions, -work.since, work.item_id))
        today = local(now, self.zone).date()
        start = as_moment(today, 0, self.zone)
        left = sum(self.impressions - work.impressions for work in exploring)
        budget = max(1, min(self.daily, left))
        return Campaign(
            f"cold_start.{today.isoformat()}",
            tuple(Boost(work.item_id, 1.0) for work in exploring[:MAX_ACTIONS]),
            name="New works",
            objective="discovery",
            start=start,
            end=as_moment(local(start + 1.5 * DAY_SECONDS, self.zone).date(), 0, self.zone),
            zone=self.zone,
            priority=MIN_PRIORITY,
            guarantee=budget,
            share=self.share,
            reason="Exposure budget of new works",
        )


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A new work and what is measured of it."""

    item_id: str
    since: float  # s UTC
    impressions: int = 0
    positives: int = 0  # impressions that led to a positive event


MIN_PRIORITY = -1_000_000  # below whatever an editor orders


def interval(positives: int, impressions: int) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson 1927); (0, 1) where nothing was shown."""
    if impressions <= 0:
        return 0.0, 1.0
    rate = min(positives, impressions) / impressions
    scale = 1 + Z * Z / impressions
    middle = (rate + Z * Z / (2 * impressions)) / scale
    half = Z * math.sqrt(rate * (1 - rate) / impressions + Z * Z / (4 * impressions**2)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)
