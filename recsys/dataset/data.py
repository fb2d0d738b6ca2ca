"""A prepared log: events in dense indices, sorted by user and then by time, ready to be mapped from disk."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from recsys.dataset.catalogue import Catalogue
from recsys.dataset.ids import IdMap
from recsys.types import NOTHING, BoolArray, FloatArray, IntArray, Query, TimeArray


@dataclass(frozen=True, eq=False)
class Dataset:
    """Events of a log over one item id space (the catalogue, with or without events).

    The five event arrays are aligned and sorted by (user, time or order); they may be memory-mapped.
    """

    users: IdMap
    catalogue: Catalogue
    user: IntArray  # (events,)
    item: IntArray  # (events,)
    time: TimeArray  # (events,) s UTC, NaN if the log has none
    weight: FloatArray  # (events,) > 0, from the event kind
    positive: BoolArray  # (events,) counts as liked
    profiles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by external user id
    at: float = float("nan")  # s UTC: the newest moment this data knows of
    returns: bool = False  # whether works may be recommended again once consumed (music)
    ordered: bool = True  # whether a user's events lie in the order they happened (by time or by a given order)

    @property
    def n_users(self) -> int:
        return len(self.users)

    @property
    def n_items(self) -> int:
        return len(self.catalogue)

    @property
    def n_events(self) -> int:
        return len(self.item)

    @cached_property
    def indptr(self) -> IntArray:
        """(users + 1,): the events of user ``u`` are ``indptr[u]:indptr[u + 1]``."""
        counts = np.bincount(self.user, minlength=self.n_users)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)

    @cached_property
    def ages_days(self) -> FloatArray:
        """(events,): how many days before ``at`` each event was; 0 where the log has no times.

        In a log where only some events have a time, the others count as old as the oldest of those.
        """
        age = (self.at - np.asarray(self.time)) / 86_400
        unknown = np.isnan(age)
        oldest = 0.0 if unknown.all() else float(age[~unknown].max())
        return np.maximum(np.where(unknown, oldest, age), 0.0).astype(np.float32)

    @cached_property
    def mark(self) -> bytes:
        """The same for the same events known up to the same moment, of data sets over one catalogue."""
        digest = hashlib.sha1(np.float64(self.at).tobytes(), usedforsecurity=False)
        for column in (self.user, self.item, self.time, self.weight, self.positive):
            digest.update(np.ascontiguousarray(column).data)
        return digest.digest()

    def subset(self, keep: BoolArray, at: float | None = None) -> "Dataset":
        """The events where ``keep`` (events,) holds, over the same users and items, known up to ``at``."""
        chosen = np.flatnonzero(keep)
        return replace(
            self,
            user=np.asarray(self.user)[chosen],
            item=np.asarray(self.item)[chosen],
            time=np.asarray(self.time)[chosen],
            weight=np.asarray(self.weight)[chosen],
            positive=np.asarray(self.positive)[chosen],
            at=self.at if at is None else at,
        )

    def matrix(self, *, positives_only: bool = False, weight: FloatArray | None = None) -> sp.csr_matrix:
        """(users, items) float32 sums of event weights, duplicates merged; ``weight`` (events,) in place of its own."""
        keep = np.asarray(self.positive) if positives_only else slice(None)
        shape = (self.n_users, self.n_items)
        values = (self.weight if weight is None else weight)[keep]
        coo = sp.coo_matrix((values, (self.user[keep], self.item[keep])), shape=shape, dtype=np.float32)
        csr = coo.tocsr()
        csr.sum_duplicates()
        return csr

    def profile(self, user: int) -> Mapping[str, str]:
        """The profile of a user by index, empty if there is none."""
        return self.profiles.get(self.users[user], NOTHING)

    def query(self, user: int) -> Query:
        """The whole history of a user by index, as a query at ``at``."""
        own = slice(self.indptr[user], self.indptr[user + 1])
        return Query(self.item[own], self.time[own], self.weight[own], self.at, self.profile(user))

    def seen(self, user: int) -> IntArray:
        """Sorted items of a user's history, each once."""
        return np.unique(self.item[self.indptr[user] : self.indptr[user + 1]])


@dataclass(frozen=True, eq=False)
class Holdout:
    """What a model is asked after a cut, and what then happened. All lists are aligned with ``users``."""

    users: IntArray  # (queries,) indices in the dataset's id map
    queries: list[Query]  # histories end at the cut
    truth: list[IntArray]  # sorted items, at least one: positives that the user had not had before
    exclude: list[IntArray]  # sorted items: what must not be shown (seen), empty where works return
    seen_items: BoolArray  # (items,) has at least one event before the cut

    def __len__(self) -> int:
        return len(self.queries)

    def part(self, places: Sequence[int] | IntArray) -> "Holdout":
        """The queries at these places, in their order; what was seen before the cut stays the whole log's."""
        return replace(
            self,
            users=self.users[np.asarray(places, np.int64)],
            queries=[self.queries[at] for at in places],
            truth=[self.truth[at] for at in places],
            exclude=[self.exclude[at] for at in places],
        )

    def spread(self, most: int) -> "Holdout":
        """Every n-th query, so that there are ``most`` at the most; the same ones each time."""
        return self.part(range(0, len(self), max(1, -(-len(self) // most))))

    def drawn(self, most: int, rng: np.random.Generator) -> "Holdout":
        """At most ``most`` queries, drawn without replacement and kept in order; itself where it has no more."""
        if len(self) <= most:
            return self
        return self.part(np.sort(rng.choice(len(self), most, replace=False)))


@dataclass(frozen=True, eq=False)
class Split:
    """One experiment: recipes choose on ``validation``, are refitted on ``train_validation``, compared on ``test``."""

    name: str  # for example "time 80/10/10, window 2 of 4"
    train: Dataset
    validation: Holdout
    train_validation: Dataset
    test: Holdout
