"""What a model is asked after a cut, and what then happened: histories, truth and what not to show, without leaks."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.data import Dataset, Holdout
from recsys.types import BoolArray, IntArray, Query, TimeArray

Keys = NDArray[np.int64]  # user * items + item: one number for a pair
NONE: IntArray = np.zeros(0, np.int32)
NONE.flags.writeable = False


def keys_of(data: Dataset, chosen: BoolArray | slice = slice(None)) -> Keys:
    """(events,) the pair of user and item of each chosen event as one number that sorts by user."""
    users = np.asarray(data.user)[chosen].astype(np.int64)
    keys: Keys = users * max(data.n_items, 1) + np.asarray(data.item)[chosen]
    return keys


def distinct(keys: Keys) -> Keys:
    """Sorted, each once; on millions of pairs ten times faster than numpy's hashing ``unique``."""
    ordered = np.sort(keys)
    kept: Keys = ordered[np.diff(ordered, prepend=ordered[:1] - 1) != 0]
    return kept


def cut_holdout(data: Dataset, past: Dataset, target: BoolArray, at: TimeArray) -> Holdout:
    """One query a user with the history in ``past``; truth are the liked works of ``target`` (events,) new to the user.

    ``at`` (users,) is the moment of each user's cut.
    """
    had = distinct(keys_of(past))
    liked = distinct(keys_of(data, target & np.asarray(data.positive)))
    if not data.returns:
        liked = np.setdiff1d(liked, had, assume_unique=True)
    truth, exclude = _by_user(data, liked), _by_user(data, had)
    users = distinct(liked // max(data.n_items, 1)).astype(np.int32)
    return Holdout(
        users,
        [_history(past, user, float(at[user])) for user in users.tolist()],
        [truth(user) for user in users.tolist()],
        [NONE if data.returns else exclude(user) for user in users.tolist()],
        seen(past),
    )


def online_holdout(data: Dataset, past: Dataset, target: BoolArray) -> Holdout:
    """One query a liked event of ``target`` (events,), with everything the user did strictly before that moment.

    What happened at the same moment is not in the history. ``past`` is what was known at the cut.
    """
    asked = _first_liked(data, target)
    began = _moments(data)[asked]  # (queries,) where the history of each query ends
    users = np.asarray(data.user)[asked]
    queries = [
        _prefix(data, u, end, at) for u, end, at in zip(users.tolist(), began.tolist(), data.time[asked], strict=True)
    ]
    return Holdout(
        users,
        queries,
        [np.asarray(data.item)[event : event + 1] for event in asked.tolist()],
        [NONE if data.returns else np.unique(query.items) for query in queries],
        seen(past),
    )


def seen(past: Dataset) -> BoolArray:
    """(items,) has at least one event."""
    return np.bincount(past.item, minlength=past.n_items) > 0


def new_to_user(data: Dataset) -> BoolArray:
    """(events,) is the first event of its user with its item; every event where works may return."""
    if data.returns:
        return np.ones(data.n_events, np.bool_)
    first = np.zeros(data.n_events, np.bool_)
    first[np.unique(keys_of(data), return_index=True)[1]] = True
    return first


def _first_liked(data: Dataset, target: BoolArray) -> NDArray[np.int64]:
    asked = np.flatnonzero(target & np.asarray(data.positive))
    if data.returns:
        return asked
    keys = keys_of(data)
    pairs, first = np.unique(keys, return_index=True)
    had = first[np.searchsorted(pairs, keys[asked])] < _moments(data)[asked]
    asked = asked[~had]
    return np.sort(asked[np.unique(keys[asked], return_index=True)[1]])


def _moments(data: Dataset) -> NDArray[np.int64]:
    """(events,) where the run of events begins that the same user had at the same time; unknown times differ."""
    time, user = np.asarray(data.time), np.asarray(data.user)
    begins = np.ones(data.n_events, np.bool_)
    begins[1:] = (time[1:] != time[:-1]) | (user[1:] != user[:-1])
    return np.maximum.accumulate(np.where(begins, np.arange(data.n_events), 0))


def _by_user(data: Dataset, keys: Keys) -> Callable[[int], IntArray]:
    """Sorted unique pairs as sorted items of a user."""
    n_items = max(data.n_items, 1)
    items = (keys % n_items).astype(np.int32)
    bounds = np.searchsorted(keys, np.arange(data.n_users + 1, dtype=np.int64) * n_items)
    return lambda user: items[bounds[user] : bounds[user + 1]]


def _history(past: Dataset, user: int, at: float) -> Query:
    own = slice(past.indptr[user], past.indptr[user + 1])
    return Query(past.item[own], past.time[own], past.weight[own], at, past.profile(user))


def _prefix(data: Dataset, user: int, end: int, at: float) -> Query:
    own = slice(data.indptr[user], end)
    return Query(data.item[own], data.time[own], data.weight[own], float(at), data.profile(user))
