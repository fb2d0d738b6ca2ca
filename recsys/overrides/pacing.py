"""Pacing: how much of a guarantee should be delivered by now, by the traffic that is expected."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from recsys.errors import ConfigError
from recsys.overrides.hours import WEEK, Hours, known_zone, local, week_minute

_EPOCH = 719_163  # the ordinal of 1970-01-01, a Thursday
_EVEN = (1.0,) * 24
HOUR_SECONDS = 3600.0
MONDAY = 72  # hours from Monday 00:00 to the beginning of 1970, a Thursday
WEEKS = 4  # that a profile is measured over


@dataclass(frozen=True, slots=True)
class Traffic:
    """Expected requests by hour: 24 weights of a day, or 168 of a week from Monday 00:00. Only ratios count.

    The hours are those of ``zone``, or without one of whoever's clocks a share is asked for by.
    """

    hours: tuple[float, ...] = _EVEN
    zone: str | None = None

    def __post_init__(self) -> None:
        if len(self.hours) not in (24, 168):
            raise ConfigError(f"A traffic profile has 24 or 168 hours, not {len(self.hours)}.")
        if not all(math.isfinite(weight) and weight >= 0 for weight in self.hours) or not any(self.hours):
            raise ConfigError("A traffic profile has weights of at least 0, and one above; mend it.")
        if self.zone is not None and not known_zone(self.zone):
            raise ConfigError(
                f"A traffic profile has the zone {self.zone!r}; write an IANA name such as Asia/Shanghai."
            )

    @classmethod
    def measured(cls, requests: Mapping[int, int], now: float) -> "Traffic":
        """What the last whole weeks had, at most ``WEEKS``; ``EVEN`` until there is one. Hours count since 1970 UTC.

        One more week without rises and falls is added, so that no hour goes by the accident of a few.
        """
        last = int(now // HOUR_SECONDS)  # runs still
        weeks = min(WEEKS, (last - min(requests, default=last)) // 168)
        weights = np.zeros(168)
        for hour in range(last - weeks * 168, last):
            weights[(hour + MONDAY) % 168] += requests.get(hour, 0)
        if not weights.any():
            return EVEN
        smooth = (weights + weights.mean()) / (weeks + 1)
        return cls(tuple(float(f"{weight:.6g}") for weight in smooth.tolist()), "UTC")

    def share(self, start: float, end: float, now: float, *, zone: str = "UTC", hours: Hours | None = None) -> float:
        """The part of the traffic of [start, end) that is expected before ``now`` (all s UTC), from 0 to 1.

        Only traffic within ``hours`` counts. Without any in the run, time alone does.
        """
        if now <= start:
            return 0.0
        if now >= end:
            return 1.0
        here = self._by_clocks_of(zone, start)
        first, last = here._before(start, zone, hours), here._before(end, zone, hours)
        if last <= first:
            return (now - start) / (end - start)
        return min(max((here._before(now, zone, hours) - first) / (last - first), 0.0), 1.0)

    def _by_clocks_of(self, zone: str, at: float) -> "Traffic":
        """The same by the hours of another zone, as clocks differ at one moment (s UTC)."""
        if self.zone is None or self.zone == zone:
            return self
        return Traffic(_shifted(self.hours, _ahead(zone, at) - _ahead(self.zone, at)))

    def _before(self, moment: float, zone: str, hours: Hours | None) -> float:
        """Traffic since a fixed Monday, on the local clocks: a skipped hour is left out and one that comes twice counts
        once, so that a day of 23 or 25 hours has the traffic of a day."""
        minutes, sums = _week(self.hours, hours)
        minute = week_minute(moment, zone)
        weeks = (local(moment, zone).toordinal() - _EPOCH + 3) // 7  # 1970-01-01 is day 3 of its week
        return float(weeks * sums[-1] + np.interp(minute, minutes, sums))


def planned(guarantee: int, share: float) -> float:
    """Impressions that should be delivered by now: the guarantee pro rata."""
    return guarantee * share


def is_due(delivered: float, plan: float) -> bool:
    """Whether the next response has to serve the guarantee: it is behind its plan by any part of an impression.

    The whole controller: serve whenever behind, never when ahead. Delivered follows the plan from below within one
    impression wherever there is traffic, catches up after a gap as fast as traffic allows, and needs no tuning.
    """
    return delivered < plan


def _ahead(zone: str, at: float) -> float:
    """How many hours the clocks of a zone are ahead of UTC."""
    offset = local(at, zone).utcoffset()
    return 0.0 if offset is None else offset.total_seconds() / HOUR_SECONDS


@lru_cache(maxsize=256)
def _shifted(hours: tuple[float, ...], ahead: float) -> tuple[float, ...]:
    """Weights by clocks that are so many hours ahead; an hour that spans two has of both."""
    whole = math.floor(ahead)
    part = ahead - whole
    later = np.roll(np.array(hours), whole)
    return tuple(((1 - part) * later + part * np.roll(later, 1)).tolist())


@lru_cache(maxsize=4096)
def _week(weights: tuple[float, ...], hours: Hours | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Minutes of the week at which the traffic changes, and the traffic before each of them."""
    spans = [(0, WEEK)] if hours is None else hours.spans()
    knots = np.unique([*range(0, WEEK + 1, 60), *(edge for span in spans for edge in span)])
    middle = (knots[:-1] + knots[1:]) / 2
    of_hour = np.array(weights)[(middle // 60).astype(int) % len(weights)]
    is_open = np.array([any(start <= at < end for start, end in spans) for at in middle])
    flow = np.diff(knots) * of_hour * is_open
    sums = np.concatenate([[0.0], np.cumsum(flow)])
    return knots.astype(np.float64), sums


EVEN = Traffic()
