"""A fitted ``ranker``: parts propose, and a weighted sum of what is known of each candidate ranks."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recsys.models.files import save_arrays
from recsys.models.parts import proposed, save_parts, standards
from recsys.models.ranker.facts import Facts
from recsys.models.recipe import Model, save_recipe
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

if TYPE_CHECKING:
    from recsys.models.ranker.recipe import Ranker


class RankerModel:
    """Scores are log-odds up to a constant of the query, comparable within a query only."""

    def __init__(self, recipe: "Ranker", parts: tuple[Model, ...], reference: IntArray, facts: Facts) -> None:
        self.recipe = recipe
        self.parts = parts
        self.reference = reference  # (reference items,)
        self.facts = facts
        known = dict(recipe.weights or ())
        self._weights = np.array([known.get(name, self._none) for name in self.features], np.float64).T

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the columns of ``table``: the parts, then the facts."""
        seen: Counter[str] = Counter()
        names = []
        for part in self.parts:
            seen[part.recipe.name] += 1
            count = seen[part.recipe.name]
            names.append(part.recipe.name if count == 1 else f"{part.recipe.name} {count}")
        return (*names, *self.facts.features)

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The best of what the parts propose."""
        lists = []
        for query, items in zip(queries, self.candidates(queries, n, allowed, exclude), strict=True):
            scores = self._rank(query, items)
            order = np.argsort(-scores, kind="stable")[:n]  # candidates ascend: ties go to the lower index
            order = order[np.isfinite(scores[order])]
            lists.append(Ranked(items[order], scores[order], self.recipe.name))
        return lists

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        rows = [self._rank(query, items) for query in queries]
        return np.array(rows, np.float32).reshape(len(queries), len(items))

    def save(self, folder: Path) -> None:
        save_parts(self.parts, folder)
        self.facts.save(folder)
        save_arrays(folder, reference=self.reference)
        save_recipe(self.recipe, folder)

    def candidates(
        self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]
    ) -> list[IntArray]:
        """What any part proposes for each query, ascending; nothing for ``n`` 0."""
        return proposed(self.parts, queries, max(n, self.recipe.candidates) if n > 0 else 0, allowed, exclude)

    def table(self, query: Query, items: IntArray) -> tuple[FloatArray, BoolArray]:
        """(items, features) of one query, and (items,) for which any part speaks; 0 where a part is silent."""
        scores = standards(self.parts, query, items, self.reference)
        spoken = np.isfinite(scores)
        own = np.where(spoken, scores, 0.0).T.astype(np.float32)
        return np.concatenate([own, self.facts.rows(query, items)], axis=1), np.asarray(spoken.any(axis=0))

    def bucket(self, query: Query) -> int:
        """Which length of history a query has."""
        return bisect_right(self.recipe.lengths, len(query))

    @property
    def _none(self) -> tuple[float, ...]:
        return (0.0,) * (len(self.recipe.lengths) + 1)

    def _rank(self, query: Query, items: IntArray) -> FloatArray:
        """(items,) -inf where all parts abstain."""
        table, spoken = self.table(query, items)
        weights: NDArray[np.float64] = self._weights[self.bucket(query)]
        scores = (table * weights).sum(axis=1)  # row by row, so that an item's score is the same in any company
        return np.where(spoken, scores, -np.inf).astype(np.float32)
