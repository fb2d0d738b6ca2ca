"""One greedy choice over a pool of candidates: relevance and what each criterion adds to it, place by place."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.types import FloatArray, IntArray

Values = NDArray[np.float64]


class Criterion(Protocol):
    """What a candidate is worth to a list beyond its relevance. It lives for one list."""

    weight: float  # 0..1

    def gains(self) -> Values:
        """(pool,) what each candidate would add to the list so far."""
        ...

    def take(self, place: int) -> None:
        """The candidate at ``place`` of the pool is in the list from now on."""
        ...


def greedy(relevance: Values, criteria: Sequence[Criterion], k: int) -> IntArray:
    """(pool,) places of the pool: the ``k`` that are chosen, in order, then the others as they were.

    Each step takes the candidate with the highest ``relevance · Π(1 - weight) + Σ weight · gain``; ties go to the one
    that stands first. Without criteria the order stays.
    """
    size = len(relevance)
    if not criteria:
        return np.arange(size, dtype=np.int32)
    own = relevance * np.prod([1 - criterion.weight for criterion in criteria])
    left = np.ones(size, np.bool_)
    chosen = np.empty(min(k, size), np.int32)
    for step in range(len(chosen)):
        value = own.copy()
        for criterion in criteria:
            value += criterion.weight * criterion.gains()
        value[~left] = -np.inf
        best = int(value.argmax())
        chosen[step] = best
        left[best] = False
        for criterion in criteria:
            criterion.take(best)
    return np.concatenate([chosen, np.flatnonzero(left)]).astype(np.int32)


def relevance(scores: FloatArray) -> Values:
    """(pool,) scores brought to 0..1 by the pool's own lowest and highest; all 1 where they are equal.

    So a weight means the same for every model. What is not a finite score counts as the lowest.
    """
    values = scores.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return np.ones(len(values))
    low, high = values[finite].min(), values[finite].max()
    if low == high:
        return np.ones(len(values))
    scaled: Values = (np.where(finite, values, low) - low) / (high - low)
    return scaled
