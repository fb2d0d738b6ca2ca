"""Rows of an item-item matrix added up by a history, and the best of a whole row."""

import numpy as np
from numpy.typing import NDArray

from recsys.models.loops import library
from recsys.models.loops.library import Column, as_kind, at, is_plain, scratch
from recsys.retrieval import top_k
from recsys.types import BoolArray, FloatArray, IntArray


def add_rows(matrix: FloatArray, rows: IntArray, weights: FloatArray) -> FloatArray:
    """(columns,) the weighted sum of whole rows of a matrix (.., columns), float32, in the order of ``rows``."""
    total = np.zeros(matrix.shape[1], np.float32)
    loops = library.loaded()
    if loops is not None and is_plain(matrix, np.float32):
        rows, weights = as_kind(rows, np.int32), as_kind(weights, np.float32)
        loops.recsys_add_rows(at(matrix), len(total), at(rows), at(weights), len(rows), at(total))
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
    loops, known = library.loaded(), len(indptr) - 1
    if loops is not None and is_plain(columns, np.int32) and is_plain(values, np.float32):
        indptr, rows, weights = as_kind(indptr, np.int64), as_kind(rows, np.int32), as_kind(weights, np.float32)
        total = np.empty(known, np.float32)
        held = (at(indptr), at(columns), at(values), known)
        if not loops.recsys_add_entries(*held, at(rows), at(weights), len(rows), at(total)):
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
    loops = library.loaded()
    if loops is not None:
        items, weights = as_kind(items, np.int32), as_kind(weights, np.float32)
        found, sums = np.empty(len(items), np.int32), np.empty(len(items))
        place = None if places is None else at(places)
        about = (at(items), at(weights), len(items), place, size)
        count = loops.recsys_merge(*about, scratch(16 * len(items)), at(found), at(sums))
        return found[:count], sums[:count]
    inside = (items >= 0) & (items < size)
    own, weights = (items[inside] if places is None else places[items[inside]]), weights[inside]
    found, which = np.unique(own[own >= 0], return_inverse=True)
    return found, np.asarray(np.bincount(which, weights[own >= 0], len(found)), np.float64)


def best(row: FloatArray, n: int, allowed: BoolArray, hidden: IntArray) -> tuple[IntArray, FloatArray]:
    """The ``n`` best allowed items of a row of scores (items,) without the sorted ``hidden``; ties to the lower index.

    Falling scores; one that is not finite is an abstention and never found.
    """
    loops, row = library.loaded(), row[: len(allowed)]
    if loops is None:
        (ranked,) = top_k(row[None, :], n, allowed, [hidden], "")
        return ranked.items, ranked.scores
    row, allowed, hidden = as_kind(row, np.float32), as_kind(allowed, np.bool_), as_kind(hidden, np.int32)
    n = max(0, min(n, len(row)))
    found, scores = np.empty(n, np.int32), np.empty(n, np.float32)
    about = (at(row), len(row), at(allowed), at(hidden), len(hidden), n)
    count = loops.recsys_best(*about, scratch(16 * len(row)), at(found), at(scores)) if n else 0
    return found[:count], scores[:count]
