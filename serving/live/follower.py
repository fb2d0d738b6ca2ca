"""Reads the accepted events in the order of arrival and keeps the bundle's counts going.

Every worker reads the same events from the state store, so all have the same counts, within ``every`` seconds. Nothing
is stored: a worker that starts, or is given another bundle, counts anew from the bundle and the kept events that are
newer than it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from recsys.bundle import Bundle
from recsys.errors import StoreError
from recsys.models.live import Arrival, Countable, Counter, countable, renewed
from recsys.pipeline import Pipeline
from recsys.prepare.spec import rule_of
from serving.measures import gauge
from serving.stores.state import Recent
from serving.view import View

log = structlog.get_logger()

BATCH = 5_000  # events read at once
READ_AHEAD = 1.0  # s: how long a request may lend itself to reading before the rest is left to the next


class Tail(Protocol):
    """Where events are read from."""

    def recent(self, after: str, limit: int) -> list[Recent]:
        """Accepted events behind a cursor, oldest first."""
        ...


@dataclass(frozen=True, eq=False)
class Now:
    """A bundle's pipeline with counts of this moment."""

    pipeline: Pipeline
    version: str | None = None  # the newest event in the counts; None where they are the bundle's own


@dataclass(eq=False)
class _Counting:
    """What is counted for one bundle."""

    bundle: Bundle
    counters: list[tuple[int, Counter]]  # by the id of the bundle's model
    now: Now
    cursor: str = ""

    @classmethod
    def of(cls, bundle: Bundle) -> "_Counting":
        counters = [
            (id(model), model.counter()) for model in countable(bundle.pipeline.sources) if isinstance(model, Countable)
        ]
        return cls(bundle, counters, Now(bundle.pipeline))


class Follower:
    """One worker's counts. Thread-safe; while the store does not answer the last counts stay."""

    def __init__(self, tail: Tail, every: float = 0.25, clock: Callable[[], float] = time.time) -> None:
        self._tail, self._every, self._clock = tail, every, clock
        self._counting: _Counting | None = None
        self._looked = -float("inf")  # monotonic s
        self._lock = threading.Lock()

    def now(self, view: View) -> Now:
        """The pipeline of ``view`` with counts that are at most ``every`` seconds old. Never raises."""
        counting = self._counting
        if counting is not None and counting.bundle is view.bundle:
            if time.monotonic() - self._looked < self._every or not self._lock.acquire(blocking=False):
                return counting.now  # another thread is reading
        else:
            self._lock.acquire()
        try:
            return self._read(view).now
        except Exception as error:  # recommendations degrade to older counts
            if not isinstance(error, StoreError):
                log.exception("live_counts_failed")
            self._looked = time.monotonic()
            counting = self._counting
            return counting.now if counting and counting.bundle is view.bundle else Now(view.bundle.pipeline)
        finally:
            self._lock.release()

    def _read(self, view: View) -> _Counting:
        counting = self._counting
        if counting is None or counting.bundle is not view.bundle:
            counting = self._counting = _Counting.of(view.bundle)
        if not counting.counters:
            return counting
        fresh = False
        until = time.monotonic() + READ_AHEAD
        while events := self._tail.recent(counting.cursor, BATCH):
            fresh |= self._count(counting, view, events)
            counting.cursor = events[-1].cursor
            if len(events) < BATCH or time.monotonic() > until:
                break
        self._looked = time.monotonic()
        gauge("recsys_live_counts_timestamp_seconds", self._clock())
        if fresh:
            counting.now = _renewed(counting)
        return counting

    def _count(self, counting: _Counting, view: View, events: Sequence[Recent]) -> bool:
        """Count what is liked, known, newer than the bundle, and not one user's once more; whether there was any."""
        arrivals = [arrival for event in events if (arrival := _arrival(event, view)) is not None]
        for _, counter in counting.counters:
            counter.count(arrivals)
        return bool(arrivals)


def _arrival(event: Recent, view: View) -> Arrival | None:
    newest = view.bundle.manifest.at
    if event.again or (newest is not None and event.timestamp <= newest):
        return None
    rule, item = rule_of(view.rules, event.kind), view.ids.get(event.item_id)
    value = float("nan") if event.value is None else event.value
    if item is None or not rule.positive_mask([value])[0]:
        return None
    before = (view.ids.get(name) for name in event.before)
    return Arrival(item, event.timestamp, rule.weight, tuple(place for place in before if place is not None))


def _renewed(counting: _Counting) -> Now:
    models = {fitted: counter.model() for fitted, counter in counting.counters}
    before = counting.bundle.pipeline
    after = replace(before, sources=tuple(renewed(source, models) for source in before.sources))
    if "reranker" in before.__dict__:  # what is worked out from the catalogue alone is taken over
        after.__dict__["reranker"] = before.__dict__["reranker"]
    return Now(after, counting.cursor)
