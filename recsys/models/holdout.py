"""How recipes choose what they were not told: by NDCG on the holdout of the fit."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from recsys.dataset.data import Dataset, Holdout
from recsys.metrics.accuracy import mean_ndcg, top_matrix
from recsys.models.recipe import FitContext, Model, Recipe
from recsys.types import BoolArray

_CHUNK = 512  # queries asked at once
_ASKED = 2_000  # holdout queries by which two fits are compared


def holdout_ndcg(model: Model, holdout: Holdout, allowed: BoolArray, k: int = 10) -> float:
    """Mean NDCG at ``k`` of a model's lists over all queries of a holdout, seen items removed."""
    lists = []
    for start in range(0, len(holdout), _CHUNK):
        part = slice(start, start + _CHUNK)
        lists += model.top(holdout.queries[part], k, allowed, holdout.exclude[part])
    return mean_ndcg(top_matrix(lists, k), holdout.truth, k)


def by_which_events(recipe: Recipe, data: Dataset, ctx: FitContext, again: Mapping[str, Any]) -> Model:
    """A recipe with ``positives_only`` open, fitted on positive events or on all of them: the better one by NDCG.

    What was read and not liked still tells what goes together, in some logs. On all events the fields of ``again`` get
    these values, such as None to be chosen anew, and the others are as chosen on the positive ones. These alone count
    where there is nothing to compare or no time for it.
    """
    liked, holdout = recipe.model_copy(update={"positives_only": True}), ctx.holdout
    if holdout is None or not len(holdout) or bool(np.asarray(data.positive).all()):
        return liked.fit(data, ctx)
    now = time.monotonic()
    first = liked.fit(data, replace(ctx, until=now + (ctx.until - now) / 2))
    if ctx.late:
        return first
    other = first.recipe.model_copy(update={"positives_only": False, **again}).fit(data, ctx)
    asked, everything = holdout.spread(_ASKED), np.ones(data.n_items, np.bool_)
    better = holdout_ndcg(other, asked, everything) > holdout_ndcg(first, asked, everything)
    return other if better else first
