"""A fitted ``session``."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recsys.models.files import load_arrays, save_arrays
from recsys.models.recipe import save_recipe
from recsys.models.session.counter import SessionCounter
from recsys.models.session.counts import CONTEXT, FOLLOW_LIVES, HALF_LIVES, Counts, Floats, Nexts
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

if TYPE_CHECKING:
    from recsys.models.session.recipe import Session


class SessionModel:
    """Scores are log odds of being the next click, comparable within a query; items without a click are abstained from.

    It speaks of every item that had a click, those that came after the bundle too.
    """

    spans_overlay = True

    def __init__(self, recipe: "Session", counts: Counts) -> None:
        self.recipe = self.session = recipe
        self.counts = counts
        weights = np.array(recipe.weights, np.float64)
        self._base_weights = weights[: len(HALF_LIVES)]
        self._lift_weights = weights[len(HALF_LIVES) :].reshape(CONTEXT, len(FOLLOW_LIVES))

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The best of the items that had a click; ``allowed`` may be shorter or longer than the bundle's catalogue."""
        items = self.counts.items
        able = np.zeros(len(items), np.bool_)
        inside = items < len(allowed)
        able[inside] = allowed[items[inside]]
        found = []
        for query, hidden in zip(queries, exclude, strict=True):
            places = np.flatnonzero(able & ~np.isin(items, hidden))
            scores = self._scores(query)[places].astype(np.float32)
            if 0 < n < len(places):
                near = scores >= np.partition(scores, len(scores) - n)[len(scores) - n]  # ties go to the lower index
                places, scores = places[near], scores[near]
            order = np.argsort(-scores, kind="stable")[:n]
            found.append(Ranked(items[places[order]], scores[order], self.recipe.name))
        return found

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        """(queries, items) log-odds of the next click; -inf for items without a counted click."""
        known = self.counts.items
        scores = np.full((len(queries), len(items)), -np.inf, np.float32)
        if not len(known):
            return scores
        place = np.minimum(np.searchsorted(known, items), len(known) - 1)
        clicked = known[place] == items
        for row, query in enumerate(queries):
            scores[row, clicked] = self._scores(query)[place[clicked]]
        return scores

    def counter(self) -> SessionCounter:
        """Counts that go on where these end."""
        return SessionCounter(self)

    def with_counts(self, counts: Counts) -> "SessionModel":
        """The same weights over other counts."""
        return SessionModel(self.session, counts)

    def save(self, folder: Path) -> None:
        """Write the counts; what readers went on to lies flat, and ``ends`` (sources,) says where each source ends."""
        nexts = self.counts.nexts
        sources = np.array(sorted(nexts), np.int32)
        rows = [nexts[item] for item in sources.tolist()]
        save_arrays(
            folder,
            items=self.counts.items,
            clicks=self.counts.clicks,
            at=np.array([self.counts.at]),
            sources=sources,
            ends=np.cumsum([len(row.items) for row in rows], dtype=np.int64),
            moments=np.array([row.at for row in rows], np.float64),
            follow_items=np.concatenate([np.zeros(0, np.int32), *(row.items for row in rows)]),
            follow_counts=np.concatenate([np.zeros((0, len(FOLLOW_LIVES))), *(row.counts for row in rows)]),
        )
        save_recipe(self.recipe, folder)

    @cached_property
    def _base(self) -> Floats:
        """(m,) the part of the scores that is everyone's."""
        return np.asarray(self.counts.base() @ self._base_weights)

    @cached_property
    def _shares(self) -> Floats:
        return self.counts.shares()

    def _scores(self, query: Query) -> Floats:
        """(m,) of the counted items."""
        scores = self._base.copy()
        for weights, item in zip(self._lift_weights, context(query, self.session.gap_minutes * 60), strict=False):
            places, lifts = self.counts.lifts(item, self._shares)
            scores[places] += lifts @ weights
        return scores


def context(query: Query, gap: float) -> list[int]:
    """The newest items of a history, each once, newest first; none that is ``gap`` seconds older than the asking."""
    old = query.at - np.asarray(query.times) > gap  # never where one of them is unknown
    newest = np.asarray(query.items)[~old][::-1][: 4 * CONTEXT]
    return list(dict.fromkeys(newest.tolist()))[:CONTEXT]


def load_counts(folder: Path) -> Counts:
    """Map what ``SessionModel.save`` wrote."""
    items, clicks, at, sources, ends, moments = load_arrays(
        folder, "items", "clicks", "at", "sources", "ends", "moments"
    )
    follow_items, follow_counts = load_arrays(folder, "follow_items", "follow_counts")
    nexts, start = {}, 0
    for source, end, moment in zip(sources.tolist(), ends.tolist(), moments.tolist(), strict=True):
        nexts[source] = Nexts(follow_items[start:end], follow_counts[start:end], moment)
        start = end
    return Counts(items, clicks, nexts, float(at[0]))
