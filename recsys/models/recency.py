"""How much less an older event says: halved once per half-life, counted in days or in events since."""

from dataclasses import dataclass

import numpy as np

from recsys.dataset.data import Dataset
from recsys.types import FloatArray, IntArray, Query, TimeArray

NEVER_DAYS = 36_500.0  # half-lives at which hardly anything decays
NEVER_EVENTS = 1e6


@dataclass(frozen=True, slots=True)
class Decay:
    """Event weights that fall with the distance to the newest event of the same user.

    An event as old as ``days`` before the user's newest one counts half, and so does one with ``events`` newer ones
    behind it; both together a quarter. Without a time only the place counts. Tied to the user's own newest event, so
    that someone who was away for a year is no weaker than before.
    """

    days: float = NEVER_DAYS
    events: float = NEVER_EVENTS

    def of_query(self, query: Query) -> FloatArray:
        """(events,) the query's weights, decayed; the newest event keeps its own."""
        if self.events >= NEVER_EVENTS and self.days >= NEVER_DAYS:
            return np.asarray(query.weights, np.float32)
        start = np.zeros(2, np.int32)
        start[1] = len(query)
        return self._weights(query.weights, query.times, start)

    def of_data(self, data: Dataset) -> FloatArray:
        """(events,) the weights of a log, each user's decayed by its own newest event.

        A log in no known order has no places: only what ``days`` say of its times counts.
        """
        decay = self if data.ordered else Decay(self.days)
        return decay._weights(np.asarray(data.weight), np.asarray(data.time), data.indptr)

    def _weights(self, weight: FloatArray, time: TimeArray, indptr: IntArray) -> FloatArray:
        """``indptr`` (rows + 1,) parts the events by user, oldest first."""
        length = np.diff(indptr)
        half_lives = np.zeros(len(weight), np.float64)
        if self.events < NEVER_EVENTS:
            half_lives += (np.repeat(indptr[1:], length) - 1 - np.arange(len(weight))) / self.events
        if self.days < NEVER_DAYS and len(weight):
            told = length > 0
            newest = np.fmax.reduceat(time, indptr[:-1][told])  # NaN where no event of a user has a time
            age = np.repeat(newest, length[told]) - time
            half_lives += np.nan_to_num(np.maximum(age, 0.0), nan=0.0) / (86_400 * self.days)
        return np.asarray(weight * np.exp2(-np.minimum(half_lives, 60.0)), np.float32)
