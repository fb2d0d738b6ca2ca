"""A weighted mix of other models: each proposes, all score, and whoever abstains has no vote."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from recsys.dataset.data import Dataset
from recsys.models.files import load_arrays, save_arrays
from recsys.models.loops import mix
from recsys.models.memory import one_request, portions
from recsys.models.mixing import Shares, best_weights
from recsys.models.parts import (
    Part,
    best_of,
    load_parts,
    measure,
    proposed,
    reference_items,
    save_parts,
    scored,
    share_reference,
    standards,
)
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register, save_recipe
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

_LEAST = 0.02  # a part with a smaller share is left out of the bundle


Weights = tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...]


@register("blend")
class Blend(Recipe):
    """Parts, written as tables with a ``recipe`` key, and the share of each.

    Each part proposes its best ``candidates``; all parts score the union. ``weights`` None are chosen by NDCG on the
    holdout, equal without one, and a part without weight is left out of the model. A mix that does not beat the best
    part by two standard errors, out of fold, gives way to it, or to a part made of others and half of a simple one,
    where these are within one of the best.
    ``weights_by_length`` are rows of weights for histories shorter than the first of ``lengths`` (events), from the
    first on, from the second on, and so on; they are chosen with ``weights``, and None means ``weights`` for all.
    """

    parts: tuple[Part, ...] = Field(min_length=1)
    weights: Weights | None = None
    lengths: tuple[PositiveInt, ...] = (1, 20)
    weights_by_length: tuple[Weights, ...] | None = None
    candidates: int = Field(default=200, ge=1)

    @model_validator(mode="after")
    def _one_weight_a_part(self) -> "Blend":
        by_length = self.weights_by_length or ()
        for row in (self.weights, *by_length):
            if row is not None and (len(row) != len(self.parts) or sum(row) <= 0):
                raise ValueError(f"give one weight for each of the {len(self.parts)} parts, not all of them 0")
        if by_length and (self.weights is None or len(by_length) != len(self.lengths) + 1):
            raise ValueError(f"weights_by_length needs weights and {len(self.lengths) + 1} rows of its own")
        if list(self.lengths) != sorted(set(self.lengths)):
            raise ValueError("lengths must ascend")
        return self

    def fit(self, data: Dataset, ctx: FitContext) -> "BlendModel":
        """Fit the parts, and choose the weights on the holdout where the recipe leaves them open."""
        reference = reference_items(data)
        parts = tuple(ctx.fit(part, data) for part in self.parts)
        model = BlendModel(self.model_copy(update={"weights": self.weights or (1.0,) * len(parts)}), parts, reference)
        if self.weights is None and len(parts) > 1 and ctx.holdout is not None and len(ctx.holdout) > 0:
            chosen = best_weights(model, ctx.holdout, self.lengths, data.n_items, ctx)
            return _settled(model, chosen.common, chosen.buckets)
        rows = None if self.weights_by_length is None else np.array(self.weights_by_length)
        return _settled(model, np.array(model.recipe.weights), rows)

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Map the model that ``BlendModel.save`` wrote."""
        recipe = load_recipe(folder)
        if not isinstance(recipe, Blend) or recipe.weights is None:
            raise TypeError(f"{folder} holds a {recipe.name}, not a fitted blend.")
        (reference,) = load_arrays(folder, "reference")
        parts = load_parts(len(recipe.parts), folder)
        share_reference(parts, reference)
        return BlendModel(recipe, parts, reference)


@dataclass(frozen=True, eq=False)
class BlendModel:
    """Scores are weighted means of the parts' standard scores, comparable within a query only.

    They are brought to one scale by fixed reference items, never by what else is asked or allowed, so that a mask
    takes items away and moves no other.
    """

    recipe: Blend
    parts: tuple[Model, ...]
    reference: IntArray  # (reference items,)

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The best of what the parts propose, by the weighted sum of their standardised scores.

        A part that is alone answers by itself, and its lists carry its own name.
        """
        if len(self.parts) == 1:
            return self.parts[0].top(queries, n, allowed, exclude)
        lists: list[Ranked] = []
        for part, hidden in portions(queries, exclude):
            with one_request():
                measure(self.parts, part, self.reference)
                found = zip(part, self.candidates(part, n, allowed, hidden), strict=True)
                lists += [best_of(items, self._mix(query, items), n, self.recipe.name) for query, items in found]
        return lists

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        with one_request():
            measure(self.parts, queries, self.reference)
            rows = [self._mix(query, items) for query in queries]
        return np.array(rows, np.float32).reshape(len(queries), len(items))

    def with_parts(self, parts: tuple[Model, ...]) -> "BlendModel":
        """The same weights over other parts, one for one."""
        return replace(self, parts=parts)

    def save(self, folder: Path) -> None:
        save_parts(self.parts, folder)
        save_arrays(folder, reference=self.reference)
        save_recipe(self.recipe, folder)

    def candidates(
        self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]
    ) -> list[IntArray]:
        """What any part proposes for each query, ascending; nothing for ``n`` 0."""
        return proposed(self.parts, queries, max(n, self.recipe.candidates) if n > 0 else 0, allowed, exclude)

    def standards(self, query: Query, items: IntArray) -> NDArray[np.float64]:
        """(parts, items) each part's standard scores for one query, -inf where it abstains."""
        return standards(self.parts, query, items, self.reference)

    def _mix(self, query: Query, items: IntArray) -> NDArray[np.float64]:
        """(items,) weighted means; -inf where all parts abstain."""
        return mix(*scored(self.parts, query, items, self.reference), self._weights(len(query)))

    def _weights(self, length: int) -> Shares:
        """(parts,) what counts for a history of so many events."""
        rows = self.recipe.weights_by_length
        return np.array(rows[bisect_right(self.recipe.lengths, length)] if rows else self.recipe.weights, np.float64)


def _settled(model: BlendModel, weights: Shares, rows: Shares | None) -> BlendModel:
    """The model without parts that have next to no weight, and with a recipe that refits exactly it."""
    table = weights[None] if rows is None else np.concatenate([weights[None], rows])  # (1 + buckets, parts)
    table = table / table.sum(axis=1, keepdims=True)
    keep = np.flatnonzero(((table >= _LEAST) | (table == table.max(axis=1, keepdims=True))).any(axis=0))
    common, *buckets = (_rounded(row[keep] / row[keep].sum()) for row in table)
    fields = {
        "parts": tuple(model.parts[at].recipe for at in keep),
        "weights": common,
        "weights_by_length": tuple(buckets) if set(buckets) - {common} else None,
    }
    return BlendModel(model.recipe.model_copy(update=fields), tuple(model.parts[at] for at in keep), model.reference)


def _rounded(weights: Shares) -> tuple[float, ...]:
    """Shares of four decimals that add up to one, so that rounding them again changes nothing."""
    shares = np.round(weights, 4)
    shares[np.argmax(shares)] += 1.0 - shares.sum()
    return tuple(np.round(shares, 4).tolist())
