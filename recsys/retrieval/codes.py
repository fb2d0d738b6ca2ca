"""Item vectors in fewer bytes: an eighth of the memory traffic or less, and how far off the products can be."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.retrieval.scan import BLOCK, Coded
from recsys.types import FloatArray

WORTH_IT = 16_384  # vectors; fewer lie in a cache anyway
SEARCHED, ONE_IN = 4_096, 64  # of them, left by a mask, or this share: fewer are scored as they are
FEW = 32  # queries at once; a product of floats with more of them is not held up by memory
_LEVELS = 127
_WIDTHS = (16, 32, 64)  # directions that are tried, before all of them
_LOOKED_AT = 0.008  # the share of all items that may have to be scored again
_SAMPLE, _TRIED = 65_536, 16  # vectors from which the directions are learnt, and queries by which they are judged
_TOP = 100  # places that those queries ask for
_CHUNK = 1024 * BLOCK  # items at once
_UP = np.float32(1 + 1e-5)  # more than what float32 rounds away


@dataclass(frozen=True, eq=False)
class Codes:
    """The leading directions of vectors, rounded to integers of [-127, 127] times a scale of each vector's own.

    An inner product with a query is off by at most |query's part in the directions| · lost · scale by the rounding, and
    |its other part| · rest by what was left out (Cauchy–Schwarz). So whoever scores all items that come within that of
    the n-th place misses none: the search stays exact.
    """

    codes: NDArray[np.uint8]  # (blocks, ⌈r/4⌉, BLOCK, 4) 128 more than the integers; what fills up the fours is 0
    each: FloatArray  # (2, blocks · BLOCK) scale, and the length of what is outside the directions
    basis: FloatArray  # (d, r) orthonormal columns
    lost: float  # the largest distance between a vector's part in the directions and its codes, in its scale
    longest: float  # the largest norm of a vector's codes

    @classmethod
    def of(cls, vectors: FloatArray, typical: FloatArray | None = None) -> "Codes":
        """Codes of (items, d) finite vectors in as few directions as ``typical`` queries (q, d) allow.

        Without these, sums of a few items are asked for, as users are.
        """
        if typical is None or not len(typical):
            chosen = np.random.default_rng(0).integers(0, len(vectors), (_TRIED, 4))
            typical = vectors[chosen].sum(axis=1)
        directions = _directions(vectors)
        for width in (*(w for w in _WIDTHS if w < vectors.shape[1]), vectors.shape[1]):
            found = cls.along(vectors, np.ascontiguousarray(directions[:, :width]))
            if width == vectors.shape[1] or found.share_near(len(vectors), typical) <= _LOOKED_AT:
                break
        return found

    @classmethod
    def along(cls, vectors: FloatArray, basis: FloatArray) -> "Codes":
        """Codes along the orthonormal columns of ``basis`` (d, r)."""
        blocks = -(-len(vectors) // BLOCK)
        fours = -(-basis.shape[1] // 4)
        codes = np.empty((blocks, fours, BLOCK, 4), np.uint8)
        each = np.zeros((2, blocks * BLOCK), np.float32)
        lost = longest = 0.0
        for start in range(0, len(vectors), _CHUNK):
            rows = vectors[start : start + _CHUNK]
            inside = rows @ basis
            whole, scale = _rounded(inside)
            lost = max(lost, float(_norms(inside / scale[:, None] - whole).max(initial=0.0)))
            part = slice(start, start + len(rows))
            longest = max(longest, float(_norms(whole).max(initial=0.0)))
            each[0, part], each[1, part] = scale, _norms(rows - inside @ basis.T) * _UP
            padded = np.zeros((-(-len(rows) // BLOCK) * BLOCK, 4 * fours), np.int8)
            padded[: len(rows), : basis.shape[1]] = whole
            first = start // BLOCK
            turned = padded.reshape(-1, BLOCK, fours, 4).swapaxes(1, 2)
            codes[first : first + len(turned)] = turned.view(np.uint8) ^ np.uint8(128)
        return cls(codes, each, basis, lost, longest)

    def ask(self, queries: FloatArray) -> tuple[Coded, FloatArray]:
        """(q, d) queries along the directions, and (q, 3) how far off their bounds are, as ``scan.best`` takes it.

        The last of the three, the rounding of float32, is for the caller to put in.
        """
        asked = queries @ self.basis  # (q, r)
        r = asked.shape[1]
        whole, steps = _rounded(asked)
        off = np.zeros((len(queries), 3), np.float32)
        # what codes lose times the query, what the query loses times codes, and the rounding of float32: in the scale
        off[:, 0] = _norms(asked) * np.float32(self.lost + self.longest * 2.0**-20)
        off[:, 0] += _norms(asked - whole * steps[:, None]) * np.float32(self.longest)
        off[:, 0] *= _UP
        off[:, 1] = _norms(queries - asked @ self.basis.T) * _UP
        numbers = np.zeros((len(queries), 4 * self.codes.shape[1]), np.int8)
        numbers[:, :r] = whole
        return Coded(self.codes, self.each, numbers, steps), off

    def between(self, queries: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(q, width) the least and the most that the scores of all items, and what fills the last block, can be."""
        coded, off = self.ask(queries)
        asked = coded.asked * coded.steps[:, None]  # (q, 4 · fours)
        scores = np.empty((len(queries), len(self.codes) * BLOCK), np.float32)
        for start in range(0, len(self.codes), _CHUNK // BLOCK):
            part = self.codes[start : start + _CHUNK // BLOCK].astype(np.float32) - np.float32(128)
            rows = part.swapaxes(1, 2).reshape(-1, asked.shape[1])  # (items, 4 · fours)
            scores[:, start * BLOCK : start * BLOCK + len(rows)] = asked @ rows.T
        scores *= self.each[0]
        width = off[:, :2] @ self.each
        return scores - width, scores + width

    def share_near(self, n_items: int, queries: FloatArray) -> float:
        """The share of items whose scores may be among the hundred best, beyond those hundred."""
        low, high = (side[:, :n_items] for side in self.between(queries))
        place = max(0, n_items - _TOP)
        reach = np.partition(low, place, axis=1)[:, place]
        return float((high >= reach[:, None]).mean()) - _TOP / n_items


def _rounded(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(n, r) whole numbers and (n,) scales, so that numbers times scale are near the vectors."""
    scale = np.abs(vectors).max(axis=1, initial=0.0) / np.float32(_LEVELS)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    return np.rint(vectors / scale[:, None]), scale


def _directions(vectors: FloatArray) -> FloatArray:
    """(d, d) orthonormal columns, the ones first in which the vectors are long."""
    step = max(1, len(vectors) // _SAMPLE)
    sample = vectors[::step].astype(np.float64)
    return np.linalg.eigh(sample.T @ sample)[1][:, ::-1].astype(np.float32)


def _norms(rows: NDArray[np.floating]) -> FloatArray:
    return np.asarray(np.sqrt(np.vecdot(rows, rows)), np.float32)
