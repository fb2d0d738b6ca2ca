"""Exact top-k under a mask. The mask goes into retrieval: a list is short only where nothing scored is left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from threading import local

import numpy as np
from numpy.typing import NDArray

from recsys.retrieval import scan
from recsys.retrieval.block import TOGETHER, hide, ranked_rows
from recsys.retrieval.codes import FEW, ONE_IN, SEARCHED, WORTH_IT, Codes
from recsys.retrieval.scan import inner
from recsys.types import BoolArray, FloatArray, IntArray, Ranked

_BLOCK = 1 << 21  # scores held at once, unless rows are very long: 8 MiB, which a processor's cache has room for
_NEAR = 1 << 19  # scores that are looked through at once: 2 MiB, as much as a core has for itself
_QUERIES = 64  # at once, unless scores are fewer
_PAIRS = 512  # of a query and an item, scored exactly at once
_TOGETHER = 8  # items that are scored for many queries at once
_UNIT = 2.0**-24  # float32 rounding
_threads = local()


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
    """Item vectors as they are searched: exactly, with ``codes`` that propose where there are many.

    A list is bitwise the same alone and in any batch, with codes and without, compiled and in numpy: a product of
    matrices, whose rounding depends on the batch, only proposes; what lies within its error of the n-th place is scored
    again, each item by itself.
    """

    items: FloatArray  # (items, d)
    codes: Codes | None = None

    @classmethod
    def of(cls, items: FloatArray, typical: FloatArray | None = None) -> "Vectors":
        """With codes, if there are enough vectors, all of them finite, and the compiled loops that read these.

        ``typical`` (q, d) queries decide how short the codes are; sums of a few items where they are left out.
        """
        plain = cls(items)
        return cls(items, Codes.of(items, typical)) if len(items) >= WORTH_IT and plain.scanned else plain

    @cached_property
    def longest(self) -> float:
        """The largest norm."""
        return float(np.sqrt(np.einsum("ij,ij->i", self.items, self.items).max(initial=0.0)))

    @property
    def codes_are_short(self) -> bool:
        """Whether codes, on one thread, beat a product of floats on all of them for however many queries."""
        if self.codes is None:
            return False
        return scan.fastest() == scan.BYTES_AT_ONCE or 4 * self.codes.basis.shape[1] <= self.items.shape[1]

    @property
    def scanned(self) -> bool:
        """Whether the compiled loops can search these."""
        return scan.loaded() is not None and self._sound

    @cached_property
    def _sound(self) -> bool:
        """All finite, and in the memory as C would have them."""
        whole = self.items.flags.c_contiguous and self.items.dtype == np.float32
        return bool(whole and np.isfinite(self.longest))

    def slack(self, queries: FloatArray, bias: FloatArray | None) -> FloatArray:
        """(q,) twice the largest rounding error of a float32 inner product in any order of summation, and its bias."""
        size = np.sqrt(np.vecdot(queries, queries)) * self.longest  # (q,) bounds every |score|
        if bias is not None:
            size = size + (self._reach(bias) if bias.ndim == 1 else _largest(bias))
        slack: FloatArray = (2.1 * _UNIT * (queries.shape[1] + 4) * size).astype(np.float32)
        return slack

    def _reach(self, bias: FloatArray) -> FloatArray:
        """() The largest size of a bias (items,), looked for once where it is the same array again."""
        known: tuple[FloatArray, FloatArray] | None = self.__dict__.get("_biased")
        if known is None or known[0] is not bias:
            known = self.__dict__["_biased"] = bias, _largest(bias)
        return known[1]

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
        n = min(n, n_allowed)
        pool = _Pool(self, np.ascontiguousarray(allowed), n_allowed, len(queries))
        held = 2 * n * self.items.shape[1] if self.scanned else max(len(pool.ids), 2 * n * self.items.shape[1])
        step = max(TOGETHER, min(_BLOCK // held, _QUERIES))
        found: list[Ranked] = []
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            extra = bias[part] if bias is not None and bias.ndim == 2 else bias  # (items,) or (block, items)
            found += pool.top(queries[part], n, exclude[part], source, extra)
        return found


def _scratch(rows: int, width: int) -> FloatArray:
    """(rows, width) this thread's memory, whatever is in it: what is new each time costs as much as a search."""
    size = rows * width
    held: FloatArray | None = getattr(_threads, "scratch", None)
    if held is None or len(held) < size:
        held = np.empty(size, np.float32)
        if size <= _BLOCK:
            _threads.scratch = held
    return held[:size].reshape(rows, width)


class _Pool:
    """The vectors that a search goes through: all, or copies of those allowed where they are few."""

    def __init__(self, vectors: Vectors, allowed: BoolArray, n_allowed: int, n_queries: int) -> None:
        self._vectors, self._allowed = vectors, allowed
        coded = vectors.scanned and n_allowed >= max(SEARCHED, len(allowed) // ONE_IN)
        self._codes = vectors.codes if coded and (n_queries <= FEW or vectors.codes_are_short) else None
        self._few = self._codes is None and 2 * n_allowed < len(allowed)
        self._all = n_allowed == len(allowed)
        self.ids = np.flatnonzero(allowed).astype(np.int32) if self._few else vectors.everything  # of the columns
        self._items = vectors.items[self.ids] if self._few else vectors.items  # (pool, d)

    def top(
        self, asked: FloatArray, n: int, exclude: Sequence[IntArray], source: str, bias: FloatArray | None
    ) -> list[Ranked]:
        """The lists of ``asked`` (q, d)."""
        vectors = self._vectors
        slack = vectors.slack(asked, bias)
        if not vectors.scanned or not np.isfinite(slack).all():
            return self._plain(asked, n, exclude, source, bias)
        wanted = scan.Asked(vectors.items, np.ascontiguousarray(asked, np.float64), self._allowed, exclude, bias)
        near = np.ascontiguousarray(asked, np.float32)
        looked_at: scan.Coded | scan.Scored
        if self._codes is None:
            off = np.zeros((len(asked), 3), np.float32)
            looked_at = scan.Scored(self._blocks(near), self.ids if self._few else None)
        else:
            looked_at, off = self._codes.ask(near)
            slack *= 3  # turning vectors rounds on both sides
        off[:, 2] = slack
        found, values, counts = scan.best(looked_at, wanted, off, n)
        lists = []
        for row, count in enumerate(counts.tolist()):
            if count < 0:  # ties all over, or a query that codes say little about
                part = slice(row, row + 1)
                own = bias[part] if bias is not None and bias.ndim == 2 else bias
                lists += self._plain(asked[part], n, exclude[part], source, own)
            else:
                lists.append(Ranked(found[row, :count], values[row, :count], source))
        return lists

    def _blocks(self, asked: FloatArray) -> Iterator[tuple[int, FloatArray]]:
        """First column and scores (rows, width) of stretches of the pool."""
        width = max(scan.BLOCK, _NEAR // len(asked) // scan.BLOCK * scan.BLOCK)
        for start in range(0, len(self._items), width):
            part = self._items[start : start + width]
            yield start, np.matmul(asked, part.T, out=_scratch(len(asked), len(part)))

    def _plain(
        self, asked: FloatArray, n: int, exclude: Sequence[IntArray], source: str, bias: FloatArray | None
    ) -> list[Ranked]:
        """The same in numpy."""
        slack = self._vectors.slack(asked, bias)
        with np.errstate(invalid="ignore", over="ignore"):
            block = asked @ self._items.T
        if bias is not None:
            block += bias[..., self.ids] if self._few else bias
        if not (self._few or self._all):
            block[:, ~self._allowed] = -np.inf
        hide(block, self.ids, exclude)
        exact = _Exact(asked.astype(np.float64), self._vectors.items, bias, self.ids)
        return ranked_rows(block, self.ids, n, slack, exact, source)


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
            scores[part] = inner(self.items[item[part]], asked)
        if self.bias is not None:
            scores += self.bias[row, item] if self.bias.ndim == 2 else self.bias[item]
        return np.asarray(scores, np.float32) + np.float32(0)


def dot_scores(queries: FloatArray, items: FloatArray, bias: FloatArray | None = None) -> FloatArray:
    """(q, items) inner products plus bias, each summed in float64 by itself: the same in every batch.

    These are the scores that ``Vectors.top`` returns. Meant for some hundreds of items, not for a whole catalogue.
    """
    rows = np.empty((len(queries), len(items)), np.float32)
    if 0 < len(items) <= _TOGETHER and 1 < len(queries) <= _PAIRS // len(items):  # one call is faster than one a query
        each = np.repeat(queries.astype(np.float64), len(items), axis=0)
        pairs = inner(np.tile(items, (len(queries), 1)), each).reshape(rows.shape)
        rows[:] = pairs if bias is None else pairs + bias
        return rows
    for at, vector in enumerate(queries.astype(np.float64)):
        row = inner(items, vector)
        rows[at] = row if bias is None else row + bias
    return rows


def _largest(bias: FloatArray) -> FloatArray:
    """The largest size along the last axis, without a copy of it all."""
    return np.asarray(np.maximum(bias.max(initial=0.0, axis=-1), -bias.min(initial=0.0, axis=-1)))
