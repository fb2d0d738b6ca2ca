"""Calibration (Steck 2018): a list holds genres, languages or providers in the shares that the history holds them."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import ArrayLike

from recsys.dataset.catalogue import Catalogue
from recsys.rerank.greedy import Values
from recsys.types import Query

SMOOTH = 0.01  # the paper's alpha: how much of the target is mixed into a list's shares, so that none of them is 0


class Miscalibration:
    """The criterion: by how much an item lowers the divergence of the list from the history.

    With relevance and weight w the list maximises ``(1 - w) · Σ relevance - w · KL(p ‖ q~)``, which is submodular: the
    paper shows that a greedy choice comes within 1 - 1/e of the best list.
    """

    def __init__(self, shares: Values, target: Values, weight: float) -> None:
        self.weight = weight
        wanted = target > 0  # other groups do not enter the divergence
        self._target = target[wanted]  # (wanted,)
        self._parts = SMOOTH * self._target + (1 - SMOOTH) * shares[:, wanted]  # (pool, wanted)
        self._total = np.zeros(len(self._target))

    def gains(self) -> Values:
        # the list's length is the same for every candidate, so its logarithm changes no choice and is left out
        gains: Values = np.log(self._total + self._parts) @ self._target
        return gains

    def take(self, place: int) -> None:
        self._total += self._parts[place]


def item_shares(catalogue: Catalogue, field: str) -> sp.csr_matrix:
    """(items, groups): the share of each item that belongs to each value of ``field``; rows sum to 1, or 0 if unknown.

    An item of two genres belongs to each by half. Values are compared without case.
    """
    column = catalogue.table[field].combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # a table without rows
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_list(column.type):
        row, values = pc.list_parent_indices(column), pc.list_flatten(column)
    else:
        row, values = pa.array(np.arange(len(column))), column
    given = pc.is_valid(values)  # a list may hold nulls
    row = pc.filter(row, given).to_numpy(zero_copy_only=False)
    names = pc.utf8_lower(pc.utf8_trim_whitespace(pc.filter(values, given))).dictionary_encode()
    shape = (len(catalogue), max(len(names.dictionary), 1))
    at = (row, names.indices.to_numpy(zero_copy_only=False))
    counts = sp.coo_matrix((np.ones(len(row)), at), shape=shape).tocsr()
    return _rows_to_one(counts)


def history_shares(shares: sp.csr_matrix, query: Query) -> Values | None:
    """(groups,) the weighted mean of the history's ``shares`` (items, groups); None where nothing of it is known."""
    if not len(query):
        return None
    total: Values = query.weights.astype(np.float64) @ shares[query.items]
    whole = total.sum()
    return total / whole if whole > 0 else None


def pool_shares(shares: Values) -> Values:
    """(pool, groups) with the mean of the known rows where a row is 0: an unknown item is neither good nor bad."""
    known = shares.sum(axis=1) > 0
    if known.all() or not known.any():
        return shares
    return np.where(known[:, None], shares, shares[known].mean(axis=0))


def divergence(target: ArrayLike, shown: ArrayLike) -> float:
    """KL(p ‖ q~) in nats of a history's shares ``target`` (groups,) and a list's ``shown`` (groups,): 0 is equal."""
    p = np.asarray(target, np.float64)
    q = SMOOTH * p + (1 - SMOOTH) * np.asarray(shown, np.float64)
    wanted = p > 0
    return float((p[wanted] * np.log(p[wanted] / q[wanted])).sum())


def _rows_to_one(counts: sp.csr_matrix) -> sp.csr_matrix:
    total = np.asarray(counts.sum(axis=1)).ravel()
    return (sp.diags(1 / np.where(total > 0, total, 1)) @ counts).tocsr()
