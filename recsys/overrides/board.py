"""A list in the making: positions, who stands in them, and how strong."""

from collections import defaultdict
from dataclasses import dataclass, field
from enum import IntEnum
from math import isnan
from typing import NamedTuple

import numpy as np

from recsys.overrides.live import Live
from recsys.overrides.quotas import Matching
from recsys.overrides.reasons import FULL, QUOTA, Unserved
from recsys.types import BoolArray, IntArray, Slate

NO_GROUPS = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """What a list or a page may be: ``k`` positions, at most ``limit`` items of a group, and the quotas that hold."""

    k: int
    groups: IntArray = field(default_factory=lambda: NO_GROUPS)  # (items,) creators; -1 and beyond its end: nobody
    limit: int | None = None
    quotas: tuple[Matching, ...] = ()
    offset: int = 0  # places on the pages before: slot 1 is that of the first page

    def index(self, slot: int) -> int:
        """Where a slot is in this list; below 0 on a page before, from ``k`` on behind it."""
        return slot - 1 - self.offset


class Level(IntEnum):
    """In the order of precedence, the strongest first."""

    QUOTA = 0
    SLOT = 1
    GUARANTEE = 2
    MODEL = 3


class Spot(NamedTuple):
    """One taken position."""

    item: int
    score: float  # NaN: that of its neighbour
    source: str
    override: str | None
    level: Level
    campaign: int  # that the position counts for, -1 for none


class Board:
    """At most ``room.k`` positions, each item once, of eligible items alone."""

    def __init__(self, live: Live, eligible: BoolArray, room: Room) -> None:
        self.live, self.eligible, self.room = live, eligible, room
        self._may = eligible.data  # single items are read from it three times as fast
        self.spots: list[Spot | None] = [None] * room.k
        self.used: set[int] = set()
        self.given: defaultdict[int, int] = defaultdict(int)  # positions of each campaign
        self.late: list[Unserved] = []
        self._creators: defaultdict[int, int] = defaultdict(int)
        self._ceilings = frozenset[int]() if live.plan is None else live.plan.ceilings

    def __len__(self) -> int:
        return sum(spot is not None for spot in self.spots)

    def may_show(self, item: int) -> bool:
        """Whether an item is eligible at all."""
        return 0 <= item < len(self._may) and self._may[item] is True

    def fits(self, item: int, instead_of: int | None = None) -> bool:
        """Whether an item may take a position; with ``instead_of``, that of the one who stands in that slot index."""
        if item in self.used or not (0 <= item < len(self._may) and self._may[item]):
            return False
        limit = self.room.limit
        if limit is None or (group := self._group(item)) < 0:
            return True
        leaving = None if instead_of is None else self.spots[instead_of]
        freed = leaving is not None and self._group(leaving.item) == group
        return self._creators[group] - freed < limit

    def refusal(self, campaign: int, at: int) -> str | None:
        """Why a campaign may not have the slot index ``at``; None if it may."""
        if campaign not in self._ceilings:
            return None
        return self.live.refusal(campaign, at + 1 + self.room.offset, self.room.k, self.given[campaign])

    def put(self, at: int, spot: Spot) -> None:
        """Take a position; whoever an editor put there before is reported."""
        before = self.spots[at]
        if before is not None:
            self.used.discard(before.item)
            self._count(before, -1)
            if before.override is not None:
                self.miss(before.override, QUOTA if spot.level is Level.QUOTA else FULL)
        self.take(at, spot)

    def take(self, at: int, spot: Spot) -> None:
        """Take a free position."""
        self.spots[at] = spot
        self.used.add(spot.item)
        if spot.campaign >= 0 or self.room.limit is not None:
            self._count(spot, 1)

    def _count(self, spot: Spot, n: int) -> None:
        if self.room.limit is not None:
            self._creators[self._group(spot.item)] += n
        if spot.campaign >= 0:
            self.given[spot.campaign] += n

    def miss(self, override: str, reason: str) -> None:
        """Report what had no place."""
        self.late.append(Unserved(override, reason))

    def slate(self) -> Slate:
        """The positions that were taken, closed up; scores never rise."""
        taken = [spot for spot in self.spots if spot is not None]
        if not taken:
            return Slate(NO_GROUPS, np.zeros(0, np.float32), (), ())
        items, given, sources, overrides, _, _ = zip(*taken, strict=True)
        last = next((score for score in given if not isnan(score)), 1.0)
        scores = []
        for score in given:
            if score < last:  # never where it is NaN
                last = score
            scores.append(last)
        return Slate(np.array(items, np.int32), np.array(scores, np.float32), sources, overrides)

    def _group(self, item: int) -> int:
        groups = self.room.groups
        return int(groups[item]) if self.room.limit is not None and item < len(groups) else -1
