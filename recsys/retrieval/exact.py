"""Exact top-k under a mask. The mask goes into retrieval: a list is short only where nothing scored is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from recsys.retrieval.block import TOGETHER, hide, ranked_rows
from recsys.types import BoolArray, FloatArray, IntArray, Ranked

_BLOCK = 1 << 21  # scores held at once, unless rows are very long: 8 MiB, which a processor's cache has room for
_UNIT = 2.0**-24  # float32 rounding


def top_k(scores: FloatArray, n: int, allowed: BoolArray, exclude: Sequence[IntArray], source: str) -> list[Ranked]:
    """The best ``n`` allowed items of each row of ``scores`` (queries, items), without its sorted ``exclude``.

    Ties go to the lower index. A score that is not finite is an abstention and never returned. Nothing is changed.
    """
    ids = np.flatnonzero(allowed).astype(np.int32)
    found: list[Ranked] = []
    step = max(TOGETHER, _BLOCK // max(len(ids), 1))
    for start in range(0, len(scores), step):
        part = slice(start, start + step)
        block = scores[part][:, ids].astype(np.float32, copy=False)  # indexing copies
        hide(block, ids, exclude[part])
        found += ranked_rows(block, ids, n, np.zeros(len(block), np.float32), partial(_cells, block), source)
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
    slack = slack_of(queries, pool, bias, longest)  # (q,)
    step = max(TOGETHER, min(_BLOCK // len(pool), _BLOCK // (2 * n * items.shape[1])))
    buffer = np.empty((min(step, len(queries)), len(pool)), np.float32)  # memory that is new each time costs more
    found: list[Ranked] = []
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        asked = queries[part]
        extra = bias[part] if bias is not None and bias.ndim == 2 else bias  # (items,) or (block, items)
        with np.errstate(invalid="ignore", over="ignore"):
            block = np.matmul(asked, pool.T, out=buffer[: len(asked)])
        if extra is not None:
            block += extra[..., ids] if few else extra
        columns = ids
        if not few and len(ids) < len(allowed):
            block, columns = _masked(block, allowed, ids)
        hide(block, columns, exclude[part])
        exact = _Exact(asked.astype(np.float64), items, extra, columns)
        found += ranked_rows(block, columns, n, slack[part], exact, source)
    return found


def _cells(block: FloatArray, row: IntArray | int, column: IntArray) -> FloatArray:
    """The scores themselves; -0.0 is 0.0, so that equals are equal bit by bit."""
    found: FloatArray = block[row, column] + np.float32(0)
    return found


def _masked(block: FloatArray, allowed: BoolArray, ids: IntArray) -> tuple[FloatArray, IntArray]:
    """A block over all items without those that are not allowed, and the items of its columns."""
    if len(block) < TOGETHER:
        return block[:, ids], ids
    block[:, np.flatnonzero(~allowed)] = -np.inf
    return block, np.arange(len(allowed), dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class _Exact:
    """The scores of ``dot_scores``, where rows of queries meet columns of a block."""

    queries: NDArray[np.float64]  # (rows, d)
    items: FloatArray  # (items, d)
    bias: FloatArray | None  # (items,) or (rows, items)
    ids: IntArray  # (columns,)

    def __call__(self, row: IntArray | int, column: IntArray) -> FloatArray:
        item = self.ids[column]
        wide = self.items[item].astype(np.float64)
        wide *= self.queries[row]
        scores = wide.sum(axis=1)
        if self.bias is not None:
            scores += self.bias[row, item] if self.bias.ndim == 2 else self.bias[item]
        return np.asarray(scores, np.float32) + np.float32(0)


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


def slack_of(queries: FloatArray, items: FloatArray, bias: FloatArray | None, longest: float | None) -> FloatArray:
    """(q,) twice the largest rounding error of a float32 inner product in any order of summation."""
    if longest is None:
        longest = float(np.sqrt(np.einsum("ij,ij->i", items, items).max(initial=0.0)))
    size = np.sqrt(np.einsum("ij,ij->i", queries, queries)) * longest  # (q,) bounds every |score|
    if bias is not None:
        size = size + np.abs(bias).max(initial=0.0, axis=-1)
    slack: FloatArray = (2.1 * _UNIT * (items.shape[1] + 4) * size).astype(np.float32)
    return slack
