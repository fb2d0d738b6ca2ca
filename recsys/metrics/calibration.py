"""Whether lists keep the proportions of what their users consume (Steck, RecSys 2018)."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.types import FloatArray, IntArray

SMOOTHING = 0.01  # alpha of the paper: how much of the history's share is mixed into the list's, so that no share is 0
_CELLS = 1 << 22  # of queries by values held at once


def calibration_errors(
    top: IntArray, histories: Sequence[tuple[IntArray, FloatArray]], values: sp.csr_matrix
) -> NDArray[np.float64]:
    """(queries,) Kullback-Leibler divergence of a list from its history in nats, 0 where they have equal shares.

    ``top`` is (queries, k), padded with -1; a history is its items and their weights; ``values`` (items, values) says
    which values of a field an item has, each of which counts 1 / number of them. With shares p of the history and q of
    the list it is ``sum p log(p / ((1 - a) q + a p))``, a = SMOOTHING. NaN where either has no value at all.
    """
    number = np.asarray(values.sum(axis=1)).ravel()
    shares = sp.diags(np.where(number > 0, 1.0 / np.maximum(number, 1.0), 0.0)) @ values  # (items, values)
    found = np.full(len(top), np.nan)
    step = max(1, _CELLS // max(values.shape[1], 1))
    for start in range(0, len(top), step):
        part = slice(start, start + step)
        liked = _mix(*_flat_histories(histories[part]), shares)
        shown = _mix(*_flat_lists(top[part]), shares)
        found[part] = _divergence(liked, shown)
    return found


def _flat_histories(
    histories: Sequence[tuple[IntArray, FloatArray]],
) -> tuple[int, NDArray[np.integer], IntArray, FloatArray]:
    row = np.repeat(np.arange(len(histories)), [len(items) for items, _ in histories])
    items = np.concatenate([np.zeros(0, np.int32), *(items for items, _ in histories)])
    return len(histories), row, items, np.concatenate([np.zeros(0, np.float32), *(w for _, w in histories)])


def _flat_lists(top: IntArray) -> tuple[int, NDArray[np.integer], IntArray, FloatArray]:
    row, place = np.nonzero(top >= 0)
    return len(top), row, top[row, place], np.ones(len(row), np.float32)


def _mix(
    n: int, row: NDArray[np.integer], items: IntArray, weights: FloatArray, shares: sp.csr_matrix
) -> NDArray[np.float64]:
    """(n, values) the share of each value in the weighted items of each row; 0 throughout where there is none."""
    member = sp.csr_matrix((weights.astype(np.float64), (row, items)), shape=(n, shares.shape[0]))
    mixed = (member @ shares).toarray()
    total = mixed.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(mixed, total, out=np.zeros_like(mixed), where=total > 0))


def _divergence(liked: NDArray[np.float64], shown: NDArray[np.float64]) -> NDArray[np.float64]:
    smooth = (1 - SMOOTHING) * shown + SMOOTHING * liked
    ratio = np.divide(liked, smooth, out=np.ones_like(liked), where=liked > 0)
    known = liked.any(axis=1) & shown.any(axis=1)
    return np.where(known, (liked * np.log(ratio)).sum(axis=1), np.nan)
