"""What a set of lists does beyond accuracy. ``top`` is (queries, k), padded with -1, which counts as no slot at all."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.dataset.catalogue import Catalogue
from recsys.metrics.accuracy import flat
from recsys.types import BoolArray, IntArray

CONTENT_FIELDS = ("genres", "tags", "authors", "attributes")


def coverage(top: IntArray, n_items: int) -> float:
    """Share of the catalogue's ``n_items`` that at least one list shows."""
    return float(np.count_nonzero(np.bincount(top[top >= 0], minlength=n_items)) / n_items) if n_items else 0.0


def filled(top: IntArray) -> float:
    """Share of the slots that hold an item; below 1 where a model abstains."""
    return float((top >= 0).mean()) if top.size else 0.0


def novelty(top: IntArray, popularity: NDArray[Any]) -> float:
    """Mean self-information of the shown items in bits, ``-log2(events of the item / all events)``; NaN if none.

    An item without events counts as one with a single event.
    """
    shown = top[top >= 0]
    if len(shown) == 0:
        return float("nan")
    total = max(float(popularity.sum()), 1.0)
    return float(np.mean(-np.log2(np.maximum(popularity[shown], 1.0) / total)))


def popularity_share(top: IntArray, popularity: NDArray[Any]) -> float:
    """Share of the shown items that belong to the most popular decile of the catalogue; NaN if none is shown."""
    shown = top[top >= 0]
    return float((deciles(popularity)[shown] == 9).mean()) if len(shown) else float("nan")


def gini(top: IntArray, n_items: int) -> float:
    """How unequally lists show the catalogue: 0 where every item is shown alike, near 1 where a few take all.

    ``sum (2 i - n - 1) x_i / (n sum x)`` over how often each of the n items is shown, rarest first (Fleder & Hosanagar
    2009); NaN where nothing is shown.
    """
    times = np.sort(np.bincount(top[top >= 0], minlength=n_items)).astype(np.float64)  # (items,)
    total = times.sum()
    if total == 0:
        return float("nan")
    return float((2 * np.arange(1, n_items + 1) - n_items - 1) @ times / (n_items * total))


def popularity_lift(top: IntArray, histories: Sequence[IntArray], popularity: NDArray[Any]) -> float:
    """How much more popular lists are than histories: 0.5 means by half, below 0 that they are less popular.

    The mean over queries of the mean popularity of their lists, over that of their histories, less 1 (Abdollahpouri et
    al. 2020); queries without a history or a list are left out, NaN where none is left.
    """
    shown = top >= 0
    items, lengths = flat(histories)
    told = shown.any(axis=1) & (lengths > 0)
    if not told.any():
        return float("nan")
    listed = np.where(shown, popularity[top], 0).sum(axis=1)[told] / shown.sum(axis=1)[told]
    owner = np.repeat(np.arange(len(histories)), lengths)
    had = np.bincount(owner, popularity[items], len(histories))[told] / lengths[told]
    return float(listed.mean() / had.mean() - 1) if had.any() else float("nan")


def serendipity(
    top: IntArray, hit: BoolArray, exclude: Sequence[IntArray], popularity: NDArray[Any]
) -> NDArray[np.float64]:
    """(queries,) share of the k places of ``top`` that hit with an item the popular list would not have shown.

    What lists owe to more than popularity: unexpected and useful (Ge, Delgado-Battenfeld & Jannach 2010), where the
    primitive list they leave out is the k most popular items without those of ``exclude``; ties by lower index.
    """
    rank = np.empty(len(popularity), np.int64)
    rank[np.argsort(-np.asarray(popularity), kind="stable")] = np.arange(len(popularity))
    row, place = np.nonzero(hit)
    items, lengths = flat(exclude)
    hidden = np.sort(np.repeat(np.arange(len(exclude)), lengths) * len(rank) + rank[items])  # by query, then by rank
    own = rank[top[row, place]]
    before = np.searchsorted(hidden, row * len(rank) + own) - np.searchsorted(hidden, row * len(rank))
    unexpected = own - before >= top.shape[1]
    return np.asarray(np.bincount(row[unexpected], minlength=len(top)) / max(top.shape[1], 1))


def deciles(popularity: NDArray[Any]) -> IntArray:
    """(items,): 0 for the tenth of the items with the fewest events, up to 9 for that with the most.

    Ties count the lower index as more popular; sizes differ by one where the catalogue is no multiple of ten.
    """
    order = np.argsort(-popularity, kind="stable")  # most popular first
    decile = np.empty(len(order), np.int32)
    decile[order] = 9 - np.arange(len(order)) * 10 // max(len(order), 1)
    return decile


def intra_list_diversity(top: IntArray, features: sp.csr_matrix) -> float:
    """Mean over lists of the mean pairwise ``1 - cosine`` of their items' ``features`` (items, features).

    Items without features are left out, and lists with fewer than two others; NaN if no list is left.
    """
    square = np.asarray(features.multiply(features).sum(axis=1)).ravel()  # (items,)
    known = square > 0
    unit = sp.diags(np.where(known, 1.0 / np.sqrt(np.where(known, square, 1.0)), 0.0)) @ features
    row, column = np.nonzero(top >= 0)
    shown = top[row, column]
    row, shown = row[known[shown]], shown[known[shown]]
    member = sp.csr_matrix((np.ones(len(row)), (row, shown)), shape=(len(top), features.shape[0]))
    total = member @ unit  # (queries, features): the sum of a list's unit vectors
    size = np.bincount(row, minlength=len(top))
    pairs = size * (size - 1)
    cosines = np.asarray(total.multiply(total).sum(axis=1)).ravel() - size  # twice the sum over pairs
    use = pairs > 0
    return float(np.mean(1.0 - cosines[use] / pairs[use])) if use.any() else float("nan")


def item_features(catalogue: Catalogue, fields: Sequence[str] = CONTENT_FIELDS) -> sp.csr_matrix:
    """(items, features) 0/1: the values that each item has in some list fields."""
    blocks = []
    for name in fields:
        column = catalogue.table[name].combine_chunks()
        values = pc.list_flatten(column).dictionary_encode()
        row = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
        feature = values.indices.to_numpy(zero_copy_only=False)
        shape = (len(catalogue), max(len(values.dictionary), 1))
        blocks.append(sp.coo_matrix((np.ones(len(row)), (row, feature)), shape=shape))
    features = sp.hstack(blocks).tocsr()
    features.data[:] = 1.0  # an item that names a genre twice has it once
    return features
