"""Prometheus metrics of the service, in BentoML's multiprocess mode: every worker writes, any worker answers for all.

A label value is always one of a few that this project knows: never an id, a path or a word that a client chose.
Ages are exported as the time at which something happened; ``time() - metric`` is the age.
"""

import os
from functools import cache
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from serving.laps import STAGES
from serving.tallies import Tallies

if TYPE_CHECKING:  # the view counts too, and an answer holds one
    from serving.asks import Answer

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
STAGE_BUCKETS = (0.0001, 0.0002, 0.0005, *BUCKETS)
LAGS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})


@cache
def _requests() -> Histogram:
    text = "Time to answer a request, the guard included."
    return Histogram("recsys_request_seconds", text, ["method", "route", "status"], buckets=BUCKETS)


@cache
def _latency() -> Histogram:
    return Histogram("recsys_list_seconds", "Time to make a list.", ["surface"], buckets=BUCKETS)


@cache
def _stages() -> Histogram:
    return Histogram("recsys_stage_seconds", "Time of a list by stage.", ["stage"], buckets=STAGE_BUCKETS)


@cache
def _items() -> Counter:
    return Counter("recsys_items_shown", "Places given, by who proposed the item.", ["source"])


@cache
def _removed() -> Counter:
    return Counter("recsys_items_removed", "Items that the last check took out of a list, by reason.", ["reason"])


@cache
def _degraded() -> Counter:
    return Counter("recsys_lists_degraded", "Lists that had to do without something.", ["reason"])


@cache
def _events() -> Counter:
    return Counter("recsys_events_accepted", "Events accepted for the first time.")


@cache
def _last_appearance() -> Histogram:
    return Histogram(
        "recsys_takedown_last_appearance_seconds",
        "From a takedown to the last list that showed the item, one observation a takedown and node.",
        buckets=(0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3600.0),
    )


@cache
def _trials() -> Counter:
    return Counter(
        "recsys_policy_trial", "Works that the policy on trial judges otherwise.", ["surface", "label", "verdicts"]
    )


@cache
def _champions() -> Counter:
    return Counter("recsys_champion_moves", "Champions found, by outcome: switched or refused.", ["outcome"])


@cache
def _takedowns() -> Histogram:
    return Histogram("recsys_takedown_seconds", "Time from a takedown to a worker that obeys it.", buckets=LAGS)


@cache
def _gauge(name: str, text: str) -> Gauge:
    return Gauge(name, text, multiprocess_mode="mostrecent")


GAUGES = {
    "recsys_bundle_loaded": "1 where a worker has a bundle to serve.",
    "recsys_bundle_created_timestamp_seconds": "When the live bundle was made.",
    "recsys_bundle_data_timestamp_seconds": "The newest event that the live bundle was trained on.",
    "recsys_control_sequence": "The newest change of the control store that is obeyed.",
    "recsys_control_silent_seconds": "How long the control store has not answered; 0 embedded.",
    "recsys_live_counts_timestamp_seconds": "When the accepted events were last read into the counts of live sources.",
    "recsys_lake_written_timestamp_seconds": "When accepted events were last brought to the lake, or there were none.",
}


def touch() -> None:
    """Create the metrics: after BentoML has set up its directory for them, before the first request.

    What alerts ask the rate of begins at 0, because the rate of a series that begins at 1 is 0.
    """
    from recsys.safety import verdict  # here, because the gate that comes with it is not for whoever only counts

    for metric in (_requests, _latency, _items, _removed, _degraded, _events, _takedowns, _last_appearance, _trials):
        metric()
    for stage in STAGES:
        _stage(stage)
    for outcome in ("switched", "refused"):
        _champions().labels(outcome)
    for reason in verdict.REASONS:
        _removed().labels(reason)
    for reason in ("safety_stale", "policy_stale"):
        _degraded().labels(reason)
    for name, text in GAUGES.items():
        _gauge(name, text)


def exposition() -> bytes:
    """All metrics of all workers in Prometheus' text format; those of others as they were a second ago."""
    tallies.settle()
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


tallies = Tallies()  # of this process, as all metrics are
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST


def accepted(events: int) -> None:
    """Count events that were new."""
    _events().inc(events)


def on_trial(surface: str, label: str, verdicts: str, count: int) -> None:
    """Count works that a policy on trial judges otherwise."""
    _trials().labels(surface, label, verdicts).inc(count)


def moved(outcome: str) -> None:
    """Count a champion that was ``switched`` to or ``refused``."""
    _champions().labels(outcome).inc()


def obeyed(seconds: float) -> None:
    """How long after it was ordered a takedown holds on this worker."""
    _takedowns().observe(max(seconds, 0.0))


def last_appearance(seconds: float) -> None:
    """How long an item was still shown after its takedown (S40)."""
    _last_appearance().observe(seconds)


def gauge(name: str, value: float) -> None:
    """Set one of ``GAUGES``."""
    _gauge(name, GAUGES[name]).set(value)


def requested(method: str, route: str, status: int, seconds: float) -> None:
    """Time one request; status 0 is one whose client had gone."""
    tallies.add(_request(method if method in METHODS else "other", route, status), seconds)


def answered(answer: "Answer", seconds: float) -> None:
    """Time one list and count what it was made of."""
    # A surface the policy does not know may be anything a client sent: it must not become a label value.
    surface = answer.ask.viewer.surface
    tallies.add(_list(surface if surface in answer.view.policy.surfaces else "other"), seconds)
    sources = answer.slate.sources
    for source in set(sources):
        tallies.add(_source(source), sources.count(source))
    for reason in answer.degraded:
        _degraded().labels(reason).inc()
    for reason in answer.removed:
        _removed().labels(reason.split(":", 1)[0]).inc()  # a label's name stays out: there may be many
    for stage, spent in zip(STAGES, answer.laps.seconds, strict=True):
        if spent:  # a stage that did not run is not counted
            tallies.add(_stage(stage), spent)


# Looking a child up by its labels costs more than counting with it.
@cache
def _request(method: str, route: str, status: int) -> Histogram:
    return _requests().labels(method, route, str(status))


@cache
def _list(surface: str) -> Histogram:
    return _latency().labels(surface)


@cache
def _source(name: str) -> Counter:
    return _items().labels(name)


@cache
def _stage(stage: str) -> Histogram:
    return _stages().labels(stage)
