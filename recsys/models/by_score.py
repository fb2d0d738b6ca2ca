"""Lists of a model that scores every item."""

from collections.abc import Sequence

import numpy as np

from recsys.models.recipe import Model
from recsys.retrieval import top_k
from recsys.types import BoolArray, IntArray, Query, Ranked

_CELLS = 1 << 22  # scores held at once: 16 MiB


def top_by_score(
    model: Model, n_items: int, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]
) -> list[Ranked]:
    """``Model.top`` by ``model.score`` of all ``n_items`` items, a block of queries at a time."""
    everything = np.arange(n_items, dtype=np.int32)
    step = max(1, _CELLS // max(1, n_items))
    found: list[Ranked] = []
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        found += top_k(model.score(queries[part], everything), n, allowed, exclude[part], model.recipe.name)
    return found
