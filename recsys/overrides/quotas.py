"""Prominence quotas: a share of every list for works of an origin, a language, a provider or a category."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from recsys.errors import ConfigError
from recsys.overrides.campaign import place_mistakes
from recsys.safety import terms
from recsys.types import BoolArray, Viewer

POOL = "pool"  # the pool that may be shown here has no more such works
HELD = "held"  # what is left to replace counts for a quota that comes first
Window = Literal["slate"]


@dataclass(frozen=True, slots=True)
class Quota:
    """At least ``share`` of a list's positions, rounded up, for items whose ``field`` has one of ``values``.

    Values are compared without case. ``window`` "slate" is each list by itself. The first quota in the order of ids
    has its share before the next.
    """

    id: str
    field: str  # a column of the catalogue: language, provider, genres, or one of its own such as origin
    values: tuple[str, ...]
    share: float
    surfaces: frozenset[str] = frozenset()
    territories: frozenset[str] = frozenset()
    window: Window = "slate"

    def validate(self) -> None:
        """ConfigError naming each field that says something impossible."""
        if mistakes := list(_mistakes(self)):
            raise ConfigError(f"The quota {self.id!r} cannot be applied: {'; '.join(mistakes)}.")

    def wanted(self, positions: int) -> int:
        """How many of so many positions are to match."""
        return math.ceil(self.share * positions - 1e-9)

    def holds(self, viewer: Viewer) -> bool:
        """Whether it is for this surface and territory; where the territory is unknown, all of them are."""
        place = terms.territory(viewer.territory)
        here = place is None or place in self.territories
        return (not self.surfaces or viewer.surface in self.surfaces) and (not self.territories or here)


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of a quota in one list; ``reason`` is None where it was met, else ``pool`` or ``held``."""

    quota: str
    wanted: int
    got: int
    reason: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """A quota and which items count for it."""

    quota: Quota
    items: BoolArray  # (items,)


@dataclass(frozen=True, slots=True, eq=False)
class QuotaIndex:
    """All quotas of a service over its catalogue."""

    all: tuple[Matching, ...] = ()

    @classmethod
    def compile(cls, quotas: Iterable[Quota], column: Callable[[str], Sequence[Any]]) -> "QuotaIndex":
        """``column`` gives a field of every item: a text, a list of texts or None. ConfigError if one is impossible."""
        ordered = sorted(dict.fromkeys(quotas), key=lambda quota: quota.id)
        for quota in ordered:
            quota.validate()
        columns = {name: column(name) for name in {quota.field for quota in ordered}}
        return cls(tuple(Matching(quota, _matching(quota, columns[quota.field])) for quota in ordered))

    def replaced(self, records: Mapping[int, Mapping[str, Any]], size: int) -> "QuotaIndex":
        """The same over ``size`` items, of which those of ``records``, by index, are new or have changed."""
        if not self.all:
            return self
        places = np.fromiter(records, np.intp, len(records))
        found = []
        for one in self.all:
            items = np.zeros(size, np.bool_)
            items[: len(one.items)] = one.items
            items[places] = _matching(one.quota, [record.get(one.quota.field) for record in records.values()])
            found.append(Matching(one.quota, items))
        return QuotaIndex(tuple(found))

    def live(self, viewer: Viewer) -> tuple[Matching, ...]:
        """The quotas that hold for a viewer, in their order."""
        return tuple(one for one in self.all if one.quota.holds(viewer))


NO_QUOTAS = QuotaIndex()


def _matching(quota: Quota, values: Sequence[Any]) -> BoolArray:
    wanted = {terms.plain(value) for value in quota.values}

    def of(value: Any) -> bool:
        given = [value] if isinstance(value, str) else value or ()
        return any(isinstance(name, str) and terms.plain(name) in wanted for name in given)

    return np.fromiter(map(of, values), np.bool_, len(values))


def _mistakes(quota: Quota) -> Iterator[str]:
    if not quota.id or "/" in quota.id:
        yield f"id is {quota.id!r}; give one without /"
    if not quota.field:
        yield "field is empty; name a field of the items, such as language"
    if not quota.values or not all(quota.values):
        yield "values are missing or one is empty; give what counts for the quota"
    if not (math.isfinite(quota.share) and 0 < quota.share <= 1):
        yield f"share is {quota.share}; write a part of the list above 0, at most 1"
    if quota.window != "slate":
        yield f"window is {quota.window!r}; write 'slate'"
    yield from place_mistakes(quota.surfaces, quota.territories)
