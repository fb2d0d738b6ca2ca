"""Our SASRec some epochs at a time: what ``recsys.models.sasrec.training`` does in one go, with a clock in between."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.clock import Clock
from benchmarks.contest import context
from recsys.dataset.data import Dataset, Holdout
from recsys.metrics import top_matrix
from recsys.models.recipe import parse
from recsys.types import IntArray, Ranked

THREADS = 1  # with a core of its own (taskset) neither side notices what the rest of the machine does
PLACES = 20
CHUNK = 512


class Ours:
    """A fit of ``settings`` on ``train`` that stands still between two epochs, ``least`` seconds or more apart.

    It learns from ids alone, as the peer does.
    """

    def __init__(self, train: Dataset, asked: Holdout, settings: Mapping[str, Any], least: float) -> None:
        from recsys.models.sasrec.trainee import Trainee
        from recsys.nn.ranks import ranks
        from recsys.nn.threads import threads

        clock = Clock()
        self._recipe = parse(settings)
        self._asked, self._everything = asked, np.ones(train.n_items, np.bool_)
        self._threads, self._least = threads, least
        with ranks("cpu") as alone, threads(THREADS):
            self._trainee = Trainee(train, None, self._recipe, context(), alone)  # type: ignore[arg-type]
        self.seconds = clock.stop()

    def turn(self) -> IntArray:
        """Train for whole epochs and give the lists (queries, places) of the model as it is then."""
        from recsys.models.sasrec.training import exported

        until = self.seconds + self._least
        model = None
        while model is None or self.seconds < until:
            clock = Clock()
            with self._threads(THREADS):
                for batch in self._trainee.batches():
                    self._trainee.update(batch)
                model = exported(self._recipe, self._trainee)  # type: ignore[arg-type]
            self.seconds += clock.stop()
        lists: list[Ranked] = []
        for start in range(0, len(self._asked), CHUNK):
            part = slice(start, start + CHUNK)
            lists += model.top(self._asked.queries[part], PLACES, self._everything, self._asked.exclude[part])
        return top_matrix(lists, PLACES)
