"""A fitted ``ranker``: parts propose, and what was learned of their candidates ranks."""

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recsys.models.files import save_arrays
from recsys.models.loops import table
from recsys.models.memory import once, one_request, portions
from recsys.models.parts import best_of, measure, proposed, save_parts, scored
from recsys.models.ranker.facts import Facts
from recsys.models.ranker.judge import Judge
from recsys.models.recipe import Model, save_recipe
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

if TYPE_CHECKING:
    from recsys.models.ranker.recipe import Ranker

_Judged = tuple[FloatArray, BoolArray]  # (items,) scores, and which of them are worked out


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
                found = self.candidates(part, n, allowed, hidden)
                rows = zip(found, self._ranks(part, found), strict=True)
                lists += [best_of(items, scores, n, self.recipe.name) for items, scores in rows]
        return lists

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        with one_request():
            rows = self._ranks(queries, [items] * len(queries))
        return np.array(rows, np.float32).reshape(len(queries), len(items))

    def with_parts(self, parts: tuple[Model, ...]) -> "RankerModel":
        """The same second stage over other parts, one for one."""
        return RankerModel(self.recipe, parts, self.reference, self.facts, self.judge)

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
        scores, scale = scored(self.parts, query, items, self.reference)
        own, shared = len(self.parts), len(self.facts.names)
        rows, spoken = table(scores, scale, self.facts.items, items, own + len(self.facts.features))
        self.facts.compare(query, items, rows[:, own + shared :])
        return rows, spoken

    def bucket(self, query: Query) -> int:
        """Which length of history a query has."""
        return bisect_right(self.recipe.lengths, len(query))

    def _ranks(self, queries: Sequence[Query], lists: Sequence[IntArray]) -> list[FloatArray]:
        """(items,) of each query's list, -inf where all parts abstain.

        An item is judged once a request, whoever asks for it again.
        """
        judged = [once("judged", (self, query), self._nothing) for query in queries]
        fresh = [items[~known[items]] for items, (_, known) in zip(lists, judged, strict=True)]
        measure(self.parts, [query for query, new in zip(queries, fresh, strict=True) if len(new)], self.reference)
        for query, new, (scores, known) in zip(queries, fresh, judged, strict=True):
            if len(new):
                rows, spoken = self.table(query, new)
                scores[new] = np.where(spoken, self.judge.score(rows, self.bucket(query)), -np.inf)
                known[new] = True
        return [scores[items] for items, (scores, _) in zip(lists, judged, strict=True)]

    def _nothing(self) -> "_Judged":
        n_items = len(self.facts.items)
        return np.empty(n_items, np.float32), np.zeros(n_items, np.bool_)
