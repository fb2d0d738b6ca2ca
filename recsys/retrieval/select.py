"""The best few of a row of scores, the same whatever else is in the batch."""

import numpy as np

from recsys.types import FloatArray, IntArray

_COLUMNS = 1024  # a row is folded to at least this many columns; their maxima bound the n-th best from below
_FOLD = 8  # rows shorter than this many times their columns are not worth folding


def at_least(row: FloatArray, n: int, slack: float = 0.0) -> IntArray:
    """Ascending positions of all scores that reach the ``n``-th best less ``slack``; what is not finite never does."""
    near = near_best(row, n, slack)
    scores = row[near]
    if len(near) > n:
        near = near[scores >= np.partition(scores, len(near) - n)[len(near) - n] - slack]
    return near


def near_best(row: FloatArray, n: int, slack: float) -> IntArray:
    """What ``at_least`` finds and some more, cheaper."""
    if n < 1:
        return np.zeros(0, np.int32)
    reach = _bound(row, n) - slack
    near = np.flatnonzero(np.isfinite(row) if reach == -np.inf else row >= reach).astype(np.int32)
    return near if np.isfinite(row[near]).all() else near[np.isfinite(row[near])]


def best(scores: FloatArray, ids: IntArray, n: int) -> tuple[IntArray, FloatArray]:
    """The ``n`` best of aligned scores and ascending ids: falling scores, ties by lower id."""
    keep = at_least(scores, n)
    order = keep[np.argsort(-scores[keep], kind="stable")[:n]]
    return ids[order], scores[order]


def _bound(row: FloatArray, n: int) -> float:
    """A score that the ``n``-th best is not below, -inf where none is cheap to find.

    Folding the row makes the column maxima with vector instructions; the ``n``-th largest of them is such a bound,
    and it spares a partition of the whole row, which costs ten times more.
    """
    columns = max(_COLUMNS, 4 * n)
    if len(row) < _FOLD * columns:
        return -np.inf
    whole = len(row) // columns * columns
    maxima = np.fmax.reduce(row[:whole].reshape(-1, columns), axis=0)  # (columns,), NaN only where all are
    if not np.isfinite(maxima).all():
        return -np.inf
    return float(np.partition(maxima, columns - n)[columns - n])
