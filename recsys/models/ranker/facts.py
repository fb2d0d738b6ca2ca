"""What a ranker knows of an item beside its parts' scores: how much it was had and liked of late, and by whom."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.data import Dataset
from recsys.errors import BundleError
from recsys.models.files import load_arrays, save_arrays
from recsys.models.profile_tokens import ProfileVocabulary, profile_tokens
from recsys.models.ranker.nearness import FEATURES as NEAR
from recsys.models.ranker.nearness import Nearness
from recsys.types import FloatArray, Query

_FILE = "facts.json"
HALF_LIVES = (1 / 24, 1 / 4, 1.0, 3.0, 7.0, 14.0, 30.0, 90.0, 365.0)  # days; as many as the log is long
_PLACES = ("liked@1d", "liked@7d", "liked@30d", "had@3d")
_LEADS = (("liked@1d", "liked@7d"), ("liked@3d", "liked@14d"), ("liked@7d", "liked@30d"), ("liked@7d", "had@7d"))
LIKING, AGE, IDLE, PROFILE = "liking", "age", "idle", "profile"
_FLOOR = 0.01  # of an even share: what a log of a share is taken of where there is nothing
_DOUBT = 10.0  # imagined events at the overall rate by which a rate of liking is smoothed
_PEOPLE = 1_000.0  # imagined events of everyone's taste by which the taste of a profile token is smoothed
_TOKENS = 64  # profile tokens that are told apart

Column = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Facts:
    """Facts of every item as of the newest moment of a log.

    ``items`` holds one column a name: the log of an item's share of all events (``had@30d``) and of liked ones
    (``liked@30d``), each event halved once per so many days of age, in even shares; its ``_standing`` in some of these;
    how often it is liked when it is had; the logs of its age and of the time since its last event, in days. ``tastes``
    is how much likelier the people of a profile token are to like an item than everyone is, as a log. ``near`` compares
    items with the history.
    """

    names: tuple[str, ...]
    items: FloatArray  # (items, names)
    tokens: tuple[str, ...]
    tastes: FloatArray  # (tokens, items)
    near: Nearness | None = None  # for a log with times

    @classmethod
    def of(cls, data: Dataset, span: float | None = None) -> "Facts":
        """The facts of a log; those that need times or profiles are left out where it has none.

        ``span`` in days decides which half-lives there are; None is the age of the oldest event.
        """
        columns = _columns(data, span_of(data) if span is None else span)
        tokens, tastes = _tastes(data)
        names = tuple(columns)
        items = np.stack([columns[name] for name in names], axis=1).astype(np.float32)
        return cls(names, items, tokens, tastes, Nearness.of(data) if timed(data) else None)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The columns of ``rows``."""
        return (*self.names, *(NEAR if self.near else ()), *((PROFILE,) if self.tokens else ()))

    def rows(self, query: Query, items: NDArray[np.integer]) -> FloatArray:
        """(items, features) what is known of each item for one query."""
        found = np.empty((len(items), len(self.features)), np.float32)
        found[:, : len(self.names)] = self.items[items]
        self.compare(query, items, found[:, len(self.names) :])
        return found

    def compare(self, query: Query, items: NDArray[np.integer], out: FloatArray) -> None:
        """Write the features (items, ..) that depend on the query: those behind ``names``."""
        if self.near:
            out[:, : len(NEAR)] = self.near.rows(query, items)
        if self.tokens:
            mine = set(profile_tokens(query.profile))
            at = [place for place, token in enumerate(self.tokens) if token in mine]
            out[:, -1] = self.tastes[at][:, items].sum(axis=0, dtype=np.float32)  # no token, no taste

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        save_arrays(folder, facts=self.items, tastes=self.tastes)
        if self.near:
            self.near.save(folder)
        told = {"names": self.names, "tokens": self.tokens, "near": self.near is not None}
        (folder / _FILE).write_text(json.dumps(told, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> "Facts":
        """Map what ``save`` wrote; raises BundleError where it cannot."""
        items, tastes = load_arrays(folder, "facts", "tastes")
        try:
            told = json.loads((folder / _FILE).read_text())
            near = Nearness.load(folder) if told.get("near") else None  # not in older bundles
            return cls(tuple(told["names"]), items, tuple(told["tokens"]), tastes, near)
        except (OSError, ValueError, KeyError) as error:
            raise BundleError(f"{folder} holds no readable {_FILE}: {error}; publish the bundle again.") from None


def span_of(data: Dataset) -> float:
    """Days from the oldest event of a log to its newest moment; 0 without times."""
    return float(data.ages_days.max(initial=0.0))


def timed(data: Dataset) -> bool:
    """Whether any event has a time."""
    return bool(np.isfinite(data.time).any())


def _columns(data: Dataset, span: float) -> dict[str, Column]:
    n = data.n_items
    liked = np.asarray(data.positive)
    had_ever, liked_ever = _counted(data, np.ones(data.n_events)), _counted(data, liked.astype(np.float64))
    rate = liked_ever.sum() / max(had_ever.sum(), 1.0)
    columns = {
        "had": _share(had_ever),
        "liked": _share(liked_ever),
        LIKING: np.log((liked_ever + _DOUBT * rate + 1e-9) / (had_ever + _DOUBT)),
    }
    if not timed(data):
        return columns
    age = data.ages_days.astype(np.float64)
    for days in [days for days in HALF_LIVES if days < span]:
        weight = np.exp2(-age / days)
        label = f"{days:g}d" if days >= 1 else f"{24 * days:g}h"
        columns[f"had@{label}"] = _share(_counted(data, weight))
        columns[f"liked@{label}"] = _share(_counted(data, weight * liked))
    first, last = np.zeros(n), np.full(n, age.max(initial=0.0))
    np.maximum.at(first, data.item, age)
    np.minimum.at(last, data.item, age)
    return columns | _standing(columns) | {AGE: np.log1p(first), IDLE: np.log1p(last)}


def _standing(columns: Mapping[str, Column]) -> dict[str, Column]:
    """The log of an item's place in some columns, 0 for the first; and how far one column is before another.

    Trees split on one feature at a time, and a place means the same in any slice of the log, where a share does not.
    """
    places = {f"place of {name}": _place(columns[name]) for name in _PLACES if name in columns}
    leads = [pair for pair in _LEADS if set(pair) <= columns.keys()]
    return places | {f"{one} - {other}": columns[one] - columns[other] for one, other in leads}


def _place(column: Column) -> Column:
    place = np.empty(len(column))
    place[np.argsort(-column, kind="stable")] = np.arange(len(column))
    return np.log1p(place)


def _counted(data: Dataset, weight: Column) -> Column:
    """(items,) sums of a weight (events,)."""
    return np.asarray(np.bincount(data.item, weight, data.n_items), np.float64)


def _share(counts: Column) -> Column:
    """(items,) logs of shares, 0 for an even one."""
    return np.log(len(counts) * counts / max(float(counts.sum()), 1e-30) + _FLOOR)


def _tastes(data: Dataset) -> tuple[tuple[str, ...], FloatArray]:
    """The profile tokens of a log, and the taste (tokens, items) of the people of each."""
    nobody = (), np.zeros((0, data.n_items), np.float32)
    if not data.profiles:
        return nobody
    liked = data.matrix(positives_only=True)
    liked.data[:] = 1.0
    there = np.flatnonzero(np.diff(liked.indptr))  # who is not in this part of the log has no say
    profiles = [data.profile(user) for user in there.tolist()]
    tokens = ProfileVocabulary.fit(profiles, max_features=_TOKENS).tokens
    if not tokens:
        return nobody
    place = {token: at for at, token in enumerate(tokens)}
    everyone = np.asarray(liked.sum(axis=0), np.float64).ravel() + 1.0
    everyone /= everyone.sum()
    counts = np.zeros((len(tokens), data.n_items))
    for at, members in enumerate(_members(profiles, place)):
        counts[at] = np.asarray(liked[there[members]].sum(axis=0)).ravel()
    share = (counts + _PEOPLE * everyone) / (counts.sum(axis=1, keepdims=True) + _PEOPLE)
    return tokens, np.log(share / everyone).astype(np.float32)


def _members(profiles: Sequence[Mapping[str, str]], place: dict[str, int]) -> list[list[int]]:
    members: list[list[int]] = [[] for _ in place]
    for at, profile in enumerate(profiles):
        for token in set(profile_tokens(profile)) & place.keys():
            members[place[token]].append(at)
    return members
