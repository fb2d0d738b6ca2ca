"""Models whose score is the query's weights times an item-item matrix, dense or sparse."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.data import Dataset, Holdout
from recsys.models.by_score import best_rows, top_by_score
from recsys.models.files import save_arrays
from recsys.models.loops import add_entries, add_rows, library, merge
from recsys.models.memory import once
from recsys.models.recency import NEVER_DAYS, NEVER_EVENTS, Decay
from recsys.models.recipe import Recipe, save_recipe
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

HALF_LIVES_DAYS = (1.0, 10.0, 100.0)
HALF_LIVES_EVENTS = (1.0, 3.0, 10.0)
_ASKED = 2_000  # holdout queries that settings are compared on
_NOTHING = np.zeros(0, np.float32)


class Rows(Protocol):
    """An item-item matrix of which rows are added up; rows and columns are the known items in order."""

    def combine(self, items: IntArray, weights: FloatArray) -> FloatArray:
        """(known,) weighted sum of rows, -inf where there is nothing to say."""
        ...

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What is saved, by name."""
        ...


class Dense:
    """Every entry is held."""

    def __init__(self, matrix: FloatArray) -> None:
        self.matrix = matrix  # (known, known)

    def combine(self, items: IntArray, weights: FloatArray) -> FloatArray:
        """(known,) the weighted sum of whole rows, float32."""
        return add_rows(self.matrix, items, weights)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"matrix": self.matrix}


class Sparse:
    """Only some entries of a row are held; an item that no row of a history holds is abstained from."""

    def __init__(self, indptr: NDArray[np.int64], columns: IntArray, values: FloatArray) -> None:
        self.indptr = indptr  # (known + 1,)
        self.columns = columns  # (entries,) each once a row
        self.values = values  # (entries,)

    def combine(self, items: IntArray, weights: FloatArray) -> FloatArray:
        """(known,) the weighted sum of what rows hold; -inf where no row holds the item."""
        return add_entries(self.indptr, self.columns, self.values, items, weights)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"indptr": self.indptr, "columns": self.columns, "values": self.values}


class ItemItemModel:
    """Rows of an item-item matrix, added up with the recency-decayed weights of a history."""

    def __init__(self, recipe: Recipe, rows: Rows, known: BoolArray, decay: Decay) -> None:
        self.recipe = recipe
        self.rows = rows
        self.known = known  # (items,) has a training event
        self.decay = decay
        self._ids = np.flatnonzero(known)  # (known,)
        self._places = places(known)

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The best by the sum of rows; it abstains where ``score`` does."""
        if library.loaded() is None:
            return top_by_score(self, len(self.known), queries, n, allowed, exclude)
        return best_rows(map(self._once, queries), n, allowed, exclude, self.recipe.name)

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        scores = np.empty((len(queries), len(items)), np.float32)
        for at, query in enumerate(queries):
            scores[at] = self._once(query)[items]
        return scores

    def _once(self, query: Query) -> FloatArray:
        return once("row", (self, query), partial(self._row, query))

    def _row(self, query: Query) -> FloatArray:
        """(items,) what is not known stays abstained from."""
        own, weights = history(query, self.decay, self._places)
        found = self.rows.combine(own, weights) if len(own) else _NOTHING
        if len(found) == len(self.known):
            return found
        row = np.full(len(self.known), -np.inf, np.float32)
        if len(own):
            row[self._ids] = found
        return row

    def save(self, folder: Path) -> None:
        save_arrays(folder, known=self.known, **self.rows.arrays())
        save_recipe(self.recipe, folder)


def places(known: BoolArray) -> IntArray:
    """(items,) where each item stands among the known ones, -1 for the others."""
    return np.where(known, np.cumsum(known) - 1, -1).astype(np.int32)


def history(query: Query, decay: Decay, place: IntArray) -> tuple[IntArray, FloatArray]:
    """Places of a query's known items, each once and ascending, and the sums of their decayed weights."""
    items, weights = merge(query.items, decay.of_query(query), len(place), place)
    return items, weights.astype(np.float32)


def decays(data: Dataset, days: float | None, events: float | None) -> list[Decay]:
    """What open half-lives may be: one of days or one of events, hardly any decay first.

    A log without times has no days, and one without an order has no places.
    """
    timed, ordered = bool(np.isfinite(data.time).any()), data.ordered
    some_days = [days] if days else [NEVER_DAYS, *(HALF_LIVES_DAYS if timed else ())]
    some_events = [events] if events else [NEVER_EVENTS, *(HALF_LIVES_EVENTS if ordered else ())]
    pairs = [(d, e) for d in some_days for e in some_events if days or events or d == NEVER_DAYS or e == NEVER_EVENTS]
    return [Decay(d, e) for d, e in pairs]


def sample(holdout: Holdout, most: int = _ASKED) -> Holdout:
    """At most ``most`` queries of a holdout, evenly taken: by default enough to compare settings on."""
    return holdout.spread(most)
