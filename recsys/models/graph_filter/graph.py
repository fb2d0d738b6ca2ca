"""The graph of items that share users: sparse, bounded, never the whole square of the catalogue."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.dataset.data import Dataset
from recsys.types import FloatArray, IntArray

RANKED_BY = 0.2  # the power of the neighbour's degree in the order that a row is pruned by
_PAIRS = 1 << 24  # products of one block of rows


@dataclass(frozen=True, eq=False)
class Links:
    """Rows of neighbours, aligned as in a CSR matrix: those of item ``i`` are ``indptr[i]:indptr[i + 1]``."""

    indptr: NDArray[np.int64]  # (items + 1,)
    neighbour: IntArray  # (links,)
    weight: FloatArray  # (links,)

    @property
    def item(self) -> IntArray:
        """(links,) whose row each link is in."""
        return np.repeat(np.arange(len(self.indptr) - 1, dtype=np.int32), np.diff(self.indptr))


def edges(data: Dataset, *, positives_only: bool) -> sp.csr_matrix:
    """(users, items) float32: who had what, by the heaviest of equal events."""
    chosen = np.flatnonzero(data.positive) if positives_only else np.arange(data.n_events)
    cell = np.asarray(data.user)[chosen].astype(np.int64) * data.n_items + np.asarray(data.item)[chosen]
    cells, place = np.unique(cell, return_inverse=True)
    heaviest = np.zeros(len(cells), np.float32)
    np.maximum.at(heaviest, place, np.asarray(data.weight)[chosen])
    user, item = np.divmod(cells, max(1, data.n_items))
    return sp.csr_matrix((heaviest, (user, item)), shape=(data.n_users, data.n_items), dtype=np.float32)


def degrees(matrix: sp.csr_matrix, axis: int) -> NDArray[np.float64]:
    """Sums over ``axis``; 1 where there is nothing, so that any power of it is finite."""
    sums = np.asarray(matrix.sum(axis=axis, dtype=np.float64)).ravel()
    return np.where(sums > 0, sums, 1.0)


def normalised(matrix: sp.csr_matrix, user_power: float, item_power: float) -> sp.csr_matrix:
    """Each cell over ``user_power`` of its user's degree and over ``item_power`` of its item's."""
    left = sp.diags(degrees(matrix, 1) ** -user_power, dtype=np.float32)
    right = sp.diags(degrees(matrix, 0) ** -item_power, dtype=np.float32)
    return sp.csr_matrix(left @ matrix @ right)


def links(norm: sp.csr_matrix, degree: NDArray[np.float64], neighbours: int) -> Links:
    """Each row of ``norm' norm`` (items, items) cut to its ``neighbours`` largest, in blocks of rows.

    Largest by weight times ``RANKED_BY`` of the neighbour's ``degree`` (items,), whatever the scores weigh it by.
    """
    lift = (degree**RANKED_BY).astype(np.float32)
    by_item = norm.T.tocsr()
    lengths, found, weights = [np.zeros(1, np.int64)], [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    for first, last in _blocks(norm, by_item):
        block = (by_item[first:last] @ norm).tocsr()
        block.sort_indices()
        keep = _largest(block.indptr, block.data * lift[block.indices], neighbours)
        lengths.append(np.diff(np.searchsorted(keep, block.indptr)))
        found.append(block.indices[keep].astype(np.int32))
        weights.append(block.data[keep].astype(np.float32))
    return Links(np.cumsum(np.concatenate(lengths)), np.concatenate(found), np.concatenate(weights))


def _blocks(norm: sp.csr_matrix, by_item: sp.csr_matrix) -> Iterator[tuple[int, int]]:
    """Ranges of items whose rows take about ``_PAIRS`` products each, or one row that takes more."""
    length = np.diff(norm.indptr).astype(np.int64)  # (users,)
    work = np.concatenate([[0], np.cumsum(length[by_item.indices])])[by_item.indptr]  # (items + 1,)
    first = 0
    while first < len(work) - 1:
        last = max(first + 1, int(np.searchsorted(work, work[first] + _PAIRS, "right")) - 1)
        yield first, last
        first = last


def _largest(indptr: IntArray, value: FloatArray, n: int) -> NDArray[np.int64]:
    """Ascending places of the ``n`` largest values of each row; of equal ones the first."""
    keep = np.ones(len(value), np.bool_)
    for row in np.flatnonzero(np.diff(indptr) > n):
        own = value[indptr[row] : indptr[row + 1]]
        least = np.partition(own, len(own) - n)[len(own) - n]
        kept = own > least
        kept[np.flatnonzero(own == least)[: n - int(kept.sum())]] = True
        keep[indptr[row] : indptr[row + 1]] = kept
    return np.flatnonzero(keep)
