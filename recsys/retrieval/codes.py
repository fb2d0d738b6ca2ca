"""Item vectors in one byte a number: a quarter of the memory traffic, and how far off its products can be."""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.types import FloatArray, IntArray

WORTH_IT = 16_384  # vectors; fewer lie in a cache anyway, and the rounding of the query is not paid back
FEW = 32  # queries at once; a product of more of them is not held up by memory
_LEVELS = 127
_ROWS = 65_536  # rounded at once


@dataclass(frozen=True, eq=False)
class Codes:
    """Vectors rounded to ``scale`` times integers of [-127, 127], each on a scale of its own.

    An inner product of a vector and a query is off by at most |query| · lost + |what the query lost| · norm
    (Cauchy–Schwarz), so whoever scores all items within that of the n-th place again misses none.
    """

    codes: NDArray[np.int8]  # (items, d)
    scale: FloatArray  # (items,)
    lost: float  # the largest Euclidean distance between a vector and its rounded form
    norm: float  # the largest norm of a rounded vector

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, vectors: FloatArray) -> "Codes":
        """Round (items, d) vectors; what is not finite becomes 0 and must be masked by the caller."""
        codes, scale = np.empty(vectors.shape, np.int8), np.empty(len(vectors), np.float32)
        lost = 0.0
        for start in range(0, len(vectors), _ROWS):
            part = slice(start, start + _ROWS)
            codes[part], scale[part] = rounded(vectors[part])
            rest = np.nan_to_num(vectors[part], posinf=0.0, neginf=0.0) - codes[part] * scale[part, None]
            lost = max(lost, _longest(rest))
        return cls.read(codes, scale, lost)

    @classmethod
    def read(cls, codes: NDArray[np.int8], scale: FloatArray, lost: float) -> "Codes":
        """The same from what was stored."""
        size = np.sqrt(np.einsum("ij,ij->i", codes, codes, dtype=np.float32)) * scale
        return cls(codes, scale, lost, float(size.max(initial=0.0)))

    def some(self, ids: IntArray) -> "Codes":
        """Those of ``ids``, copied; the bounds of all hold for them too."""
        return Codes(self.codes[ids], self.scale[ids], self.lost, self.norm)

    def products(self, queries: FloatArray, out: FloatArray) -> FloatArray:
        """(q, items) approximate inner products into ``out``; gives (q,) how far off each row may be."""
        import torch  # its integer product is four times as fast as BLAS on floats, and nothing here has one

        asked, size = rounded(queries)
        whole = torch._int_mm(torch.from_numpy(asked), self._columns).numpy()  # (q, items) int32
        for row, products, own in zip(out, whole, size, strict=True):  # one row stays in the cache for all three steps
            np.copyto(row, products, casting="unsafe")
            row *= self.scale
            row *= own
        rest = queries - asked * size[:, None]
        length, gap = (np.sqrt(np.einsum("ij,ij->i", rows, rows)) for rows in (queries, rest))
        error: FloatArray = length * self.lost + gap * self.norm
        return error

    @cached_property
    def _columns(self) -> Any:
        import torch

        with warnings.catch_warnings():  # a mapped file is read-only, and so is what is done with it
            warnings.simplefilter("ignore", UserWarning)
            return torch.from_numpy(self.codes).T  # (d, items)


def rounded(vectors: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
    """(n, d) integers and (n,) scales, so that integers times scale are near the vectors."""
    finite = vectors if np.isfinite(vectors).all() else np.nan_to_num(vectors, posinf=0.0, neginf=0.0)
    scale = np.abs(finite).max(axis=1, initial=0.0) / np.float32(_LEVELS)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    return np.rint(finite / scale[:, None]).astype(np.int8), scale


def _longest(rows: FloatArray) -> float:
    return float(np.sqrt(np.einsum("ij,ij->i", rows, rows).max(initial=0.0)))
