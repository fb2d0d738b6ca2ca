"""The loops of ``loops.c``: what takes most of the time of models that add up rows, mix parts and score by trees.

``hatch_build.py`` compiles them when the package is installed. Where that did not happen ``loaded()`` is None, and
numpy finds the same numbers, bit by bit, more slowly. The interpreter's lock is released meanwhile.
"""

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from recsys.retrieval import top_k
from recsys.types import BoolArray, FloatArray, IntArray

Column = NDArray[np.float64]

_ARGUMENTS = {  # p for an array, n for a number
    "add_rows": "pnppnp",
    "add_entries": "pppnppnp",
    "merge": "ppnpnppp",
    "best": "pnppnnppp",
    "ranked": "ppnnppp",
    "scales": "pnnpp",
    "table": "ppnnpnnppnp",
    "mix": "pppnnpp",
    "weighted": "pnpnp",
    "trees": "pppnpp",
}
_TYPES = {"p": ctypes.c_void_p, "n": ctypes.c_int64}
FEATURES = 1024  # of a row, which the loops have room for
_ROWS = 32  # that trees score at once
_WIDTH = 32  # bytes of a register: rows of bits are as many, or a multiple


@cache
def loaded() -> ctypes.CDLL | None:
    """The compiled loops, None where they are not there."""
    if sys.byteorder != "little":
        return None
    for path in sorted(Path(__file__).parent.glob("_loops.*")):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:  # made for another machine
            continue
        for name, kinds in _ARGUMENTS.items():
            function = getattr(library, f"recsys_{name}")
            function.argtypes, function.restype = [_TYPES[kind] for kind in kinds], ctypes.c_int64
        return library
    return None


def add_rows(matrix: FloatArray, rows: IntArray, weights: FloatArray) -> FloatArray:
    """(columns,) the weighted sum of whole rows of a matrix (.., columns), float32, in the order of ``rows``."""
    total = np.zeros(matrix.shape[1], np.float32)
    library = loaded()
    if library is not None and _plain(matrix, np.float32):
        rows, weights = _as(rows, np.int32), _as(weights, np.float32)
        library.recsys_add_rows(at(matrix), len(total), at(rows), at(weights), len(rows), at(total))
        return total
    # row by row: BLAS would round a sum differently from one shape to the next
    part = np.empty_like(total)
    for row, weight in zip(rows, weights, strict=True):
        np.multiply(matrix[row], weight, out=part)
        total += part
    return total


def add_entries(
    indptr: NDArray[np.int64], columns: IntArray, values: FloatArray, rows: IntArray, weights: FloatArray
) -> FloatArray:
    """(rows of ``indptr``,) the same of rows of a square matrix that hold some entries; -inf where none holds one.

    IndexError where a column lies outside of it.
    """
    library, known = loaded(), len(indptr) - 1
    if library is not None and _plain(columns, np.int32) and _plain(values, np.float32):
        indptr, rows, weights = _as(indptr, np.int64), _as(rows, np.int32), _as(weights, np.float32)
        total = np.empty(known, np.float32)
        held = (at(indptr), at(columns), at(values), known)
        if not library.recsys_add_entries(*held, at(rows), at(weights), len(rows), at(total)):
            raise IndexError("A row holds a column outside of the matrix.")
        return total
    start, length = indptr[rows], indptr[rows + 1] - indptr[rows]
    entry = np.arange(length.sum()) + np.repeat(start - (np.cumsum(length) - length), length)
    total = np.full(known, -np.inf, np.float32)
    total[columns[entry]] = 0.0
    np.add.at(total, columns[entry], np.repeat(weights, length) * values[entry])  # in the order of the rows
    return total


def merge(items: IntArray, weights: FloatArray, size: int, places: IntArray | None = None) -> tuple[IntArray, Column]:
    """A history's items below ``size``, each once and ascending, and the sums of their weights.

    With ``places`` (size,) these stand for the items, and what has none, -1, is left out.
    """
    library = loaded()
    if library is not None:
        items, weights = _as(items, np.int32), _as(weights, np.float32)
        found, sums = np.empty(len(items), np.int32), np.empty(len(items))
        keys, place = np.empty(len(items), np.uint64), None if places is None else at(places)
        about = (at(items), at(weights), len(items), place, size)
        count = library.recsys_merge(*about, at(keys), at(found), at(sums))
        return found[:count], sums[:count]
    inside = items < size
    own, weights = (items[inside] if places is None else places[items[inside]]), weights[inside]
    found, which = np.unique(own[own >= 0], return_inverse=True)
    return found, np.asarray(np.bincount(which, weights[own >= 0], len(found)), np.float64)


def best(row: FloatArray, n: int, allowed: BoolArray, hidden: IntArray) -> tuple[IntArray, FloatArray]:
    """The ``n`` best allowed items of a row of scores (items,) without the sorted ``hidden``; ties to the lower index.

    Falling scores; one that is not finite is an abstention and never found.
    """
    library = loaded()
    if library is None:
        (ranked,) = top_k(row[None, :], n, allowed, [hidden], "")
        return ranked.items, ranked.scores
    row, allowed, hidden = _as(row, np.float32), _as(allowed, np.bool_), _as(hidden, np.int32)
    n = max(0, min(n, len(row)))
    memory, found, scores = np.empty(2 * len(row), np.uint64), np.empty(n, np.int32), np.empty(n, np.float32)
    about = (at(row), len(row), at(allowed), at(hidden), len(hidden), n)
    count = library.recsys_best(*about, at(memory), at(found), at(scores)) if n else 0
    return found[:count], scores[:count]


def ranked(items: IntArray, scores: NDArray[np.floating], n: int) -> tuple[IntArray, FloatArray]:
    """The ``n`` best of some items by their scores (items,), ties in their order; what is not finite is left out."""
    library = loaded()
    if library is None:
        order = np.argsort(-scores, kind="stable")[:n]
        order = order[np.isfinite(scores[order])]
        return items[order], scores[order].astype(np.float32)
    items, own = _as(items, np.int32), np.asarray(scores, np.float64, order="C")
    n = max(0, min(n, len(items)))
    keys, found, values = np.empty(len(items), np.uint64), np.empty(n, np.int32), np.empty(n, np.float32)
    count = library.recsys_ranked(at(items), at(own), len(items), n, at(keys), at(found), at(values))
    return found[:count], values[:count]


def scales(scores: FloatArray) -> Column:
    """(rows, 2) mean and standard deviation of what is finite in each row (rows, items); 0 and 1 where nothing is."""
    library, found = loaded(), np.empty((len(scores), 2))
    if library is not None:
        scores, numbers = _as(scores, np.float32), np.empty(scores.shape[1])
        library.recsys_scales(at(scores), *scores.shape, at(numbers), at(found))
        return found
    for row, own in zip(found, scores.astype(np.float64), strict=True):
        known = own[np.isfinite(own)]
        spread = float(known.std()) if len(known) else 1.0
        row[:] = known.mean() if len(known) else 0.0, spread if spread > 0 else 1.0
    return found


def standard(scores: FloatArray, scale: Column) -> Column:
    """(parts, items) scores less the means, in the deviations of ``scale`` (parts, 2); -inf where one is not finite."""
    own = scores.astype(np.float64)
    return np.where(np.isfinite(own), (own - scale[:, :1]) / scale[:, 1:], -np.inf)


def table(
    scores: FloatArray, scale: Column, facts: FloatArray, items: IntArray, width: int
) -> tuple[FloatArray, BoolArray]:
    """Rows (items, width) that begin with standard scores of the parts, 0 where one is silent, and ``facts`` of items.

    What is behind these is not yet written. And (items,) for which any part speaks. IndexError beyond the facts.
    """
    rows, library = np.empty((len(items), width), np.float32), loaded()
    if library is not None and _plain(facts, np.float32):
        scores, items, spoken = _as(scores, np.float32), _as(items, np.int32), np.empty(len(items), np.bool_)
        known = (at(facts), *facts.shape, at(items), at(rows), width, at(spoken))
        if not library.recsys_table(at(scores), at(scale), *scores.shape, *known):
            raise IndexError("No facts are known of an item.")
        return rows, spoken
    own = standard(scores, scale)
    said = np.isfinite(own)
    rows[:, : len(own)] = np.where(said, own, 0.0).T
    rows[:, len(own) : len(own) + facts.shape[1]] = facts[items]
    return rows, np.asarray(said.any(axis=0))


def mix(scores: FloatArray, scale: Column, weights: Column) -> Column:
    """(items,) weighted means of the standard scores of the parts that say anything; -inf where all abstain."""
    library, mixed = loaded(), np.zeros(scores.shape[1])
    if library is not None:
        scores, numbers = _as(scores, np.float32), np.empty(len(scores))
        library.recsys_mix(at(scores), at(scale), at(weights), *scores.shape, at(numbers), at(mixed))
        return mixed
    own = standard(scores, scale)
    said = np.isfinite(own) & (weights > 0)[:, None]
    for weight, row in zip(weights, np.where(said, own, 0.0), strict=True):
        mixed += weight * row  # part by part: BLAS would round it by who else is there
    voters = weights[said.any(axis=1)].sum()  # a part that is silent for this query gives its share to the rest
    return np.where(said.any(axis=0), mixed / max(voters, np.finfo(np.float64).tiny), -np.inf)


def weighted(rows: FloatArray, weights: Column) -> Column:
    """(rows,) sums of rows (rows, features) times weights (features,), or (rows, features) where each has its own."""
    library = loaded()
    if library is None or weights.ndim > 1 or rows.shape[1] > FEATURES:
        # row by row: an item's score is the same in any company
        return np.asarray((rows * weights).sum(axis=1), np.float64)
    rows, weights, scores = _as(rows, np.float32), _as(weights, np.float64), np.empty(len(rows))
    library.recsys_weighted(at(rows), rows.shape[1], at(weights), len(rows), at(scores))
    return scores


def at(array: NDArray[Any]) -> int:
    """Where an array lies; whoever asks keeps it alive."""
    if array.flags.writeable and array.size:  # four times as quick
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    place: int = array.__array_interface__["data"][0]
    return place


def _as(array: NDArray[Any], kind: DTypeLike) -> NDArray[Any]:
    return np.ascontiguousarray(array, kind)


def _plain(array: NDArray[Any], kind: DTypeLike) -> bool:
    """Whether the loops can read an array, which is too large to be copied, as it is."""
    return bool(array.flags.c_contiguous and array.dtype == kind)


class _Forest(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("thresholds", "first", "bits", "leaves")),
        *((name, ctypes.c_int64) for name in ("features", "tables", "width")),
    ]


class CompiledForest:
    """The arrays of a ``Forest`` as the loops read them."""

    def __init__(self, *arrays: NDArray[Any]) -> None:
        thresholds, first, bits, leaves = self._arrays = arrays  # held, as the structure knows only where they lie
        about = {"features": len(first) - 1, "tables": len(leaves), "width": bits.shape[1]}
        self._forest = _Forest(at(thresholds), at(first), at(bits), at(leaves), **about)
        self._features, self._width = len(first) - 1, bits.shape[1]

    @classmethod
    def of(
        cls, thresholds: FloatArray, first: NDArray[np.int64], bits: NDArray[np.uint8], leaves: Column
    ) -> "CompiledForest | None":
        """None where nothing is compiled, or where the loops have no room for it."""
        if loaded() is None or len(first) > FEATURES:
            return None
        padded = np.zeros((len(bits), -(-len(leaves) // _WIDTH) * _WIDTH), np.uint8)
        padded[:, : len(leaves)] = bits
        return cls(thresholds, first, padded, np.ascontiguousarray(leaves))

    def score(self, rows: FloatArray, last: FloatArray) -> Column:
        """(rows,) of finite features (rows, features - 1) and the last one (rows,)."""
        library = loaded()
        if library is None or rows.shape[1] != self._features - 1:
            raise ValueError(f"{rows.shape[1] + 1} features were given to trees of {self._features}.")
        rows, last, scores = _as(rows, np.float32), _as(last, np.float32), np.empty(len(rows))
        bits = np.empty(_ROWS * self._width, np.uint8)
        library.recsys_trees(ctypes.addressof(self._forest), at(rows), at(last), len(rows), at(bits), at(scores))
        return scores
