"""The learned part of a ranker: a weighted sum and trees over the same features, each counting by what it is worth."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys.models.files import load_arrays, save_arrays
from recsys.models.loops import weighted
from recsys.models.ranker.learning import Table, folds, gains, learn, linear, parted, weights_at
from recsys.models.ranker.trees import Trees
from recsys.types import FloatArray

MIXES = ((1.0, 1.0), (2.0, 1.0), (1.0, 2.0), (1.0, 0.0), (0.0, 1.0))  # of sum and trees; even ones first
_MANY = 1_000  # queries: with more the newest slice alone tells enough, and trees are grown once for it


@dataclass(frozen=True, eq=False)
class Judge:
    """Scores candidates by their features; comparable within a query only."""

    weights: NDArray[np.float64]  # (buckets, features) in units of the score
    trees: Trees | None
    share: float  # of a score of the trees, in units of the score

    @classmethod
    def even(cls, parts: int, features: int, buckets: int) -> "Judge":
        """Every part alike, and the facts not at all."""
        weights = np.zeros((buckets, features))
        weights[:, :parts] = 1.0 / parts
        return cls(weights, None, 0.0)

    @classmethod
    def learned(cls, table: Table, buckets: int, seed: int) -> "Judge":
        """The weighted sum and the trees that a table teaches, both of spread 1 there.

        They count alike, or, where the table is of several slices of the log, by what they made of slices that they
        had not learned from: the most even mix within a standard error of the best.
        """
        learned = learn(table, buckets, np.random.default_rng(seed))
        weights = learned.weights / _spread(linear(table, learned.weights))
        trees = Trees.grow(table, seed)
        if trees is None:
            return cls(weights, None, 0.0)
        of_sum, of_trees = _worth(table, buckets, learned.reg, seed)
        if of_trees == 0.0:
            return cls(weights, None, 0.0)
        return cls(of_sum * weights, trees, of_trees / _spread(_by_trees(trees, table)))

    def score(self, rows: FloatArray, bucket: int | NDArray[np.integer]) -> NDArray[np.float64]:
        """(rows,) by the features (rows, features) of candidates, each of its own bucket where there are several."""
        scores = weighted(rows, self.weights[bucket])
        return scores if self.trees is None else scores + self.share * self.trees.score(rows, bucket)

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        save_arrays(folder, weights=self.weights, share=np.array([self.share]))
        if self.trees is not None:
            self.trees.save(folder)

    @classmethod
    def load(cls, folder: Path) -> "Judge":
        """Map what ``save`` wrote."""
        weights, share = load_arrays(folder, "weights", "share")
        return cls(weights, Trees.load(folder), float(share[0]))


def _worth(table: Table, buckets: int, reg: float, seed: int) -> tuple[float, float]:
    """How much the sum and the trees count."""
    if len(np.unique(table.moment)) < 2:
        return MIXES[0]
    found: list[NDArray[np.float64]] = []  # (mixes, queries of a slice)
    slices = parted(table, folds(table, np.random.default_rng(seed)))  # newest first
    for rest, own in islice(slices, 1 if len(table) > _MANY else None):
        trees = Trees.grow(rest, seed)
        if trees is None:
            return MIXES[0]
        weights = weights_at(rest, buckets, reg)
        summed = linear(own, weights) / _spread(linear(rest, weights))
        treed = _by_trees(trees, own) / _spread(_by_trees(trees, rest))
        found.append(np.stack([gains(own, a * summed + b * treed) for a, b in MIXES]))
    each = np.concatenate(found, axis=1)  # (mixes, queries)
    behind = each[int(np.argmax(each.mean(axis=1)))] - each
    close = behind.mean(axis=1) <= behind.std(axis=1) / np.sqrt(each.shape[1])
    return MIXES[int(np.flatnonzero(close)[0])]


def _by_trees(trees: Trees, table: Table) -> NDArray[np.float64]:
    """(rows,)"""
    return trees.score(table.x, np.repeat(table.bucket, np.diff(table.start)))


def _spread(scores: NDArray[np.float64]) -> float:
    return max(float(scores.std()), 1e-9)
