"""Maximal marginal relevance (Carbonell & Goldstein 1998): what is close to an item of the list is worth less to it."""

import numpy as np

from recsys.rerank.greedy import Values
from recsys.types import FloatArray


class Redundancy:
    """The criterion: minus the largest similarity to what the list holds.

    With relevance and weight w this is ``(1 - w) · relevance - w · max similarity``; the paper's lambda is 1 - w.
    """

    def __init__(self, similarity: FloatArray, weight: float) -> None:
        self.weight = weight
        self._similarity = similarity  # (pool, pool) 0..1
        self._nearest = np.zeros(len(similarity), np.float32)  # (pool,) to the list so far

    def gains(self) -> Values:
        return -self._nearest.astype(np.float64)

    def take(self, place: int) -> None:
        np.maximum(self._nearest, self._similarity[place], out=self._nearest)


def similarities(vectors: FloatArray) -> FloatArray:
    """(n, n) cosines of ``vectors`` (n, d), not below 0: the opposite of an item is as new to a list as a stranger.

    A row of zeros says that nothing is known of an item. It is as similar to the others as they are to each other in
    the mean: items without content are neither favoured nor held back.
    """
    norm = np.linalg.norm(vectors, axis=1)
    known = norm > 0
    unit = vectors / np.where(known, norm, 1)[:, None]
    cosine = np.clip(unit @ unit.T, 0, 1)  # (n, n)
    n = int(known.sum())
    if n < len(vectors):
        pairs = n * (n - 1)
        mean = (cosine.sum() - n) / pairs if pairs else 0.0
        cosine[~known, :] = mean
        cosine[:, ~known] = mean
    result: FloatArray = cosine.astype(np.float32, copy=False)
    return result
