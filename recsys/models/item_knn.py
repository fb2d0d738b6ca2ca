"""Nearest neighbours of items: those whose users are the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from pydantic import Field, PositiveInt

from recsys.dataset.data import Dataset, Holdout
from recsys.metrics.accuracy import mean_ndcg, top_matrix
from recsys.models.files import load_arrays
from recsys.models.holdout import by_which_events
from recsys.models.item_item import ItemItemModel, Sparse, decays, history, places, sample
from recsys.models.recency import Decay
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register
from recsys.retrieval import top_k
from recsys.types import BoolArray, FloatArray, IntArray, Ranked

SIMILARITIES: tuple[Literal["cosine", "bm25"], ...] = ("cosine", "bm25")  # the first is the default
NEIGHBOURS = (100, 20, 50, 500)
SHRINKAGES = (10.0, 0.0, 50.0, 200.0)
_ENTRIES = 1 << 24  # similarities held at once, about
_SCORES = 1 << 22  # of holdout queries held at once: 16 MiB
_PLACES = 10  # settings are compared by NDCG at this many


@register("item_knn")
class ItemKNN(Recipe):
    """The sum of similarities to the items of a history, over each item's ``neighbours`` nearest.

    ``cosine`` is that of the items' users, with ``shrinkage`` added below the line (Sarwar et al. 2001); ``bm25``
    weighs a user's part in an item as a word's in a document, with ``k1`` and ``b`` (Robertson and Zaragoza 2009). It
    learns from positive events, or from all of them, each pair of user and item once; a query counts by its weights,
    decayed by both half-lives. What is None is chosen on the holdout; without one it is cosine over 100 neighbours
    with a shrinkage of 10 by positive events, and nothing is decayed. What no item of a history is near to is
    abstained from.

    Memory holds the ``neighbours`` of every item and a block of at most about 2 ** 24 similarities.
    """

    similarity: Literal["cosine", "bm25"] | None = None
    neighbours: PositiveInt | None = None
    shrinkage: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    k1: float = Field(default=1.2, ge=0, allow_inf_nan=False)
    b: float = Field(default=0.75, ge=0, le=1)
    half_life_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    half_life_events: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    positives_only: bool | None = None

    def fit(self, data: Dataset, ctx: FitContext) -> Model:
        """Find each item's nearest; what is None is chosen, stage after stage, on a sample of the holdout."""
        if self.positives_only is None:
            return by_which_events(self, data, ctx, {})
        keep = np.asarray(data.positive) if self.positives_only else np.ones(data.n_events, np.bool_)
        known = np.bincount(data.item[keep], minlength=data.n_items) > 0
        events = data.subset(keep).matrix()[:, known]  # (users, known)
        events.data[:] = 1.0
        stages = self._stages(data)
        recipe = self.model_copy(update={name: value for stage in stages for name, value in stage[0].items()})
        if ctx.holdout is None or len(ctx.holdout) == 0 or all(len(stage) == 1 for stage in stages):
            return ItemItemModel(recipe, nearest(events, recipe), known, _decay(recipe))
        return _best(recipe, known, stages, (events, replace(ctx, holdout=sample(ctx.holdout))))

    @classmethod
    def load(cls, folder: Path) -> Model:
        indptr, columns, values, known = load_arrays(folder, "indptr", "columns", "values", "known")
        recipe = load_recipe(folder)
        return ItemItemModel(recipe, Sparse(indptr, columns, values), known, _decay(recipe))

    def _stages(self, data: Dataset) -> list[list[dict[str, Any]]]:
        """What the open fields may be, one group of fields after the other, the default first."""
        kinds = [self.similarity] if self.similarity else SIMILARITIES
        shrinkages = SHRINKAGES if self.shrinkage is None else (self.shrinkage,)
        similarities = [
            {"similarity": kind, "shrinkage": shrinkage}
            for kind in kinds
            for shrinkage in (shrinkages if kind == "cosine" else shrinkages[:1])
        ]
        neighbours = [{"neighbours": n} for n in ([self.neighbours] if self.neighbours else NEIGHBOURS)]
        options = decays(data, self.half_life_days, self.half_life_events)
        half_lives = [{"half_life_days": decay.days, "half_life_events": decay.events} for decay in options]
        return [half_lives, similarities, neighbours]


def nearest(events: sp.csr_matrix, recipe: ItemKNN) -> Sparse:
    """The ``neighbours`` most similar others of each item of (users, items) binary ``events``, the nearest first.

    Equals are taken in the order of items; what shares no user is no neighbour.
    """
    return _nearest(events, recipe, [recipe.shrinkage or 0.0])[0]


def _nearest(events: sp.csr_matrix, recipe: ItemKNN, shrinkages: Sequence[float]) -> list[Sparse]:
    """The same for each shrinkage: counting who shares whom, once for all of them, is what takes the time."""
    items = (_bm25(events, recipe.k1, recipe.b) if recipe.similarity == "bm25" else events).T.tocsr()  # (items, users)
    users = items.T.tocsr()
    size = np.sqrt(np.diff(items.indptr))  # (items,)
    found: list[list[tuple[IntArray, FloatArray]]] = [[] for _ in shrinkages]
    step = max(1, _ENTRIES // max(1, len(size)))
    for start in range(0, len(size), step):
        block = (items[start : start + step] @ users).tocsr()  # (block, items)
        block.sort_indices()
        for at, item in enumerate(range(start, start + block.shape[0])):
            row = slice(block.indptr[at], block.indptr[at + 1])
            near, shared = block.indices[row], block.data[row]
            near, shared = near[near != item], shared[near != item]
            for kept, shrinkage in zip(found, shrinkages, strict=True):
                value = shared / (size[item] * size[near] + shrinkage) if recipe.similarity == "cosine" else shared
                order = np.argsort(-value, kind="stable")[: recipe.neighbours]
                kept.append((near[order].astype(np.int32), value[order].astype(np.float32)))
    return [_stacked(rows) for rows in found]


def _stacked(rows: Sequence[tuple[IntArray, FloatArray]]) -> Sparse:
    lengths = [0, *(len(near) for near, _ in rows)]
    columns = np.concatenate([np.zeros(0, np.int32), *(near for near, _ in rows)])
    values = np.concatenate([np.zeros(0, np.float32), *(value for _, value in rows)])
    return Sparse(np.cumsum(lengths, dtype=np.int64), columns, values)


def _cut(rows: Sparse, neighbours: int) -> Sparse:
    """The nearest of each row, which stand first."""
    length = np.diff(rows.indptr)
    place = np.arange(len(rows.columns)) - np.repeat(rows.indptr[:-1], length)
    kept = place < neighbours
    indptr = np.concatenate([[0], np.cumsum(np.minimum(length, neighbours))])
    return Sparse(indptr, rows.columns[kept], rows.values[kept])


def _bm25(events: sp.csr_matrix, k1: float, b: float) -> sp.csr_matrix:
    """Weights of each user in each item: the rarer the user and the smaller the item, the more."""
    per_user, per_item = np.diff(events.indptr), np.bincount(events.indices, minlength=events.shape[1])
    rarity = np.log1p(events.shape[1] / np.maximum(per_user, 1))  # (users,) positive even for who had everything
    length = 1.0 - b + b * per_item / max(1.0, per_item.mean() if len(per_item) else 1.0)  # (items,)
    weight = (k1 + 1.0) / (k1 * length[events.indices] + 1.0) * np.repeat(rarity, per_user)
    return sp.csr_matrix((weight.astype(np.float32), events.indices, events.indptr), shape=events.shape)


def _decay(recipe: Recipe) -> Decay:
    if not isinstance(recipe, ItemKNN) or recipe.half_life_days is None or recipe.half_life_events is None:
        raise TypeError("A fitted item_knn needs a recipe of item_knn with both half-lives.")
    return Decay(recipe.half_life_days, recipe.half_life_events)


def _best(
    first: ItemKNN, known: BoolArray, stages: list[list[dict[str, Any]]], given: tuple[sp.csr_matrix, FitContext]
) -> ItemItemModel:
    """The best by NDCG, one group of fields after the other from the default; the earlier one of equals."""
    events, ctx = given
    if ctx.holdout is None:
        raise TypeError("item_knn chooses on a holdout.")
    judge = _Judge(known, ctx.holdout)
    shrinkages = [fields["shrinkage"] for fields in stages[1] if fields["similarity"] == first.similarity]
    alike = dict(zip(shrinkages, _nearest(events, first, shrinkages), strict=True))
    best, rows = first, alike[first.shrinkage]
    quality = judge.quality(rows, _decay(best))

    def of_kind(recipe: ItemKNN) -> Sparse:
        return alike[recipe.shrinkage] if recipe.similarity == first.similarity else nearest(events, recipe)

    @cache
    def widest() -> Sparse:
        return nearest(events, best.model_copy(update={"neighbours": max(of["neighbours"] for of in stages[2])}))

    ways: list[Callable[[ItemKNN], Sparse]] = [
        lambda recipe: rows,
        of_kind,
        lambda recipe: _cut(widest(), recipe.neighbours or NEIGHBOURS[0]),
    ]
    for stage, way in zip(stages, ways, strict=True):
        for fields in stage[1:]:
            if ctx.late:
                return ItemItemModel(best, rows, known, _decay(best))
            recipe = best.model_copy(update=fields)
            other = way(recipe)
            found = judge.quality(other, _decay(recipe))
            if found > quality:
                quality, best, rows = found, recipe, other
    return ItemItemModel(best, rows, known, _decay(best))


@dataclass(frozen=True, eq=False)
class _Judge:
    """NDCG of neighbours on a holdout, all queries by one sparse product; no model is made."""

    known: BoolArray  # (items,)
    holdout: Holdout
    histories: dict[Decay, sp.csr_matrix] = field(default_factory=dict)  # (queries, known) weights

    def quality(self, rows: Sparse, decay: Decay) -> float:
        """Mean NDCG of the lists that these neighbours (known, known) give to histories that decay so."""
        size = len(rows.indptr) - 1
        near = sp.csr_matrix((rows.values, rows.columns, rows.indptr), shape=(size, size))
        asked, lists = self._histories(decay), list[Ranked]()
        step = max(1, _SCORES // max(1, len(self.known)))
        for start in range(0, len(self.holdout), step):
            part = slice(start, start + step)
            scores = (asked[part] @ near).toarray()
            whole = np.full((len(scores), len(self.known)), -np.inf, np.float32)
            # similarities are positive where there are any
            whole[:, self.known] = np.where(scores > 0, scores, -np.inf)
            lists += top_k(whole, _PLACES, self.known, self.holdout.exclude[part], ItemKNN.name)
        return mean_ndcg(top_matrix(lists, _PLACES), self.holdout.truth, _PLACES)

    def _histories(self, decay: Decay) -> sp.csr_matrix:
        if decay not in self.histories:
            place = places(self.known)
            rows = [history(query, decay, place) for query in self.holdout.queries]
            indptr = np.cumsum([0, *(len(items) for items, _ in rows)])
            columns, weights = (np.concatenate(part) for part in zip(*rows, strict=True))
            self.histories[decay] = sp.csr_matrix((weights, columns, indptr), shape=(len(rows), int(self.known.sum())))
        return self.histories[decay]
