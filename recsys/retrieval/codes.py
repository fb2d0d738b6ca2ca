"""Item vectors in fewer bytes: an eighth of the memory traffic or less, and how far off the products can be."""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.types import FloatArray, IntArray

WORTH_IT = 16_384  # vectors; fewer lie in a cache anyway, and the rounding of the query is not paid back
SEARCHED = 4_096  # of them, left by a mask
FEW = 32  # queries at once; a product of more of them is not held up by memory
_LEVELS = 127
_WIDTHS = (16, 32, 64)  # directions that are tried, before all of them
_LOOKED_AT = 0.002  # the share of all items that may have to be scored again
_SAMPLE, _TRIED = 65_536, 16  # vectors from which the directions are learnt, and queries by which they are judged
_TOP = 100  # places that those queries ask for
_CHUNK = 65_536  # items at once: their scores stay in the cache


@dataclass(frozen=True, eq=False)
class Codes:
    """The leading directions of vectors, rounded to ``scale`` times integers of [-127, 127].

    An inner product with a query is off by at most |query| · lost + |what the query lost| · norm by the rounding, and
    |query outside the directions| · rest by what was left out (Cauchy–Schwarz). So whoever scores all items within that
    of the n-th place again misses none: the search stays exact.
    """

    codes: NDArray[np.int8]  # (items, r)
    scale: FloatArray  # (items,)
    basis: FloatArray  # (d, r) orthonormal columns
    lost: float  # the largest distance between a vector's part in the directions and its rounded form
    norm: float  # the largest norm of a rounded vector
    rest: float  # the largest norm of a vector's part outside the directions

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, vectors: FloatArray) -> "Codes":
        """Codes of (items, d) vectors in as few directions as pay; what is not finite becomes 0 and is to be masked."""
        directions = _directions(vectors)
        for width in (*(w for w in _WIDTHS if w < vectors.shape[1]), vectors.shape[1]):
            found = cls.along(vectors, np.ascontiguousarray(directions[:, :width]))
            if width == vectors.shape[1] or _share_near(vectors, found) <= _LOOKED_AT:
                break
        return found

    @classmethod
    def along(cls, vectors: FloatArray, basis: FloatArray) -> "Codes":
        """Codes along the orthonormal columns of ``basis`` (d, r)."""
        codes = np.empty((len(vectors), basis.shape[1]), np.int8)
        scale = np.empty(len(vectors), np.float32)
        lost = norm = rest = 0.0
        for start in range(0, len(vectors), _CHUNK):
            part = slice(start, start + _CHUNK)
            rows = _finite(vectors[part])
            inside = rows @ basis
            codes[part], scale[part] = rounded(inside)
            kept = np.multiply(codes[part], scale[part, None], dtype=np.float32)
            lost, norm = max(lost, _longest(inside - kept)), max(norm, _longest(kept))
            rest = max(rest, _longest(rows - inside @ basis.T))
        return cls(codes, scale, basis, lost, norm, rest)

    def some(self, ids: IntArray) -> "Codes":
        """Those of ``ids``, copied; the bounds of all hold for them too."""
        return Codes(self.codes[ids], self.scale[ids], self.basis, self.lost, self.norm, self.rest)

    def products(self, queries: FloatArray, out: FloatArray) -> FloatArray:
        """(q, items) approximate inner products with (q, d) into ``out``; gives (q,) how far off each row may be."""
        import torch  # its integer product is four times as fast as BLAS on floats, and nothing here has one

        inside = queries @ self.basis  # (q, r)
        asked, size = rounded(inside)
        left = torch.from_numpy(asked)
        for start in range(0, len(self), _CHUNK):
            part = slice(start, start + _CHUNK)
            whole = torch._int_mm(left, self.columns[:, part]).numpy()  # (q, chunk) int32
            for row, products, own in zip(out[:, part], whole, size, strict=True):
                np.copyto(row, products, casting="unsafe")
                row *= self.scale[part]
                row *= own
        gap = inside - np.multiply(asked, size[:, None], dtype=np.float32)
        outside = queries - inside @ self.basis.T
        error: FloatArray = _norms(queries) * self.lost + _norms(gap) * self.norm + _norms(outside) * self.rest
        return error

    @cached_property
    def columns(self) -> Any:
        """(r, items) as torch sees them, over the same memory."""
        import torch

        with warnings.catch_warnings():  # a mapped file is read-only, and so is what is done with it
            warnings.simplefilter("ignore", UserWarning)
            return torch.from_numpy(self.codes).T


def rounded(vectors: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
    """(n, r) integers and (n,) scales, so that integers times scale are near the vectors."""
    finite = _finite(vectors)
    scale = np.abs(finite).max(axis=1, initial=0.0) / np.float32(_LEVELS)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    return np.rint(finite / scale[:, None]).astype(np.int8), scale


def _directions(vectors: FloatArray) -> FloatArray:
    """(d, d) orthonormal columns, the ones first in which the vectors are long."""
    step = max(1, len(vectors) // _SAMPLE)
    sample = _finite(vectors[::step]).astype(np.float64)
    return np.linalg.eigh(sample.T @ sample)[1][:, ::-1].astype(np.float32)


def _share_near(vectors: FloatArray, codes: Codes) -> float:
    """The share of items that a search would have to score again; the queries are sums of a few items, as users are."""
    rng = np.random.default_rng(0)
    queries = _finite(vectors[rng.integers(0, len(vectors), (_TRIED, 4))]).sum(axis=1)  # (tried, d)
    scores = np.empty((_TRIED, len(vectors)), np.float32)
    error = codes.products(queries, scores)
    place = max(0, len(vectors) - _TOP)
    reach = np.partition(scores, place, axis=1)[:, place] - error
    return float((scores >= reach[:, None]).mean()) - _TOP / len(vectors)


def _finite(rows: FloatArray) -> FloatArray:
    return rows if np.isfinite(rows).all() else np.nan_to_num(rows, posinf=0.0, neginf=0.0)


def _norms(rows: NDArray[np.floating]) -> FloatArray:
    return np.asarray(np.sqrt(np.vecdot(rows, rows)), np.float32)


def _longest(rows: NDArray[np.floating]) -> float:
    return float(_norms(rows).max(initial=0.0))
