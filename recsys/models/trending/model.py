"""A fitted ``trending``: one ranking for everyone and one for each territory."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recsys.models.files import load_arrays, save_arrays
from recsys.models.one_ranking import TRACE, same_for_all
from recsys.models.recipe import save_recipe
from recsys.models.trending.segments import territory
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

if TYPE_CHECKING:
    from recsys.models.trending.live import LiveTrending
    from recsys.models.trending.recipe import Trending

DAY = 86_400.0  # s
_SHORTEST = 1 / 1_440  # days: a log of one moment spans a minute
_DOUBT_EVENTS = 10.0  # a rate that rests on so many decayed events is held down half as much as one on none
_DOUBT_DAYS = 1.0  # what is held down is counted as if its window were so much longer

Rates = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Counts:
    """Weights of positive events, each halved once per half-life of its item between its time and ``at``.

    ``at`` is the newest positive event, not the moment of asking: what nobody has touched since does not change ranks.
    """

    decayed: FloatArray  # (1 + territories, items): everyone's, then each territory's
    events: IntArray  # (items,) how many there were, undecayed, everyone's
    half_life: FloatArray  # (items,) days
    territories: tuple[str, ...]
    begin: float  # s UTC: the oldest event, NaN if the log has no times
    at: float  # s UTC: the newest event

    @property
    def n_items(self) -> int:
        return len(self.events)

    @cached_property
    def windows(self) -> Rates:
        """(items,) days that a decayed count stands for: a steady event a day gives this count. 1 without times."""
        if np.isnan(self.at):
            return np.ones(self.n_items)
        half_life = np.asarray(self.half_life, np.float64)
        lived = max((self.at - self.begin) / DAY, _SHORTEST)
        return np.asarray(half_life / np.log(2) * -np.expm1(-np.log(2) * lived / half_life), np.float64)

    def scores(self, row: int, shrinkage: float) -> FloatArray:
        """(items,) events a day, of everyone where ``row`` is 0; 0 where an item never had an event.

        A territory's rates are brought to everyone's total and mixed with everyone's, n / (n + ``shrinkage``) of the
        territory, where n is its decayed count: one where nothing has happened of late falls back on everyone.
        """
        rates = self.decayed[0] / self.windows
        if row:
            own = self.decayed[row] / self.windows
            n, total = float(self.decayed[row].sum(dtype=np.float64)), float(own.sum())
            if total > 0:
                trust = n / (n + shrinkage)
                rates = (1 - trust) * rates + trust * float(rates.sum()) / total * own
        return np.asarray(self._doubted(rates) + TRACE * self.events, np.float32)

    def _doubted(self, rates: Rates) -> Rates:
        """A few events within minutes say little of a day, thousands say much; the order within a type stays."""
        if np.isnan(self.at):
            return rates
        count = rates * self.windows
        return count / (self.windows + _DOUBT_DAYS * _DOUBT_EVENTS / (count + _DOUBT_EVENTS))


class TrendingModel:
    """The same ranking for everyone of a territory; histories are ignored."""

    def __init__(self, recipe: "Trending", counts: Counts) -> None:
        if recipe.shrinkage is None:
            raise TypeError("A fitted trending needs a recipe with a shrinkage.")
        self.recipe = recipe
        self.counts = counts
        self._shrinkage = recipe.shrinkage
        self._row = {name: row for row, name in enumerate(counts.territories, 1)}
        self._rankings: dict[int, FloatArray] = {}  # by row, made when first asked for

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The best of the territory; ``allowed`` may be shorter or longer than what the model has counted."""
        rows = self._rows(queries)
        lists: list[Ranked] = [Ranked(np.zeros(0, np.int32), np.zeros(0, np.float32), self.recipe.name)] * len(rows)
        for row in dict.fromkeys(rows):
            places = [place for place, own in enumerate(rows) if own == row]
            hidden = [exclude[place] for place in places]
            able = allowed[: self.counts.n_items]
            found = same_for_all(self._ranking(row), n, able, hidden, self.recipe.name)
            for place, ranked in zip(places, found, strict=True):
                lists[place] = ranked
        return lists

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        """Events a day; items that came after the model are abstained from."""
        scores = np.full((len(queries), len(items)), -np.inf, np.float32)
        counted = items < self.counts.n_items
        for place, row in enumerate(self._rows(queries)):
            scores[place, counted] = self._ranking(row)[items[counted]]
        return scores

    def counter(self) -> "LiveTrending":
        """Counts that go on where these end."""
        from recsys.models.trending.live import LiveTrending

        return LiveTrending(self)

    def save(self, folder: Path) -> None:
        """Write the counts of everyone and of each territory; ``moments`` holds their begin and their time in s UTC."""
        counts = self.counts
        moments = np.array([counts.begin, counts.at], np.float64)
        names = np.array(counts.territories, np.str_)
        save_arrays(
            folder,
            decayed=counts.decayed,
            events=counts.events,
            half_life=counts.half_life,
            territories=names,
            moments=moments,
        )
        save_recipe(self.recipe, folder)

    def _rows(self, queries: Sequence[Query]) -> list[int]:
        return [self._row.get(territory(query.profile, query.context), 0) for query in queries]

    def _ranking(self, row: int) -> FloatArray:
        """(items,) scores of one territory, -inf where an item never had an event."""
        if row not in self._rankings:
            scores = self.counts.scores(row, self._shrinkage)
            self._rankings[row] = np.where(self.counts.events > 0, scores, np.float32(-np.inf))
        return self._rankings[row]


def load_counts(folder: Path) -> Counts:
    """Map what ``TrendingModel.save`` wrote."""
    decayed, events, half_life, names, moments = load_arrays(
        folder, "decayed", "events", "half_life", "territories", "moments"
    )
    return Counts(decayed, events, half_life, tuple(map(str, names)), float(moments[0]), float(moments[1]))
