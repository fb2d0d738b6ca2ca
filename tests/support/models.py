"""Models with known answers, for tests of what stands on top of models."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from recsys.dataset.data import Dataset
from recsys.models.recipe import FitContext, Recipe
from recsys.retrieval import top_k
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

SERVES = """
import sys, numpy as np
from pathlib import Path
from recsys.models.recipe import load_model
from recsys.types import query
model, asked, items = load_model(Path(sys.argv[1])), [query(np.array([0, 1]))], int(sys.argv[2])
model.top(asked, 3, np.ones(items, bool), [np.zeros(0, np.int32)])
"""


def serves_without_torch(folder: Path, *, items: int, more: str = "") -> bool:
    """Whether a saved model, loaded in a process of its own, answers a query (and does ``more``) without torch."""
    code = f"{SERVES}{more}\nsys.exit(3 if 'torch' in sys.modules else 0)"
    ended = subprocess.run([sys.executable, "-c", code, str(folder), str(items)], check=False).returncode
    assert ended in (0, 3), "it does not answer at all"
    return ended == 0


class Told(Recipe):
    """Scores that are told: a row for queries with a history and one for those without; None abstains."""

    name: ClassVar[str] = "told"
    scores: tuple[float | None, ...]
    silent_without_history: bool = False

    def fit(self, data: Dataset, ctx: FitContext) -> "ToldModel":
        return ToldModel(self)


class ToldModel:
    def __init__(self, recipe: Told) -> None:
        self.recipe = recipe

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        row = np.array([-np.inf if s is None else s for s in self.recipe.scores], np.float32)[items]
        rows = np.tile(row, (len(queries), 1))
        if self.recipe.silent_without_history:
            rows[[len(query) == 0 for query in queries]] = -np.inf
        return rows

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        return top_k(self.score(queries, np.arange(len(allowed))), n, allowed, exclude, self.recipe.name)
