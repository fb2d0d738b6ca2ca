"""Boosted trees over the ranker's features: what a weighted sum cannot say, such as a taste that fades with age."""

from pathlib import Path

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from recsys.errors import BundleError
from recsys.models.ranker.forest import Forest
from recsys.models.ranker.learning import Table
from recsys.types import FloatArray

FILE = "trees.txt"
ENOUGH = 300  # queries: fewer teach trees nothing but themselves
_ROUNDS = 300
_AT_ONCE = 131_072  # rows; more are not asked for by the requests of a batch
_SETTINGS = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 30,
    "learning_rate": 0.05,
    "num_leaves": 4,  # small ones: deeper trees learned one slice of the log by heart
    "min_data_in_leaf": 50,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


class Trees:
    """LambdaMART (Burges 2010) by LightGBM, kept as its text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._booster = lgb.Booster(model_str=text)
        self._forest = Forest.of(self._booster.dump_model())

    @classmethod
    def grow(cls, table: Table, seed: int) -> "Trees | None":
        """Trees for the answers of a table; None where it has too few queries."""
        if len(table) < ENOUGH:
            return None
        rows = with_bucket(table.x, np.repeat(table.bucket, np.diff(table.start)))
        known = lgb.Dataset(rows, table.wanted.astype(np.int32), group=np.diff(table.start))
        grown = lgb.train({**_SETTINGS, "seed": seed}, known, _ROUNDS)
        return cls(grown.model_to_string())

    def score(self, rows: FloatArray, bucket: int | NDArray[np.integer]) -> NDArray[np.float64]:
        """(rows,) by features (rows, features) of queries in a bucket."""
        if self._forest is not None and len(rows) <= _AT_ONCE:
            return self._forest.score(rows, np.full(len(rows), bucket, np.float32))
        return np.asarray(self._booster.predict(with_bucket(rows, bucket), num_threads=1), np.float64)

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        (folder / FILE).write_text(self.text)

    @classmethod
    def load(cls, folder: Path) -> "Trees | None":
        """Read what ``save`` wrote; None where there are none, BundleError where they cannot be read."""
        if not (folder / FILE).is_file():
            return None
        try:
            return cls((folder / FILE).read_text())
        except (OSError, ValueError, lgb.basic.LightGBMError) as error:
            raise BundleError(f"{folder} holds no readable {FILE}: {error}; publish the bundle again.") from None


def with_bucket(rows: FloatArray, bucket: int | NDArray[np.integer]) -> FloatArray:
    """(rows, features + 1): the length of the history is a feature too."""
    last = np.broadcast_to(np.asarray(bucket, np.float32), len(rows))
    return np.concatenate([rows, last[:, None]], axis=1)
