"""Splits of a data set: rolling windows of time, the last liked work of each user, a share of each user, or users."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.data import Dataset, Holdout, Split
from recsys.dataset.holdouts import cut_holdout, keys_of, new_to_user, online_holdout, seen
from recsys.dataset.splitspec import SplitSpec, Strategy
from recsys.errors import ConfigError, DataError
from recsys.types import BoolArray, TimeArray

Places = NDArray[np.integer]  # of events in a data set


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """Where one window cuts a log in time, in s UTC."""

    name: str
    validation: float
    test: float
    end: float


def splits(data: Dataset, spec: SplitSpec) -> list[Split]:
    """One split a window, oldest window first; every part keeps the id maps and the catalogue of ``data``.

    Events without a time, in a log that has times elsewhere, count as older than every cut. Raises ConfigError where
    the log lacks the times or the order that ``spec`` needs, DataError where a slice holds no query.
    """
    if not data.n_events:
        raise DataError("The data set holds no events, so it cannot be split; ingest some first.")
    strategy = strategy_of(data, spec)
    if strategy == "time":
        return [_by_time(data, spec, window) for window in _windows(data, spec)]
    if strategy == "last":
        return [_by_last(data)]
    return [_by_share(data, spec) if strategy == "random" else _by_users(data, spec)]


def strategy_of(data: Dataset, spec: SplitSpec) -> Strategy:
    """What the split of this log is called by; ``auto`` takes times where at least half of the events have one.

    ``auto`` makes one window where it does not split by time.
    """
    timed = int(np.count_nonzero(~np.isnan(data.time)))
    strategy = spec.strategy
    if strategy == "auto":
        ordered: Strategy = "last" if data.ordered else "random"
        strategy = "time" if spec.cuts is not None or 2 * timed >= data.n_events else ordered
    if strategy == "time" and not timed:
        raise ConfigError('A split by time needs events with times, and this log has none; set strategy = "auto".')
    if strategy == "last" and not data.ordered:
        raise ConfigError(
            'strategy = "last" needs events with a time or an order; set strategy = "random" for this log.'
        )
    if strategy == "random" and spec.protocol == "online":
        raise ConfigError(
            'protocol = "online" needs events with a time or an order; set protocol = "cut" for this log.'
        )
    return strategy


def newest(data: Dataset, share: float = 0.1, seed: int = 0) -> tuple[Dataset, Holdout] | None:
    """What was known before the newest part of a log, and what was asked of it then; None where that is nothing.

    The newest ``share`` of the events by time; without times the last liked work of each user; without an order a
    seeded share of each user's works.
    """
    if data.n_events < 2:
        return None
    strategy = strategy_of(data, SplitSpec())
    if strategy == "time":
        (cut,) = _quantiles(data.time, np.array([1 - share]))
        past = data.subset(~(np.asarray(data.time) >= cut), cut)
        found = past, cut_holdout(data, past, np.asarray(data.time) >= cut, np.full(data.n_users, cut))
    elif strategy == "last":
        liked = np.flatnonzero(np.asarray(data.positive) & new_to_user(data))
        target = _target(liked, np.searchsorted(liked, data.indptr[1:]) - 1, data.indptr[:-1])
        before = np.where(target >= 0, target, data.indptr[1:])  # (users,)
        past = data.subset(np.arange(data.n_events) < before[data.user])
        found = past, _last_holdout(data, past, target)
    else:
        test, _ = _drawn(data, SplitSpec(strategy="random", test=share, seed=seed))
        past = data.subset(~test)
        found = past, cut_holdout(data, past, test, np.full(data.n_users, data.at))
    return found if past.n_events and len(found[1]) else None


def _windows(data: Dataset, spec: SplitSpec) -> list[_Window]:
    if spec.cuts is not None:
        times = [cut.timestamp() for cut in spec.cuts] + [np.inf]
        name = "time from " + ", ".join(f"{cut:%Y-%m-%dT%H:%M:%SZ}" for cut in spec.cuts)
        bounds = list(zip(times, times[1:], times[2:], strict=False))
    else:
        test, windows = spec.test_share("time"), spec.windows_of(data.n_events)
        name = f"time {_percent(1 - spec.validation - test)}/{_percent(spec.validation)}/{_percent(test)}"
        begins = 1 - test * np.arange(windows, -1, -1)  # (windows + 1,) as shares of the events
        cuts = _quantiles(data.time, np.concatenate([begins[:-1] - spec.validation, begins[:-1]]))
        tests = [*cuts[windows:], np.inf]
        bounds = [(v, t, end) for v, (t, end) in zip(cuts, pairwise(tests), strict=False)]
    of = f", window {{}} of {len(bounds)}" if len(bounds) > 1 else ""
    return [_Window(name + of.format(place), *bound) for place, bound in enumerate(bounds, 1)]


def _quantiles(time: TimeArray, shares: TimeArray) -> list[float]:
    """The times before which these shares of the timed events lie."""
    known = np.sort(np.asarray(time)[~np.isnan(time)])
    places = np.clip(np.rint(shares * len(known)).astype(np.int64), 0, len(known) - 1)
    return [float(t) for t in known[places]]


def _by_time(data: Dataset, spec: SplitSpec, window: _Window) -> Split:
    time = np.asarray(data.time)
    train, known = ~(time >= window.validation), ~(time >= window.test)  # an unknown time is before every cut
    slices = (known & ~train, (time >= window.test) & (time < window.end))
    pasts = (data.subset(train, window.validation), data.subset(known, window.test))
    holdouts = [
        online_holdout(data, past, target)
        if spec.protocol == "online"
        else cut_holdout(data, past, target, np.full(data.n_users, past.at))
        for past, target in zip(pasts, slices, strict=True)
    ]
    hint = "give it a larger share (validation, test, fewer windows) or cuts at other times"
    return _checked(Split(window.name, pasts[0], holdouts[0], pasts[1], holdouts[1]), hint)


def _by_last(data: Dataset) -> Split:
    """The last liked new work of each user is the test, the one before it validation; each needs an event before it."""
    liked = np.flatnonzero(np.asarray(data.positive) & new_to_user(data))
    end = np.searchsorted(liked, data.indptr[1:])  # (users,) behind each user's last liked event
    begin = data.indptr[:-1]
    test = _target(liked, end - 1, begin)
    validation = np.where(test >= 0, _target(liked, end - 2, begin), -1)
    known = np.where(test >= 0, test, data.indptr[1:])  # (users,) where what is known at the test ends
    before = np.where(validation >= 0, validation, known)
    event = np.arange(data.n_events)
    pasts = (data.subset(event < before[data.user]), data.subset(event < known[data.user]))
    holdouts = [_last_holdout(data, past, target) for past, target in zip(pasts, (validation, test), strict=True)]
    hint = "it needs users with three or more events, two of them liked; lower the positive threshold or add events"
    return _checked(Split("last liked of each user", pasts[0], holdouts[0], pasts[1], holdouts[1]), hint)


def _target(liked: Places, place: Places, begin: Places) -> Places:
    """(users,) the liked event at ``place``, -1 where it is not an own event with another one before it."""
    event = liked[np.maximum(place, 0)] if len(liked) else np.full(len(begin), -1)
    return np.where((place >= 0) & (event > begin), event, -1)


def _last_holdout(data: Dataset, past: Dataset, target: Places) -> Holdout:
    chosen = np.zeros(data.n_events, np.bool_)
    chosen[target[target >= 0]] = True
    at = np.full(data.n_users, np.nan)
    at[target >= 0] = np.asarray(data.time)[target[target >= 0]]
    return cut_holdout(data, past, chosen, at)


def _by_share(data: Dataset, spec: SplitSpec) -> Split:
    """Each user's works dealt out by a seeded draw; all events of a user with one work stay together."""
    test, validation = _drawn(data, spec)
    pasts = (data.subset(~(test | validation)), data.subset(~test))
    at = np.full(data.n_users, data.at)
    holdouts = [cut_holdout(data, past, target, at) for past, target in zip(pasts, (validation, test), strict=True)]
    share = spec.test_share("random")
    name = f"random {_percent(1 - share)}/{_percent(share)} of each user, seed {spec.seed}"
    hint = "it needs users with more events (about 5); give it a larger share (validation, test) or add events"
    return _checked(Split(name, pasts[0], holdouts[0], pasts[1], holdouts[1]), hint)


def _drawn(data: Dataset, spec: SplitSpec) -> tuple[BoolArray, BoolArray]:
    """(events,) test and validation; of each user at least one work is left for training."""
    works = _Works.of(data)
    rank, size = works.dealt(spec.seed), works.size[works.user]
    n_test = np.minimum(np.floor(size * spec.test_share("random") + 0.5), np.maximum(size - 1, 0))
    n_both = np.minimum(n_test + np.floor(size * spec.validation + 0.5), np.maximum(size - 1, 0))
    test = rank < n_test
    return test[works.of_event], (~test & (rank < n_both))[works.of_event]


def _by_users(data: Dataset, spec: SplitSpec) -> Split:
    """Whole users are held out by a seeded draw; of each the later works are asked, drawn ones where none is later."""
    works = _Works.of(data)
    rank, size = works.in_order() if data.ordered else works.dealt(spec.seed), works.size[works.user]
    n_asked = np.clip(np.floor(size * spec.asked + 0.5), 1, np.maximum(size - 1, 1))
    asked = (rank >= size - n_asked)[works.of_event]  # (events,)
    if data.ordered:
        asked = _from_first(data, asked)
    test, validation = _held_users(works.size, spec)
    pasts = (data.subset(~(test | validation)[data.user]), data.subset(~test[data.user]))
    holdouts = [
        _unseen_holdout(data, past, held[data.user] & asked, held[data.user] & ~asked)
        for past, held in zip(pasts, (validation, test), strict=True)
    ]
    share = spec.test_share("users")
    name = (
        f"users {_percent(1 - spec.validation - share)}/{_percent(spec.validation)}/{_percent(share)}, seed {spec.seed}"
    )
    hint = "it needs held-out users with two or more works; give it a larger share (validation, test) or add events"
    return _checked(Split(name, pasts[0], holdouts[0], pasts[1], holdouts[1]), hint)


def _held_users(size: Places, spec: SplitSpec) -> tuple[BoolArray, BoolArray]:
    """(users,) test and validation; who has a single work cannot be asked and stays in training."""
    able = np.random.default_rng(spec.seed).permutation(np.flatnonzero(size > 1))
    n_test = round(len(able) * spec.test_share("users"))
    n_both = n_test + round(len(able) * spec.validation)
    test, validation = np.zeros(len(size), np.bool_), np.zeros(len(size), np.bool_)
    test[able[:n_test]], validation[able[n_test:n_both]] = True, True
    return test, validation


def _unseen_holdout(data: Dataset, past: Dataset, target: BoolArray, known: BoolArray) -> Holdout:
    """Queries of users that ``past`` has no event of, with the history ``known`` (events,) and the truth ``target``."""
    at = np.full(data.n_users, np.inf)
    np.fmin.at(at, data.user[target], np.asarray(data.time)[target])
    at[np.isinf(at)] = data.at  # no time
    holdout = cut_holdout(data, data.subset(known), target, at)
    return replace(holdout, seen_items=seen(past))


def _from_first(data: Dataset, chosen: BoolArray) -> BoolArray:
    """(events,) everything from each user's first chosen event on."""
    count = np.cumsum(chosen)
    before = np.concatenate([[0], count])[data.indptr[:-1]]  # (users,) chosen ahead of the user's events
    return np.asarray(count > before[data.user])


@dataclass(frozen=True, slots=True, eq=False)
class _Works:
    """What each user had, each work once; every event is a work of its own where works return."""

    of_event: Places  # (events,)
    first: Places  # (works,) the first event of each
    user: Places  # (works,) ascending
    size: Places  # (users,) works

    @classmethod
    def of(cls, data: Dataset) -> "_Works":
        keys = np.arange(data.n_events) if data.returns else keys_of(data)
        _, first, of_event = np.unique(keys, return_index=True, return_inverse=True)
        user = np.asarray(data.user)[first]
        return cls(of_event, first, user, np.bincount(user, minlength=data.n_users))

    def dealt(self, seed: int) -> Places:
        """(works,) the place of each among those of its user, by a seeded draw."""
        return self._places(np.random.default_rng(seed).random(len(self.user)))

    def in_order(self) -> Places:
        """(works,) the place of each among those of its user, the first one first."""
        return self._places(self.first)

    def _places(self, value: NDArray[Any]) -> Places:
        order = np.lexsort((value, self.user))
        rank = np.empty(len(self.user), np.int64)
        rank[order] = np.arange(len(self.user)) - np.repeat(np.cumsum(self.size) - self.size, self.size)
        return rank


def _checked(split: Split, hint: str) -> Split:
    if not split.train.n_events:
        raise DataError(f"No event is left to train on in the split {split.name!r}; make its held-out slices smaller.")
    for part, holdout in (("validation", split.validation), ("test", split.test)):
        if not len(holdout):
            raise DataError(
                f"The {part} slice of the split {split.name!r} asks nothing: no user has a liked work in it that is "
                f"new to them; {hint}."
            )
    return split


def _percent(share: float) -> str:
    return f"{100 * share:.4g}"
