"""NDCG@10 of towers that are still being fitted, in batches, seen items removed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recsys.dataset.data import Holdout
from recsys.metrics import mean_ndcg
from recsys.nn.packing import Bags, Index, pack_queries
from recsys.types import IntArray

QUERIES = 2_000  # at most so many are asked after each epoch
_CHUNK = 256  # queries scored at once
_K = 10

Scores = Callable[[Bags, list[Mapping[str, str]]], Tensor]  # -> (rows, items), -inf where the model abstains


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    history: Bags
    profiles: list[Mapping[str, str]]
    hidden: tuple[Tensor, Tensor]  # rows and items that must not be shown


class Validation:
    """Queries of a holdout, packed once."""

    def __init__(self, holdout: Holdout, max_history: int, rng: np.random.Generator) -> None:
        asked = np.arange(len(holdout))
        if len(asked) > QUERIES:
            asked = np.sort(rng.choice(asked, QUERIES, replace=False))
        self._truth = [holdout.truth[at] for at in asked]
        parts = [asked[start : start + _CHUNK] for start in range(0, len(asked), _CHUNK)]
        self._chunks = [_chunk(holdout, part, max_history) for part in parts]

    def ndcg(self, scores: Scores) -> float:
        """Mean NDCG@10 by ``scores``."""
        tops = [_best(scores(chunk.history, chunk.profiles), chunk.hidden) for chunk in self._chunks]
        return mean_ndcg(np.concatenate(tops), self._truth, _K)


def _chunk(holdout: Holdout, asked: Index, max_history: int) -> _Chunk:
    queries = [holdout.queries[at] for at in asked]
    exclude = [holdout.exclude[at] for at in asked]
    row = np.repeat(np.arange(len(asked)), [len(items) for items in exclude])
    items = np.concatenate([np.zeros(0, np.int32), *exclude]).astype(np.int64)
    hidden = (torch.from_numpy(row), torch.from_numpy(items))
    return _Chunk(pack_queries(queries, max_history), [query.profile for query in queries], hidden)


def _best(scores: Tensor, hidden: tuple[Tensor, Tensor]) -> IntArray:
    """(rows, k) the best items, -1 where nothing scored is left."""
    row, item = (part.to(scores.device) for part in hidden)
    scores[row, item] = -torch.inf
    values, items = torch.topk(scores, min(_K, scores.shape[1]), dim=1)
    top: IntArray = items.masked_fill(values == -torch.inf, -1).cpu().numpy().astype(np.int32)
    return top
