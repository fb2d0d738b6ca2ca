"""Exact search that reads a fraction of the vectors: their leading directions bound every score.

Learned vectors vary in few directions. Along those, a score is known but for what is left of both vectors, and that is
at most the product of their lengths (Cauchy and Schwarz). Whatever cannot reach the n-th best so far is never looked
at (Li, Chan, Yiu and Mamoulis 2017, FEXIPRO).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.retrieval.block import hide
from recsys.retrieval.select import best
from recsys.types import BoolArray, FloatArray, IntArray, Ranked

_LEFT = 0.1  # share of the squared lengths that may be left out of the leading directions
_SHARE = 3  # no more than one in so many directions is leading, else reading all of them is as fast
_CACHED = 1 << 22  # numbers: 16 MiB; what is larger comes from memory at every query, and codes are smaller
_LOOKED_AT = 0.02  # the share of all items that typical queries may have to score
_TOP, _TRIED = 100, 16  # places that are asked for, and how many queries try
_MOST = 0.05  # a query that has to look at more items is better off with all of them in a row
_BLOCK = 1 << 21  # bounds held at once: 8 MiB, which a processor's cache has room for
_COLUMNS = 1024  # a row of bounds is folded to at least so many columns, whose maxima are looked at first


@dataclass(frozen=True, eq=False)
class Lead:
    """The vectors along their leading directions, and how long the rest of each is."""

    rows: FloatArray  # (m + 1, items) a direction a row, the last one the lengths of the rests, rounded up
    basis: NDArray[np.float64]  # (d, m) orthonormal

    @classmethod
    def of(cls, items: FloatArray, typical: FloatArray | None = None) -> "Lead | None":
        """The leading directions of (items, d) vectors; None where they vary in too many, or are not finite.

        None too where ``typical`` (q, d) queries have to look at many items: a query that solves for a history asks
        most for what the items have least of.
        """
        gram = np.zeros((items.shape[1],) * 2)
        for start in range(0, len(items), 8192):
            block = items[start : start + 8192].astype(np.float64)
            gram += block.T @ block
        if not np.isfinite(gram).all():
            return None
        energy, directions = np.linalg.eigh(gram)
        share = np.cumsum(energy[::-1]) / max(float(energy.sum()), 1e-300)
        m = int(np.searchsorted(share, 1 - _LEFT)) + 1
        if m > items.shape[1] // _SHARE or (m + 1) * len(items) > _CACHED:
            return None
        basis = np.ascontiguousarray(directions[:, ::-1][:, :m])
        rows = np.empty((m + 1, len(items)), np.float32)
        for start in range(0, len(items), 8192):
            block = items[start : start + 8192].astype(np.float64)
            along = block @ basis  # (block, m)
            left = np.maximum(np.einsum("ij,ij->i", block, block) - np.einsum("ij,ij->i", along, along), 0.0)
            rows[:m, start : start + 8192] = along.T
            rows[m, start : start + 8192] = np.sqrt(left) * (1 + 1e-6)
        found = cls(rows, basis)
        if typical is None:
            rng = np.random.default_rng(0)
            typical = items[rng.integers(0, len(items), (_TRIED, 4))].sum(axis=1)
        return found if found.share_near(items, typical) <= _LOOKED_AT else None

    def share_near(self, items: FloatArray, queries: FloatArray) -> float:
        """The share of items whose bound reaches the hundredth best score, on average."""
        bounds = self._along(queries) @ self.rows  # (q, items)
        reach = [_nth(items @ query, min(_TOP, len(items))) for query in queries]
        return float(np.mean(bounds >= np.array(reach)[:, None]))

    def top(
        self,
        queries: FloatArray,
        n: int,
        allowed: BoolArray,
        exclude: Sequence[IntArray],
        source: str,
        *,
        items: FloatArray,
        bias: FloatArray | None,
        slack: FloatArray,
    ) -> list[Ranked]:
        """The best ``n`` allowed of ``items``, as ``Vectors`` finds them; ``slack`` (q,) is twice the rounding."""
        shut = np.where(allowed, np.float32(0), np.float32(-np.inf))  # (items,)
        if bias is not None and bias.ndim == 1:
            shut += bias
        everything = np.arange(len(items), dtype=np.int32)
        asked = self._along(queries)
        columns = max(_COLUMNS, 4 * n)
        width = -(-len(items) // columns) * columns
        step = max(1, _BLOCK // width)
        buffer = np.empty((min(step, len(queries)), width), np.float32)
        buffer[:, len(items) :] = -np.inf
        found: list[Ranked] = []
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            block = buffer[: len(queries[part])]
            bounds = block[:, : len(items)]
            np.matmul(asked[part], self.rows, out=bounds)
            bounds += shut
            if bias is not None and bias.ndim == 2:
                bounds += bias[part]
            hide(bounds, everything, exclude[part])
            highest = block.reshape(len(block), -1, columns).max(axis=1)  # (rows, columns)
            for row, query in enumerate(queries[part]):
                extra = bias[start + row] if bias is not None and bias.ndim == 2 else bias
                scored = _Scored(query, items, extra, float(slack[start + row]))
                near = scored.near(block[row], highest[row], n)
                found.append(Ranked(*best(scored.exact(near), near, n), source))
        return found

    def _along(self, queries: FloatArray) -> FloatArray:
        """(q, m + 1) the queries along the leading directions, and how long the rest of each is."""
        wide = queries.astype(np.float64)
        along = np.stack([row @ self.basis for row in wide])
        left = np.maximum(np.einsum("ij,ij->i", wide, wide) - np.einsum("ij,ij->i", along, along), 0.0)
        return np.concatenate([along, (np.sqrt(left) * (1 + 1e-6))[:, None]], axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """The scores of one query, worked out where the bounds do not decide."""

    query: FloatArray  # (d,)
    items: FloatArray  # (items, d)
    bias: FloatArray | None  # (items,)
    slack: float

    def near(self, bounds: FloatArray, highest: FloatArray, n: int) -> IntArray:
        """Ascending items that may be among the ``n`` best by their ``bounds`` (width,), of which ``highest`` are some.

        The best by their bounds are scored first: the n-th best of them is one that the n-th best is not below.
        """
        first = _reaching(bounds, float(np.partition(highest, -2 * n)[-2 * n]))
        reach = _nth(self.rough(first), n) - self.slack
        near = first if reach == -np.inf else _reaching(bounds, reach)
        if len(near) > _MOST * len(self.items):
            scores = (self.items @ self.query)[near]
            scores = scores if self.bias is None else scores + self.bias[near]
        else:
            scores = self.rough(near)
        return near[scores >= _nth(scores, n) - self.slack]

    def rough(self, items: IntArray) -> FloatArray:
        """(items,) scores but for their rounding."""
        scores: FloatArray = self.items[items] @ self.query
        return scores if self.bias is None else scores + self.bias[items]

    def exact(self, items: IntArray) -> FloatArray:
        """(items,) the scores of ``dot_scores``; -0.0 is 0.0."""
        scores: NDArray[np.float64] = np.vecdot(self.items[items].astype(np.float64), self.query.astype(np.float64))
        if self.bias is not None:
            scores += self.bias[items]
        return np.asarray(scores, np.float32) + np.float32(0)


def _reaching(bounds: FloatArray, reach: float) -> IntArray:
    """Ascending places of the bounds that are finite and not below ``reach``."""
    return np.flatnonzero(bounds >= reach if reach > -np.inf else np.isfinite(bounds)).astype(np.int32)


def _nth(scores: FloatArray, n: int) -> float:
    """The ``n``-th largest, -inf where there are fewer."""
    return float(np.partition(scores, -n)[-n]) if len(scores) >= n else -np.inf
