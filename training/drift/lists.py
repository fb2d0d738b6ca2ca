"""Prediction drift: what one bundle recommends for the histories of two lake versions."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.bundle import Bundle
from recsys.dataset.data import Dataset
from recsys.types import IntArray, Query
from training.drift.limits import DriftLimits
from training.drift.report import Measure
from training.drift.statistics import Counts, aligned, js, js_noise, moved

PLACES = 20
DAY = 86_400


@dataclass(frozen=True, eq=False)
class Lists:
    """The lists of some users, by external id."""

    users: list[str]
    shown: list[IntArray]  # (places,) each

    def by_item(self, bundle: Bundle) -> Counts:
        """How often each item is shown."""
        return Counter(bundle.catalogue.ids[int(item)] for items in self.shown for item in items)

    def by_genre(self, genres: Sequence[list[str] | None]) -> Counts:
        """How often each genre is shown; the genres of an item share it."""
        counts: dict[str, float] = {}
        for item in np.concatenate([np.zeros(0, np.int32), *self.shown]):
            own = genres[int(item)] or ["(none)"]
            for genre in own:
                counts[genre] = counts.get(genre, 0.0) + 1 / len(own)
        return counts


def list_drift(bundle: Bundle, older: Dataset, newer: Dataset, limits: DriftLimits) -> Iterator[Measure]:
    """Jensen-Shannon divergence of what is shown, by genre and by item, and the overlap of each user's two lists."""
    before, after = (ask(bundle, data, recent(data, limits)) for data in (older, newer))
    if not before.users or not after.users:
        return
    genres = bundle.catalogue.lists("genres")
    if any(genres):
        yield _divergence("lists.genres", before.by_genre(genres), after.by_genre(genres), before, after)
    yield _divergence("lists.items", before.by_item(bundle), after.by_item(bundle), before, after)
    there = dict(zip(before.users, before.shown, strict=True))
    both = [(there[user], items) for user, items in zip(after.users, after.shown, strict=True) if user in there]
    if both:
        overlap = float(np.mean([len(np.intersect1d(a, b)) / max(len(a), len(b), 1) for a, b in both]))
        yield Measure(f"lists.overlap@{PLACES}", "overlap", overlap, detail=f"{len(both)} users of both versions")


def recent(data: Dataset, limits: DriftLimits) -> list[int]:
    """Users with an event in the newest days; of many, those first by a hash, which two versions have in common."""
    time = np.asarray(data.time)
    since = data.at - limits.days * DAY
    active = np.unique(np.asarray(data.user)[~(time < since)])  # an unknown time is recent
    ranked = sorted((int(user) for user in active), key=lambda user: _hash(data.users[user]))
    return ranked[: limits.queries]


def ask(bundle: Bundle, data: Dataset, users: Sequence[int]) -> Lists:
    """The bundle's lists for the whole histories of users of a data set, whose items may be other ones."""
    known = _known(bundle, data)
    queries = [_translated(data.query(user), known) for user in users]
    none = np.zeros(0, np.int32)
    exclude = [none if data.returns else np.unique(query.items) for query in queries]
    allowed = np.ones(len(bundle.catalogue), np.bool_)
    pipeline = bundle.pipeline
    slates = pipeline.candidates(queries, pipeline.rerank.width(PLACES), allowed, exclude) if queries else []
    ranked = [pipeline.reranked(slate, query, PLACES)[0] for slate, query in zip(slates, queries, strict=True)]
    return Lists([data.users[user] for user in users], [slate.items[:PLACES] for slate in ranked])


def _known(bundle: Bundle, data: Dataset) -> IntArray:
    """(items of the data,) the bundle's index of each item, -1 where it has none."""
    own = (bundle.catalogue.ids.get(name) for name in data.catalogue.ids.ids)
    return np.array([-1 if index is None else index for index in own], np.int32)


def _translated(query: Query, known: IntArray) -> Query:
    items = known[query.items]
    keep = items >= 0
    return Query(items[keep], query.times[keep], query.weights[keep], query.at, query.profile, query.context)


def _divergence(name: str, before: Counts, after: Counts, a: Lists, b: Lists) -> Measure:
    names, p, q = aligned(before, after)
    return Measure(name, "js", js(p, q), js_noise(len(a.users), len(b.users), len(names)), moved(names, p, q))


def _hash(user: str) -> bytes:
    return hashlib.sha256(user.encode()).digest()
