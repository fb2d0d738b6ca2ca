"""What models share that make one vector of a query's history: retrieval, abstention and the merged history."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.models.by_score import best_rows
from recsys.models.files import load_vectors
from recsys.models.loops import merge
from recsys.models.memory import once, once_each, remembers
from recsys.models.recipe import Recipe
from recsys.retrieval import Vectors, dot_scores
from recsys.retrieval.codes import WORTH_IT
from recsys.retrieval.scan import products
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked, query

_TYPICAL, _EVENTS = 16, 10  # histories that a search is fitted to, and their lengths


class FoldInModel(ABC):
    """Scores are inner products of a query's vector and the item factors, plus the item's bias if there is any.

    What is not known is abstained from: an item, and a query of such items only.
    """

    def __init__(self, recipe: Recipe, factors: FloatArray, known: BoolArray, bias: FloatArray | None = None) -> None:
        self.recipe = recipe
        self.factors = factors  # (items, d)
        self.known = known  # (items,) can be recommended
        self.bias = bias  # (items,)

    @cached_property
    def searched(self) -> Vectors:
        """The factors as they are searched."""
        return Vectors.of(self.factors, self._typical())

    @cached_property
    def _all_known(self) -> bool:
        return bool(self.known.all())

    def mapped(self, folder: Path) -> Self:
        """This model, with what was saved beside its factors for the search."""
        self.searched = load_vectors(folder, self.factors)
        return self

    @abstractmethod
    def vectors(self, queries: Sequence[Query]) -> tuple[FloatArray, BoolArray]:
        """(queries, d) each by itself, and which queries have an item that training knew; the others are zero."""

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        if self._small and remembers():
            rows = once_each("row", (self,), queries, self._rows)
            return best_rows(rows, n, allowed, exclude, self.recipe.name)
        vectors, answers = self._asked(queries)
        source, able = self.recipe.name, allowed if self._all_known else allowed & self.known
        lists = self.searched.top(vectors, n, able, exclude, source, self.bias)
        nothing = Ranked(np.zeros(0, np.int32), np.zeros(0, np.float32), source)
        return [found if answer else nothing for found, answer in zip(lists, answers, strict=True)]

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        if self._small and remembers():
            scores = np.empty((len(queries), len(items)), np.float32)
            for at, row in enumerate(once_each("row", (self,), queries, self._rows)):
                scores[at] = row[items]
            return scores
        vectors, answers = self._asked(queries)
        bias = None if self.bias is None else self.bias[items]
        scores = dot_scores(vectors, self.factors.take(items, axis=0), bias)  # (queries, items)
        scores[~answers] = -np.inf
        scores[:, ~self.known[items]] = -np.inf
        return scores

    @cached_property
    def _small(self) -> bool:
        """Whether scores of all items, worked out once a request, take less time than a search and then some scores."""
        return len(self.factors) < WORTH_IT and self.searched.scanned

    def _rows(self, queries: Sequence[Query]) -> list[FloatArray]:
        """(items,) the scores of all items for each query."""
        vectors, answers = self._asked(queries)
        rows = products(self.factors, vectors, self.bias)
        rows[~answers] = -np.inf
        if not self._all_known:
            rows[:, ~self.known] = -np.inf
        return list(rows)

    def _typical(self) -> FloatArray:
        """(q, d) what is asked for by histories of a few items."""
        known, rng = np.flatnonzero(self.known), np.random.default_rng(0)
        if not len(known):
            return np.zeros((0, self.factors.shape[1]), np.float32)
        return self.vectors([query(rng.choice(known, _EVENTS), at=0.0) for _ in range(_TYPICAL)])[0]

    def _asked(self, queries: Sequence[Query]) -> tuple[FloatArray, BoolArray]:
        """``vectors``, once a request."""
        if len(queries) == 1:
            return once("vector", (self, queries[0]), lambda: self.vectors(queries))
        rows = [once("vector", (self, query), partial(self.vectors, [query])) for query in queries]
        found = [np.zeros((0, self.factors.shape[1]), np.float32), *(vector for vector, _ in rows)]
        return np.concatenate(found), np.concatenate([np.zeros(0, np.bool_), *(answer for _, answer in rows)])


def heard(items: IntArray, known: BoolArray) -> BoolArray:
    """(events,) whether training knew the item of each; one beyond the catalogue it did not."""
    inside = items < len(known)
    inside[inside] = known[items[inside]]
    return inside


def merged(items: IntArray, weights: FloatArray, n_items: int) -> tuple[IntArray, NDArray[np.float64]]:
    """A history's items, each once and within the catalogue, and the sums of their weights."""
    return merge(items, weights, n_items)
