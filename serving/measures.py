"""Prometheus metrics of the service. BentoML adds its own about routes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from prometheus_client import Counter, Histogram

from serving.asks import Answer

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@cache
def _latency() -> Histogram:
    return Histogram("recsys_list_seconds", "Time to make a list.", ["surface"], buckets=BUCKETS)


@cache
def _items() -> Counter:
    return Counter("recsys_items_shown", "Places given, by who proposed the item.", ["source"])


@cache
def _degraded() -> Counter:
    return Counter("recsys_lists_degraded", "Lists that had to do without something.", ["reason"])


@cache
def _events() -> Counter:
    return Counter("recsys_events_accepted", "Events accepted for the first time.")


@cache
def _trials() -> Counter:
    return Counter(
        "recsys_policy_trial", "Works that the policy on trial judges otherwise.", ["surface", "label", "verdicts"]
    )


def touch() -> None:
    """Create the metrics: after BentoML has set up its directory for them, before the first request."""
    for metric in (_latency, _items, _degraded, _events, _trials):
        metric()


def accepted(events: int) -> None:
    """Count events that were new."""
    _events().inc(events)


def on_trial(surface: str, label: str, verdicts: str, count: int) -> None:
    """Count works that a policy on trial judges otherwise."""
    _trials().labels(surface, label, verdicts).inc(count)


@contextmanager
def answered() -> Iterator[Callable[[Answer], None]]:
    """Time one list and count what it was made of."""
    start = time.perf_counter()

    def measure(answer: Answer) -> None:
        # A surface the policy does not know may be anything a client sent: it must not become a label value.
        surface = answer.ask.viewer.surface
        known = surface if surface in answer.view.policy.surfaces else "other"
        _latency().labels(known).observe(time.perf_counter() - start)
        for source in set(answer.slate.sources):
            _items().labels(source).inc(answer.slate.sources.count(source))
        for reason in answer.degraded:
            _degraded().labels(reason).inc()

    yield measure
