"""Scores of several parts on one scale: mixed, told to a second stage, and ranked."""

import numpy as np
from numpy.typing import NDArray

from recsys.models.loops import library
from recsys.models.loops.library import Column, as_kind, at, is_plain, scratch
from recsys.types import BoolArray, FloatArray, IntArray

_FEATURES = 1024  # of a row, which the loops have room for


def ranked(items: IntArray, scores: NDArray[np.floating], n: int) -> tuple[IntArray, FloatArray]:
    """The ``n`` best of some items by their scores (items,), ties in their order; what is not finite is left out."""
    loops = library.loaded()
    if loops is None:
        order = np.argsort(-scores, kind="stable")[:n]
        order = order[np.isfinite(scores[order])]
        return items[order], scores[order].astype(np.float32)
    items, own = as_kind(items, np.int32), np.asarray(scores, np.float64, order="C")
    n = max(0, min(n, len(items)))
    found, values = np.empty(n, np.int32), np.empty(n, np.float32)
    count = loops.recsys_ranked(at(items), at(own), len(items), n, scratch(16 * len(items)), at(found), at(values))
    return found[:count], values[:count]


def scales(scores: FloatArray) -> Column:
    """(rows, 2) mean and standard deviation of what is finite in each row (rows, items); 0 and 1 where nothing is."""
    loops, found = library.loaded(), np.empty((len(scores), 2))
    if loops is not None:
        scores = as_kind(scores, np.float32)
        loops.recsys_scales(at(scores), *scores.shape, scratch(8 * scores.shape[1]), at(found))
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
    rows, loops = np.empty((len(items), width), np.float32), library.loaded()
    if loops is not None and is_plain(facts, np.float32):
        scores, items, spoken = as_kind(scores, np.float32), as_kind(items, np.int32), np.empty(len(items), np.bool_)
        known = (at(facts), *facts.shape, at(items), at(rows), width, at(spoken))
        if not loops.recsys_table(at(scores), at(scale), *scores.shape, *known):
            raise IndexError("No facts are known of an item.")
        return rows, spoken
    own = standard(scores, scale)
    said = np.isfinite(own)
    rows[:, : len(own)] = np.where(said, own, 0.0).T
    rows[:, len(own) : len(own) + facts.shape[1]] = facts[items]
    return rows, np.asarray(said.any(axis=0))


def mix(scores: FloatArray, scale: Column, weights: Column) -> Column:
    """(items,) weighted means of the standard scores of the parts that say anything; -inf where all abstain."""
    loops, mixed = library.loaded(), np.zeros(scores.shape[1])
    if loops is not None:
        scores = as_kind(scores, np.float32)
        loops.recsys_mix(at(scores), at(scale), at(weights), *scores.shape, scratch(8 * len(scores)), at(mixed))
        return mixed
    own = standard(scores, scale)
    said = np.isfinite(own) & (weights > 0)[:, None]
    for weight, row in zip(weights, np.where(said, own, 0.0), strict=True):
        mixed += weight * row  # part by part: BLAS would round it by who else is there
    voters = weights[said.any(axis=1)].sum()  # a part that is silent for this query gives its share to the rest
    return np.where(said.any(axis=0), mixed / max(voters, np.finfo(np.float64).tiny), -np.inf)


def weighted(rows: FloatArray, weights: Column) -> Column:
    """(rows,) sums of rows (rows, features) times weights (features,), or (rows, features) where each has its own."""
    loops = library.loaded()
    if loops is None or weights.ndim > 1 or rows.shape[1] > _FEATURES:
        # row by row: an item's score is the same in any company
        return np.asarray((rows * weights).sum(axis=1), np.float64)
    rows, weights, scores = as_kind(rows, np.float32), as_kind(weights, np.float64), np.empty(len(rows))
    loops.recsys_weighted(at(rows), rows.shape[1], at(weights), len(rows), at(scores))
    return scores
