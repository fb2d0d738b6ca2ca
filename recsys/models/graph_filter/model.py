"""The fitted filter: links between items and their coarsest directions, asked with a history."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys.models.files import load_arrays, load_vectors, save_arrays, save_codes
from recsys.models.fold_in import heard
from recsys.models.graph_filter.graph import Links
from recsys.models.recency import NEVER_DAYS, NEVER_EVENTS, Decay
from recsys.models.recipe import Recipe, load_recipe, save_recipe
from recsys.retrieval import Vectors, dot_scores
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

_SCORES = 1 << 22  # of links, held at once


@dataclass(frozen=True, eq=False)
class Arrays:
    """What is saved; nothing in it belongs to a user."""

    indptr: NDArray[np.int64]  # (items + 1,)
    neighbour: IntArray  # (links,)
    weight: FloatArray  # (links,)
    factors: FloatArray  # (items, d)
    inward: FloatArray  # (items,) what an item of a history weighs in its vector
    gain: FloatArray  # (d,) what each direction counts
    known: BoolArray  # (items,) has a training event


class GraphFilterModel:
    """Sums of links and of factors over a history; each query by itself, so that a batch changes nothing."""

    def __init__(self, recipe: Recipe, arrays: Arrays, searched: Vectors | None = None) -> None:
        self.recipe = recipe
        self.arrays = arrays
        days, events = getattr(recipe, "half_life_days", None), getattr(recipe, "half_life_events", None)
        self._decay = Decay(days or NEVER_DAYS, events or NEVER_EVENTS)
        self.searched = searched or Vectors.of(arrays.factors)

    @classmethod
    def load(cls, folder: Path) -> "GraphFilterModel":
        names = [field.name for field in fields(Arrays)]
        arrays = Arrays(*load_arrays(folder, *names))
        return cls(load_recipe(folder), arrays, load_vectors(folder, arrays.factors))

    def save(self, folder: Path) -> None:
        save_arrays(folder, **{field.name: getattr(self.arrays, field.name) for field in fields(Arrays)})
        save_codes(folder, self.searched)
        save_recipe(self.recipe, folder)

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The best by factors plus links, in blocks of queries; nothing for a query without a known item."""
        known = self.arrays.known
        step = max(1, _SCORES // max(1, len(known)))
        lists = []
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            vectors, linked, answers = self._heard(queries[part])
            lists += self.searched.top(vectors, n, allowed & known, exclude[part], self.recipe.name, linked)
            for at in np.flatnonzero(~answers):
                lists[start + at] = Ranked(np.zeros(0, np.int32), np.zeros(0, np.float32), self.recipe.name)
        return lists

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        scores = np.empty((len(queries), len(items)), np.float32)
        for row, query in zip(scores, queries, strict=True):
            vectors, linked, answers = self._heard([query])
            row[:] = dot_scores(vectors, self.arrays.factors[items], linked[0, items])[0]
            row[~(answers[0] & self.arrays.known[items])] = -np.inf
        return scores

    def _heard(self, queries: Sequence[Query]) -> tuple[FloatArray, FloatArray, BoolArray]:
        """(queries, d) vectors, (queries, items) sums of links, and which queries have a known item (queries,)."""
        vectors = np.zeros((len(queries), len(self.arrays.gain)), np.float32)
        linked = np.zeros((len(queries), len(self.arrays.known)), np.float32)
        answers = np.zeros(len(queries), np.bool_)
        for at, query in enumerate(queries):
            items, weights = self._history(query)
            if len(items):
                answers[at] = True
                vectors[at] = self._vector(items, weights)
                linked[at] = self._linked(items, weights)
        return vectors, linked, answers

    def _history(self, query: Query) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The known items of a query, each once, and the weight of its heaviest event."""
        inside = heard(query.items, self.arrays.known)
        items, place = np.unique(query.items[inside].astype(np.int64), return_inverse=True)
        weights = np.zeros(len(items))
        np.maximum.at(weights, place, self._decay.of_query(query)[inside])
        return items, weights

    def _vector(self, items: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = self.arrays.factors[items].astype(np.float64)  # (events, d)
        vector: NDArray[np.float64] = ((weights * self.arrays.inward[items]) @ rows) * self.arrays.gain
        return vector

    def _linked(self, items: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """(items,) sums of the links of a history."""
        start, end = self.arrays.indptr[items], self.arrays.indptr[items + 1]
        length = end - start
        place = np.arange(length.sum()) + np.repeat(start - (np.cumsum(length) - length), length)
        weight = np.repeat(weights, length) * self.arrays.weight[place]
        sums = np.zeros(len(self.arrays.known))
        sums += np.bincount(self.arrays.neighbour[place], weight, len(sums))
        return sums


@dataclass(frozen=True, eq=False)
class Shape:
    """How the scores lean: by a power of the degree, over the largest eigenvalue."""

    degree: NDArray[np.float64]  # (items,) 1 where there is no event
    known: BoolArray  # (items,)
    popularity: float
    scale: float


def assemble(
    recipe: Recipe, links: Links, vectors: FloatArray, gain: NDArray[np.float64], shape: Shape
) -> GraphFilterModel:
    """The model of ``links``, ``vectors`` (items, d) and their ``gain`` (d,), with every exponent worked into them."""
    tilt = shape.degree**shape.popularity  # (items,)
    weight = links.weight * (tilt[links.neighbour] / (tilt[links.item] * shape.scale))
    arrays = Arrays(
        indptr=links.indptr,
        neighbour=links.neighbour,
        weight=weight.astype(np.float32),
        factors=(vectors * tilt[:, None]).astype(np.float32),
        inward=(tilt**-2).astype(np.float32),
        gain=gain.astype(np.float32),
        known=shape.known,
    )
    return GraphFilterModel(recipe, arrays)
