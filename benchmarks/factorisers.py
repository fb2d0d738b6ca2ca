"""Implicit ALS of three libraries, an epoch at a time, under one clock and one measure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from benchmarks.clock import Clock
from benchmarks.contest import THREADS, context
from benchmarks.ratios import Point
from recsys.dataset.data import Dataset, Holdout
from recsys.metrics import top_matrix
from recsys.metrics.accuracy import mean_ndcg
from recsys.models.recipe import Model, parse
from recsys.retrieval import Vectors
from recsys.types import FloatArray, Query, Ranked

K = 20
CHUNK = 1024  # queries asked at once

Settings = Mapping[str, Any]
Score = Callable[["Measure"], float]
Watch = Callable[
    [float, Score], None
]  # seconds so far and how to measure, after each epoch; the clock stands meanwhile


def unwatched(seconds: float, score: Score) -> None:
    """What is done after an epoch of which only the time is wanted."""


class Fit(Protocol):
    """A side: fit ``settings`` for so many epochs and give the seconds it took, those of ``watch`` left out."""

    def __call__(self, data: Dataset, settings: Settings, epochs: int, watch: Watch = unwatched) -> float: ...


def implicit(data: Dataset, settings: Settings, epochs: int, watch: Watch = unwatched) -> float:
    """implicit's ALS, BLAS on one thread as it demands."""
    from implicit.cpu.als import AlternatingLeastSquares

    with threadpool_limits(1, "blas"):
        clock = Clock()
        events = data.matrix()
        trainer = AlternatingLeastSquares(
            **settings, iterations=epochs, num_threads=THREADS, random_state=np.random.default_rng(0)
        )

        def vectors(histories: sp.csr_matrix) -> FloatArray:
            found: FloatArray = trainer.recalculate_user(np.arange(histories.shape[0]), histories)
            return found

        def after(*_: Any) -> None:
            seconds = clock.stop()
            trainer._YtY = None  # what it keeps for fold-in is of an earlier epoch
            watch(seconds, lambda measure: measure.of_factors(trainer.item_factors, vectors))
            clock.go()

        trainer.fit(events, show_progress=False, callback=after)
        return clock.stop()


def irspack(data: Dataset, settings: Settings, epochs: int, watch: Watch = unwatched) -> float:
    """irspack's iALS."""
    from irspack import IALSRecommender

    clock = Clock()
    trainer = IALSRecommender(data.matrix(), **settings, n_threads=THREADS, train_epochs=epochs)
    trainer.start_learning()
    for _ in range(epochs):
        trainer.run_epoch()
        seconds = clock.stop()
        watch(seconds, lambda m: m.of_factors(trainer.get_item_embedding(), trainer.compute_user_embedding))
        clock.go()
    return clock.stop()


def ours(data: Dataset, settings: Settings, epochs: int, watch: Watch = unwatched) -> float:
    """The recipe ials of this project."""
    recipe = parse({**settings, "recipe": "ials", "epochs": epochs})
    clock = Clock()
    for training in recipe.sweeps(data, context()):  # type: ignore[attr-defined]
        seconds = clock.stop()
        watch(seconds, lambda measure, now=training: measure.of_model(now.model()))  # type: ignore[misc]
        clock.go()
    return clock.stop()


class Measure:
    """NDCG@20 on the questions of a slice, alike for every side: seen items removed, user vectors folded in exactly.

    All sides are asked as a service asks: a user's vector is solved from the history and the item factors of that
    epoch, outside of the clock, so that nobody's user factors are half an epoch older than the item factors.
    """

    def __init__(self, holdout: Holdout, n_items: int) -> None:
        self._holdout = holdout
        self._everything = np.ones(n_items, np.bool_)
        self._histories = histories(holdout.queries, n_items)

    def of_factors(self, items: FloatArray, vectors: Callable[[sp.csr_matrix], FloatArray]) -> float:
        """By item factors (items, d) and the library's own fold-in, histories (users, items) to (users, d)."""
        users = np.asarray(vectors(self._histories), np.float32)
        hidden = self._holdout.exclude
        return self._ndcg(Vectors(np.ascontiguousarray(items)).top(users, K, self._everything, hidden, ""))

    def of_model(self, model: Model) -> float:
        """By a model of ours."""
        lists: list[Ranked] = []
        for start in range(0, len(self._holdout), CHUNK):
            part = slice(start, start + CHUNK)
            lists += model.top(self._holdout.queries[part], K, self._everything, self._holdout.exclude[part])
        return self._ndcg(lists)

    def _ndcg(self, lists: Sequence[Ranked]) -> float:
        return mean_ndcg(top_matrix(lists, K), self._holdout.truth, K)


class Curve:
    """A ``Watch`` that measures every ``step``-th epoch."""

    def __init__(self, measure: Measure, step: int = 1) -> None:
        self.points: list[Point] = []
        self._measure, self._step, self._epoch = measure, step, 0

    def __call__(self, seconds: float, score: Score) -> None:
        self._epoch += 1
        if self._epoch % self._step == 0:
            self.points.append(Point(self._epoch, seconds, score(self._measure)))

    @property
    def best(self) -> float:
        """The highest NDCG of the curve."""
        return max(point.ndcg for point in self.points)


def histories(queries: Sequence[Query], n_items: int) -> sp.csr_matrix:
    """(queries, items) summed weights."""
    indptr = np.concatenate([[0], np.cumsum([len(query) for query in queries])])
    items = np.concatenate([query.items for query in queries])
    weights = np.concatenate([query.weights for query in queries]).astype(np.float32)
    matrix = sp.csr_matrix((weights, items, indptr), shape=(len(queries), n_items))
    matrix.sum_duplicates()
    return matrix
