"""Accuracy at a cut-off, per query, from a matrix that says which places of a list hit. Never sampled negatives."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from recsys.errors import ConfigError
from recsys.registry import Registry
from recsys.types import BoolArray, FloatArray, IntArray, Ranked

Accuracy = Callable[[BoolArray, IntArray, int], FloatArray]  # (hit (q, places), n_truth (q,), k) -> (q,)

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
    for row, ranked in zip(top, lists, strict=True):
        row[: len(ranked)] = ranked.items[:k]
    return top


def hits(top: IntArray, truth: Sequence[IntArray]) -> BoolArray:
    """(queries, k): whether each place of ``top`` holds an item of that query's sorted ``truth``; -1 never does.

    One search of all places among sorted (query, item) keys.
    """
    if len(top) != len(truth):
        raise ConfigError(f"There are {len(top)} lists but {len(truth)} truths; give one truth a list.")
    items, lengths = flat(truth)
    if len(items) == 0 or top.size == 0:
        return np.zeros(top.shape, np.bool_)
    width = max(int(items.max()), int(top.max())) + 1
    keys = np.repeat(np.arange(len(truth)), lengths) * width + items  # ascending
    asked = np.arange(len(top))[:, None] * width + top  # (q, k)
    places = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    hit: BoolArray = (keys[places] == asked) & (top >= 0)
    return hit


def flat(truth: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """All lists one behind the other, and how long each is (queries,)."""
    lengths = np.fromiter((len(t) for t in truth), np.int32, len(truth))
    items = np.concatenate(truth).astype(np.int32) if lengths.any() else np.zeros(0, np.int32)
    return items, lengths


@register("recall")
def recall(hit: BoolArray, n_truth: IntArray, k: int) -> FloatArray:
    """(q,) share of the truth that the first ``k`` places hold; 0 where there is no truth."""
    return np.asarray(hit[:, :k].sum(axis=1) / np.maximum(n_truth, 1), np.float32)


@register("ndcg")
def ndcg(hit: BoolArray, n_truth: IntArray, k: int) -> FloatArray:
    """(q,) discounted gain over that of the best list of ``k`` places, gains 0 or 1 (Järvelin & Kekäläinen 2002)."""
    discount = 1.0 / np.log2(np.arange(2, k + 2))  # (k,)
    best = np.concatenate([[1.0], np.cumsum(discount)])  # no truth: divide by 1
    gain = hit[:, :k] @ discount[: hit[:, :k].shape[1]]
    return np.asarray(gain / best[np.minimum(n_truth, k)], np.float32)


@register("mrr")
def mrr(hit: BoolArray, n_truth: IntArray, k: int) -> FloatArray:
    """(q,) one over the place of the first hit, 0 if the first ``k`` places hold none."""
    first = hit[:, :k].argmax(axis=1)
    return np.asarray(np.where(hit[:, :k].any(axis=1), 1.0 / (first + 1), 0.0), np.float32)


@register("hit")
def hit_rate(hit: BoolArray, n_truth: IntArray, k: int) -> FloatArray:
    """(q,) 1 where the first ``k`` places hold anything of the truth, else 0."""
    return np.asarray(hit[:, :k].any(axis=1), np.float32)


def mean_ndcg(top: IntArray, truth: Sequence[IntArray], k: int = 10) -> float:
    """Mean NDCG over queries of lists (queries, places): what recipes choose by on a holdout."""
    n_truth = np.fromiter((len(t) for t in truth), np.int32, len(truth))
    return float(ndcg(hits(top, truth), n_truth, k).mean()) if len(truth) else 0.0
