"""Rows of a sparse matrix in groups of like length, padded to one width, so that each group is one batch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.types import IntArray


@dataclass(frozen=True, eq=False)
class Group:
    """Some rows of a matrix; padding names a column and a cell that are one beyond the last."""

    rows: NDArray[np.int64]  # (b,)
    columns: IntArray  # (b, width)
    cells: NDArray[np.int64]  # (b, width) where each cell lies among all cells of the matrix


def groups(matrix: sp.csr_matrix, cells: IntArray, room: Callable[[int], int]) -> list[Group]:
    """All rows that have cells, the most work first; ``cells`` (nnz,) are the places of the matrix's cells.

    ``room`` says how many padded cells a group of some width may hold. The groups follow from the matrix and from
    ``room`` alone, never from the number of threads, so that the same sums are taken with any.
    """
    length = np.diff(matrix.indptr)
    order = np.argsort(-length, kind="stable")[: int((length > 0).sum())]
    found = [_padded(matrix, cells, order[first:last]) for first, last in _cuts(length[order], room)]
    return sorted(found, key=lambda group: -group.columns.size)


def padded(length: int) -> int:
    """The width of a group whose longest row has ``length`` cells: a multiple of what vector units like."""
    return -(-length // 8) * 8


def _cuts(length: IntArray, room: Callable[[int], int]) -> Iterator[tuple[int, int]]:
    """Where falling lengths are cut: a group ends where it is full or where padding would exceed an eighth."""
    first = 0
    while first < len(length):
        width = padded(int(length[first]))
        shortest = min(width - 7, 7 * width // 8)
        alike = int(np.searchsorted(-length, -shortest, "right"))
        last = min(alike, first + max(1, room(width) // width))
        yield first, last
        first = last


def _padded(matrix: sp.csr_matrix, cells: IntArray, rows: NDArray[np.int64]) -> Group:
    start, length = matrix.indptr[rows], np.diff(matrix.indptr)[rows]
    place = np.arange(padded(int(length.max())))  # (width,)
    real = place < length[:, None]  # (b, width)
    at = (start[:, None] + place)[real]
    columns = np.full(real.shape, matrix.shape[1], np.int32)
    columns[real] = matrix.indices[at]
    own = np.full(real.shape, matrix.nnz, np.int64)
    own[real] = cells[at]
    return Group(rows.astype(np.int64), columns, own)
