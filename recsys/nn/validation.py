"""NDCG@10 of a model that is still being fitted, in batches, seen items removed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from recsys.dataset.data import Holdout
from recsys.metrics import mean_ndcg
from recsys.nn.packing import Index
from recsys.types import IntArray, Query

QUERIES = 2_000  # at most so many are asked after each epoch
_CHUNK = 256  # queries scored at once
_K = 10

Packed = TypeVar("Packed")


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk(Generic[Packed]):
    packed: Packed
    hidden: tuple[Tensor, Tensor]  # rows and items that must not be shown


class Validation(Generic[Packed]):
    """Queries of a holdout, each chunk packed once by ``pack``; those of like length share a chunk."""

    def __init__(
        self,
        holdout: Holdout,
        pack: Callable[[list[Query]], Packed],
        rng: np.random.Generator,
        queries: int = QUERIES,
    ) -> None:
        asked = np.arange(len(holdout))
        if len(asked) > queries:
            asked = np.sort(rng.choice(asked, queries, replace=False))
        lengths = np.array([len(holdout.queries[at]) for at in asked])
        asked = asked[np.argsort(lengths, kind="stable")]
        self._truth = [holdout.truth[at] for at in asked]
        parts = [asked[start : start + _CHUNK] for start in range(0, len(asked), _CHUNK)]
        self._chunks = [_Chunk(pack([holdout.queries[at] for at in part]), _hidden(holdout, part)) for part in parts]

    def ndcg(self, scores: Callable[[Packed], Tensor]) -> float:
        """Mean NDCG@10 by ``scores``, which gives (rows, items) of a chunk and -inf where the model abstains."""
        tops = [_best(scores(chunk.packed), chunk.hidden) for chunk in self._chunks]
        return mean_ndcg(np.concatenate(tops), self._truth, _K)


def _hidden(holdout: Holdout, asked: Index) -> tuple[Tensor, Tensor]:
    exclude = [holdout.exclude[at] for at in asked]
    row = np.repeat(np.arange(len(asked)), [len(items) for items in exclude])
    items = np.concatenate([np.zeros(0, np.int32), *exclude]).astype(np.int64)
    return torch.from_numpy(row), torch.from_numpy(items)


def _best(scores: Tensor, hidden: tuple[Tensor, Tensor]) -> IntArray:
    """(rows, k) the best items, -1 where nothing scored is left."""
    row, item = (part.to(scores.device) for part in hidden)
    scores[row, item] = -torch.inf
    values, items = torch.topk(scores, min(_K, scores.shape[1]), dim=1)
    top: IntArray = items.masked_fill(values == -torch.inf, -1).cpu().numpy().astype(np.int32)
    return top
