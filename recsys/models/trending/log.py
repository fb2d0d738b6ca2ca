"""The positive events of a data set as ``trending`` counts them."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.data import Dataset
from recsys.models.trending.model import DAY, Counts
from recsys.models.trending.segments import plain, territory
from recsys.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from recsys.models.trending.recipe import Trending

Floats = NDArray[np.float64]

_LEAST_PEOPLE = 3  # the counts of a territory where only one lives would be that one's history


@dataclass(frozen=True, eq=False)
class Log:
    """Aligned positive events, and the segments with enough of them."""

    item: IntArray  # (events,)
    age: Floats  # (events,) days before the newest of them
    weight: FloatArray  # (events,)
    row: IntArray  # (events,) 1 + place in ``territories``, 0 where there is none
    media: IntArray  # (items,) place in ``media_types``
    media_types: tuple[str, ...]  # every one in the catalogue; "" is unknown
    ample: tuple[str, ...]  # those with enough events
    territories: tuple[str, ...]
    begin: float
    at: float

    @classmethod
    def of(cls, data: Dataset, min_events: int, max_territories: int) -> "Log":
        """Events without a time, in a log that has times, count as old as the oldest."""
        liked = np.flatnonzero(data.positive)
        item, time = np.asarray(data.item)[liked], np.asarray(data.time)[liked]
        begin, at = (float(np.nanmin(time)), float(np.nanmax(time))) if not np.isnan(time).all() else (np.nan, np.nan)
        age = np.nan_to_num((at - time) / DAY, nan=0.0 if np.isnan(at) else (at - begin) / DAY)
        names = [plain(name) for name in data.catalogue.column("media_type")]
        media_types = tuple(sorted(set(names)))
        code = {name: place for place, name in enumerate(media_types)}
        media = np.array([code[name] for name in names], np.int32)
        heard = np.bincount(media[item], minlength=len(media_types))
        ample = tuple(name for name, n in zip(media_types, heard, strict=True) if name and n >= min_events)
        row, territories = _territories(data, np.asarray(data.user)[liked], min_events, max_territories)
        weight = np.asarray(data.weight)[liked]
        return cls(item, age, weight, row, media, media_types, ample, territories, begin, at)

    @property
    def n_items(self) -> int:
        return len(self.media)

    def half_lives(self, recipe: "Trending") -> Floats:
        """(items,) days."""
        of_type = np.array([recipe.half_life(name) for name in self.media_types], np.float64)
        return of_type[self.media]

    def only(self, inside: BoolArray) -> "Log":
        """The events with the items ``inside`` (items,), at the same ages."""
        kept = np.flatnonzero(inside[self.item])
        columns = {name: getattr(self, name)[kept] for name in ("item", "age", "weight", "row")}
        return replace(self, **columns)

    def counts(self, half_life: Floats) -> Counts:
        """Everyone's counts and each territory's."""
        size = self.n_items
        weight = self.decayed(half_life)
        everyone = np.bincount(self.item, weight, size)
        placed = self.row > 0
        place = (self.row[placed] - 1).astype(np.int64) * size + self.item[placed]
        rows = np.bincount(place, weight[placed], len(self.territories) * size)
        decayed = np.concatenate([everyone, rows]).reshape(1 + len(self.territories), size).astype(np.float32)
        return self._with(decayed, half_life, self.territories)

    def everyone(self, half_life: Floats) -> Counts:
        """Everyone's counts alone, at a fraction of the cost."""
        decayed = np.bincount(self.item, self.decayed(half_life), self.n_items)[None, :].astype(np.float32)
        return self._with(decayed, half_life, ())

    def decayed(self, half_life: Floats) -> Floats:
        """(events,) weights of now, by the half-life of each item."""
        return np.asarray(self.weight * np.exp2(-self.age / half_life[self.item]), np.float64)

    def _with(self, decayed: FloatArray, half_life: Floats, territories: tuple[str, ...]) -> Counts:
        events = np.bincount(self.item, minlength=self.n_items).astype(np.int32)
        return Counts(decayed, events, half_life.astype(np.float32), territories, self.begin, self.at)


def _territories(
    data: Dataset, user: IntArray, min_events: int, max_territories: int
) -> tuple[IntArray, tuple[str, ...]]:
    """(events,) rows of the territories with the most events, and their names; ``user`` (events,) ascends."""
    if not len(data.profiles) or max_territories == 0:
        return np.zeros(len(user), np.int32), ()
    users, events = np.unique(user, return_counts=True)
    names = [territory(data.profile(u)) for u in users.tolist()]
    people = Counter(names)
    total: Counter[str] = Counter()
    for name, n in zip(names, events.tolist(), strict=True):
        total[name] += n
    able = [name for name in total if name and total[name] >= min_events and people[name] >= _LEAST_PEOPLE]
    kept = sorted(able, key=lambda name: (-total[name], name))[:max_territories]
    row = {name: place for place, name in enumerate(kept, 1)}
    return np.repeat([row.get(name, 0) for name in names], events).astype(np.int32), tuple(kept)
