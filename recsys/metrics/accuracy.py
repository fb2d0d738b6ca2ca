"""Accuracy at a cut-off, per query, from a matrix that says which places of a list hit. Never sampled negatives.

Definitions are those of trec_eval for binary relevance; ``tests/unit/test_metrics_reference.py`` holds them to it.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recsys.errors import ConfigError
from recsys.registry import Registry
from recsys.types import BoolArray, IntArray, Ranked

Values = NDArray[np.float64]  # of a metric
Accuracy = Callable[[BoolArray, IntArray, int], Values]  # (hit (q, places), n_truth (q,), k) -> (q,)

_CELLS = 1 << 22  # of a table of queries by items held at once: 4 MiB
_FEW = 30  # truth items a query: so few are compared with every place faster than looked up in a table
_PAIRS = 1 << 18  # of truth items and places compared at once

_metrics: Registry[Accuracy] = Registry("metric", "recsys.metrics")


def register(name: str) -> Callable[[Accuracy], Accuracy]:
    """Decorator: file an accuracy metric under ``name``; evaluation computes it at every k."""
    return _metrics.register(name)


def accuracy_metrics() -> Mapping[str, Accuracy]:
    """Every registered accuracy metric by name."""
    return _metrics


def top_matrix(lists: Sequence[Ranked], k: int) -> IntArray:
    """(queries, k): the first ``k`` items of each list, padded with -1."""
    top = np.full((len(lists), k), -1, np.int32)
    if len(lists):
        items, lengths = flat([ranked.items if len(ranked) <= k else ranked.items[:k] for ranked in lists])
        top[np.arange(k) < lengths[:, None]] = items
    return top


def hits(top: IntArray, truth: Sequence[IntArray]) -> BoolArray:
    """(queries, k): whether each place of ``top`` holds an item of that query's ``truth``; -1 never does.

    In column order, in which the sums over places that metrics need are several times faster.
    """
    if len(top) != len(truth):
        raise ConfigError(f"There are {len(top)} lists but {len(truth)} truths; give one truth a list.")
    hit = np.zeros(top.shape, np.bool_, order="F")
    items, lengths = flat(truth)
    if len(items) == 0 or top.size == 0:
        return hit
    if len(items) <= _FEW * len(top):
        return _compared(hit, top, items, np.repeat(np.arange(len(top)), lengths))
    ends = np.cumsum(lengths)
    width = max(int(items.max()), int(top.max())) + 2  # the last column, which -1 falls into, is never wanted
    step = max(1, min(len(top), _CELLS // width))
    wanted = np.zeros((step, width), np.bool_)
    for start in range(0, len(top), step):
        rows = lengths[start : start + step]
        cells = (
            np.repeat(np.arange(len(rows)), rows),
            items[ends[start] - lengths[start] : ends[start + len(rows) - 1]],
        )
        wanted[cells] = True
        hit[start : start + step] = np.take_along_axis(wanted[: len(rows)], top[start : start + step], axis=1)
        wanted[cells] = False
    return hit


def _compared(hit: BoolArray, top: IntArray, items: IntArray, row: NDArray[np.integer]) -> BoolArray:
    """``hit`` with the places of ``top`` that hold each wanted item (wanted,) of a row (wanted,)."""
    places = top.shape[1]
    step = max(1, _PAIRS // places)
    for start in range(0, len(items), step):
        own = row[start : start + step]
        found = np.flatnonzero(top[own] == items[start : start + step, None])
        hit[own[found // places], found % places] = True
    return hit


def flat(truth: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """All lists one behind the other, and how long each is (queries,)."""
    lengths = np.fromiter((len(t) for t in truth), np.int32, len(truth))
    items = np.concatenate(truth).astype(np.int32, copy=False) if lengths.any() else np.zeros(0, np.int32)
    return items, lengths


@register("recall")
def recall(hit: BoolArray, n_truth: IntArray, k: int) -> Values:
    """(q,) share of the truth that the first ``k`` places hold; 0 where there is no truth."""
    return np.asarray(_found(hit, k) / np.maximum(n_truth, 1), np.float64)


@register("precision")
def precision(hit: BoolArray, n_truth: IntArray, k: int) -> Values:
    """(q,) share of the first ``k`` places that hold something of the truth; a place left empty holds nothing."""
    return _found(hit, k) / k


@register("ndcg")
def ndcg(hit: BoolArray, n_truth: IntArray, k: int) -> Values:
    """(q,) discounted gain over that of the best list of ``k`` places, gains 0 or 1 (Järvelin & Kekäläinen 2002)."""
    discount = 1.0 / np.log2(np.arange(2, k + 2))  # (k,)
    best = np.concatenate([[1.0], np.cumsum(discount)])  # no truth: divide by 1
    place, row = np.nonzero(hit[:, :k].T)
    gain = np.bincount(row, discount[place], len(hit))
    return np.asarray(gain / best[np.minimum(n_truth, k)], np.float64)


@register("map")
def average_precision(hit: BoolArray, n_truth: IntArray, k: int) -> Values:
    """(q,) sum of the precision at each hit among the first ``k`` places, over the number of truth items."""
    found, total = np.zeros(len(hit)), np.zeros(len(hit))
    for place, column in enumerate(hit[:, :k].T, 1):
        found += column
        total[column] += found[column] / place
    return np.asarray(total / np.maximum(n_truth, 1), np.float64)


@register("mrr")
def mrr(hit: BoolArray, n_truth: IntArray, k: int) -> Values:
    """(q,) one over the place of the first hit, 0 if the first ``k`` places hold none."""
    first = hit[:, :k].argmax(axis=1)
    return np.asarray(np.where(hit[:, :k].any(axis=1), 1.0 / (first + 1), 0.0), np.float64)


@register("hit")
def hit_rate(hit: BoolArray, n_truth: IntArray, k: int) -> Values:
    """(q,) 1 where the first ``k`` places hold anything of the truth, else 0."""
    return np.asarray(hit[:, :k].any(axis=1), np.float64)


def mean_ndcg(top: IntArray, truth: Sequence[IntArray], k: int = 10) -> float:
    """Mean NDCG over queries of lists (queries, places): what recipes choose by on a holdout."""
    n_truth = np.fromiter((len(t) for t in truth), np.int32, len(truth))
    return float(ndcg(hits(top, truth), n_truth, k).mean()) if len(truth) else 0.0


def _found(hit: BoolArray, k: int) -> Values:
    """(q,) how many of the first ``k`` places hit."""
    return np.asarray(hit[:, :k].sum(axis=1, dtype=np.int32), np.float64)
