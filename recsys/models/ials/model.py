"""The fitted model: item factors and two Gram matrices, by which users and new items are folded in."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recsys.models.files import save_arrays, save_codes
from recsys.models.fold_in import FoldInModel, merged
from recsys.models.recipe import save_recipe
from recsys.types import BoolArray, FloatArray, Query

if TYPE_CHECKING:
    from recsys.models.ials.recipe import IALS


class IALSModel(FoldInModel):
    """Item factors in the eigenbasis of their Gram matrix; what is asked solves its own row of the objective."""

    def __init__(
        self,
        recipe: "IALS",
        factors: FloatArray,
        audience: NDArray[np.float64],
        known: BoolArray,
        counts: NDArray[np.int64],
    ) -> None:
        super().__init__(recipe, factors, known)
        self.audience = audience  # (d, d) Gram matrix of all users, no user's own vector
        self.counts = counts  # (2,) users and items that have events
        self._users, self._items = (int(count) for count in counts)
        self._spectrum = np.einsum("ij,ij->j", factors, factors, dtype=np.float64)  # (d,) the items' Gram is diagonal
        self._objective, self._decay, self._alpha = recipe.objective, recipe.decay, recipe.alpha

    def vectors(self, queries: Sequence[Query]) -> tuple[FloatArray, BoolArray]:
        """(queries, d) each query's solution of its row of the objective; (queries,) whether it has a known item."""
        found = np.zeros((len(queries), self.factors.shape[1]), np.float32)
        answers = np.zeros(len(queries), np.bool_)
        for at, query in enumerate(queries):
            items, weights = merged(query.items, self._decay.of_query(query), len(self.known))
            items, weights = items[self.known[items]], weights[self.known[items]]
            if len(items) > 0:
                seen = self.factors[items].astype(np.float64)
                found[at] = self._objective.solve(self._spectrum, seen, self._alpha * weights, self._items)
                answers[at] = True
        return found, answers

    def item_vectors(
        self, audiences: Sequence[Sequence[Query]], weights: Sequence[FloatArray]
    ) -> tuple[FloatArray, BoolArray]:
        """(new items, d) exact fold-in of items by who consumed them, and which have anybody that is known.

        ``audiences`` holds the histories of each item's consumers and ``weights`` (consumers,) those of their events
        with it. Users that the Gram matrix does not know count only by what they say of the item.
        """
        found = np.zeros((len(audiences), self.factors.shape[1]), np.float32)
        answers = np.zeros(len(audiences), np.bool_)
        for at, (audience, weight) in enumerate(zip(audiences, weights, strict=True)):
            users, known = self.vectors(audience)
            if known.any():
                seen, confidence = users[known].astype(np.float64), self._alpha * np.asarray(weight, np.float64)[known]
                found[at] = self._objective.solve(self.audience, seen, confidence, self._users)
                answers[at] = True
        return found, answers

    def save(self, folder: Path) -> None:
        save_arrays(folder, factors=self.factors, audience=self.audience, known=self.known, counts=self.counts)
        save_codes(folder, self.searched)
        save_recipe(self.recipe, folder)
