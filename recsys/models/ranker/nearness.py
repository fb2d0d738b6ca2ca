"""How near a work is to those of a history: in its genres, in how new they were when they were had, in how known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.data import Dataset
from recsys.models.files import load_arrays, save_arrays
from recsys.types import FloatArray, Query

FEATURES = ("genres", "genres of the last", "newer", "more known")
_EVENTS, _LAST = 30, 3  # newest events of a history that count; newest ones that count as its last
_GENRES = 64  # that are told apart, the most frequent ones
_DAY = 86_400.0  # s


@dataclass(frozen=True, eq=False)
class Nearness:
    """What histories and works are compared by.

    ``genres`` are unit vectors, a frequent genre counting less, 0 for a work without any. ``first`` is the moment of a
    work's first event in s UTC, and that of the log where it has none. ``known`` is the log of its share of all events.
    """

    genres: FloatArray  # (items, genres)
    first: NDArray[np.float64]  # (items,)
    known: FloatArray  # (items,)

    @classmethod
    def of(cls, data: Dataset) -> "Nearness":
        """Of a log with times."""
        first = np.full(data.n_items, data.at)
        np.fmin.at(first, data.item, np.asarray(data.time))  # an event without a time has no say
        known = np.log1p(np.bincount(data.item, minlength=data.n_items))
        return cls(_genres(data), first, known.astype(np.float32))

    def rows(self, query: Query, items: NDArray[np.integer]) -> FloatArray:
        """(items, FEATURES) for one query; 0 without a history."""
        found = np.zeros((len(items), len(FEATURES)), np.float32)
        recent = query.last(_EVENTS)
        inside = recent.items < len(self.first)
        own, times = recent.items[inside], recent.times[inside]
        if not len(own):
            return found
        genres = self.genres[own]
        taste = genres.mean(axis=0)
        sides = np.stack([taste / max(float(np.linalg.norm(taste)), 1e-9), genres[-_LAST:].mean(axis=0)])
        found[:, :2] = np.einsum("ig,sg->is", self.genres[items], sides)  # BLAS would round it by who else is there
        found[:, 3] = self.known[items] - self.known[own].mean()
        timed = np.isfinite(times)
        if timed.any() and np.isfinite(query.at):
            habit = np.log1p(np.maximum(times[timed] - self.first[own[timed]], 0.0) / _DAY).mean()
            found[:, 2] = habit - np.log1p(np.maximum(query.at - self.first[items], 0.0) / _DAY)
        return found

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        save_arrays(folder, genres=self.genres, first=self.first, known=self.known)

    @classmethod
    def load(cls, folder: Path) -> "Nearness":
        """Map what ``save`` wrote."""
        return cls(*load_arrays(folder, "genres", "first", "known"))


def _genres(data: Dataset) -> FloatArray:
    lists = [names or [] for names in data.catalogue.lists("genres")]
    names, place, counts = np.unique([name for own in lists for name in own], return_inverse=True, return_counts=True)
    kept = np.sort(np.argsort(-counts, kind="stable")[:_GENRES])
    vectors = np.zeros((data.n_items, len(names)), np.float32)
    vectors[np.repeat(np.arange(data.n_items), [len(own) for own in lists]), place] = 1.0
    vectors = vectors[:, kept] * np.maximum(np.log(data.n_items / (1.0 + counts[kept])), 0.1).astype(np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-9), np.float32)
