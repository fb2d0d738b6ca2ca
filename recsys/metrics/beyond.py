"""What a set of lists does beyond accuracy. ``top`` is (queries, k), padded with -1, which counts as no slot at all."""

from typing import Any

import numpy as np
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.dataset.catalogue import Catalogue
from recsys.types import IntArray

CONTENT_FIELDS = ("genres", "tags", "authors", "attributes")


def coverage(top: IntArray, n_items: int) -> float:
    """Share of the catalogue's ``n_items`` that at least one list shows."""
    return len(np.unique(top[top >= 0])) / n_items if n_items else 0.0


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


def item_features(catalogue: Catalogue) -> sp.csr_matrix:
    """(items, features) 0/1: the genres, tags, authors and attributes of each item."""
    blocks = []
    for name in CONTENT_FIELDS:
        column = catalogue.table[name].combine_chunks()
        values = pc.list_flatten(column).dictionary_encode()
        row = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
        feature = values.indices.to_numpy(zero_copy_only=False)
        shape = (len(catalogue), max(len(values.dictionary), 1))
        blocks.append(sp.coo_matrix((np.ones(len(row)), (row, feature)), shape=shape))
    features = sp.hstack(blocks).tocsr()
    features.data[:] = 1.0  # an item that names a genre twice has it once
    return features
