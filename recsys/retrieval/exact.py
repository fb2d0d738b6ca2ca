"""Exact top-k under a mask. The mask goes into retrieval: a list is short only where nothing scored is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from recsys.retrieval.block import TOGETHER, hide, ranked_rows
from recsys.retrieval.codes import FEW, SEARCHED, WORTH_IT, Codes
from recsys.retrieval.lead import Lead
from recsys.types import BoolArray, FloatArray, IntArray, Ranked

_BLOCK = 1 << 21  # scores held at once, unless rows are very long: 8 MiB, which a processor's cache has room for
_PAIRS = 512  # of a query and an item, scored exactly at once
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


@dataclass(frozen=True, eq=False)
class Vectors:
    """Item vectors as they are searched: exactly, with ``lead`` or ``codes`` proposing where so many make it pay.

    A list is bitwise the same alone and in any batch, with either and without: a product of matrices, whose rounding
    depends on the batch, only proposes; what lies within its error of the n-th place is scored again one by one.
    """

    items: FloatArray  # (items, d)
    codes: Codes | None = None
    lead: Lead | None = None  # quicker than codes, where the vectors vary in few directions and these fit a cache

    @classmethod
    def of(cls, items: FloatArray, typical: FloatArray | None = None) -> "Vectors":
        """With leading directions, or else with codes, if there are enough vectors.

        ``typical`` (q, d) queries decide which; sums of a few items where they are left out.
        """
        if len(items) < WORTH_IT:
            return cls(items)
        lead = Lead.of(items, typical)
        return cls(items, lead=lead) if lead is not None else cls(items, Codes.of(items))

    @cached_property
    def longest(self) -> float:
        """The largest norm."""
        return float(np.sqrt(np.einsum("ij,ij->i", self.items, self.items).max(initial=0.0)))

    @cached_property
    def everything(self) -> IntArray:
        """(items,) every index."""
        return np.arange(len(self.items), dtype=np.int32)

    def top(
        self,
        queries: FloatArray,
        n: int,
        allowed: BoolArray,
        exclude: Sequence[IntArray],
        source: str,
        bias: FloatArray | None = None,
    ) -> list[Ranked]:
        """The best ``n`` allowed items by inner product with ``queries`` (q, d); ties to the lower index.

        ``bias`` is added: (items,), or (q, items) where every query has its own.
        """
        n_allowed = int(np.count_nonzero(allowed))
        if n_allowed == 0 or n < 1:
            return [Ranked(np.zeros(0, np.int32), np.zeros(0, np.float32), source) for _ in exclude]
        if self.lead is not None and n_allowed >= max(SEARCHED, 4 * n):
            slack = _slack(queries, self.longest, bias)
            return self.lead.top(queries, n, allowed, exclude, source, items=self.items, bias=bias, slack=slack)
        pool = _Pool(self, allowed, n_allowed, len(queries))
        step = max(TOGETHER, min(_BLOCK // len(pool), _BLOCK // (2 * n * self.items.shape[1])))
        buffer = np.empty((min(step, len(queries)), len(pool)), np.float32)  # memory that is new each time costs more
        found: list[Ranked] = []
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            asked = queries[part]
            extra = bias[part] if bias is not None and bias.ndim == 2 else bias  # (items,) or (block, items)
            block, slack = pool.scores(asked, extra, buffer[: len(asked)])
            hide(block, pool.ids, exclude[part])
            exact = _Exact(asked.astype(np.float64), self.items, extra, pool.ids)
            found += ranked_rows(block, pool.ids, n, slack, exact, source, rough=pool.rough)
        return found


class _Pool:
    """The vectors that a search goes through: those allowed where they are few enough to be copied, else all."""

    def __init__(self, vectors: Vectors, allowed: BoolArray, n_allowed: int, n_queries: int) -> None:
        few = 2 * n_allowed < len(allowed)
        self.ids = np.flatnonzero(allowed).astype(np.int32) if few else vectors.everything  # of the columns
        self._few = few
        self._gone = None if few or n_allowed == len(allowed) else ~allowed  # (items,)
        self._longest = vectors.longest
        coded = n_allowed >= SEARCHED and n_queries <= FEW and np.isfinite(vectors.longest)
        self._codes = vectors.codes if coded else None
        if self._codes is None:
            self._items = vectors.items[self.ids] if few else vectors.items  # (pool, d)
        elif few:
            self._codes = self._codes.some(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def rough(self) -> bool:
        """Whether the scores are those of codes."""
        return self._codes is not None

    def scores(self, asked: FloatArray, bias: FloatArray | None, out: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(q, pool) nearly the scores, in ``out``, -inf where not allowed; and (q,) twice the most they may be off."""
        slack = _slack(asked, self._longest, bias)
        with np.errstate(invalid="ignore", over="ignore"):
            if self._codes is None:
                np.matmul(asked, self._items.T, out=out)
            else:
                slack = 3 * slack + 2 * self._codes.products(asked, out)  # turning vectors rounds on both sides
        if bias is not None:
            out += bias[..., self.ids] if self._few else bias
        if self._gone is not None and len(out) < TOGETHER:
            np.copyto(out, -np.inf, where=self._gone)
        elif self._gone is not None:
            out[:, np.flatnonzero(self._gone)] = -np.inf
        return out, slack


def _cells(block: FloatArray, row: IntArray | int, column: IntArray) -> FloatArray:
    """The scores themselves; -0.0 is 0.0, so that equals are equal bit by bit."""
    found: FloatArray = block[row, column] + np.float32(0)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Exact:
    """The scores of ``dot_scores``, where rows of queries meet columns of a block."""

    queries: NDArray[np.float64]  # (rows, d)
    items: FloatArray  # (items, d)
    bias: FloatArray | None  # (items,) or (rows, items)
    ids: IntArray  # (columns,)

    def __call__(self, row: IntArray | int, column: IntArray) -> FloatArray:
        item = self.ids[column]
        scores = np.empty(len(item))  # (columns,) float64
        for start in range(0, len(item), _PAIRS):  # few enough to stay in the cache
            part = slice(start, start + _PAIRS)
            asked = self.queries[row] if isinstance(row, int) else self.queries[row[part]]
            scores[part] = _inner(self.items[item[part]], asked)
        if self.bias is not None:
            scores += self.bias[row, item] if self.bias.ndim == 2 else self.bias[item]
        return np.asarray(scores, np.float32) + np.float32(0)


def dot_scores(queries: FloatArray, items: FloatArray, bias: FloatArray | None = None) -> FloatArray:
    """(q, items) inner products plus bias, each summed in float64 by itself: the same in every batch.

    These are the scores that ``Vectors.top`` returns. Meant for some hundreds of items, not for a whole catalogue.
    """
    rows = np.empty((len(queries), len(items)), np.float32)
    for at, vector in enumerate(queries.astype(np.float64)):
        row = _inner(items, vector)
        rows[at] = row if bias is None else row + bias
    return rows


def _inner(items: FloatArray, query: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) inner products of (n, d) with (d,) or (n, d), each summed by itself; BLAS would let the rows matter."""
    found: NDArray[np.float64] = np.vecdot(items.astype(np.float64), query)
    return found


def _slack(queries: FloatArray, longest: float, bias: FloatArray | None) -> FloatArray:
    """(q,) twice the largest rounding error of a float32 inner product in any order of summation."""
    size = np.sqrt(np.einsum("ij,ij->i", queries, queries)) * longest  # (q,) bounds every |score|
    if bias is not None:
        size = size + np.abs(bias).max(initial=0.0, axis=-1)
    slack: FloatArray = (2.1 * _UNIT * (queries.shape[1] + 4) * size).astype(np.float32)
    return slack
