"""The fitted model: a history adds up to a taste over features, and an item is scored by its own features."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from recsys.models.by_score import top_by_score
from recsys.models.files import load_arrays, save_arrays
from recsys.models.fold_in import merged
from recsys.models.recipe import Recipe, load_recipe, save_recipe
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked


@dataclass(frozen=True, eq=False)
class Taste:
    """What each item in a history adds: to features directly, or to items whose features are then added up."""

    matrix: FloatArray  # (known, features) or, where there are more features than known items, (known, known)
    everyone: FloatArray  # (features,) or (known,) what is in every query; all zero where nothing is
    through: bool  # whether the columns of ``matrix`` are known items


@dataclass(frozen=True, eq=False)
class ContentRidgeModel:
    """Scores are inner products of a taste and an item's features, comparable within a query.

    It abstains on an item without content, and where there is no taste of everyone on a query without a known item.
    """

    recipe: Recipe
    taste: Taste
    features: sp.csr_matrix  # (items, features)
    known: BoolArray  # (items,) had a training event

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        return top_by_score(self, len(self.known), queries, n, allowed, exclude)

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        """(queries, items) inner products of taste and features; -inf for items without content."""
        scores = np.full((len(queries), len(items)), -np.inf, np.float32)
        rows, described = self.features[items], self._described[items]
        for at, query in enumerate(queries):
            own, weights = merged(query.items, query.weights, len(self.known))
            heard = self.known[own]
            if heard.any() or self.taste.everyone.any():
                scores[at, described] = (rows @ self._of(own[heard], weights[heard].astype(np.float32)))[described]
        return scores

    def save(self, folder: Path) -> None:
        """Write the taste, and the features as the three arrays of a CSR matrix with their width in ``form``."""
        save_arrays(
            folder,
            matrix=self.taste.matrix,
            everyone=self.taste.everyone,
            known=self.known,
            values=self.features.data,
            columns=self.features.indices,
            ends=self.features.indptr,
            form=np.array([self.features.shape[1], self.taste.through]),
        )
        save_recipe(self.recipe, folder)

    @classmethod
    def load(cls, folder: Path) -> "ContentRidgeModel":
        """Map what ``save`` wrote; raises BundleError where it is incomplete."""
        names = ("matrix", "everyone", "known", "values", "columns", "ends", "form")
        matrix, everyone, known, values, columns, ends, (width, through) = load_arrays(folder, *names)
        features = sp.csr_matrix((values, columns, ends), shape=(len(known), int(width)), copy=False)
        return cls(load_recipe(folder), Taste(matrix, everyone, bool(through)), features, known)

    @cached_property
    def _described(self) -> BoolArray:
        """(items,) has content."""
        described: BoolArray = np.diff(self.features.indptr) > 0
        return described

    @cached_property
    def _places(self) -> IntArray:
        return (np.cumsum(self.known) - 1).astype(np.int32)

    @cached_property
    def _of_known(self) -> sp.csr_matrix:
        return self.features[np.flatnonzero(self.known)]

    def _of(self, items: IntArray, weights: FloatArray) -> FloatArray:
        """(features,) the taste of a history."""
        total = np.array(self.taste.everyone)
        for item, weight in zip(self._places[items], weights, strict=True):
            total += weight * self.taste.matrix[item]  # row by row: the same sum in any batch
        return total @ self._of_known if self.taste.through else total
