"""What is known of a user, as models take it; of those asked for lately it is kept for as long as nothing changes.

A history is some dozen rows, its ids and arrays. Reading them again for the next page of the same user costs more than
to search the catalogue, so a store that numbers what it holds of each user is asked for that number alone.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast, runtime_checkable

import numpy as np

from recsys.bundle import Bundle
from recsys.dataset.ids import IdMap
from recsys.prepare.spec import rule_of
from recsys.safety.recent import Recent
from recsys.types import FloatArray, IntArray, TimeArray
from serving.asks import Histories, Memory
from serving.view import View

USERS = 4_096  # that are kept at most
SECONDS = 60.0  # after which all of it is dropped, so that no history stays in memory without a request
MOST_SEEN = 1_000  # items; who has had more is read each time


@runtime_checkable
class Numbered(Protocol):
    """A store that can say whether anything of a user has changed."""

    def number(self, user_id: str) -> int | None:
        """Another one after every change of what is stored of a user; None where that is nothing."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A user as one view takes them. All arrays are shared: nobody writes to them."""

    memory: Memory = field(default_factory=Memory)
    had: tuple[int | None, ...] = ()  # the item of each event, None where it is unknown
    items: IntArray | None = None  # (newest events,) as a query has them; None where not every item is the bundle's
    times: TimeArray = field(default_factory=lambda: np.zeros(0))
    weights: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    seen: IntArray = field(default_factory=lambda: np.zeros(0, np.int32))  # sorted: what does not come again


NOBODY = Known(items=np.zeros(0, np.int32))


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    number: int
    bundle: Bundle
    ids: IdMap
    known: Known


class Memories:
    """Reads users from a store. Thread-safe; a StoreError is the caller's to bear."""

    def __init__(self, state: Histories, max_history: int) -> None:
        self._state, self._max_history = state, max_history
        # here and not with each user: to ask a protocol takes longer than to read
        self._numbered = state if isinstance(state, Numbered) else None
        self._kept = Recent[str, _Kept](USERS)
        self._since = time.monotonic()

    def of(self, view: View, user_id: str) -> Known:
        """What is known of a user now."""
        if self._numbered is None:
            return self._read(view, user_id)
        self.forget()
        number = self._numbered.number(user_id)  # first: what changes while it is read is read again the next time
        if number is None:
            return NOBODY
        kept = self._kept.found(user_id)
        if kept is not None and kept.number == number and kept.bundle is view.bundle and kept.ids is view.ids:
            return kept.known
        known = self._read(view, user_id)
        if len(known.seen) <= MOST_SEEN and len(known.memory.seen) <= MOST_SEEN:
            self._kept.put(user_id, _Kept(number, view.bundle, view.ids, known))
        return known

    def forget(self) -> None:
        """Drop what has been kept, if its time is up."""
        if time.monotonic() - self._since > SECONDS:
            self._kept, self._since = Recent(USERS), time.monotonic()

    def _read(self, view: View, user_id: str) -> Known:
        history = self._state.history(user_id, self._max_history)
        seen: Sequence[str] = ()
        if not view.bundle.manifest.returns:  # a history below its limit is whole
            seen = history.items if len(history) < self._max_history else self._state.seen(user_id)
        memory = Memory(history, seen, self._state.profile(user_id))
        had = tuple(view.ids.places(history.items))
        out = set[int | None]() if view.bundle.manifest.returns else {*had, *view.ids.places(seen)}
        out.discard(None)
        gone = _array(sorted(cast(set[int], out)))
        if None in had or max(cast(Sequence[int], had), default=-1) >= len(view.bundle.catalogue):
            return Known(memory, had, seen=gone)
        newest = slice(max(0, len(had) - self._max_history), None)
        weights = np.array(weights_of(view, history.kinds)[newest], np.float32)
        return Known(memory, had, _array(had[newest]), np.array(history.times[newest], np.float64), weights, gone)


def weights_of(view: View, kinds: Sequence[str]) -> list[float]:
    """What each event counts by its kind."""
    of = {kind: rule_of(view.rules, kind).weight for kind in set(kinds)}
    return [of[kind] for kind in kinds]


def _array(items: Sequence[int | None]) -> IntArray:
    return np.array(items, np.int32)
