"""Exact top-k under a mask. The mask goes into retrieval: a list is short only where nothing scored is left."""

from collections.abc import Sequence

import numpy as np

from recsys.retrieval.select import at_least, best
from recsys.types import BoolArray, FloatArray, IntArray, Ranked

_BLOCK = 1 << 22  # scores held at once: 16 MiB
_UNIT = 2.0**-24  # float32 rounding


def top_k(scores: FloatArray, n: int, allowed: BoolArray, exclude: Sequence[IntArray], source: str) -> list[Ranked]:
    """The best ``n`` allowed items of each row of ``scores`` (queries, items), without its sorted ``exclude``.

    Ties go to the lower index. A score that is not finite is an abstention and never returned. Nothing is changed.
    """
    ids = np.flatnonzero(allowed).astype(np.int32)
    found = []
    for row, hidden in zip(scores, exclude, strict=True):
        own = row[ids].astype(np.float32, copy=False)  # indexing copies
        own[_places(ids, hidden)] = -np.inf
        items, values = best(own, ids, n)
        found.append(Ranked(items, values, source))
    return found


def top_vectors(
    queries: FloatArray,
    items: FloatArray,
    n: int,
    allowed: BoolArray,
    exclude: Sequence[IntArray],
    source: str,
    bias: FloatArray | None = None,
    *,
    longest: float | None = None,
) -> list[Ranked]:
    """The best ``n`` allowed items by inner product of ``queries`` (q, d) and ``items`` (items, d), plus ``bias``.

    ``bias`` is (items,), or (q, items) where every query has its own. A list is bitwise the same alone and in
    any batch: BLAS, whose rounding depends on the batch, only proposes; what lies within its rounding error of the
    n-th place is scored again one by one. ``longest``, an upper bound of the items' norms, spares a pass over them.
    Ties go to the lower index.
    """
    ids = np.flatnonzero(allowed).astype(np.int32)
    if len(ids) == 0 or n < 1:
        return [Ranked(np.zeros(0, np.int32), np.zeros(0, np.float32), source) for _ in exclude]
    few = 2 * len(ids) < len(allowed)
    pool = items[ids] if few else items  # (pool, d)
    slack = _slack(queries, pool, bias, longest)  # (q,)
    step = max(1, _BLOCK // len(pool))
    found = []
    for start in range(0, len(queries), step):
        with np.errstate(invalid="ignore", over="ignore"):
            block = queries[start : start + step] @ pool.T
        for offset, row in enumerate(block):
            at = start + offset
            extra = bias[at] if bias is not None and bias.ndim == 2 else bias  # (items,)
            if extra is not None:
                row += extra[ids] if few else extra
            own = row if few or len(ids) == len(row) else row[ids]
            own[_places(ids, exclude[at])] = -np.inf
            near = ids[at_least(own, n, float(slack[at]))]
            exact = dot_scores(queries[at : at + 1], items[near], None if extra is None else extra[near])[0]
            found.append(Ranked(*best(exact, near, n), source))
    return found


def dot_scores(queries: FloatArray, items: FloatArray, bias: FloatArray | None = None) -> FloatArray:
    """(q, items) inner products plus bias, each summed in float64 by itself: the same in every batch.

    These are the scores that ``top_vectors`` returns. Meant for some hundreds of items, not for a whole catalogue.
    """
    wide = items.astype(np.float64)
    rows = np.empty((len(queries), len(items)), np.float32)
    for at, vector in enumerate(queries.astype(np.float64)):
        row = (wide * vector).sum(axis=1)
        rows[at] = row if bias is None else row + bias
    return rows


def _places(ids: IntArray, hidden: IntArray) -> IntArray:
    """Where the sorted ``hidden`` stand in the sorted ``ids``; those that are not there are left out."""
    if len(hidden) == 0 or len(ids) == 0:
        return np.zeros(0, np.int32)
    places = np.minimum(np.searchsorted(ids, hidden), len(ids) - 1)
    found: IntArray = places[ids[places] == hidden].astype(np.int32)
    return found


def _slack(queries: FloatArray, items: FloatArray, bias: FloatArray | None, longest: float | None) -> FloatArray:
    """(q,) twice the largest rounding error of a float32 inner product in any order of summation."""
    if longest is None:
        longest = float(np.sqrt(np.einsum("ij,ij->i", items, items).max(initial=0.0)))
    size = np.sqrt(np.einsum("ij,ij->i", queries, queries)) * longest  # (q,) bounds every |score|
    if bias is not None:
        size = size + np.abs(bias).max(initial=0.0, axis=-1)
    slack: FloatArray = (2.1 * _UNIT * (items.shape[1] + 4) * size).astype(np.float32)
    return slack
