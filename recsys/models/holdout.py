"""How recipes choose what they were not told: by NDCG on the holdout of the fit."""

from recsys.dataset.data import Holdout
from recsys.metrics.accuracy import mean_ndcg, top_matrix
from recsys.models.recipe import Model
from recsys.types import BoolArray

_CHUNK = 512  # queries asked at once


def holdout_ndcg(model: Model, holdout: Holdout, allowed: BoolArray, k: int = 10) -> float:
    """Mean NDCG at ``k`` of a model's lists over all queries of a holdout, seen items removed."""
    lists = []
    for start in range(0, len(holdout), _CHUNK):
        part = slice(start, start + _CHUNK)
        lists += model.top(holdout.queries[part], k, allowed, holdout.exclude[part])
    return mean_ndcg(top_matrix(lists, k), holdout.truth, k)
