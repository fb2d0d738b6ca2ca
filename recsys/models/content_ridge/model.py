"""The fitted model: what each item of a history says of every item by its content, added up."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from recsys.models.by_score import top_by_score
from recsys.models.files import load_arrays, save_arrays
from recsys.models.fold_in import merged
from recsys.models.recipe import Recipe, load_recipe, save_recipe
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked


@dataclass(frozen=True, eq=False)
class Taste:
    """What each item in a history says of every item, and what is in every query; all zero where nothing is."""

    matrix: FloatArray  # (known, items)
    everyone: FloatArray  # (items,)


@dataclass(frozen=True, eq=False)
class ContentRidgeModel:
    """Scores are sums of what the items of a history say, comparable within a query.

    It abstains on an item without content, and where there is no taste of everyone on a query without a known item.
    """

    recipe: Recipe
    taste: Taste
    known: BoolArray  # (items,) had a training event
    described: BoolArray  # (items,) has content

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        return top_by_score(self, len(self.known), queries, n, allowed, exclude)

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        """(queries, items) sums of rows; -inf for items without content."""
        scores = np.full((len(queries), len(items)), -np.inf, np.float32)
        described = self.described[items]
        for at, query in enumerate(queries):
            own, weights = merged(query.items, query.weights, len(self.known))
            heard = self.known[own]
            if heard.any() or self._everyone:
                scores[at, described] = self._of(own[heard], weights[heard].astype(np.float32))[items][described]
        return scores

    def save(self, folder: Path) -> None:
        """Write the taste and what it covers."""
        save_arrays(
            folder,
            matrix=self.taste.matrix,
            everyone=self.taste.everyone,
            known=self.known,
            described=self.described,
        )
        save_recipe(self.recipe, folder)

    @classmethod
    def load(cls, folder: Path) -> "ContentRidgeModel":
        """Map what ``save`` wrote; raises BundleError where it is incomplete."""
        matrix, everyone, known, described = load_arrays(folder, "matrix", "everyone", "known", "described")
        return cls(load_recipe(folder), Taste(matrix, everyone), known, described)

    @cached_property
    def _everyone(self) -> bool:
        return bool(self.taste.everyone.any())

    @cached_property
    def _places(self) -> IntArray:
        return (np.cumsum(self.known) - 1).astype(np.int32)

    def _of(self, items: IntArray, weights: FloatArray) -> FloatArray:
        """(items,) the taste of a history, row by row: the same sum in any batch."""
        total = np.array(self.taste.everyone)
        for item, weight in zip(self._places[items], weights, strict=True):
            total += weight * self.taste.matrix[item]
        return total
