"""How often campaigns have been seen: what caps and guarantees go by."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.safety.recent import Recent

Counts = NDArray[np.int64]
_NEVER: Mapping[tuple[str, int], int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Impression:
    """One position of a shown list that a campaign gave; ``day`` is the local date there, ``slot`` counts from 1."""

    campaign: str
    day: int
    slot: int


class ExposureCounts(Protocol):
    """Impressions so far, by campaign; safe to share between threads."""

    def totals(self, campaigns: Sequence[str]) -> Counts:
        """(campaigns,) impressions of each over its run."""
        ...

    def of_user(self, user: str) -> Mapping[tuple[str, int], int]:
        """Impressions that a user has had, by campaign and local day; days long gone may be missing."""
        ...

    def in_slot(self, campaign: str, slot: int) -> int:
        """Impressions of a campaign in one slot over its run."""
        ...

    def record(self, user: str | None, impressions: Iterable[Impression]) -> None:
        """Count what a list has shown; None is somebody without an id."""
        ...


class NoExposure:
    """Nothing has been shown yet, and nothing is counted: for previews and dry runs."""

    def totals(self, campaigns: Sequence[str]) -> Counts:
        """(campaigns,) zeros."""
        return np.zeros(len(campaigns), np.int64)

    def of_user(self, user: str) -> Mapping[tuple[str, int], int]:
        """Nothing."""
        return _NEVER

    def in_slot(self, campaign: str, slot: int) -> int:
        """Zero."""
        return 0

    def record(self, user: str | None, impressions: Iterable[Impression]) -> None:
        """Forget at once."""


class Exposure:
    """Counts in memory, for one process. Of users it keeps the ``users`` who came last and their ``days`` newest days.

    Whoever is forgotten counts from zero again: make ``users`` at least the number of users of a day.
    """

    def __init__(self, *, users: int = 100_000, days: int = 2) -> None:
        self._users = max(1, users)
        self._days = max(1, days)
        self._places: dict[str, int] = {}  # campaign → its place in counts
        self._counts: Counts = np.zeros(64, np.int64)
        self._asked: Recent[tuple[str, ...], NDArray[np.intp]] = Recent(256)  # the same campaigns are asked for again
        self._slots: Counter[tuple[str, int]] = Counter()
        self._seen: OrderedDict[str, Counter[tuple[str, int]]] = OrderedDict()
        self._lock = Lock()

    def totals(self, campaigns: Sequence[str]) -> Counts:
        """(campaigns,) impressions of each over its run."""
        if len(campaigns) == 1:
            place = self._places.get(campaigns[0])
            return np.array([0 if place is None else self._counts[place]], np.int64)
        places = self._asked.get(tuple(campaigns), lambda: self._placed(campaigns))
        return self._counts[places]

    def of_user(self, user: str) -> Mapping[tuple[str, int], int]:
        """Impressions that a user has had, by campaign and local day."""
        with self._lock:
            return dict(self._seen.get(user, _NEVER))

    def in_slot(self, campaign: str, slot: int) -> int:
        """Impressions of a campaign in one slot over its run."""
        return self._slots[campaign, slot]

    def record(self, user: str | None, impressions: Iterable[Impression]) -> None:
        """Count what a list has shown; None is somebody without an id."""
        shown = list(impressions)
        places = self._placed([one.campaign for one in shown]).tolist()
        with self._lock:
            for place, one in zip(places, shown, strict=True):
                self._counts[place] += 1
                self._slots[one.campaign, one.slot] += 1
            if user is not None and shown:
                self._remember(user, shown)

    def add(self, campaign: str, slot: int, n: int) -> None:
        """Count impressions of a slot that another process has shown."""
        place = self._placed([campaign])
        with self._lock:
            self._counts[place] += n
            self._slots[campaign, slot] += n

    def seen(self, user: str, campaign: str, day: int, n: int) -> None:
        """Count impressions of a user alone, which another process has counted for the campaign already."""
        with self._lock:
            self._remember(user, [Impression(campaign, day, 0)] * n)

    def erase(self, user: str) -> None:
        """Forget a user."""
        with self._lock:
            self._seen.pop(user, None)

    def forget(self, campaigns: Iterable[str]) -> None:
        """Drop the counts of campaigns that have ended."""
        gone = set(campaigns)
        with self._lock:
            self._counts[[self._places[name] for name in gone if name in self._places]] = 0
            self._slots = Counter({key: n for key, n in self._slots.items() if key[0] not in gone})

    def _placed(self, campaigns: Sequence[str]) -> NDArray[np.intp]:
        """Where the counts of campaigns are; a new one gets a place."""
        with self._lock:
            places = [self._places.setdefault(name, len(self._places)) for name in campaigns]
            if len(self._places) > len(self._counts):
                self._counts = np.concatenate([self._counts, np.zeros(len(self._places), np.int64)])
        return np.array(places, np.intp)

    def _remember(self, user: str, shown: Sequence[Impression]) -> None:
        counts = self._seen.setdefault(user, Counter())
        self._seen.move_to_end(user)
        for one in shown:
            counts[one.campaign, one.day] += 1
        newest = max(day for _, day in counts)
        for key in [key for key in counts if key[1] <= newest - self._days]:
            del counts[key]
        while len(self._seen) > self._users:
            self._seen.popitem(last=False)
