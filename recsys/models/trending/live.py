"""A ``trending`` that goes on counting: events in, frozen models out."""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recsys.models.live import Arrival
from recsys.models.trending.model import DAY, Counts, TrendingModel
from recsys.models.trending.segments import plain
from recsys.types import FloatArray, IntArray, TimeArray

_REACH = 500.0  # half-lives by which counts may outgrow the moment they are kept for; float64 holds a thousand

Floats = NDArray[np.float64]


class LiveTrending:
    """Counts of a fitted model, kept up to date by the events that serving accepts. Thread-safe.

    The model that it gives equals one fitted on the whole log at the same half-lives, in whatever order and batches
    the events came. Territories stay those of the fit: events from elsewhere count for everyone only. Memory is that
    of (1 + territories, items) float64, whatever comes in.

    Counts are kept for a fixed moment, at which a later event weighs more than one; only when it lies hundreds of
    half-lives back are they brought forward, so that adding costs what the batch costs.
    """

    def __init__(self, model: TrendingModel) -> None:
        counts = model.counts
        self._recipe = model.recipe
        self._territories = counts.territories
        self._row = {name: row for row, name in enumerate(counts.territories, 1)}
        self._decayed: Floats = counts.decayed.astype(np.float64)  # (1 + territories, items), as of ``_kept``
        self._events: NDArray[np.int32] = np.array(counts.events)  # (items,)
        self._half_life: Floats = counts.half_life.astype(np.float64)  # (items,) days
        self._begin, self._at, self._kept = counts.begin, counts.at, counts.at  # s UTC
        self._lock = threading.Lock()
        self._model: TrendingModel | None = model

    def add(
        self, items: IntArray, times: TimeArray, weights: FloatArray, territories: Sequence[str | None] = ()
    ) -> None:
        """Count a batch of positive events (events,); a late one counts by its age, one without a time as if now.

        ``territories`` are those of the people, none where left out. Items beyond the known ones are made room for.
        Times come from the caller, who has refused what lies in the future: a later event ages all the others.
        Raises ValueError where an index is negative or the columns do not align.
        """
        places = [self._row.get(plain(name), 0) for name in territories] or [0] * len(items)
        if not len(items) == len(times) == len(weights) == len(places) or np.min(items, initial=0) < 0:
            raise ValueError("Events are aligned columns of item indices from 0, times, weights and territories.")
        if not len(items):
            return
        with self._lock:
            self._make_room(int(np.max(items)) + 1, ())
            days = self._moved(np.asarray(times, np.float64))
            gain = np.asarray(weights, np.float64) * np.exp2(days / self._half_life[items])  # (events,)
            row = np.array(places, np.int32)
            np.add.at(self._decayed[0], items, gain)
            np.add.at(self._decayed, (row[row > 0], items[row > 0]), gain[row > 0])
            np.add.at(self._events, items, 1)
            self._model = None

    def count(self, arrivals: Sequence[Arrival]) -> None:
        """Count events for everyone."""
        if arrivals:
            columns = zip(*((arrival.item, arrival.time, arrival.weight) for arrival in arrivals), strict=True)
            items, times, weights = map(np.array, columns)
            self.add(items.astype(np.int32), times.astype(np.float64), weights.astype(np.float32))

    def grow(self, n_items: int, media_types: Sequence[str | None] = ()) -> None:
        """Make room for items up to ``n_items``, of these media types in index order; unknown where they end."""
        with self._lock:
            self._make_room(n_items, media_types)

    def model(self) -> TrendingModel:
        """The frozen model of all events so far; the same object until more come. Costs a pass over the counts."""
        with self._lock:
            if self._model is None:
                faded = np.exp2(-self._since_kept() / self._half_life)  # (items,)
                counts = Counts(
                    (self._decayed * faded).astype(np.float32),
                    self._events.copy(),
                    self._half_life.astype(np.float32),
                    self._territories,
                    self._begin,
                    self._at,
                )
                self._model = TrendingModel(self._recipe, counts)
            return self._model

    def _since_kept(self) -> float:
        """Days from the moment that counts are kept for to the newest event."""
        return 0.0 if np.isnan(self._at) else (self._at - self._kept) / DAY

    def _moved(self, times: Floats) -> Floats:
        """(events,) days from the moment that counts are kept for, after the newest moment has moved on to them."""
        if np.isnan(times).all():
            return np.full(len(times), self._since_kept())
        if np.isnan(self._at):  # a log without times is as old as the first event that has one
            self._begin = self._at = self._kept = float(np.nanmin(times))
        self._begin = min(self._begin, float(np.nanmin(times)))
        self._at = max(self._at, float(np.nanmax(times)))
        if self._since_kept() > _REACH * self._half_life.min():
            self._decayed *= np.exp2(-self._since_kept() / self._half_life)
            self._kept = self._at
        return (np.where(np.isnan(times), self._at, times) - self._kept) / DAY

    def _make_room(self, n_items: int, media_types: Sequence[str | None]) -> None:
        more = n_items - len(self._events)
        if more <= 0:
            return
        named = [*media_types[:more], *[None] * (more - len(media_types))]
        half_life = [self._recipe.half_life(name) for name in named]
        self._half_life = np.concatenate([self._half_life, half_life])
        self._decayed = np.pad(self._decayed, ((0, 0), (0, more)))
        self._events = np.pad(self._events, (0, more))
        self._model = None
