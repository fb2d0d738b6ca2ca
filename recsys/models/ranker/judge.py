"""The learned part of a ranker: a weighted sum and trees, each over the same features, counting alike."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys.models.files import load_arrays, save_arrays
from recsys.models.ranker.learning import Table, learn, linear
from recsys.models.ranker.trees import Trees
from recsys.types import FloatArray


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
        """The weighted sum and the trees that a table teaches, both of spread 1 there."""
        weights = learn(table, buckets, np.random.default_rng(seed)).weights
        weights = weights / _spread(linear(table, weights))
        trees = Trees.grow(table, seed)
        if trees is None:
            return cls(weights, None, 0.0)
        bucket = np.repeat(table.bucket, np.diff(table.start))
        return cls(weights, trees, 1.0 / _spread(trees.score(table.x, bucket)))

    def score(self, rows: FloatArray, bucket: int | NDArray[np.integer]) -> NDArray[np.float64]:
        """(rows,) by the features (rows, features) of candidates, each of its own bucket where there are several."""
        scores = np.asarray(
            (rows * self.weights[bucket]).sum(axis=1), np.float64
        )  # row by row: an item's score is the same in any company
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


def _spread(scores: NDArray[np.float64]) -> float:
    return max(float(scores.std()), 1e-9)
