"""What is added up first leaves the same in the metrics as what is counted one by one."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from serving.tallies import Tallies


def histogram(registry, name):
    return Histogram(name, "text", ["stage"], buckets=(0.1, 0.5, 1.0), registry=registry).labels("check")


def test_a_histogram_is_that_of_each_observation():
    registry, tallies = CollectorRegistry(), Tallies()
    one_by_one, together = histogram(registry, "a"), histogram(registry, "b")
    for value in (0.05, 0.1, 0.2, 0.5, 0.7, 3.0, 0.7):
        one_by_one.observe(value)
        tallies.add(together, value)
    tallies.settle()
    for suffix, labels in [
        ("count", {}),
        ("sum", {}),
        *(("bucket", {"le": le}) for le in ("0.1", "0.5", "1.0", "+Inf")),
    ]:
        a, b = (registry.get_sample_value(f"{name}_{suffix}", {"stage": "check", **labels}) for name in "ab")
        assert a == pytest.approx(b)


def test_a_counter_counts_what_was_added_and_each_only_once():
    registry, tallies = CollectorRegistry(), Tallies()
    counter = Counter("shown", "text", registry=registry)
    tallies.add(counter, 3)
    tallies.add(counter)
    assert registry.get_sample_value("shown_total") == 0.0
    tallies.settle()
    tallies.settle()
    assert registry.get_sample_value("shown_total") == 4.0
