"""A fitted ``ranker``: parts propose, and what was learned of their candidates ranks."""

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recsys.models.files import save_arrays
from recsys.models.memory import once, one_request, portions
from recsys.models.parts import best_of, proposed, save_parts, standards
from recsys.models.ranker.facts import Facts
from recsys.models.ranker.judge import Judge
from recsys.models.recipe import Model, save_recipe
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

if TYPE_CHECKING:
    from recsys.models.ranker.recipe import Ranker


class RankerModel:
    """Scores are comparable within a query only."""

    def __init__(
        self, recipe: "Ranker", parts: tuple[Model, ...], reference: IntArray, facts: Facts, judge: Judge
    ) -> None:
        self.recipe = recipe
        self.parts = parts
        self.reference = reference  # (reference items,)
        self.facts = facts
        self.judge = judge

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The best of what the parts propose."""
        lists: list[Ranked] = []
        for part, hidden in portions(queries, exclude):
            with one_request():
                found = zip(part, self.candidates(part, n, allowed, hidden), strict=True)
                lists += [best_of(items, self._rank(query, items), n, self.recipe.name) for query, items in found]
        return lists

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        with one_request():
            rows = [self._rank(query, items) for query in queries]
        return np.array(rows, np.float32).reshape(len(queries), len(items))

    def save(self, folder: Path) -> None:
        save_parts(self.parts, folder)
        self.facts.save(folder)
        self.judge.save(folder)
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

    def _rank(self, query: Query, items: IntArray) -> FloatArray:
        """(items,) -inf where all parts abstain; an item is judged once a request, whoever asks for it again."""
        n_items = len(self.facts.items)
        scores, judged = once(
            "judged", (self, query), lambda: (np.empty(n_items, np.float32), np.zeros(n_items, np.bool_))
        )
        fresh = items[~judged[items]]
        if len(fresh):
            table, spoken = self.table(query, fresh)
            scores[fresh] = np.where(spoken, self.judge.score(table, self.bucket(query)), -np.inf)
            judged[fresh] = True
        found: FloatArray = scores[items]
        return found
