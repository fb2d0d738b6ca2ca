"""A budget of exposure for new works: each is shown to some until it has proven itself, or has not."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from recsys.errors import ConfigError
from recsys.overrides.actions import Boost
from recsys.overrides.campaign import MAX_ACTIONS, Campaign
from recsys.overrides.hours import as_moment, known_zone, local

Stage = Literal["exploring", "graduated", "stopped"]
COLD_START = "cold_start"  # before the date in a budget's id; as the key of a kill switch it stands for every day's
MIN_PRIORITY = -1_000_000  # below whatever an editor orders
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
    surfaces: frozenset[str] = frozenset()  # on which they are given a place; none means all

    def validate(self) -> None:
        """ConfigError naming each field that says something impossible."""
        sound = {
            "impressions": self.impressions >= self.at_least,
            "at_least": self.at_least >= 1,
            "rate": 0 < self.rate < 1,
            "days": self.days > 0,
            "daily": self.daily >= 1,
            "share": 0 < self.share <= 1,
            "zone": known_zone(self.zone),
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

    def budget(self, works: Iterable["Newcomer"], now: float, delivered: int = 0) -> "Budget | None":
        """What is left to be given on the local day of ``now``, of which ``delivered`` impressions are gone already.

        It is paced from ``now`` to midnight: works that come at noon are not owed the morning. The works with the
        fewest impressions are in it, then the newest, then by id; at most 500. None where no work explores.
        """
        exploring = [work for work in works if self.stage(work, now) == "exploring"]
        if not exploring:
            return None
        exploring.sort(key=lambda work: (work.impressions, -work.since, work.item_id))
        today = local(now, self.zone).date()
        midnight = as_moment(today, 0, self.zone)
        end = as_moment(local(midnight + 1.5 * DAY_SECONDS, self.zone).date(), 0, self.zone)
        rest = max(1, min(self.daily - delivered, sum(max(0, self.impressions - one.impressions) for one in exploring)))
        return Budget(
            id=f"{COLD_START}.{today.isoformat()}",
            items=tuple(work.item_id for work in exploring[:MAX_ACTIONS]),
            start=now - (end - now) * delivered / rest,  # so that by now what is delivered was planned
            end=end,
            zone=self.zone,
            guarantee=delivered + rest,
            share=self.share,
            surfaces=tuple(sorted(self.surfaces)),
        )

    def campaign(self, works: Iterable["Newcomer"], now: float) -> Campaign | None:
        """The day's budget as a campaign, of which nothing is delivered; None where no work explores."""
        budget = self.budget(works, now)
        return None if budget is None else budget.campaign


@dataclass(frozen=True, slots=True)
class Budget:
    """What new works are given on one local day: plain values, as they are stored and replayed."""

    id: str
    items: tuple[str, ...]
    start: float  # s UTC, from which it is paced
    end: float  # s UTC
    zone: str
    guarantee: int
    share: float
    surfaces: tuple[str, ...] = ()

    @property
    def campaign(self) -> Campaign:
        """The same as a campaign whose guarantee is paced over the day; it moves nothing but what that raises."""
        return Campaign(
            self.id,
            tuple(Boost(item, 1.0) for item in self.items),
            name="New works",
            objective="discovery",
            surfaces=frozenset(self.surfaces),
            start=self.start,
            end=self.end,
            zone=self.zone,
            priority=MIN_PRIORITY,
            guarantee=self.guarantee,
            share=self.share,
            reason="Exposure budget of new works",
        )


def is_cold_start(order_id: str) -> bool:
    """Whether an id is that of a day's budget, or of a position that one has given."""
    return order_id.startswith(f"{COLD_START}.")


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A new work and what is measured of it."""

    item_id: str
    since: float  # s UTC
    impressions: int = 0
    positives: int = 0  # impressions that led to a positive event


def interval(positives: int, impressions: int) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson 1927); (0, 1) where nothing was shown."""
    if impressions <= 0:
        return 0.0, 1.0
    rate = min(positives, impressions) / impressions
    scale = 1 + Z * Z / impressions
    middle = (rate + Z * Z / (2 * impressions)) / scale
    half = Z * math.sqrt(rate * (1 - rate) / impressions + Z * Z / (4 * impressions**2)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)
