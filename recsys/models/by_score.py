"""Lists of a model that scores every item."""

from collections.abc import Iterable, Sequence

import numpy as np

from recsys.models.loops import best, library
from recsys.models.recipe import Model
from recsys.retrieval import top_k
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

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
        rows, hidden = model.score(queries[part], everything), exclude[part]
        if library.loaded() is None:
            found += top_k(rows, n, allowed, hidden, model.recipe.name)
        else:
            found += best_rows(rows, n, allowed, hidden, model.recipe.name)
    return found


def best_rows(
    rows: Iterable[FloatArray], n: int, allowed: BoolArray, exclude: Sequence[IntArray], source: str
) -> list[Ranked]:
    """The best ``n`` allowed items of each row of scores (items,), one row at a time."""
    return [Ranked(*best(row, n, allowed, hidden), source) for row, hidden in zip(rows, exclude, strict=True)]
