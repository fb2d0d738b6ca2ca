"""Reads the accepted events in the order of arrival and keeps the bundle's counts going.

Every worker reads the same events from the state store, so all have the same counts, within ``every`` seconds. Nothing
is stored: a worker that starts, or is given another bundle, counts anew from the bundle and the kept events that are
newer than it.
"""

import math
import threading
import time
from dataclasses import dataclass, field, replace
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
READ_AHEAD = 0.1  # s: how long a request may lend itself to reading before the rest is left to the next
AFTER_FAILURE = 1.0  # s until a store that did not answer is asked again
BUNDLES = 2  # counted for at once: the one that serves, and the one that is warmed up


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
    whole: bool = False  # every kept event has been read once
    due: float = -math.inf  # monotonic s: when to look again
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, bundle: Bundle) -> "_Counting":
        found = countable(bundle.pipeline.sources)
        counters = [(id(model), model.counter()) for model in found if isinstance(model, Countable)]
        return cls(bundle, counters, Now(bundle.pipeline))


class Follower:
    """One worker's counts. Thread-safe; while the store does not answer the last counts stay."""

    def __init__(self, tail: Tail, every: float = 0.25) -> None:
        self._tail, self._every = tail, every
        self._countings: list[_Counting] = []
        self._lock = threading.Lock()

    def now(self, view: View) -> Now:
        """The pipeline of ``view`` with counts that are at most ``every`` seconds old. Never raises.

        The first call for a bundle reads all kept events, so it belongs to the warm-up.
        """
        counting = self._of(view.bundle)
        waits = not counting.whole
        if not counting.counters or time.monotonic() < counting.due or not counting.lock.acquire(blocking=waits):
            return counting.now  # there is nothing to count, or not yet, or another thread is reading
        try:
            self._read(counting, view)
            counting.due = time.monotonic() + self._every
        except StoreError:  # said by what reads histories there, and by the age of the counts
            counting.due = time.monotonic() + AFTER_FAILURE
        except Exception:
            log.exception("live_counts_failed")
            counting.due = time.monotonic() + AFTER_FAILURE
        finally:
            counting.lock.release()
        return counting.now

    def _of(self, bundle: Bundle) -> _Counting:
        found = next((one for one in self._countings if one.bundle is bundle), None)
        if found is None:
            with self._lock:
                found = next((one for one in self._countings if one.bundle is bundle), None)
                if found is None:
                    found = _Counting.of(bundle)
                    self._countings = [*self._countings[1 - BUNDLES :], found]
        return found

    def _read(self, counting: _Counting, view: View) -> None:
        fresh, until = False, time.monotonic() + READ_AHEAD
        while events := self._tail.recent(counting.cursor, BATCH):
            arrivals = [arrival for event in events if (arrival := _arrival(event, view)) is not None]
            for _, counter in counting.counters:
                counter.count(arrivals)
            counting.cursor = events[-1].cursor
            fresh |= bool(arrivals)
            if len(events) < BATCH or (counting.whole and time.monotonic() > until):
                break
        if fresh:
            counting.now = _renewed(counting)
        counting.whole = True
        gauge("recsys_live_counts_timestamp_seconds", time.time())


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
